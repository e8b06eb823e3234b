"""Source records: one by key, or many as lines of JSON, resolved when the answer comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from hub import db, settings
from hub.access.authentication.principals import Principal
from hub.api.exact import ExactRoute
from hub.api.problems import documented
from hub.api.schemas import BatchAnswer, Document, RecordAnswer, answer
from hub.api.security import TheHub, may_write, needs
from hub.api.wrap import BODY_BYTES, NDJSON
from hub.connectors.base import ROW_DEPTH, too_deep
from hub.connectors.rows import parse_json
from hub.errors import Fault, NotFound, Refused, TooLarge, Unprocessable
from hub.model import RecordId
from hub.open import Hub
from hub.resolve.resolver import Outcome
from hub.work.repeats import Repeats

router = APIRouter(prefix="/v1/sources/{source}/{stream}/records", tags=["records"], route_class=ExactRoute)

ROWS = 1000  # of one batch
CHUNK = 100  # rows of one transaction: other requests get their turn between

Source = Annotated[str, Path(examples=["billing"], max_length=200)]
Stream = Annotated[str, Path(examples=["customers"], max_length=200)]
Key = Annotated[str, Path(examples=["4711"], max_length=512)]
Row = Annotated[Document, Body(examples=[{"id": "4711", "first": "Ana", "last": "Silva", "mail": "ana@example.com"}])]


class NotNdjson(Refused):
    status = 415
    code = "unsupported-media-type"


@router.put("/{key:path}", operation_id="put_record", response_model=RecordAnswer, responses=documented(404, 412, 413))
def put_record(
    hub: TheHub,
    principal: Annotated[Principal, needs("write_records")],
    source: Source,
    stream: Stream,
    key: Key,
    record: Row,
    if_match: Annotated[
        str | None,
        Header(
            max_length=500,
            description="only if the record's customer still has this ETag; checked in the transaction of the write",
        ),
    ] = None,
) -> Response:
    """Give the hub a row as the source has it now. It is matched at once. The same row twice changes nothing; an older version changes nothing."""
    may_write(principal, source)
    if too_deep(record, ROW_DEPTH):
        raise Unprocessable("the record is nested too deeply", [Fault("", f"deeper than {ROW_DEPTH} levels")])
    raw = _with_key(hub, source, stream, key, record)

    def as_read(connection: Connection) -> None:
        if if_match is not None:
            hub.reader.expect_record(connection, principal, RecordId(source, stream, key), if_match)

    return answer(_told(hub, principal, hub.resolver.upsert(source, stream, [raw], first=as_read)[0]))


@router.delete("/{key:path}", operation_id="delete_record", responses=documented(404))
def delete_record(
    hub: TheHub,
    principal: Annotated[Principal, needs("write_records")],
    source: Source,
    stream: Stream,
    key: Key,
    version: Annotated[
        str | None,
        Query(
            max_length=100, description="the source's version of the deletion; without one, it follows what the hub has"
        ),
    ] = None,
) -> RecordAnswer:
    """Say that the source has deleted a record. Its customer id goes on leading to its companions, if it had any."""
    may_write(principal, source)
    return _told(hub, principal, hub.resolver.delete(source, stream, key, version=version))


async def lines(request: Request) -> bytes:
    """The raw body: rows are read one by one, so that a bad one spoils only itself."""
    return await request.body()


@router.post(
    "",
    operation_id="post_records",
    responses=documented(404, 413, 415),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                NDJSON: {
                    "schema": {"type": "string"},
                    "example": '{"id": "1", "first": "Ana"}\n{"id": "2", "first": "Bo"}\n',
                }
            },
        }
    },
)
def post_records(
    hub: TheHub,
    principal: Annotated[Principal, needs("write_records")],
    source: Source,
    stream: Stream,
    request: Request,
    body: Annotated[bytes, Depends(lines)],
) -> BatchAnswer:
    """Many rows, one JSON object a line. Each gets its answer, in order; a bad one is set aside with its reason and never stops the rest."""
    may_write(principal, source)
    versioned = _stream(hub, source, stream).ordered is not None
    if request.headers.get("content-type", "").partition(";")[0].strip() != NDJSON:
        raise NotNdjson(f"send the rows as {NDJSON}", [Fault("content-type", f"is not {NDJSON}")])
    listed = [line for line in body.split(b"\n") if line.strip()]
    if len(listed) > ROWS:
        raise TooLarge(f"more than {ROWS} rows", [Fault("", f"{len(listed)} rows", f"send at most {ROWS} at once")])
    rows = [_row(line) for line in listed]
    if versioned:
        _set_clashes_aside(hub, source, stream, rows)
    answers: list[RecordAnswer] = []
    for start in range(0, len(rows), CHUNK):
        answers.extend(_chunk(hub, principal, source, stream, rows[start : start + CHUNK]))
    return BatchAnswer(read=len(listed), quarantined=sum(a.happened == "quarantined" for a in answers), data=answers)


def _set_clashes_aside(hub: Hub, source: str, stream: str, rows: list[Document | str]) -> None:
    """Rows of one key and version that say different things: neither is newer, so both become the reason why they are set aside."""
    given = [(place, row) for place, row in enumerate(rows) if isinstance(row, dict)]
    incoming, _ = hub.resolver.read_rows(source, stream, [row for _, row in given])
    repeats = Repeats(versioned=True)
    clashes = repeats.take([(given[n][0], row, f"row {given[n][0] + 1}") for n, row in incoming.items()])
    aside: list[tuple[str, str, str]] = []
    for clash in clashes:
        row = rows[clash.place]
        if clash.equal_version and isinstance(row, dict):
            reason = f"another row of this batch has its key and version and says otherwise: {clash.first}"
            aside.append((clash.line, reason, db.dump_any(row)))
            rows[clash.place] = reason
    if aside:
        with hub.database.unit() as connection:
            hub.resolver.set_aside(connection, source, stream, aside, hub.database.clock.now())


def _chunk(hub: Hub, principal: Principal, source: str, stream: str, rows: list[Document | str]) -> list[RecordAnswer]:
    good = [r for r in rows if isinstance(r, Mapping)]
    outcomes = iter(hub.resolver.upsert(source, stream, good) if good else [])
    return [
        _told(hub, principal, next(outcomes))
        if isinstance(r, Mapping)
        else RecordAnswer(key="", happened="quarantined", reason=r)
        for r in rows
    ]


def _row(line: bytes) -> Document | str:
    """A row, or why the line is none."""
    if len(line) > BODY_BYTES:
        return f"longer than {BODY_BYTES >> 20} MiB"
    try:
        found = parse_json(line)
    except ValueError:
        return "not readable as JSON"
    if not isinstance(found, dict):
        return "not a JSON object"
    return f"nested deeper than {ROW_DEPTH} levels" if too_deep(found, ROW_DEPTH) else found


def _with_key(hub: Hub, source: str, stream: str, key: str, record: Mapping[str, object]) -> Mapping[str, object]:
    """The row, its key filled in from the address where it lacks one; another key is refused, and so is a row that cannot be read."""
    field = _stream(hub, source, stream).key
    raw = {field: key, **record} if field.isidentifier() and record.get(field) is None else record
    raw = {**raw, field: key} if field.isidentifier() and raw.get(field) is None else raw
    incoming, refused = hub.resolver.read_rows(source, stream, [raw])
    if refused:
        raise Unprocessable("this record cannot be read", [Fault("", refused[0].reason)])
    if incoming[0].key != key:
        raise Unprocessable(
            "the record's own key is another one",
            [Fault(f"/{field}", "is not the key in the address", "send them alike, or leave it out")],
        )
    return raw


def _stream(hub: Hub, source: str, stream: str) -> settings.Stream:
    found = hub.config.stream(source, stream)
    if found is None:
        raise NotFound(
            "no such stream",
            [Fault("/stream", f"no stream '{stream}' of source '{source}' is configured", "see config/sources")],
        )
    return found


def _told(hub: Hub, principal: Principal, outcome: Outcome) -> RecordAnswer:
    version = None if outcome.customer is None else hub.reader.shown_version(principal, outcome.customer)
    if outcome.customer is not None and version is None and hub.reader.view(principal).rows:
        # Outside the rows nobody is: not whom it joined, not even that there was somebody to join.
        return RecordAnswer(key=outcome.key, happened="landed")
    return RecordAnswer.of(outcome, version)
