"""Snapshots: many customers as they are at one moment, as lines of JSON, and the cursor to go on from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import orjson
from fastapi import APIRouter
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from hub.access.authentication.principals import Principal
from hub.access.snapshots import Selection, SnapshotPage, Snapshots
from hub.api import many
from hub.api.problems import documented
from hub.api.schemas import In, RecordName
from hub.api.security import TheHub, needs
from hub.api.wrap import NDJSON
from hub.db import Freshness, reading_as
from hub.errors import Fault, Unprocessable
from hub.model import RecordId

router = APIRouter(prefix="/v1", tags=["changes"])

MOST = 10_000  # customers that one request may name
SLOWEST = 60.0  # seconds in which a client must take what was sent: the snapshot's transaction is open meanwhile


class SnapshotIn(In):
    types: list[str] = Field(default=[], max_length=100, description="customer types; none: all that your role sees")
    where: dict[str, list[str]] = Field(
        default={},
        max_length=20,
        description="attribute, or attribute.part as address.city -> it is one of these values; only attributes that your role is shown as they are",
        examples=[{"address.city": ["Lisboa"]}],
    )
    ids: list[str] | None = Field(
        default=None, max_length=MOST, description="only these customers, by any of their ids"
    )
    records: list[RecordName] | None = Field(
        default=None, max_length=MOST, description="only the customers of these source records"
    )
    at_least: str | None = Field(
        default=None, max_length=100, description="X-Hub-Position of a write that must be in it"
    )

    def selection(self) -> Selection:
        asked = (
            None
            if self.ids is None and self.records is None
            else (
                *(self.ids or ()),
                *(r.id() for r in self.records or ()),
            )
        )
        if asked is not None and len(asked) > MOST:
            raise Unprocessable("too many customers", [Fault("/records", f"more than {MOST:,} with the ids")])
        return Selection(asked, tuple(self.types), {n: tuple(v) for n, v in self.where.items()})


class _Lines(StreamingResponse):
    """Pages as lines of JSON. Whatever ends the answer ends the transaction that it is read in."""

    def __init__(self, pages: Iterator[SnapshotPage]):
        self._pages = pages
        super().__init__(self._chunks(), media_type=NDJSON)

    async def _chunks(self) -> AsyncIterator[bytes]:
        count = 0
        while (page := await run_in_threadpool(next, self._pages, None)) is not None:
            count += len(page.customers)
            if lines := await run_in_threadpool(_lines, page, count):
                yield lines

    async def stream_response(self, send: Send) -> None:
        async def in_time(message: Message) -> None:
            async with asyncio.timeout(SLOWEST):
                await send(message)

        try:
            await super().stream_response(in_time)
        except TimeoutError:
            return  # without its last line the client knows that it is not whole
        finally:
            self._pages.close()  # type: ignore[attr-defined]


@router.post(
    "/snapshots",
    operation_id="take_snapshot",
    response_class=StreamingResponse,
    responses={
        **documented(503),
        200: {"description": "lines of JSON: `customer`, `missing`, and `end` as the last", "content": {NDJSON: {}}},
    },
)
def take_snapshot(hub: TheHub, principal: Annotated[Principal, needs("read")], given: SnapshotIn) -> StreamingResponse:
    """Your role's view of all customers, some, or those that you name, as it is at one moment. The last line, `end`, holds the feed's cursor to go on from."""
    pages = Snapshots(hub.reader).take(principal, given.selection(), at_least=given.at_least)
    log = hub.reader.reached(given.at_least, "/at_least").log if given.at_least else 0
    with reading_as(Freshness(log)):
        next(pages)  # what is refused is refused before the answer begins
    return _Lines(pages)


def _lines(page: SnapshotPage, count: int) -> bytes:
    lines: list[dict[str, object]] = [{"customer": many.customer(c)} for c in page.customers]
    for name in page.missing:
        lines.append({"missing": many.record(name) if isinstance(name, RecordId) else {"id": name}})
    if page.cursor is not None:
        lines.append({"end": {"customers": count, "cursor": page.cursor}})
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)
