"""Expressions of a map: a column's name, or JMESPath. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

import jmespath

_COLUMN = re.compile(r"\w[\w .,:;/#%()+-]*")


def compile_path(text: str, what: str) -> Any:
    """A JMESPath expression; what is none but could be a column's name ("E-Mail", "First Name") is that column."""
    try:
        parsed = jmespath.compile(text)
        unknown = sorted(_functions(parsed.parsed) - set(jmespath.functions.Functions.FUNCTION_TABLE))
        if not unknown:
            return parsed
        problem = f"there is no function {', '.join(unknown)}"
    except jmespath.exceptions.JMESPathError as error:
        problem = str(error).replace("\n", " ")
    if _COLUMN.fullmatch(text):
        return jmespath.compile(json.dumps(text, ensure_ascii=False))
    raise ValueError(f"{what} is neither a column's name nor a JMESPath expression: {problem}; inside an expression "
                     f"write a column such as E-Mail in double quotes: '[\"E-Mail\", mail]'")  # fmt: skip


def _functions(node: Any) -> set[str]:
    """Names of the functions that a parsed expression calls."""
    if not isinstance(node, dict):
        return set()
    own = {node["value"]} if node.get("type") == "function_expression" else set()
    return own.union(*(_functions(child) for child in node.get("children", ())))
