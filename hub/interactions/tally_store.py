"""What happened with a record, counted by month: n, minutes, amounts, costs. The only SQL on this table.

By the name of the record, as the rows are: so a customer's figures are a sum over its records, and nothing is counted
anew when customers merge or fall apart. A tally is counted again from the rows of its record and month whenever one of
them changes, never added to: it cannot drift.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, ClassVar

from sqlalchemy import Connection
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big
from hub.interactions.tally import MOST, Cell, Tally, begin, held, month_of, months_back
from hub.model import RecordId


class TallyRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "tally"
    __table_args__ = ({"sqlite_with_rowid": False},)  # a record's tallies stand beside each other: one page is read
    owner_source: str = Field(primary_key=True)
    owner_stream: str = Field(primary_key=True)
    owner_key: str = Field(primary_key=True)
    month: int = Field(primary_key=True)
    type: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    state: str = Field(primary_key=True)
    currency: str = Field(primary_key=True)  # of the amounts; "" where there are none
    cost_currency: str = Field(primary_key=True)
    n: int = big()
    seconds: int = big()
    amount: int = big()  # in minor units, as all that follow
    least: int = big()
    most: int = big()
    cost: int = big()
    first: int = big()
    last: int = big()


BY = "month, type, channel, state, currency, cost_currency"
SELECT = (
    f"SELECT owner_source, owner_stream, owner_key, {BY}, n, seconds, amount, least, most, cost, first, last FROM tally"
)
FORGET = (
    "DELETE FROM tally WHERE owner_source = :source AND owner_stream = :stream AND owner_key = :key AND month = :month"
)


def held_sum(column: str) -> str:
    """A sum in SQL, as `tally.held` has it. Billions and what is below them are added up apart: SQLite adds in 64 bits."""
    part, far = 10**9, MOST // 10**9 + 10**8
    above = f"sum({column} / {part})"
    whole = f"{above} * {part} + sum({column} - {column} / {part} * {part})"
    return (
        f"CASE WHEN {above} > {far} THEN {MOST} WHEN {above} < -{far} THEN -{MOST}"
        f" WHEN {whole} > {MOST} THEN {MOST} WHEN {whole} < -{MOST} THEN -{MOST} ELSE {whole} END"
    )


COUNT = (
    f"INSERT INTO tally (owner_source, owner_stream, owner_key, {BY}, n, seconds, amount, least, most, cost, first, last)"
    " SELECT owner_source, owner_stream, owner_key, :month, type, channel, state, currency, cost_currency, count(*),"
    f" sum(seconds), {held_sum('amount')}, min(amount), max(amount), {held_sum('cost')}, min(at), max(at) FROM interaction"
    " WHERE owner_source = :source AND owner_stream = :stream AND owner_key = :key AND at >= :since AND at < :until"
    " GROUP BY owner_source, owner_stream, owner_key, type, channel, state, currency, cost_currency"
)


def count_again(connection: Connection, cells: Collection[Cell]) -> None:
    """Count these cells from their rows."""
    given = [
        {
            "source": o.source,
            "stream": o.stream,
            "key": o.key,
            "month": m,
            "since": begin(m),
            "until": begin(months_back(m, -1)) if m < 999912 else 2**62,
        }
        for o, m in sorted(cells)
    ]
    db.do_many(connection, FORGET, given)
    db.do_many(connection, COUNT, given)


def of(connection: Connection, owners: Iterable[RecordId]) -> Iterator[Tally]:
    """The tallies of these records."""
    by_stream: dict[tuple[str, str], list[str]] = {}
    for owner in sorted(set(owners)):
        by_stream.setdefault(owner[:2], []).append(owner.key)
    for (source, stream), keys in by_stream.items():
        query = f"{SELECT} WHERE owner_source = :source AND owner_stream = :stream AND owner_key IN {{keys:text}}"
        for row in db.ask(connection, query, source=source, stream=stream, keys=keys):
            yield _tally(row)


def owners_after(connection: Connection, after: RecordId, limit: int) -> list[RecordId]:
    """Records of which there are tallies or rows, in the database's order, after one."""
    name = "owner_source, owner_stream, owner_key"
    of = f"SELECT {name} FROM {{}} WHERE ({name}) > (:source, :stream, :key)"
    query = f"{of.format('tally')} UNION {of.format('interaction')} ORDER BY {name} LIMIT :limit"
    found = db.ask(connection, query, source=after.source, stream=after.stream, key=after.key, limit=limit)
    return [RecordId(*row) for row in found]


def recounted(connection: Connection, owners: Iterable[RecordId]) -> Iterator[Tally]:
    """What the tallies of these records ought to be, counted from their rows."""
    query = (
        "SELECT type, channel, state, currency, cost_currency, seconds, amount, cost, at FROM interaction"
        " WHERE owner_source = :source AND owner_stream = :stream AND owner_key = :key"
    )
    for owner in owners:
        found: dict[tuple[Any, ...], list[int]] = {}
        rows = db.ask(connection, query, source=owner.source, stream=owner.stream, key=owner.key)
        for *what, seconds, amount, cost, at in rows:
            n = found.setdefault((month_of(at), *what), [0, 0, 0, amount, amount, 0, at, at])
            n[:] = [n[0] + 1, n[1] + seconds, n[2] + amount, min(n[3], amount), max(n[4], amount), n[5] + cost, min(n[6], at), max(n[7], at)]  # fmt: skip
        for key, numbers in found.items():
            tally = Tally(owner, *key, *numbers)
            yield tally._replace(amount=held(tally.amount), cost=held(tally.cost))


def _tally(row: tuple[Any, ...]) -> Tally:
    source, stream, key, *rest = row
    return Tally(RecordId(source, stream, key), *rest)
