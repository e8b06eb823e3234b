"""Candidate pairs worth keeping, with the parts of their weight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import Column, Connection, Index, Text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table

if TYPE_CHECKING:
    import pyarrow as pa
from hub.matching.store.standardised import of_type


class PairRow(SQLModel, table=True):
    """Candidate pairs worth keeping, by rid (left < right), with the parts of their weight."""

    __tablename__: ClassVar[str] = "pair"
    __table_args__ = (Index("pair_right", "right"), {"sqlite_with_rowid": False})
    left: int = big(primary_key=True)
    right: int = big(primary_key=True)
    weight: int = big()
    parts: str = Field(sa_column=Column(Text, nullable=False))


def all_pairs(connection: Connection, type_name: str) -> pa.Table:
    """left, right, weight, parts (JSON) of what is kept."""
    query = f'SELECT p."left", p."right", p.weight, p.parts FROM pair p JOIN standardised s ON s.rid = p."left" WHERE {of_type(type_name)}'
    return db.arrow(connection, query, {"left": "int64", "right": "int64", "weight": "int64", "parts": "string"})


def all_weights(connection: Connection, type_name: str, floor: int | None = None) -> pa.Table:
    """left, right, weight of what is kept of living records, at or above a weight."""
    query = f'SELECT p."left", p."right", p.weight FROM pair p JOIN standardised s ON s.rid = p."left" WHERE {of_type(type_name)} AND s.died IS NULL'
    query += "" if floor is None else f" AND p.weight >= {int(floor)}"
    return db.arrow(connection, query, {"left": "int64", "right": "int64", "weight": "int64"})


def nearest_pairs(connection: Connection, type_name: str, weight: int, limit: int) -> list[tuple[int, int, int]]:
    """left, right, weight of the stored pairs of living records nearest to a weight: so many at or above it, and below."""
    query = f'SELECT p."left", p."right", p.weight FROM pair p JOIN standardised s ON s.rid = p."left" WHERE {of_type(type_name)} AND s.died IS NULL'
    above = f'{query} AND p.weight >= :weight ORDER BY p.weight, p."left", p."right" LIMIT :limit'
    below = f'{query} AND p.weight < :weight ORDER BY p.weight DESC, p."left", p."right" LIMIT :limit'
    return [(r[0], r[1], r[2]) for q in (above, below) for r in db.ask(connection, q, weight=weight, limit=limit)]


def count_pairs(connection: Connection, type_name: str, weight: int) -> tuple[int, int]:
    """How many stored pairs of living records weigh so much, and how many less."""
    query = f'SELECT count(*), sum(CASE WHEN p.weight >= :weight THEN 1 ELSE 0 END) FROM pair p JOIN standardised s ON s.rid = p."left" WHERE {of_type(type_name)} AND s.died IS NULL'
    all_, above = db.ask(connection, query, weight=weight)[0]
    return int(above or 0), int(all_) - int(above or 0)


@dataclass(frozen=True, slots=True)
class StoredPair:
    left: int
    right: int
    weight: int
    parts: str


def pairs_touching(
    connection: Connection, rids: Iterable[int], *, at_least: int | None = None
) -> dict[tuple[int, int], StoredPair]:
    floor = "" if at_least is None else " AND weight >= :floor"
    query = (
        f'SELECT "left", "right", weight, parts FROM pair WHERE "left" IN {{ids}}{floor} UNION ALL'
        f' SELECT "left", "right", weight, parts FROM pair WHERE "right" IN {{ids}}{floor}'
    )
    return {(r[0], r[1]): StoredPair(*r) for r in db.ask(connection, query, ids=rids, floor=at_least)}


def weights_touching(connection: Connection, rids: Iterable[int], floor: int) -> dict[tuple[int, int], int]:
    """Pairs of these records at or above a weight."""
    query = (
        'SELECT "left", "right", weight FROM pair WHERE "left" IN {ids} AND weight >= :floor UNION ALL'
        ' SELECT "left", "right", weight FROM pair WHERE "right" IN {ids} AND weight >= :floor'
    )
    return {(left, right): weight for left, right, weight in db.ask(connection, query, ids=rids, floor=floor)}


def save_pairs(connection: Connection, gone: Iterable[tuple[int, int]], new: Sequence[StoredPair]) -> None:
    db.do_many(
        connection, 'DELETE FROM pair WHERE "left"=:l AND "right"=:r', [{"l": left, "r": right} for left, right in gone]
    )
    db.upsert_many(
        connection,
        table(PairRow),
        ("left", "right", "weight", "parts"),
        [(p.left, p.right, p.weight, p.parts) for p in new],
    )
    db.fail_point("links")


def insert_pairs(connection: Connection, new: Sequence[StoredPair]) -> None:
    """Into an empty table, in order: the fast way."""
    db.insert_many(
        connection,
        table(PairRow),
        ("left", "right", "weight", "parts"),
        [(p.left, p.right, p.weight, p.parts) for p in new],
    )
