"""The feed of changes: pulled a page at a time, waited for, or streamed as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from hub.access.authentication.principals import Principal
from hub.access.seen import SeenChange, SeenPage
from hub.api import many
from hub.api.customers import Cursor, Limit
from hub.api.problems import documented
from hub.api.schemas import ChangeOut, Paged
from hub.api.security import TheHub, authorised, needs
from hub.db import primary
from hub.errors import HubError
from hub.open import Hub

router = APIRouter(prefix="/v1", tags=["changes"])

LONGEST_WAIT = 60  # seconds
PAGE = 100  # changes of a stream that are read at once
HEARTBEAT = 15.0  # seconds of silence after which a stream says that it lives, and looks whether its key still stands
AGAIN = b"retry: 3000\n\n"  # milliseconds after which a client comes back


class _Feed:
    """The feed of who asks, read on from a cursor. After each wait they are looked at again: a revoked key reads no more."""

    def __init__(self, hub: Hub, request: Request, principal: Principal, cursor: str | None):
        self.hub, self.principal, self.cursor = hub, principal, cursor
        self._request = request

    async def page(self, limit: int, seconds: float) -> SeenPage:
        """The next changes; none when there was none for so many seconds, or the process ends."""
        clock = asyncio.get_running_loop().time
        until, again = clock() + seconds, False
        while True:
            known, page = await run_in_threadpool(self._read, limit, again)
            left = until - clock()
            if page.data or left <= 0 or self.hub.watcher.ended.is_set():
                return page
            if not page.more:
                await self.hub.watcher.grown(known, left)
            again = True

    def _read(self, limit: int, again: bool) -> tuple[int, SeenPage]:
        if again:
            self.principal = authorised(self.hub, self._request, "read")
        with primary():  # a replica that has not what woke this would let it wait for the next change
            known = self.hub.watcher.end()  # before the page is read: what comes meanwhile wakes
            page = self.hub.reader.changes(self.principal, cursor=self.cursor, limit=limit)
        self.cursor = page.next_cursor
        return known, page

    def events(self, changes: tuple[SeenChange, ...]) -> bytes:
        """Changes as events; the id of each is the cursor after it."""
        ids = self.hub.reader.cursors_after(self.principal, (c.id for c in changes))
        told = zip(ids, changes, strict=True)
        return b"".join(b"id: %b\ndata: %b\n\n" % (id.encode(), orjson.dumps(many.change(c))) for id, c in told)


@router.get("/changes", operation_id="list_changes", response_model=Paged[ChangeOut], responses=documented(410))
async def list_changes(
    hub: TheHub,
    request: Request,
    principal: Annotated[Principal, needs("read")],
    limit: Limit = 50,
    cursor: Cursor = None,
    wait: Annotated[
        int, Query(ge=0, le=LONGEST_WAIT, description="seconds to wait for a change while there is none")
    ] = 0,
) -> Response:
    """Changes that your role is shown, oldest first, each customer's in order. Keep `next_cursor`: it is always given and never ends."""
    page = await _Feed(hub, request, principal, cursor).page(limit, wait)
    return await run_in_threadpool(_page, page)


def _page(page: SeenPage) -> Response:
    return Response(many.changes(page), media_type="application/json")


@router.get(
    "/changes/events",
    operation_id="stream_changes",
    response_class=StreamingResponse,
    responses={
        **documented(410),
        200: {"description": "one `data` line a change, as in the feed", "content": {"text/event-stream": {}}},
    },
)
async def stream_changes(
    hub: TheHub,
    request: Request,
    principal: Annotated[Principal, needs("read")],
    cursor: Cursor = None,
    last_event_id: Annotated[
        str | None, Header(max_length=500, description="a cursor too: browsers send it when they come back")
    ] = None,
) -> StreamingResponse:
    """The feed as server-sent events: each change some moments after its commit, its cursor as the event's id. The stream ends when your key does."""
    feed = _Feed(hub, request, principal, last_event_id or cursor)
    first = await feed.page(PAGE, 0)  # a cursor of another feed is refused before the stream begins
    return StreamingResponse(_events(feed, first), headers={"x-accel-buffering": "no"}, media_type="text/event-stream")


async def _events(feed: _Feed, page: SeenPage) -> AsyncIterator[bytes]:
    yield AGAIN
    while True:
        yield await run_in_threadpool(feed.events, page.data) or b":\n\n"
        if feed.hub.watcher.ended.is_set():
            return
        try:
            page = await feed.page(PAGE, HEARTBEAT)
        except HubError:  # a key that no longer stands, a database that is away: whoever comes back is told
            return
