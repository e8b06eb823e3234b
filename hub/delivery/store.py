"""Delivery's tables: what is to be written back, and how far the outbox was read. The only SQL on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Connection, Index, text
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
    status: str  # pending | sending | done | rejected | tripped
    attempts: int = 0
    next_at: int = big()
    detail: str = ""
    at: int = big()


class PositionRow(SQLModel, table=True):
    """How far a reader of the outbox came."""

    __tablename__: ClassVar[str] = "position"
    name: str = Field(primary_key=True)
    seq: int = big()


@dataclass(frozen=True, slots=True)
class Waiting:
    rid: int
    source: str
    stream: str
    seq: int
    attempts: int


def fan_out(connection: Connection, streams: Sequence[tuple[str, str]], now: int, *, advance: bool = True) -> int:
    """Changes since the last time -> records to look at. How many. Without `advance` the next time begins here again."""
    last = connection.exec_driver_sql("SELECT coalesce(max(seq), 0) FROM change").scalar() or 0
    seen = connection.exec_driver_sql("SELECT seq FROM position WHERE name = 'write-back'").scalar() or 0
    if last == seen:
        return 0
    if advance:
        db.upsert_many(connection, table(PositionRow), ("name", "seq"), [("write-back", last)])
    if not streams:
        return 0
    wanted = " OR ".join(f"(r.source = :s{i} AND r.stream = :t{i})" for i in range(len(streams)))
    names = {k: v for i, (s, t) in enumerate(streams) for k, v in ((f"s{i}", s), (f"t{i}", t))}
    found = connection.execute(
        text(
            "INSERT INTO write_back (rid, source, stream, seq, status, attempts, next_at, detail, at)"
            " SELECT m.rid, min(r.source), min(r.stream), max(c.seq), 'pending', 0, :now, '', :now FROM change c JOIN customer k ON k.id = c.customer"
            f" JOIN membership m ON m.cluster = k.cluster JOIN record r ON r.rid = m.rid WHERE c.seq > :seen AND c.seq <= :last AND ({wanted})"
            " GROUP BY m.rid ON CONFLICT (rid) DO UPDATE SET seq = excluded.seq, status = 'pending', attempts = 0, next_at = excluded.next_at, detail = ''"
        ),
        {"seen": seen, "last": last, "now": now, **names},
    )
    return int(found.rowcount)


def claim(connection: Connection, source: str, stream: str, now: int, limit: int, lease: int) -> list[Waiting]:
    """Take records to write: pending ones that are due, and those whose sender died."""
    query = (
        "SELECT rid, source, stream, seq, attempts FROM write_back WHERE source = :s AND stream = :t"
        " AND status IN ('pending', 'sending') AND next_at <= :now ORDER BY next_at, rid LIMIT :limit"
    )
    taken = [Waiting(*r) for r in db.ask(connection, query, s=source, t=stream, now=now, limit=limit)]
    statement = "UPDATE write_back SET status = 'sending', next_at = :until WHERE rid IN {ids}"
    db.do(connection, statement, ids=[w.rid for w in taken], until=now + lease)
    return taken


def settle(
    connection: Connection, waiting: Waiting, status: str, *, detail: str = "", next_at: int = 0, at: int
) -> None:
    """Unless a newer change came meanwhile: then it stays pending."""
    db.do(
        connection,
        "UPDATE write_back SET status = :status, detail = :detail, attempts = attempts + 1, next_at = :next_at, at = :at"
        " WHERE rid = :rid AND seq = :seq",
        status=status,
        detail=detail[:500],
        next_at=next_at,
        at=at,
        rid=waiting.rid,
        seq=waiting.seq,
    )


def counts(connection: Connection) -> dict[str, int]:
    """Records by state: what is delivered, waiting, refused."""
    return dict(db.ask(connection, "SELECT status, count(*) FROM write_back GROUP BY status"))
