"""`Idempotency-Key`: the same request again gets the same answer, for 24 hours, and is done once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated

import orjson
from fastapi import Header
from sqlalchemy import Connection
from starlette.responses import Response

from hub.access.authentication.principals import Principal
from hub.api import store
from hub.errors import Conflict, Fault, Unprocessable
from hub.model import canonical
from hub.open import Hub

KEPT = 86_400_000_000
REPLAYED = {"idempotency-replayed": "true"}
IN_FLIGHT = 60_000_000  # after that, whoever was at it is taken for dead

IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=200, description="any text of your own; repeat it to repeat the request safely"),
]


Mark = Callable[[Connection, str], None]


def unmarked(_connection: Connection, _made: str) -> None:
    """Of a request without a key."""


def once(
    hub: Hub,
    principal: Principal,
    key: str | None,
    request: object,
    make: Callable[[Mark], str],
    tell: Callable[[str], tuple[int, object]],
) -> Response:
    """Make something and tell of it, or tell of it again.

    make: does it, and calls the mark with what it made within its own transaction: then it is made once, whatever
    happens before the answer is out. tell: the answer, from what was made.
    Unprocessable when the key came with another request, Conflict while that one runs.
    """
    if key is None:
        return _response(*tell(make(unmarked)))
    hashed = hashlib.sha256(key.encode()).hexdigest()
    wanted = hashlib.sha256(canonical(request)).hexdigest()
    before = _begin(hub, principal.id, hashed, wanted)
    if before is not None and before.status is not None:
        return Response(before.body or "", before.status, REPLAYED, "application/json")
    made = before.done if before is not None else None
    try:
        made = made or make(lambda connection, made: store.mark_done(connection, principal.id, hashed, made))
    except Exception:
        with hub.database.unit() as connection:
            store.drop(connection, principal.id, hashed)
        raise
    response = _response(*tell(made))
    with hub.database.unit() as connection:
        store.finish(connection, principal.id, hashed, response.status_code, bytes(response.body).decode())
    if before is not None:
        response.headers.update(REPLAYED)
    return response


def _begin(hub: Hub, principal: str, key: str, wanted: str) -> store.Kept | None:
    """What this key stands for; None when it is ours to make."""
    now = hub.database.clock.now()
    with hub.database.unit() as connection:
        store.forget(connection, now - KEPT)
        found = store.kept(connection, principal, key)
        if found is None or (found.status is None and found.done is None and found.at < now - IN_FLIGHT):
            store.begin(connection, principal, key, wanted, now)
            return None
        if found.request != wanted:
            raise Unprocessable(
                "this Idempotency-Key was used for another request",
                [Fault("Idempotency-Key", "was sent with another body", "use a new one")],
            )
        if found.status is None and found.done is None:
            raise Conflict(
                "the same request is being answered now",
                [Fault("Idempotency-Key", "is in use", "ask again in a moment")],
            )
        return found


def _response(status: int, body: object) -> Response:
    return Response(b"" if body is None else orjson.dumps(body), status, media_type="application/json")
