"""Requests that hold rows: their JSON is read as every other row is."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from hub.connectors.rows import parse_json


class ExactRequest(Request):
    """A request whose JSON is read as every other row is: nothing rounded, NaN refused."""

    async def json(self) -> object:
        try:
            return parse_json(await self.body())
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from None


class ExactRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[object, object, Response]]:
        handle = super().get_route_handler()

        async def exact(request: Request) -> Response:
            return await handle(ExactRequest(request.scope, request.receive))

        return exact
