"""What belongs to a record of a service and has an endpoint of its own, asked for each record that a listing gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import field_validator

from hub.connectors.base import Foreign
from hub.connectors.http import Answer
from hub.connectors.mapping.paths import Path, path
from hub.connectors.rest_writes import MARK, marked
from hub.errors import BadRecord, ConfigError, Fault, RetryLater
from hub.settings import Strict, compile_path

Ask = Callable[
    [str], tuple[Answer, Callable[[], Foreign]]
]  # a path below the base URL -> the answer, and what it holds
Troubles = Callable[
    [Mapping[str, Foreign], tuple[str, ...]], str
]  # what an answer of 200 holds, names down to what is wanted -> where it says that it failed, or nothing


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


def expanded(
    wanted: Mapping[str, Expand], item: Mapping[str, Foreign], ask: Ask, troubles: Troubles, where: str
) -> dict[str, Foreign]:
    """What a record's own endpoints say, by name. A 404 or 204 says that there is nothing. ConfigError, naming `where`, for
    an answer that cannot be read, RetryLater for one with an error in it: read as nothing, both would take values back."""
    return {name: _one(expand, item, ask, troubles, where) for name, expand in wanted.items()}


def _one(expand: Expand, item: Mapping[str, Foreign], ask: Ask, troubles: Troubles, where: str) -> Foreign:
    answer, body = ask(marked(expand.path, item))
    if answer.status in (404, 410):
        return []
    try:
        held = body()
    except ConfigError:
        if answer.status in (401, 403):
            raise  # it names the secret: the path is right
        raise ConfigError([Fault(where, f"{expand.path} answers {answer.status}", "correct the path")]) from None
    if held is None:
        return []
    way = path(expand.records)
    if isinstance(held, dict) and (at := troubles(held, way.names)):
        raise RetryLater(f"{where}: {expand.path} answers 200 with an error in it (at '{at}')")
    found = held if expand.records == "@" else _found(way, held)
    if not isinstance(found, list | dict):
        what = f"'{expand.records}' finds neither a list nor an object in what {expand.path} answers"
        raise ConfigError([Fault(where, what, "correct expand.records")])
    return found


def _found(way: Path, held: Foreign) -> Foreign:
    """What an expression finds: an empty list where what it looks at is there, and null. None when it finds nothing."""
    inside = isinstance(held, dict)
    if not inside and (way.names or way.items):
        return None  # fields of what is no object
    try:
        found = way.get(held)
    except BadRecord:  # of a row only that row is told; this is the same for every record
        return None
    return [] if found is None and inside and way.present(held) else found
