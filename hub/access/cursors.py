"""Opaque, signed cursors, bound to what was asked: a cursor of one view or filter opens no other. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any

import orjson

from hub.errors import BadRequest, Fault
from hub.model import canonical

MAC, WIDTH = 12, 8  # bytes: of a seal, of a hidden number


def seal(key: bytes, position: object, *bound: object) -> str:
    """A cursor for a position (JSON) that holds only together with what it is bound to."""
    body = orjson.dumps(position)
    return base64.urlsafe_b64encode(_mac(key, body, bound) + body).decode().rstrip("=")


def unseal(key: bytes, cursor: str, *bound: object) -> Any:
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


def hide(key: bytes, *numbers: int) -> str:
    """Numbers that their holder can give back and not read: how many changes there are is nobody's business."""
    nonce = secrets.token_bytes(WIDTH)
    body = nonce + _padded(key, nonce, b"".join(n.to_bytes(WIDTH, "big") for n in numbers))
    return base64.urlsafe_b64encode(_mac(key, body, ("hidden",)) + body).decode().rstrip("=")


def find(key: bytes, token: str) -> tuple[int, ...] | None:
    """The numbers; None when the token is none of ours."""
    try:
        data = base64.urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4))
    except (ValueError, UnicodeEncodeError):
        return None
    mac, body = data[:MAC], data[MAC:]
    if len(body) < 2 * WIDTH or len(body) % WIDTH or not hmac.compare_digest(mac, _mac(key, body, ("hidden",))):
        return None
    told = _padded(key, body[:WIDTH], body[WIDTH:])
    return tuple(int.from_bytes(told[at : at + WIDTH], "big") for at in range(0, len(told), WIDTH))


def _padded(key: bytes, nonce: bytes, data: bytes) -> bytes:
    pad = hmac.new(key, b"pad" + nonce, hashlib.sha256).digest()
    return bytes(a ^ b for a, b in zip(data, pad, strict=False))


def _mac(key: bytes, body: bytes, bound: tuple[object, ...]) -> bytes:
    return hmac.new(key, canonical(list(bound)) + b"\0" + body, hashlib.sha256).digest()[:MAC]
