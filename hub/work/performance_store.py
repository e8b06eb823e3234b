"""How we are doing, day by day: counts, times and amounts, no customers. The only SQL on this table."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import ClassVar, NamedTuple

from sqlalchemy import Connection
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.interactions.tally import held


class PerformanceRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "performance"
    day: str = Field(primary_key=True)  # 2026-05-01, in UTC
    measure: str = Field(primary_key=True)
    what: str = Field(primary_key=True)
    by: str = Field(primary_key=True)
    currency: str = Field(primary_key=True)
    n: int = big()
    part: int = big()
    seconds: int = big()
    amount: int = big()  # in minor units of its currency


class Measured(NamedTuple):
    """One number of a day. `part`: of how many of the n something holds; see `performance.MEASURES`."""

    day: str
    measure: str
    what: str
    by: str = ""
    currency: str = ""
    n: int = 0
    part: int = 0
    seconds: int = 0
    amount: int = 0


def replace(connection: Connection, day: str, measures: Collection[str], rows: Iterable[Measured]) -> None:
    """These are the numbers of a day, for these measures."""
    query = "DELETE FROM performance WHERE day = :day AND measure IN {measures:text}"
    db.do(connection, query, day=day, measures=list(measures))
    db.insert_many(
        connection, table(PerformanceRow), Measured._fields, [tuple(r._replace(amount=held(r.amount))) for r in rows]
    )


def between(connection: Connection, measures: Collection[str], since: str, until: str) -> list[Measured]:
    """From a day on, before another; in order."""
    query = (
        'SELECT day, measure, what, "by", currency, n, part, seconds, amount FROM performance'
        " WHERE day >= :since AND day < :until AND measure IN {measures:text}"
        ' ORDER BY day, measure, what, "by", currency'
    )
    return [Measured(*r) for r in db.ask(connection, query, since=since, until=until, measures=list(measures))]


def has(connection: Connection, day: str, measure: str) -> bool:
    query = "SELECT 1 FROM performance WHERE day = :day AND measure = :measure LIMIT 1"
    return bool(db.ask(connection, query, day=day, measure=measure))
