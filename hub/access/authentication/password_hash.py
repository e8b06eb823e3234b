"""Passwords: how long they must be, and their slow hash (argon2id). Composition is nobody's business (NIST SP 800-63B)."""

from __future__ import annotations

import threading
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hub.db import storable
from hub.errors import Fault

LONGEST = 256  # characters
VARIED = 5  # different characters, at least: no aaaaaaaaaaaa
COMMON = (
    "password", "passwort", "123456", "qwerty", "qwertz", "letmein", "welcome", "iloveyou", "admin", "changeme",
    "abc123", "111111", "monkey", "dragon", "football", "sunshine", "princess", "secret", "master", "customerhub",
)  # fmt: skip
_hasher = PasswordHasher()  # the library's parameters: RFC 9106, low memory
_turns = threading.Semaphore(4)  # each hash takes 64 MiB and a core: many at once would starve everything else


def faults(password: str, name: str, shortest: int) -> list[Fault]:
    """What is wrong with a new password of somebody; empty: nothing."""
    text = _normal(password)
    found = []
    if not shortest <= len(text) <= LONGEST:
        found.append(f"must be {shortest} to {LONGEST} characters long")
    elif len(set(text)) < VARIED:
        found.append(f"must have at least {VARIED} different characters")
    elif len(_without(text, (*COMMON, name))) < shortest // 2:
        found.append("is among the first that anybody would try")
    return [Fault("/password", what, "four random words make a good one") for what in found]


def hashed(password: str) -> str:
    with _turns:
        return _hasher.hash(_normal(password))


def matches(password: str, kept: str | None) -> bool:
    """Is it the one? Takes as long when there is none to compare with."""
    with _turns:
        try:
            return _hasher.verify(kept or _nobody(), _normal(password)) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


@cache
def _nobody() -> str:
    return _hasher.hash("nobody has this password")


def _normal(password: str) -> str:
    """The same password from every keyboard."""
    return storable(unicodedata.normalize("NFKC", password))


def _without(text: str, words: tuple[str, ...]) -> str:
    """What is left of it when the words that anybody would try are taken out, and digits at its ends."""
    left = text.casefold()
    for word in words:
        left = left.replace(word.casefold(), "") if word else left
    return left.strip("0123456789!?.-_ ")
