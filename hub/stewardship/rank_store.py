"""The review queue as it was ranked last: its items in their order, and when that was. The only SQL on them.

It outlives the process that made it, so whoever starts next has a first page at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Connection, Index
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.matching.pairs import RidPair
from hub.stewardship.items import Clusters, Item, Position

READ = 250  # items at once
SAVED = 2_000  # items in one unit
FIRST = (-(2**62), 0, 0, "", 0)  # before all


class ReviewItemRow(SQLModel, table=True):
    """An item of the queue: `place` is what it is sorted by, `one` and `two` the customers that it was about."""

    __tablename__: ClassVar[str] = "review_item"
    __table_args__ = (Index("review_item_place", "place", "left", "right"), Index("review_item_one", "one"))
    left: int = big(primary_key=True)
    right: int = big(primary_key=True)
    kind: str = Field(primary_key=True)
    number: int = big(primary_key=True)  # of the decision or override that it is about; 0: of none
    place: int = big()
    type: str
    one: int = big()
    two: int = big()
    weight: int | None = big(nullable=True, default=None)
    values: int = big()
    deliveries: int = big()


class ReviewRankedRow(SQLModel, table=True):
    """When the queue was ranked last. One row."""

    __tablename__: ClassVar[str] = "review_ranked"
    id: int = big(primary_key=True)
    at: int = big()


COLUMNS = ("left", "right", "kind", "number", "place", "type", "one", "two", "weight", "values", "deliveries")
KEYS = COLUMNS[:4]
SELECT = 'SELECT "' + '", "'.join(COLUMNS) + '" FROM review_item'


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items somebody asks for: of these customer types (but disputes, which tell nothing of pairs), of these kinds.
    None: of all."""

    types: Collection[str] | None = None
    kinds: Collection[str] | None = None

    def takes(self, item: Item) -> bool:
        of_type = self.types is None or item.type in self.types or item.kind == "disputed"
        return of_type and (self.kinds is None or item.kind in self.kinds)


def ranked_at(connection: Connection) -> int | None:
    """When the queue was ranked last; None: never."""
    found = db.first(connection, "SELECT at FROM review_ranked WHERE id = 1")
    return None if found is None else int(found[0])


def following(connection: Connection, wanted: Wanted, after: Position | None) -> Iterator[Item]:
    """Items behind a position, most worth first. Read in parts: who stops early has read little."""
    query = f'{SELECT} WHERE (place, "left", "right", kind, number) > (:place, :left, :right, :kind, :number)'
    if wanted.types is not None:
        query += " AND (kind = 'disputed' OR type IN {types:text})"
    if wanted.kinds is not None:
        query += " AND kind IN {kinds:text}"
    query += f' ORDER BY place, "left", "right", kind, number LIMIT {READ}'
    listed = {"types": ["", *(wanted.types or ())], "kinds": ["", *(wanted.kinds or ())]}  # never empty
    at = FIRST if after is None else after[1:]
    while True:
        rows = db.ask(connection, query, **dict(zip(("place", *KEYS), at, strict=True)), **listed)
        yield from map(_item, rows)
        if len(rows) < READ:
            return
        at = (rows[-1][4], *rows[-1][:4])


def named(connection: Connection, pairs: Collection[RidPair], clusters: Collection[Clusters]) -> list[Item]:
    """The items of these two records, or of these two customers."""
    lefts, ones = {left for left, _ in pairs}, {min(c) for c in clusters if c}
    rows = {r[:4]: r for r in db.ask(connection, f'{SELECT} WHERE "left" IN {{ids}}', ids=lefts)}
    rows |= {r[:4]: r for r in db.ask(connection, f"{SELECT} WHERE one IN {{ids}}", ids=ones)}
    found = map(_item, rows.values())
    return [i for i in found if (i.left, i.right) in pairs or i.clusters in clusters]


def keep(database: db.Units, items: Iterable[Item], at: int) -> None:
    """The queue as it was ranked at a time: what differs from what is kept is written, a few items at a time."""
    new = {_row(i) for i in items}
    with database.read() as connection:
        old = set(db.ask(connection, SELECT))
    kept = {r[:4] for r in new}
    gone = [dict(zip(KEYS, r[:4], strict=True)) for r in old - new if r[:4] not in kept]
    for part in db.chunks(gone, SAVED):
        with database.unit(urgent=False) as connection:
            where = " AND ".join(f'"{k}" = :{k}' for k in KEYS)
            db.do_many(connection, f"DELETE FROM review_item WHERE {where}", part)
    for rows in db.chunks(sorted(new - old), SAVED):
        with database.unit(urgent=False) as connection:
            db.upsert_many(connection, table(ReviewItemRow), COLUMNS, rows)
    with database.unit(urgent=False) as connection:
        db.upsert_many(connection, table(ReviewRankedRow), ("id", "at"), [(1, at)])


def forget(connection: Connection, rids: Iterable[int]) -> None:
    """What is to be decided about these records."""
    listed = list(rids)
    for end in ("left", "right"):
        db.do(connection, f'DELETE FROM review_item WHERE "{end}" IN {{ids}}', ids=listed)


def _row(item: Item) -> db.Row:
    one, two = (min(item.clusters), max(item.clusters)) if item.clusters else (0, 0)
    of = (item.left, item.right, item.kind, item.number or 0)
    return (*of, -item.worth, item.type, one, two, item.weight, item.values, item.deliveries)


def _item(row: db.Row) -> Item:
    left, right, kind, number, place, type_, one, two, weight, values, deliveries = row
    clusters = frozenset((one, two)) if one else frozenset[int]()
    return Item(kind, left, right, clusters, type_, weight, -place, values, deliveries, number or None)
