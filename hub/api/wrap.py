"""What every request and answer passes: its id, size limits, headers, figures, and the last net under errors."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.access.audit.log import ORIGIN, REQUEST
from hub.access.authentication.rates import Rate
from hub.access.door import SHOWN_PROOF
from hub.access.policy.purposes import HEADER, PURPOSE
from hub.api.fresh import begun, told, wrote
from hub.api.problems import of_error, problem
from hub.db import READING
from hub.errors import Fault, TooLarge
from hub.work.metrics import Metrics

NDJSON = "application/x-ndjson"
BODY_BYTES = 1 << 20
HEADER_BYTES = 32 << 10
BODY_SECONDS = 60  # in which the whole of a body has to come
BATCH_BYTES = 16 << 20

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "cache-control": "no-store",
}
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Wrap:
    """ASGI middleware. Nothing here looks at the path: who may do what is decided in dependencies."""

    def __init__(self, app: ASGIApp, metrics: Metrics):
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        given = headers.get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
        token, purpose = REQUEST.set(request_id), PURPOSE.set(headers.get(HEADER, "").strip())
        origin, proof = (
            ORIGIN.set((scope.get("client") or ("",))[0]),
            SHOWN_PROOF.set(headers.get("x-identified", "").strip()),
        )
        wanted = READING.set(None)
        started, answered = time.perf_counter(), {"status": 0}

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered["status"] = message["status"]
                more = {**HEADERS, "x-request-id": request_id, **_left(scope)}
                message["headers"] = _with(message.get("headers", []), more)
                if wrote(scope, message["status"]):
                    message["headers"] += await run_in_threadpool(told, scope["app"].state.hub, scope)
            await send(message)

        try:
            await self._answer(scope, receive, send_on, headers, answered)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.observe(
                scope["method"] if route != "other" else "other",
                route,
                answered["status"],
                time.perf_counter() - started,
            )
            READING.reset(wanted)
            REQUEST.reset(token)
            PURPOSE.reset(purpose)
            ORIGIN.reset(origin)
            SHOWN_PROOF.reset(proof)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, headers: dict[str, str], answered: dict[str, int]
    ) -> None:
        limit = BATCH_BYTES if headers.get("content-type", "").partition(";")[0].strip() == NDJSON else BODY_BYTES
        try:
            if sum(len(k) + len(v) for k, v in scope["headers"]) > HEADER_BYTES:
                detail = f"the headers are larger than {HEADER_BYTES >> 10} KiB"
                await problem(431, "headers-too-large", detail)(scope, receive, send)
                return
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await _read(receive, limit, headers)
            except TimeoutError:
                await problem(408, "too-slow", f"the body did not come in {BODY_SECONDS} seconds")(scope, receive, send)
                return
            READING.set(begun(scope["app"].state.hub, scope, headers))
            await self.app(scope, _replay(body, receive), send)
        except TooLarge as error:
            await of_error(error)(scope, receive, send)
        except Exception as error:
            if answered["status"]:
                raise
            await of_error(error)(scope, receive, send)


async def _read(receive: Receive, limit: int, headers: dict[str, str]) -> bytes | None:
    """The whole body, counted while it comes: Content-Length may lie. None when the client went away."""
    too_large = TooLarge(
        f"the body is larger than {limit >> 20} MiB", [Fault("", "too large", f"send rows in batches as {NDJSON}")]
    )
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > limit:
        raise too_large
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise too_large
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes | None, receive: Receive) -> Receive:
    sent = False

    async def again() -> Message:
        nonlocal sent
        if body is None:
            return {"type": "http.disconnect"}
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _left(scope: Scope) -> dict[str, str]:
    """How much the asker may still ask; and, by https, that the hub is reached by nothing else."""
    rate = scope.get("state", {}).get("rate")
    secure = {"strict-transport-security": "max-age=31536000"} if scope["scheme"] == "https" else {}
    return {**secure, **(rate.headers() if isinstance(rate, Rate) else {})}


def _with(headers: Any, more: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers that the route did not set itself."""
    listed = [(k, v) for k, v in headers]
    there = {k.lower() for k, _ in listed}
    return listed + [(k.encode(), v.encode()) for k, v in more.items() if k.encode() not in there]


__all__ = ["BATCH_BYTES", "BODY_BYTES", "HEADERS", "NDJSON", "Wrap", "problem"]
