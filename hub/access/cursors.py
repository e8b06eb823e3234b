"""Opaque, signed cursors, bound to what was asked: a cursor of one view or filter opens no other. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import orjson

from hub.errors import BadRequest, Fault
from hub.model import canonical

MAC = 12  # bytes


def seal(key: bytes, position: Any, *bound: Any) -> str:
    """A cursor for a position (JSON) that holds only together with what it is bound to."""
    body = orjson.dumps(position)
    return base64.urlsafe_b64encode(_mac(key, body, bound) + body).decode().rstrip("=")


def unseal(key: bytes, cursor: str, *bound: Any) -> Any:
    """The position. BadRequest when the cursor is none of ours, or of another question."""
    try:
        data = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
    except (ValueError, UnicodeEncodeError):
        data = b""
    mac, body = data[:MAC], data[MAC:]
    if len(data) <= MAC or not hmac.compare_digest(mac, _mac(key, body, bound)):
        raise BadRequest(
            "this cursor does not belong to this request",
            [Fault("?cursor", "unknown cursor", "ask again from the start, without a cursor, with the same filters")],
        )
    return orjson.loads(body)


def _mac(key: bytes, body: bytes, bound: tuple[Any, ...]) -> bytes:
    return hmac.new(key, canonical(list(bound)) + b"\0" + body, hashlib.sha256).digest()[:MAC]
