"""One-time codes of an authenticator app (RFC 6238, SHA-1, six digits, thirty seconds), and codes for the day it is lost. Pure but for the dice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from urllib.parse import quote

STEP = 30  # seconds
DIGITS = 6
DRIFT = 1  # steps that a clock may be off, either way
RECOVERY = 10  # codes
SECRET_BYTES = 20


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def code_at(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of a step (RFC 4226, 5.3)."""
    made = hmac.new(secret, step.to_bytes(8, "big"), hashlib.sha1).digest()
    start = made[-1] & 15
    return str((int.from_bytes(made[start : start + 4], "big") & 0x7FFFFFFF) % 10**digits).zfill(digits)


def step_of(secret: bytes, code: str, seconds: int, after: int) -> int | None:
    """The step that a code is of, near now and later than the last one used; None: it is not good (any more)."""
    given = code.replace(" ", "").encode()
    now = seconds // STEP
    steps = range(max(after + 1, now - DRIFT), now + DRIFT + 1)
    return next((s for s in steps if hmac.compare_digest(code_at(secret, s).encode(), given)), None)


def spelled(secret: bytes) -> str:
    """The secret as it is typed into an app."""
    return base64.b32encode(secret).decode().rstrip("=")


def uri(secret: bytes, name: str, issuer: str = "Customer hub") -> str:
    """What an app reads from a QR code."""
    label = quote(f"{issuer}:{name}")
    return f"otpauth://totp/{label}?secret={spelled(secret)}&issuer={quote(issuer)}&digits={DIGITS}&period={STEP}"


def new_recovery_codes() -> list[str]:
    """Eighty random bits each: a plain hash of one is enough."""
    return ["-".join(secrets.token_hex(2) for _ in range(5)) for _ in range(RECOVERY)]


def recovery_hash(code: str) -> str:
    plain = code.replace("-", "").replace(" ", "").casefold()
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()
