"""Who must not come back: keyed hashes of erased records' names, and of a verified contact point with a given name.

They are looked at before a row is kept. Without the hub's secret they say nothing. The only SQL on this table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from typing import ClassVar

from sqlalchemy import Connection, Index
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.model import RecordId

BLOCK = 64  # bytes of SHA-256


class SuppressedRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "suppressed"
    __table_args__ = (Index("suppressed_request", "request"),)
    hash: str = Field(primary_key=True)
    kind: str  # record, contact
    request: str  # the erasure
    at: int = big()


def of_record(key: bytes, id: RecordId) -> str:
    """The hash of a record's name."""
    return _hash(key, ["record", *id])


def of_contact(key: bytes, kind: str, form: str, name: str) -> str:
    """The hash of a contact point (its kind, its main form) and a given name together: a housemate has another name."""
    return _hash(key, ["contact", kind, form, name])


def _hash(key: bytes, what: Sequence[str]) -> str:
    """HMAC-SHA256 of the texts as JSON. Each row that lands is hashed some times: so the key is worked in once, and the JSON
    is spelled without an encoder, which together cost a third of what they cost by themselves."""
    inner, outer = (state.copy() for state in _keyed(key))
    inner.update(f"[{','.join(map(encode_basestring, what))}]".encode())
    outer.update(inner.digest())
    return outer.hexdigest()


@lru_cache(8)
def _keyed(key: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    """Both halves of an HMAC (RFC 2104) up to where the text begins."""
    padded = (key if len(key) <= BLOCK else hashlib.sha256(key).digest()).ljust(BLOCK, b"\0")
    return hashlib.sha256(bytes(b ^ 0x36 for b in padded)), hashlib.sha256(bytes(b ^ 0x5C for b in padded))


def suppress(connection: Connection, hashes: Iterable[tuple[str, str]], request: str, at: int) -> None:
    """From now on; each hash with its kind (record, contact). What is suppressed already stays so by its first request."""
    rows = [(hash_, kind, request, at) for hash_, kind in sorted(set(hashes))]
    there = suppressed(connection, [r[0] for r in rows])
    columns = ("hash", "kind", "request", "at")
    db.insert_many(connection, table(SuppressedRow), columns, [r for r in rows if r[0] not in there])


def release(connection: Connection, request: str) -> int:
    """They may come back; how many hashes went."""
    return db.do(connection, "DELETE FROM suppressed WHERE request = :request", request=request)


def any_suppressed(connection: Connection) -> bool:
    return db.exists(connection, "suppressed")


def suppressed(connection: Connection, hashes: Iterable[str]) -> set[str]:
    """Those of these that are suppressed."""
    found = db.ask(connection, "SELECT hash FROM suppressed WHERE hash IN {hashes:text}", hashes=list(hashes))
    return {hash_ for (hash_,) in found}


def requests(connection: Connection) -> set[str]:
    """Requests by which anything is suppressed."""
    return {r for (r,) in db.ask(connection, "SELECT DISTINCT request FROM suppressed")}
