"""Reading what was written: every answer to a write tells how far the hub is, and who shows that reads at least that.

Programs send it back in the header that they got it in; browsers carry it by themselves, for a minute, in a cookie.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from hub.api.cookies import SAFE, keep_position, position_cookie
from hub.db import READING, Freshness, primary
from hub.errors import BadRequest, RetryLater
from hub.open import Hub

POSITION = "x-hub-position"


def begun(hub: Hub, scope: Scope, headers: Mapping[str, str]) -> Freshness | None:
    """How a request reads. None: as one that writes. BadRequest: it shows what the hub never told."""
    if scope["method"] not in SAFE:
        return None
    if shown := headers.get(POSITION, "").strip():
        return Freshness(hub.reader.reached(shown, "X-Hub-Position").log)
    with suppress(BadRequest):  # of before another secret: a browser cannot help it
        if kept := position_cookie(Request(scope)):
            return Freshness(hub.reader.reached(kept, "cookie").log)
    return Freshness()


def wrote(scope: Scope, status: int) -> bool:
    """May a request have changed something?"""
    found = READING.get()
    return status < 400 and (scope["method"] not in SAFE or (found is not None and found.wrote))


def told(hub: Hub, scope: Scope) -> list[tuple[bytes, bytes]]:
    """What the answer to a request that wrote says beside: how far the hub is now."""
    try:
        with primary():
            position = hub.reader.position()
    except RetryLater:  # what was written is written
        return []
    headers = [(POSITION.encode(), position.encode())]
    request = Request(scope)
    if hub.database.replica is not None and request.cookies:
        answer = Response()
        keep_position(answer, request, position)
        headers += [(k, v) for k, v in answer.raw_headers if k == b"set-cookie"]
    return headers
