"""`Idempotency-Key`: the same request again gets the same answer, for 24 hours, and is done once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any

import orjson
from fastapi import Header
from starlette.responses import Response

from hub.access.principals import Principal
from hub.api import store
from hub.errors import Conflict, Fault, Unprocessable
from hub.model import canonical
from hub.open import Hub

KEPT = 86_400_000_000
IN_FLIGHT = 60_000_000  # after that, whoever was at it is taken for dead

IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=200, description="any text of your own; repeat it to repeat the request safely"),
]


def once(hub: Hub, principal: Principal, key: str | None, request: Any, run: Callable[[], tuple[int, Any]]) -> Response:
    """Run, or answer as before. Unprocessable when the key came with another request, Conflict while that one runs."""
    if key is None:
        return _response(*run())
    hashed = hashlib.sha256(key.encode()).hexdigest()
    wanted = hashlib.sha256(canonical(request)).hexdigest()
    before = _begin(hub, principal.id, hashed, wanted)
    if before is not None:
        return Response(before[1], before[0], {"idempotency-replayed": "true"}, "application/json")
    try:
        status, body = run()
    except Exception:
        with hub.database.unit() as connection:
            store.drop(connection, principal.id, hashed)
        raise
    response = _response(status, body)
    with hub.database.unit() as connection:
        store.finish(connection, principal.id, hashed, status, bytes(response.body).decode())
    return response


def _begin(hub: Hub, principal: str, key: str, wanted: str) -> tuple[int, str] | None:
    now = hub.database.clock.now()
    with hub.database.unit() as connection:
        store.forget(connection, now - KEPT)
        found = store.kept(connection, principal, key)
        if found is None or (found.status is None and found.at < now - IN_FLIGHT):
            store.begin(connection, principal, key, wanted, now)
            return None
        if found.request != wanted:
            raise Unprocessable(
                "this Idempotency-Key was used for another request",
                [Fault("Idempotency-Key", "was sent with another body", "use a new one")],
            )
        if found.status is None:
            raise Conflict(
                "the same request is being answered now",
                [Fault("Idempotency-Key", "is in use", "ask again in a moment")],
            )
        return found.status, found.body or ""


def _response(status: int, body: Any) -> Response:
    return Response(b"" if body is None else orjson.dumps(body), status, media_type="application/json")
