"""Delivery's tables: what is to be written back, and how far each consumer read the outbox. The only SQL on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Connection, Index
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table


class WriteBackRow(SQLModel, table=True):
    """One record of a source that may differ from its golden record. One row however many changes wait."""

    __tablename__: ClassVar[str] = "write_back"
    __table_args__ = (Index("write_back_next", "status", "next_at"),)
    rid: int = big(primary_key=True)
    source: str
    stream: str
    seq: int = big()  # the newest change behind it
    status: str  # pending | sending | dry | done | rejected | tripped | dropped
    attempts: int = 0
    next_at: int = big()
    detail: str = ""
    at: int = big()  # since when it waits; of what does not, when it was tried last
    removals: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # since its customer left


class PositionRow(SQLModel, table=True):
    """How far a consumer of the outbox came, and in whose view it is told."""

    __tablename__: ClassVar[str] = "position"
    name: str = Field(primary_key=True)
    seq: int = big()
    view: str = ""


class WriteHoldRow(SQLModel, table=True):
    """A stream to which nothing is written, because it would be too much at once. Gone once it is written."""

    __tablename__: ClassVar[str] = "write_hold"
    source: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    due: int  # records that waited when it was looked at
    at: int = big()  # when it was looked at; once it is confirmed, when that was
    confirmed_by: str = ""


@dataclass(frozen=True, slots=True)
class HeldWrites:
    """A stream that waits for somebody to confirm what would be written; `confirmed_by`: who did, for what waited then."""

    source: str
    stream: str
    due: int
    at: int
    confirmed_by: str


@dataclass(frozen=True, slots=True)
class Waiting:
    rid: int
    source: str
    stream: str
    seq: int
    attempts: int
    removals: int = 0  # how often the record was cleared, deleted or archived since its customer left


def position(connection: Connection, name: str) -> int:
    """How far a consumer came; 0: it was told nothing yet."""
    return db.number(connection, "SELECT seq FROM position WHERE name = :name", name=name)


def positions(connection: Connection) -> dict[str, int]:
    """How far each consumer came."""
    return dict(db.ask(connection, "SELECT name, seq FROM position"))


def positions_in(connection: Connection, view: str) -> dict[str, int]:
    """How far each consumer of a view came."""
    return dict(db.ask(connection, "SELECT name, seq FROM position WHERE view = :view", view=view))


def move(connection: Connection, name: str, view: str, seq: int) -> None:
    """The consumer was told all changes up to this position."""
    db.upsert_many(connection, table(PositionRow), ("name", "view", "seq"), [(name, view, seq)])


def leave(connection: Connection, name: str) -> None:
    """There is no such consumer any more."""
    db.do(connection, "DELETE FROM position WHERE name = :name", name=name)


def wait(connection: Connection, rows: Sequence[tuple[int, str, str, int]], now: int) -> None:
    """Records to look at: (rid, source, stream, position of the newest change). What was tried before begins anew."""
    columns = ("rid", "source", "stream", "seq", "status", "attempts", "next_at", "detail", "at")
    waiting = [(*row, "pending", 0, now, "", now) for row in rows]
    db.upsert_many(connection, table(WriteBackRow), columns, waiting)


def wake(connection: Connection, rows: Sequence[tuple[int, str, str, int]], now: int) -> None:
    """Records to look at again though nothing golden changed. What waits, or is refused until something does, stays so."""
    known = {
        r[0]: r[1]
        for r in db.ask(connection, "SELECT rid, status FROM write_back WHERE rid IN {rids}", rids=[r[0] for r in rows])
    }
    wait(connection, [row for row in rows if row[0] not in known], now)
    _wait_again(connection, [row[0] for row in rows if known.get(row[0]) in ("done", "dry")], now)


def any_dry(connection: Connection, source: str, stream: str) -> bool:
    """Did a dry run keep something of a stream back?"""
    query = "SELECT 1 FROM write_back WHERE status = 'dry' AND source = :s AND stream = :t LIMIT 1"
    return bool(db.ask(connection, query, s=source, t=stream))


def wake_dry(connection: Connection, source: str, stream: str, now: int, limit: int) -> int:
    """Some of what a dry run worked out and did not write waits now. How many."""
    query = "SELECT rid FROM write_back WHERE status = 'dry' AND source = :s AND stream = :t ORDER BY rid LIMIT :limit"
    found = [r[0] for r in db.ask(connection, query, s=source, t=stream, limit=limit)]
    _wait_again(connection, found, now)
    return len(found)


def _wait_again(connection: Connection, rids: Sequence[int], now: int) -> None:
    statement = (
        "UPDATE write_back SET status = 'pending', attempts = 0, next_at = :now, detail = '', at = :now"
        " WHERE rid IN {rids}"
    )
    db.do(connection, statement, rids=rids, now=now)


def claim(connection: Connection, source: str, stream: str, now: int, limit: int, lease: int) -> list[Waiting]:
    """Take records to write: pending ones that are due, and those whose sender died."""
    query = (
        "SELECT rid, source, stream, seq, attempts, removals FROM write_back WHERE source = :s AND stream = :t"
        " AND status IN ('pending', 'sending') AND next_at <= :now ORDER BY next_at, rid LIMIT :limit"
    )
    taken = [Waiting(*r) for r in db.ask(connection, query, s=source, t=stream, now=now, limit=limit)]
    statement = "UPDATE write_back SET status = 'sending', next_at = :until WHERE rid IN {ids}"
    db.do(connection, statement, ids=[w.rid for w in taken], until=now + lease)
    return taken


def settle(
    connection: Connection,
    waiting: Waiting,
    status: str,
    *,
    detail: str = "",
    next_at: int = 0,
    at: int,
    removals: int = 0,
) -> None:
    """Unless a newer change came meanwhile: then it stays pending. `removals`: how often it was removed by now."""
    db.do(
        connection,
        "UPDATE write_back SET removals = :removals WHERE rid = :rid AND removals <> :removals",
        rid=waiting.rid,
        removals=removals,
    )
    db.do(
        connection,
        "UPDATE write_back SET status = :status, detail = :detail, attempts = attempts + 1, next_at = :next_at,"
        " at = CASE WHEN :waits = 1 THEN at ELSE :at END WHERE rid = :rid AND seq = :seq",
        status=status,
        waits=int(status == "pending"),
        detail=detail[:500],
        next_at=next_at,
        at=at,
        rid=waiting.rid,
        seq=waiting.seq,
    )


def counts(connection: Connection) -> dict[str, int]:
    """Records by state: what is delivered, waiting, refused."""
    return dict(db.ask(connection, "SELECT status, count(*) FROM write_back GROUP BY status"))


def waiting(connection: Connection, source: str, stream: str, after: int, limit: int, since: int = 0) -> list[Waiting]:
    """Records of a stream that wait, whenever they are due, by number after one; `since`: only from later than that."""
    query = (
        "SELECT rid, source, stream, seq, attempts, removals FROM write_back WHERE source = :s AND stream = :t"
        " AND status IN ('pending', 'sending', 'dry') AND rid > :after AND at > :since ORDER BY rid LIMIT :limit"
    )
    found = db.ask(connection, query, s=source, t=stream, after=after, limit=limit, since=since)
    return [Waiting(*r) for r in found]


@dataclass(frozen=True, slots=True)
class DeadWrite:
    """A record that its source would not take the values of, or keeps changing back."""

    rid: int
    source: str
    stream: str
    status: str
    attempts: int
    detail: str
    at: int


TRIPPED = "the source keeps changing what is written: "  # then the attributes, with commas between
DEAD = "status IN ('rejected', 'tripped')"


def dead(connection: Connection, limit: int) -> list[DeadWrite]:
    """Dead letters of write-back, the newest first."""
    columns = ", ".join(DeadWrite.__dataclass_fields__)
    query = f"SELECT {columns} FROM write_back WHERE {DEAD} ORDER BY at DESC, rid LIMIT :limit"
    return [DeadWrite(*r) for r in db.ask(connection, query, limit=limit)]


def tripped(connection: Connection, limit: int, rid: int | None = None) -> list[DeadWrite]:
    """Records that their source keeps changing back, the newest first; or one."""
    columns = ", ".join(DeadWrite.__dataclass_fields__)
    query = (
        f"SELECT {columns} FROM write_back WHERE status = 'tripped' AND (:all = 1 OR rid = :rid)"
        " ORDER BY at DESC, rid LIMIT :limit"
    )
    return [DeadWrite(*r) for r in db.ask(connection, query, all=int(rid is None), rid=rid or 0, limit=limit)]


def again(connection: Connection, rid: int, now: int) -> None:
    """One of them waits again."""
    statement = (
        "UPDATE write_back SET status = 'pending', attempts = 0, removals = 0, next_at = :now, detail = '', at = :now"
        " WHERE rid = :rid AND status = 'tripped'"
    )
    db.do(connection, statement, rid=rid, now=now)


def retry(connection: Connection, rid: int | None, now: int) -> int:
    """Refused records wait again, one or all. How many."""
    query = "SELECT rid FROM write_back WHERE status = 'rejected' AND (:all = 1 OR rid = :rid)"
    found = [r[0] for r in db.ask(connection, query, all=int(rid is None), rid=rid or 0)]
    _wait_again(connection, found, now)
    return len(found)


def drop(connection: Connection, rid: int, reason: str, now: int) -> bool:
    """Give a dead letter up, until the golden record changes again. Was there one?"""
    found = db.ask(connection, f"SELECT rid FROM write_back WHERE rid = :rid AND {DEAD}", rid=rid)
    statement = "UPDATE write_back SET status = 'dropped', detail = :reason, at = :now WHERE rid IN {rids}"
    db.do(connection, statement, rids=[r[0] for r in found], reason=reason[:500], now=now)
    return bool(found)


def due_count(connection: Connection, source: str, stream: str, now: int, since: int = 0) -> int:
    """How many records of a stream are due to be looked at; `since`: that wait from later than that."""
    query = (
        "SELECT count(*) FROM write_back WHERE source = :s AND stream = :t"
        " AND status IN ('pending', 'sending') AND next_at <= :now AND at > :since"
    )
    return db.number(connection, query, s=source, t=stream, now=now, since=since)


def waits_since(connection: Connection, source: str, stream: str, until: int) -> bool:
    """Does a record of a stream wait from that time or before?"""
    query = (
        "SELECT 1 FROM write_back WHERE source = :s AND stream = :t"
        " AND status IN ('pending', 'sending') AND at <= :until LIMIT 1"
    )
    return bool(db.ask(connection, query, s=source, t=stream, until=until))


def held(connection: Connection) -> list[HeldWrites]:
    """Streams that wait for a confirmation, or have it and are not written through."""
    query = "SELECT source, stream, due, at, confirmed_by FROM write_hold ORDER BY source, stream"
    return [HeldWrites(*r) for r in db.ask(connection, query)]


def hold(connection: Connection, source: str, stream: str, due: int, at: int) -> None:
    """Nothing is written to a stream until somebody confirms it."""
    columns = ("source", "stream", "due", "at", "confirmed_by")
    db.upsert_many(connection, table(WriteHoldRow), columns, [(source, stream, due, at, "")])


def confirm(connection: Connection, source: str, stream: str, by: str, at: int) -> bool:
    """What waits now may be written. Was the stream held?"""
    statement = "UPDATE write_hold SET confirmed_by = :by, at = :at WHERE source = :s AND stream = :t"
    return bool(db.do(connection, statement, by=by, at=at, s=source, t=stream))


def release(connection: Connection, source: str, stream: str) -> None:
    """It is written through, or not too much any more."""
    db.do(connection, "DELETE FROM write_hold WHERE source = :s AND stream = :t", s=source, t=stream)


def forget(connection: Connection, rids: Iterable[int]) -> None:
    """Records that were erased wait for no write."""
    db.do(connection, "DELETE FROM write_back WHERE rid IN {ids}", ids=list(rids))
