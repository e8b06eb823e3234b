"""Records that the hub makes in a source that lacks a customer: wanted, tried, made, and known when they land.

A row stands before its record is made, so that nobody makes a second one; it stays after, so that a record that was
deleted there is not made again.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Column, Connection, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from hub import db
from hub.connectors.base import JSON
from hub.db import big, table

Hashes = Mapping[str, Sequence[tuple[str, tuple[str, ...]]]]  # attribute -> hashes of all values, and of each


class CreationRow(SQLModel, table=True):
    """One record that a stream lacks, for the customer of a source record. `unsure`: a try may have made it unseen."""

    __tablename__: ClassVar[str] = "creation"
    __table_args__ = (
        UniqueConstraint("source", "stream", "rid", name="creation_for"),
        Index("creation_next", "source", "stream", "status", "next_at"),
        Index("creation_key", "source", "stream", "key"),
        Index("creation_made", "made"),
    )
    id: int = big(primary_key=True)
    token: str  # the same in every try: what a source that knows idempotency keys is given
    source: str
    stream: str
    rid: int = big()  # the record that it is made for
    status: str  # pending | sending | made | rejected | dropped | needless
    attempts: int = 0
    next_at: int = big()
    detail: str = ""
    at: int = big()  # since when it waits; of what does not, when it was tried last
    unsure: int = 0
    fields: str | None = Field(default=None, sa_column=Column(Text, nullable=True))  # what is sent, until it is made
    hashes: str | None = Field(default=None, sa_column=Column(Text, nullable=True))  # of what was sent, by attribute
    key: str | None = None  # of the record made
    made: int | None = big(nullable=True, default=None)  # its number, once it landed


@dataclass(frozen=True, slots=True)
class Creation:
    """A record to make, or made."""

    id: int
    token: str
    source: str
    stream: str
    rid: int
    status: str
    attempts: int
    detail: str
    at: int
    unsure: bool
    fields: dict[str, JSON] | None
    hashes: Hashes
    key: str | None
    made: int | None


_CREATION = "id, token, source, stream, rid, status, attempts, detail, at, unsure, fields, hashes, key, made"
_OPEN = "made IS NULL AND (key IS NOT NULL OR unsure = 1)"


def _creation(row: db.Row) -> Creation:
    unsure, fields, hashes, key, made = row[9:]
    sent = db.load(fields) if fields else None
    id, token, source, stream, rid, status, attempts, detail, at = row[:9]
    known: Hashes = db.load(hashes) if hashes else {}
    return Creation(id, token, source, stream, rid, status, attempts, detail, at, bool(unsure), sent, known, key, made)


def want(connection: Connection, source: str, stream: str, rids: Iterable[int], at: int) -> None:
    """Records to be made for these. What was refused before begins anew; what is under way goes on."""
    listed = sorted(rids)
    here = "source = :s AND stream = :t AND rid IN {rids}"
    again = f"UPDATE creation SET status = 'pending', attempts = 0, next_at = :at, at = :at WHERE {here}"
    db.do(connection, f"{again} AND status IN ('rejected', 'dropped')", s=source, t=stream, rids=listed, at=at)
    known = {
        r[0] for r in db.ask(connection, f"SELECT rid FROM creation WHERE {here}", s=source, t=stream, rids=listed)
    }
    number = db.next_number(connection, table(CreationRow), "id")
    columns = ("id", "token", "source", "stream", "rid", "status", "attempts", "next_at", "detail", "at", "unsure")
    rows = [
        (number + place, uuid.uuid4().hex, source, stream, rid, "pending", 0, at, "", at, 0)
        for place, rid in enumerate(r for r in listed if r not in known)
    ]
    db.insert_many(connection, table(CreationRow), columns, rows)


def made_for(connection: Connection, source: str, stream: str, rids: Iterable[int]) -> dict[int, str]:
    """Of these records those that one is made for in a stream, or is to be: record -> state."""
    query = "SELECT rid, status FROM creation WHERE source = :s AND stream = :t AND rid IN {rids}"
    return dict(db.ask(connection, query, s=source, t=stream, rids=rids))


def claim_creations(
    connection: Connection, source: str, stream: str, now: int, limit: int, lease: int
) -> list[Creation]:
    """Take records to make: those that are due, and those whose sender died."""
    query = (
        f"SELECT {_CREATION} FROM creation WHERE source = :s AND stream = :t"
        " AND status IN ('pending', 'sending') AND next_at <= :now ORDER BY next_at, id LIMIT :limit"
    )
    taken = [_creation(r) for r in db.ask(connection, query, s=source, t=stream, now=now, limit=limit)]
    statement = "UPDATE creation SET status = 'sending', next_at = :until WHERE id IN {ids}"
    db.do(connection, statement, ids=[c.id for c in taken], until=now + lease)
    return taken


def waiting_creations(
    connection: Connection, source: str, stream: str, after: int, limit: int, since: int = 0
) -> list[Creation]:
    """Records of a stream that are to be made, whenever they are due, by number after one; `since`: only from later than
    that."""
    query = (
        f"SELECT {_CREATION} FROM creation WHERE source = :s AND stream = :t"
        " AND status IN ('pending', 'sending') AND id > :after AND at > :since ORDER BY id LIMIT :limit"
    )
    found = db.ask(connection, query, s=source, t=stream, after=after, limit=limit, since=since)
    return [_creation(r) for r in found]


def due_creations(connection: Connection, source: str, stream: str, now: int, since: int = 0) -> int:
    """How many records of a stream are due to be made; `since`: that wait from later than that."""
    query = (
        "SELECT count(*) FROM creation WHERE source = :s AND stream = :t"
        " AND status IN ('pending', 'sending') AND next_at <= :now AND at > :since"
    )
    return db.number(connection, query, s=source, t=stream, now=now, since=since)


def creation_waits_since(connection: Connection, source: str, stream: str, until: int) -> bool:
    """Does a record that is to be made in a stream wait from that time or before?"""
    query = (
        "SELECT 1 FROM creation WHERE source = :s AND stream = :t"
        " AND status IN ('pending', 'sending') AND at <= :until LIMIT 1"
    )
    return bool(db.ask(connection, query, s=source, t=stream, until=until))


def intend(connection: Connection, id: int, fields: Mapping[str, JSON], hashes: Hashes) -> None:
    """Before a record is made: what of. From here on nobody knows, until the source answers."""
    db.do(
        connection,
        "UPDATE creation SET unsure = 1, fields = :fields, hashes = :hashes WHERE id = :id",
        fields=db.dump(fields),
        hashes=db.dump(hashes),
        id=id,
    )


def settle_creation(
    connection: Connection, id: int, status: str, *, detail: str = "", next_at: int = 0, at: int, unsure: bool
) -> None:
    """What became of a try. Of what surely was not made nothing is kept, so that the next try is of what is golden then."""
    gone = "" if unsure else ", fields = NULL, hashes = NULL"
    db.do(
        connection,
        "UPDATE creation SET status = :status, detail = :detail, attempts = attempts + 1, next_at = :next_at,"
        f" at = CASE WHEN :waits = 1 THEN at ELSE :at END, unsure = :unsure{gone}"
        " WHERE id = :id AND status <> 'made'",
        status=status,
        waits=int(status == "pending"),
        detail=detail[:500],
        next_at=next_at,
        at=at,
        unsure=int(unsure),
        id=id,
    )


def made_as(connection: Connection, id: int, key: str, hashes: Hashes, at: int) -> None:
    """The source made it, under this key."""
    db.do(
        connection,
        "UPDATE creation SET status = 'made', detail = '', at = :at, unsure = 0, fields = NULL, hashes = :hashes,"
        " key = :key WHERE id = :id",
        at=at,
        hashes=db.dump(hashes),
        key=key,
        id=id,
    )


def landed_as(connection: Connection, id: int, rid: int) -> None:
    """A pull gave it."""
    db.do(connection, "UPDATE creation SET made = :rid WHERE id = :id", rid=rid, id=id)


def needless(connection: Connection, ids: Collection[int]) -> None:
    """Not to be made any more. One that may have been made stays, so that it is known when it lands."""
    db.delete_numbered(connection, table(CreationRow), "id", "id IN {ids} AND unsure = 0", ids=ids)
    db.do(connection, "UPDATE creation SET status = 'needless' WHERE id IN {ids} AND unsure = 1", ids=ids)


def open_creations(connection: Connection, source: str, stream: str, keys: Iterable[str]) -> list[Creation]:
    """Those that may land now: made under one of these keys, or perhaps made under any."""
    here = f"SELECT {_CREATION} FROM creation WHERE source = :s AND stream = :t AND {_OPEN}"
    by_key = db.ask(connection, f"{here} AND key IN {{keys:text}}", s=source, t=stream, keys=keys)
    unsure = db.ask(connection, f"{here} AND key IS NULL ORDER BY id", s=source, t=stream)
    return [_creation(r) for r in (*by_key, *unsure)]


def creation(connection: Connection, id: int) -> Creation | None:
    """One, by its number."""
    found = db.first(connection, f"SELECT {_CREATION} FROM creation WHERE id = :id", id=id)
    return _creation(found) if found else None


def refused_creations(connection: Connection, limit: int) -> list[Creation]:
    """Records that their source would not take, the newest first."""
    query = f"SELECT {_CREATION} FROM creation WHERE status = 'rejected' ORDER BY at DESC, id LIMIT :limit"
    return [_creation(r) for r in db.ask(connection, query, limit=limit)]


def retry_creations(connection: Connection, now: int, id: int | None = None) -> int:
    """Refused ones wait again, one or all. How many."""
    statement = (
        "UPDATE creation SET status = 'pending', attempts = 0, next_at = :now, detail = '', at = :now"
        " WHERE status = 'rejected' AND (:all = 1 OR id = :id)"
    )
    return db.do(connection, statement, now=now, all=int(id is None), id=id or 0)


def drop_creation(connection: Connection, id: int, reason: str, now: int) -> bool:
    """Give a refused one up, until the customer changes again. Was there one?"""
    statement = (
        "UPDATE creation SET status = 'dropped', detail = :why, at = :now WHERE id = :id AND status = 'rejected'"
    )
    return bool(db.do(connection, statement, why=reason[:500], now=now, id=id))


def creation_counts(connection: Connection) -> dict[str, int]:
    """Records to make by state."""
    return dict(db.ask(connection, "SELECT status, count(*) FROM creation GROUP BY status"))


def made_of(connection: Connection, rids: Iterable[int]) -> dict[int, int]:
    """Of these records those that the hub made: record -> the record that it was made for."""
    return dict(db.ask(connection, "SELECT made, rid FROM creation WHERE made IN {rids}", rids=rids))


def unmake(connection: Connection, rid: int) -> None:
    """The hub deleted there what it had made: its customer may get another one, under another token."""
    db.delete_numbered(connection, table(CreationRow), "id", "made = :rid", rid=rid)
