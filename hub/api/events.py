"""Where Segment's own clients, and RudderStack's, send what happened: unchanged, with a write key for a password."""

from __future__ import annotations

import base64
import binascii
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import Match
from starlette.types import Scope

from hub.api.problems import documented
from hub.api.records import lines
from hub.api.security import TheHub, declares
from hub.connectors.base import JSON, ROW_DEPTH, too_deep
from hub.connectors.rows import parse_json
from hub.connectors.systems.segment import Call, SegmentSource, as_row, of_alias
from hub.errors import BadRequest, ConfigError, Fault, NotAuthenticated, TooLarge
from hub.model import RecordId
from hub.open import Hub
from hub.stewardship.run import Acts

router = APIRouter(prefix="/v1", tags=["events"])

UNPACKED = 16 << 20  # bytes of one body
CHUNK = 100  # rows of one transaction


class EventsTaken(BaseModel):
    """What Segment's clients expect to hear."""

    success: bool = True


@dataclass(frozen=True)
class EventsSent:
    """What somebody with a write key sent."""

    source: SegmentSource
    body: Mapping[str, JSON]


@declares("write_records")
def sent(hub: TheHub, request: Request, raw: Annotated[bytes, Depends(lines)]) -> EventsSent:
    """Depends: the messages, and the source whose write key came with them, by Basic or in the body. Else 401."""
    given = _basic(request.headers.get("authorization", ""))
    if given:
        return EventsSent(_source(hub, given), _parsed(request, raw))
    try:
        body = _parsed(request, raw)
    except (BadRequest, TooLarge):
        body = {}
    return EventsSent(_source(hub, body.get("writeKey")), body)


def _source(hub: Hub, write_key: JSON) -> SegmentSource:
    found = _opened_by(hub, write_key)
    if found is None:
        raise NotAuthenticated("send the write key of a source, as Segment's clients do")
    return found


def _opened_by(hub: Hub, write_key: JSON) -> SegmentSource | None:
    for source in hub.config.sources.values():
        try:
            if isinstance(source, SegmentSource) and isinstance(write_key, str) and source.knows(write_key, os.environ):
                return source
        except ConfigError:  # its variable is not set: nobody knows its key
            continue
    return None


def _basic(header: str) -> str:
    """The user of Basic credentials: Segment's clients send the write key there, and no password."""
    scheme, _, given = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _parsed(request: Request, raw: bytes) -> Mapping[str, JSON]:
    if "gzip" in request.headers.get("content-encoding", "").lower():
        raw = _unpacked(raw)
    try:
        body = parse_json(raw)
    except ValueError:
        raise BadRequest("the body is not readable as JSON", [Fault("", "invalid JSON")]) from None
    if not isinstance(body, dict):
        raise BadRequest("the body is no object", [Fault("", 'send one message, or {"batch": [...]}')])
    return body


def _unpacked(raw: bytes) -> bytes:
    unpack = zlib.decompressobj(31)
    try:
        found = unpack.decompress(raw, UNPACKED)
    except zlib.error:
        raise BadRequest("the body is no gzip", [Fault("content-encoding", "says gzip")]) from None
    if unpack.unconsumed_tail:
        raise TooLarge(
            f"the body unpacks to more than {UNPACKED >> 20} MiB", [Fault("", "too large", "send less at once")]
        )
    return found


@router.post("/batch", operation_id="post_event_batch", responses=documented(413))
def post_batch(hub: TheHub, given: Annotated[EventsSent, Depends(sent)]) -> EventsTaken:
    """Many messages. One that cannot be kept is set aside; sent again, a message changes nothing."""
    batch = given.body.get("batch")
    if not isinstance(batch, list):
        raise BadRequest("there is no batch", [Fault("/batch", "is no list of messages")])
    _take(hub, given.source, batch)
    return EventsTaken()


def _one(call: Call) -> Any:
    def post(hub: TheHub, given: Annotated[EventsSent, Depends(sent)]) -> EventsTaken:
        """One message."""
        _take(hub, given.source, [{**given.body, "type": call}])
        return EventsTaken()

    return post


class _ByWriteKey(APIRoute):
    """Answers those whose Basic credentials are a write key; all others find the hub's own route of that path."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found = super().matches(scope)
        if found[0] is Match.NONE:
            return found
        request = Request(scope)
        hub: Hub = request.app.state.hub
        shown = _basic(request.headers.get("authorization", ""))
        return found if shown and _opened_by(hub, shown) else (Match.NONE, {})


for _call in get_args(Call):
    if _call != "identify":
        router.post(f"/{_call}", operation_id=f"post_{_call}", responses=documented(413))(_one(_call))
router.add_api_route(
    "/identify", _one("identify"), methods=["POST"], include_in_schema=False, route_class_override=_ByWriteKey
)


def _take(hub: Hub, source: SegmentSource, messages: list[JSON]) -> None:
    """Each message to its streams. What is no message at all is set aside with the first stream."""
    now = hub.database.clock.now()
    rows: dict[str, list[dict[str, JSON]]] = {}
    aliases: list[tuple[str, str]] = []
    broken: list[tuple[str, str, str]] = []
    people = source.people()
    for place, message in enumerate(messages, 1):
        if not isinstance(message, dict) or too_deep(message, ROW_DEPTH):
            broken.append((f"message {place}", "no object, or nested too deeply", str(message)[:200]))
            continue
        row = as_row(message, now)
        for stream in source.streams_of(row):
            rows.setdefault(stream, []).append(row)
        names = of_alias(row) if row.get("type") == "alias" and source.connector.alias == "match" else None
        if names is not None and people is not None:
            aliases.append(names)
            rows.setdefault(people, []).extend(_named(row, name) for name in names)
    for stream, found in rows.items():
        for start in range(0, len(found), CHUNK):
            hub.resolver.upsert(source.name, stream, found[start : start + CHUNK])
    if broken:
        with hub.database.unit() as connection:
            hub.resolver.set_aside(connection, source.name, next(iter(source.streams)), broken, now)
    for first, second in aliases:
        assert people is not None
        ends = RecordId(source.name, people, first), RecordId(source.name, people, second)
        Acts(hub.resolver).hold_together(*ends, by=source.name, reason="alias")


def _named(alias: Mapping[str, JSON], name: str) -> dict[str, JSON]:
    """A record that says nothing yet but its name: so that an alias holds whatever comes first."""
    return {"type": "alias", "userId": name, "timestamp": alias["timestamp"]}
