"""Routes that write: their answers tell how far the hub was then, for who wants to read at least that."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.api.exact import ExactRoute

POSITION = "x-hub-position"


class Written(APIRoute):
    """Adds `X-Hub-Position` to answers of what is no GET."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.methods == {"GET"}:
            return handle

        async def positioned(request: Request) -> Response:
            answer = await handle(request)
            if answer.status_code < 300:
                answer.headers[POSITION] = await run_in_threadpool(request.app.state.hub.reader.position)
            return answer

        return positioned


class ExactWritten(ExactRoute, Written):
    """The same for requests that hold rows."""
