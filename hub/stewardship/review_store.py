"""What people add to review items: claims, assignments, due times and comments. The only SQL on them.

Rows are keyed by a pair of records (left <= right), so that they follow the records wherever those go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import Connection, Index
from sqlmodel import SQLModel

from hub import db
from hub.db import big, table
from hub.matching.pairs import RidPair


class ReviewHoldRow(SQLModel, table=True):
    """Who works on a pair, until when; whose it is; and when it is due."""

    __tablename__: ClassVar[str] = "review_hold"
    __table_args__ = (Index("review_hold_right", "right"),)
    left: int = big(primary_key=True)
    right: int = big(primary_key=True)
    claimed_by: str = ""
    claimed_until: int | None = big(nullable=True, default=None)
    assigned_to: str = ""
    due: int | None = big(nullable=True, default=None)


class ReviewNoteRow(SQLModel, table=True):
    """A comment on a pair."""

    __tablename__: ClassVar[str] = "review_note"
    __table_args__ = (Index("review_note_pair", "left", "right"), Index("review_note_right", "right"))
    id: int = big(primary_key=True)
    left: int = big()
    right: int = big()
    by: str
    at: int = big()
    text: str


@dataclass(frozen=True, slots=True)
class Hold:
    left: int
    right: int
    claimed_by: str = ""
    claimed_until: int | None = None
    assigned_to: str = ""
    due: int | None = None

    def claimed(self, now: int) -> bool:
        return self.claimed_until is not None and now < self.claimed_until


@dataclass(frozen=True, slots=True)
class Note:
    id: int
    left: int
    right: int
    by: str
    at: int
    text: str


HOLD = '"left", "right", claimed_by, claimed_until, assigned_to, due'


def holds(connection: Connection) -> list[Hold]:
    """All of them: as many as people work on."""
    return [Hold(*r) for r in connection.exec_driver_sql(f'SELECT {HOLD} FROM review_hold ORDER BY "left", "right"')]


def save_hold(connection: Connection, hold: Hold) -> None:
    columns = ("left", "right", "claimed_by", "claimed_until", "assigned_to", "due")
    row = (hold.left, hold.right, hold.claimed_by, hold.claimed_until, hold.assigned_to, hold.due)
    db.upsert_many(connection, table(ReviewHoldRow), columns, [row])


def notes(connection: Connection, rids: Iterable[int]) -> list[Note]:
    """Comments on pairs of which one of these records is an end, oldest first."""
    query = (
        'SELECT id, "left", "right", "by", at, "text" FROM review_note WHERE "left" IN ({ids}) UNION'
        ' SELECT id, "left", "right", "by", at, "text" FROM review_note WHERE "right" IN ({ids})'
    )
    found = {r[0]: Note(*r) for r in db.select_in(connection, query, rids)}
    return [found[i] for i in sorted(found)]


def add_note(connection: Connection, pair: RidPair, *, by: str, at: int, words: str) -> int:
    number = db.next_number(connection, table(ReviewNoteRow), "id")
    db.insert_many(
        connection, table(ReviewNoteRow), ("id", "left", "right", "by", "at", "text"), [(number, *pair, by, at, words)]
    )
    return number


# --- what the queue is derived from ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenPair:
    """A stored pair in two clusters, with what ranks it."""

    left: int
    right: int
    weight: int
    parts: str
    left_cluster: int
    right_cluster: int
    type: str
    records: int  # in both customers


def open_pairs(connection: Connection) -> list[OpenPair]:
    """Every stored pair whose records are in different clusters: index look-ups, no golden record is read.

    In the order of the table, which is the cheapest way through it.
    """
    found = connection.exec_driver_sql(
        'SELECT p."left", p."right", p.weight, p.parts, a.cluster, b.cluster, c.type, c.size + d.size FROM pair p'
        ' JOIN membership a ON a.rid = p."left" JOIN membership b ON b.rid = p."right" AND b.cluster <> a.cluster'
        " JOIN customer c ON c.cluster = a.cluster JOIN customer d ON d.cluster = b.cluster"
        ' ORDER BY p."left", p."right"'
    )
    return [OpenPair(*r) for r in found]


def decided_clusters(connection: Connection) -> list[Any]:
    """Standing decisions with the clusters of their two records, where those are in two."""
    return list(
        connection.exec_driver_sql(
            "SELECT d.id, d.verdict, d.weight, a.cluster AS one, b.cluster AS two FROM decision d"
            ' JOIN membership a ON a.rid = d."left" JOIN membership b ON b.rid = d."right"'
            " WHERE d.withdrawn_at IS NULL AND a.cluster <> b.cluster"
        )
    )


def orphaned_overrides(connection: Connection) -> list[Any]:
    """Standing overrides whose anchor is in no customer."""
    return list(
        connection.exec_driver_sql(
            'SELECT o.id, o.anchor, o.attribute, r.type FROM "override" o JOIN record r ON r.rid = o.anchor'
            " LEFT JOIN membership m ON m.rid = o.anchor WHERE o.withdrawn_at IS NULL AND m.rid IS NULL AND r.pending = 0 ORDER BY o.id"
        )
    )


def labels(connection: Connection) -> list[Any]:
    """What people said of pairs of living records, with the stored weight now (None: below review, or no candidates)."""
    return list(
        connection.exec_driver_sql(
            'SELECT d."left", d."right", d.verdict, p.weight, s.type FROM decision d JOIN standardised s ON s.rid = d."left" AND s.died IS NULL'
            ' JOIN standardised t ON t.rid = d."right" AND t.died IS NULL LEFT JOIN pair p ON p."left" = d."left" AND p."right" = d."right"'
            " WHERE d.withdrawn_at IS NULL AND d.verdict <> 'unsure' ORDER BY d.id"
        )
    )


def forget_notes(connection: Connection, rids: Iterable[int]) -> None:
    """What was written beside pairs of these records, and who works on them."""
    listed = list(rids)
    for name in ("review_note", "review_hold"):
        for end in ("left", "right"):
            db.do(connection, f'DELETE FROM {name} WHERE "{end}" IN {{ids}}', ids=listed)
