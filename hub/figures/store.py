"""Who is in which segment, as it was counted last, and how many there were on each day. The only SQL on these tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from sqlalchemy import Connection
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table


class SegmentMemberRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "segment_member"
    segment: str = Field(primary_key=True)
    customer: str = Field(primary_key=True)


class SegmentCountRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "segment_count"
    segment: str = Field(primary_key=True)
    day: str = Field(primary_key=True)  # 2024-05-01, in UTC; what was counted last on it stands
    n: int = big()
    at: int = big()


class DayCount(NamedTuple):
    day: str
    n: int
    at: int


def replace(connection: Connection, segment: str, after: str, until: str | None, customers: Iterable[str]) -> None:
    """These are the members whose ids lie after one and up to another (none: to the end)."""
    bound = "" if until is None else " AND customer <= :until"
    db.do(
        connection,
        f"DELETE FROM segment_member WHERE segment = :segment AND customer > :after{bound}",
        segment=segment,
        after=after,
        **({} if until is None else {"until": until}),
    )
    rows = [(segment, c) for c in customers]
    db.insert_many(connection, table(SegmentMemberRow), ("segment", "customer"), rows)


def forget(connection: Connection, segment: str) -> None:
    """All of it, when the configuration has it no more."""
    for name in ("segment_member", "segment_count"):
        db.do(connection, f"DELETE FROM {name} WHERE segment = :segment", segment=segment)


def save_count(connection: Connection, segment: str, count: DayCount) -> None:
    db.upsert_many(connection, table(SegmentCountRow), ("segment", "day", "n", "at"), [(segment, *count)])


def members(connection: Connection, segment: str, *, after: str, limit: int) -> list[str]:
    query = (
        "SELECT customer FROM segment_member WHERE segment = :s AND customer > :after ORDER BY customer LIMIT :limit"
    )
    return [c for (c,) in db.ask(connection, query, s=segment, after=after, limit=limit)]


def counts(connection: Connection, segment: str, *, since: str = "", limit: int = 1_000) -> list[DayCount]:
    """By day, newest first."""
    query = "SELECT day, n, at FROM segment_count WHERE segment = :s AND day >= :since ORDER BY day DESC LIMIT :limit"
    return [DayCount(*row) for row in db.ask(connection, query, s=segment, since=since, limit=limit)]


def segments(connection: Connection) -> list[str]:
    return [s for (s,) in db.ask(connection, "SELECT DISTINCT segment FROM segment_count ORDER BY segment")]


def forget_members(connection: Connection, customers: Iterable[str]) -> None:
    """Customers that were erased are in no segment."""
    db.do(connection, "DELETE FROM segment_member WHERE customer IN {ids:text}", ids=list(customers))
