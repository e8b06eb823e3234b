"""What belongs to a record of a service and has an endpoint of its own, asked for each record that a listing gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import field_validator

from hub.connectors.base import Foreign
from hub.connectors.http import Answer
from hub.connectors.mapping.paths import path
from hub.connectors.rest_writes import MARK, marked
from hub.errors import ConfigError, Fault
from hub.settings import Strict, compile_path

Ask = Callable[
    [str], tuple[Answer, Callable[[], Foreign]]
]  # a path below the base URL -> the answer, and what it holds


class Expand(Strict):
    """An endpoint of each record's own, such as its addresses: one request for each record that a listing gives."""

    path: str  # below the base URL, with fields of the record in braces: people/{id}/addresses
    records: str = "@"  # JMESPath to what is wanted in the answer: a list, or one object

    @field_validator("path")
    @classmethod
    def _of_a_record(cls, text: str) -> str:
        if not MARK.search(text):
            raise ValueError("must hold a field of the record in braces, such as people/{id}/addresses")
        return text

    @field_validator("records")
    @classmethod
    def _readable(cls, text: str) -> str:
        compile_path(text, "this")
        return text


def expanded(wanted: Mapping[str, Expand], item: Mapping[str, Foreign], ask: Ask, where: str) -> dict[str, Foreign]:
    """What a record's own endpoints say, by name. A 404 says that there is nothing. ConfigError, naming `where`, for an
    answer that cannot be read."""
    return {name: _one(expand, item, ask, where) for name, expand in wanted.items()}


def _one(expand: Expand, item: Mapping[str, Foreign], ask: Ask, where: str) -> Foreign:
    answer, body = ask(marked(expand.path, item))
    if answer.status in (404, 410):
        return []
    try:
        found = body() if expand.records == "@" else path(expand.records).get(body())
    except ConfigError:
        raise ConfigError([Fault(where, f"{expand.path} answers {answer.status}", "correct the path")]) from None
    return found if isinstance(found, list | dict) else []
