"""JMESPath expressions, compiled for speed: what most maps hold are column names. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import jmespath

from hub.connectors.base import JSON, Foreign
from hub.errors import BadRecord
from hub.settings import compile_path

Row = Mapping[str, JSON]

Node = dict[str, Foreign]  # of an expression, as jmespath parses it


@dataclass(frozen=True)
class Path:
    """One expression of a map.

    names     of the fields down to the value, when the path is just that: `mail`, `address.street`
    constant  is it a literal, such as `'DE'`
    items     of a list expression, `[mail, invoice_mail]`
    list      is the field known to hold a list: `emails[]`
    roots     the row's own fields that it looks at
    """

    text: str
    get: Callable[[Row], JSON]
    names: tuple[str, ...] = ()
    constant: bool = False
    items: tuple[Path, ...] = ()
    list: bool = False
    roots: frozenset[str] = frozenset()

    @property
    def field(self) -> str:
        """The field's name as writes use it: dots reach into nested objects. Empty for expressions."""
        return ".".join(self.names)

    def present(self, row: Row) -> bool:
        """Does the row speak of it at all? (A null is there, an absent field is not.)"""
        if len(self.names) == 1:
            return self.names[0] in row
        if self.names:
            return self.field in row or has_nested(row, self.names)
        if self.items:
            return any(item.present(row) for item in self.items)
        return not self.roots or any(root in row for root in self.roots)

    def fields(self) -> tuple[str, ...]:
        """Names of the fields that it reads unchanged, in order."""
        if self.names:
            return (self.field,)
        return tuple(name for item in self.items for name in item.fields())


def path(text: str) -> Path:
    """Compiles an expression; ValueError when it is none."""
    compiled = compile_path(text, f"'{text}'")
    return _of_node(compiled.parsed, text, compiled)


def _of_node(node: Node, text: str, compiled: Foreign) -> Path:
    inner = _flattened(node)
    if inner is not None:
        return replace(_of_node(inner, text, None), list=True)
    names = _names(node)
    if len(names) == 1:
        name = names[0]
        return Path(text, lambda row: row.get(name), names, roots=frozenset(names))
    if names:
        return Path(text, _nested_getter(names), names, roots=frozenset({names[0], ".".join(names)}))
    if node["type"] == "literal":
        value = node["value"]
        return Path(text, lambda _: value, constant=True)
    if node["type"] == "multi_select_list":
        items = tuple(_of_node(child, text, None) for child in node["children"])
        if all(item.names or item.constant for item in items):
            return Path(text, lambda row: [item.get(row) for item in items], items=items,
                        roots=frozenset().union(*(item.roots for item in items)))  # fmt: skip
    return Path(text, _searcher(text, compiled), roots=frozenset(_roots(node)))


def _searcher(text: str, compiled: Foreign) -> Callable[[Row], JSON]:
    def search(row: Row) -> JSON:
        try:
            return compiled.search(row)
        except (jmespath.exceptions.JMESPathError, TypeError, ValueError, RecursionError) as error:
            # A function got another type than it takes. The error's own text would show the value.
            raise BadRecord(f"the expression {text} fails on this row: {type(error).__name__}") from None

    return search


def _flattened(node: Node) -> Node | None:
    """The plain field of `field[]`."""
    if (
        node["type"] != "projection"
        or node["children"][1]["type"] != "identity"
        or node["children"][0]["type"] != "flatten"
    ):
        return None
    inner: Node = node["children"][0]["children"][0]
    return inner if _names(inner) else None


def _names(node: Node) -> tuple[str, ...]:
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] == "subexpression":
        parts = [_names(child) for child in node["children"]]
        if all(parts):
            return tuple(name for part in parts for name in part)
    return ()


def _nested_getter(names: tuple[str, ...]) -> Callable[[Row], JSON]:
    flat = ".".join(names)

    def get(row: Row) -> JSON:
        if flat in row:  # a flattened export: the column is called "address.street"
            return row[flat]
        found: JSON = row
        for name in names:
            if not isinstance(found, Mapping):
                return None
            found = found.get(name)
        return found

    return get


def has_nested(row: Row, names: tuple[str, ...]) -> bool:
    found: JSON = row
    for name in names:
        if not isinstance(found, Mapping) or name not in found:
            return False
        found = found[name]
    return True


def _roots(node: Foreign) -> set[str]:
    """The row's own fields that an expression looks at; more rather than fewer."""
    if not isinstance(node, dict):
        return set()
    if node["type"] == "field":
        return {node["value"]}
    children = node.get("children", ())
    if node["type"] in (
        "subexpression",
        "index_expression",
        "projection",
        "filter_projection",
        "value_projection",
        "flatten",
        "pipe",
    ):
        return _roots(children[0])
    return set().union(*(_roots(child) for child in children))
