"""What people add to what is to be done: claims, assignments, due times, how it stands, comments. The only SQL on them.

A matter is named by two records (left <= right; twice the same: by one), so that all of it goes where the records go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from sqlalchemy import Connection, Index
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.tasks.hold import Hold, Matter, Note


class WorkHoldRow(SQLModel, table=True):
    """Who works on a matter, until when; whose it is; when it is due; how it stands, and what is next."""

    __tablename__: ClassVar[str] = "work_hold"
    __table_args__ = (
        Index("work_hold_left", "left"),
        Index("work_hold_right", "right"),
        Index("work_hold_assigned", "assigned_to"),
    )
    topic: str = Field(primary_key=True)
    left: int = big(primary_key=True)
    right: int = big(primary_key=True)
    claimed_by: str = ""
    claimed_until: int | None = big(nullable=True, default=None)
    assigned_to: str = ""
    due: int | None = big(nullable=True, default=None)
    state: str = ""
    reason: str = ""
    next_step: str = ""
    stood_by: str = ""
    stood_at: int | None = big(nullable=True, default=None)


class WorkNoteRow(SQLModel, table=True):
    """A comment on a matter."""

    __tablename__: ClassVar[str] = "work_note"
    __table_args__ = (Index("work_note_pair", "left", "right"), Index("work_note_right", "right"))
    id: int = big(primary_key=True)
    topic: str
    left: int = big()
    right: int = big()
    by: str
    at: int = big()
    text: str


NO_STATE = " "  # of nothing
SAID = ("claimed_by", "claimed_until", "assigned_to", "due", "state", "reason", "next_step", "stood_by", "stood_at")
SELECT = f'SELECT topic, "left", "right", {", ".join(SAID)} FROM work_hold'
NOTES = 'SELECT id, topic, "left", "right", "by", at, "text" FROM work_note'


def _hold(row: db.Row) -> Hold:
    return Hold(Matter(*row[:3]), *row[3:])


def _note(row: db.Row) -> Note:
    return Note(row[0], Matter(*row[1:4]), *row[4:])


def of_topic(connection: Connection, topic: str) -> list[Hold]:
    """All of a topic: as many as people work on."""
    found = db.ask(connection, f'{SELECT} WHERE topic = :topic ORDER BY "left", "right"', topic=topic)
    return [_hold(r) for r in found]


def with_due(connection: Connection, topic: str, ends: Iterable[str]) -> list[Hold]:
    """Matters of a topic about one record each of which people said when they are due, but not that they are at an end."""
    query = (
        f'{SELECT} WHERE topic = :topic AND "left" = "right" AND due IS NOT NULL AND NOT (state IN {{ends:text}})'
        ' ORDER BY "left"'
    )
    named = list(ends) or [NO_STATE]
    return [_hold(r) for r in db.ask(connection, query, topic=topic, ends=named)]


def of_records(connection: Connection, topic: str, rids: Iterable[int]) -> dict[int, Hold]:
    """What was said of matters of a topic that are about one record each, by record."""
    query = f'{SELECT} WHERE topic = :topic AND "left" IN {{ids}} AND "left" = "right"'
    return {r[1]: _hold(r) for r in db.ask(connection, query, topic=topic, ids=list(rids))}


def of_matter(connection: Connection, matter: Matter) -> Hold:
    """What was said of a matter; nothing yet is a hold, too."""
    query = f'{SELECT} WHERE topic = :topic AND "left" = :one AND "right" = :other'
    row = db.first(connection, query, topic=matter.topic, one=matter.left, other=matter.right)
    return _hold(row) if row else Hold(matter)


def assigned(connection: Connection, to: str) -> list[Matter]:
    """Matters that are somebody's."""
    query = 'SELECT topic, "left", "right" FROM work_hold WHERE assigned_to = :to ORDER BY topic, "left", "right"'
    return [Matter(*row) for row in db.ask(connection, query, to=to)]


def save(connection: Connection, hold: Hold) -> None:
    row = (*hold.matter, *(getattr(hold, name) for name in SAID))
    db.upsert_many(connection, table(WorkHoldRow), ("topic", "left", "right", *SAID), [row])


def notes(connection: Connection, topic: str, rids: Iterable[int]) -> list[Note]:
    """Comments on matters of a topic of which one of these records is an end, oldest first."""
    found: dict[int, Note] = {}
    for end in ("left", "right"):
        query = f'{NOTES} WHERE topic = :topic AND "{end}" IN {{ids}}'
        found |= {r[0]: _note(r) for r in db.ask(connection, query, topic=topic, ids=list(rids))}
    return [found[i] for i in sorted(found)]


def add_note(connection: Connection, matter: Matter, *, by: str, at: int, words: str) -> Note:
    number = db.next_number(connection, table(WorkNoteRow), "id")
    columns = ("id", "topic", "left", "right", "by", "at", "text")
    db.insert_many(connection, table(WorkNoteRow), columns, [(number, *matter, by, at, words)])
    return Note(number, matter, by, at, words)


def forget(connection: Connection, rids: Iterable[int]) -> None:
    """What was said of matters about these records."""
    listed = list(rids)
    for end in ("left", "right"):
        where = f'"{end}" IN {{ids}}'
        db.delete_numbered(connection, table(WorkNoteRow), "id", where, ids=listed)
        db.do(connection, f"DELETE FROM work_hold WHERE {where}", ids=listed)
