"""Secret words before they land: each becomes a slow hash (argon2id, RFC 9106) with a salt of its record, keyed by the hub's
secret. Who has the database without the secret can try no word; who has both needs a slow hash for each try and record.

The same word in the same record is sealed alike, so that a row that comes again changes nothing. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Mapping

from hub.connectors.base import JSON
from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context
from hub.kinds.reading import joined, read, text_of
from hub.kinds.secret_word import SEALED
from hub.model import RecordId, canonical

TIME, MEMORY, LANES, LENGTH = 2, 19 * 1024, 1, 32  # OWASP's least for argon2id: 19 MiB, some 25 ms
_turns = threading.Semaphore(4)  # many at once would take the memory and the cores of everything else


def sealed_row(
    key: bytes, id: RecordId, row: Mapping[str, JSON], secrets: Mapping[str, str], day_first: bool | None
) -> Mapping[str, JSON]:
    """The row as it may be kept. secrets: column -> the attribute that it is mapped to."""
    found = {c: row[c] for c in secrets if row.get(c) is not None and read(row[c]) is not None}
    if not found:
        return row
    return {**row, **{c: seal(key, id, secrets[c], said, day_first) for c, said in found.items()}}


def without_secrets(row: Mapping[str, JSON], secrets: Mapping[str, str]) -> dict[str, JSON]:
    """A row that cannot land as it may be set aside."""
    return {column: value for column, value in row.items() if column not in secrets}


def seal(key: bytes, id: RecordId, attribute: str, said: JSON, day_first: bool | None) -> str:
    """`sealed:SALT:HASH` of what a row says. A date is the same however it is written, a word without case and accents."""
    salt = _keyed(key, canonical(["salt", *id, attribute]))[:16]
    return f"sealed:{salt.hex()}:{_slow(key, salt, _normal(said, day_first)).hex()}"


def opens(key: bytes, sealed: str, answer: str) -> bool:
    """Is the answer what was sealed? Takes as long when it is not."""
    if not SEALED.fullmatch(sealed):
        return False
    _, salt, kept = sealed.split(":")
    meant = {_normal(answer, day_first): None for day_first in (None, True, False)}
    found = [_slow(key, bytes.fromhex(salt), said).hex() for said in meant]
    return any([hmac.compare_digest(each, kept) for each in found])


def _normal(said: JSON, day_first: bool | None) -> str:
    text = said if isinstance(said, str) else str(said)
    date = KINDS["date"].clean(text, Context(day_first=day_first))
    return text_of(date.value) if isinstance(date, Cleaned) else joined(text) or text.strip()


def _slow(key: bytes, salt: bytes, said: str) -> bytes:
    from argon2.low_level import Type, hash_secret_raw  # here: most hubs have no such column

    with _turns:
        return hash_secret_raw(_keyed(key, said.encode()), salt, TIME, MEMORY, LANES, LENGTH, Type.ID)


def _keyed(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, b"secret word\0" + text, hashlib.sha256).digest()
