"""Random tokens, and the hash that is kept of one. Pure but for the dice."""

from __future__ import annotations

import hashlib
import secrets

BYTES = 32


def new_token() -> str:
    """256 random bits, as text for a header or a link's fragment."""
    return secrets.token_urlsafe(BYTES)


def token_hash(token: str) -> str:
    """A plain hash is enough for that many random bits (ASVS 6.5.2)."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
