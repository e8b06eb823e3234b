"""How far each stream was read, what a read brought, what was set aside, and what complete listings lacked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Column, Connection, Text
from sqlmodel import Field, SQLModel

from hub import db
from hub.connectors.base import JSON
from hub.db import big, table


class CursorRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "cursor"
    source: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    cursor: str = Field(sa_column=Column(Text, nullable=False))
    at: int = big()


class AbsenceRow(SQLModel, table=True):
    """How many complete listings in a row lacked a record. Two make a tombstone. One that lacked too many to be believed
    counts nothing, but is known: 0."""

    __tablename__: ClassVar[str] = "absence"
    rid: int = big(primary_key=True)
    times: int


class QuarantineRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "quarantine"
    id: str = Field(primary_key=True)  # of what was set aside: a repeat is the same row
    source: str
    stream: str
    line: str
    reason: str
    raw: str = Field(sa_column=Column(Text, nullable=False))
    at: int = big()


class PullRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "pull"
    id: int = big(primary_key=True)
    source: str
    stream: str
    started: int = big()
    ended: int | None = big(nullable=True, default=None)
    fetched: int = 0
    landed: int = 0
    unchanged: int = 0
    quarantined: int = 0
    suppressed: int = 0
    deleted: int = 0
    note: str = ""


def cursor_of(connection: Connection, source: str, stream: str) -> dict[str, JSON] | None:
    found = db.first(connection, "SELECT cursor FROM cursor WHERE source = :s AND stream = :t", s=source, t=stream)
    cursor: dict[str, JSON] | None = db.load(found[0]) if found else None
    return cursor


def save_cursor(connection: Connection, source: str, stream: str, cursor: Mapping[str, JSON], at: int) -> None:
    db.upsert_many(
        connection, table(CursorRow), ("source", "stream", "cursor", "at"), [(source, stream, db.dump(cursor), at)]
    )
    db.fail_point("cursor")


def quarantine(connection: Connection, source: str, stream: str, rows: Sequence[tuple[str, str, str]], at: int) -> None:
    """Set rows aside: (line, reason, raw). The same bad row twice is kept once."""
    kept = {
        hashlib.blake2b(repr((source, stream, reason, raw)).encode(), digest_size=16).hexdigest(): (line, reason, raw)
        for line, reason, raw in rows
    }
    columns = ("id", "source", "stream", "line", "reason", "raw", "at")
    values = [(id, source, stream, *map(db.storable, what), at) for id, what in kept.items()]
    db.upsert_many(connection, table(QuarantineRow), columns, values)


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row in quarantine, without what it holds."""

    source: str
    stream: str
    line: str
    reason: str
    at: int


def quarantined(connection: Connection, source: str | None = None, limit: int = 1_000) -> list[SetAside]:
    """Rows that were set aside, newest first."""
    where = "" if source is None else "WHERE source = :source "
    query = f"SELECT source, stream, line, reason, at FROM quarantine {where}ORDER BY at DESC, source, stream, line LIMIT :limit"
    return [SetAside(*r) for r in db.ask(connection, query, source=source, limit=limit)]


def start_pull(connection: Connection, source: str, stream: str, at: int) -> int:
    number = db.next_number(connection, table(PullRow), "id")
    db.insert_many(
        connection,
        table(PullRow),
        (
            "id",
            "source",
            "stream",
            "started",
            "fetched",
            "landed",
            "unchanged",
            "quarantined",
            "suppressed",
            "deleted",
            "note",
        ),
        [(number, source, stream, at, 0, 0, 0, 0, 0, 0, "")],
    )
    return number


def save_pull(connection: Connection, number: int, counts: Mapping[str, int], note: str, ended: int | None) -> None:
    db.do(
        connection,
        "UPDATE pull SET fetched=:fetched, landed=:landed, unchanged=:unchanged, quarantined=:quarantined,"
        " suppressed=:suppressed, deleted=:deleted, note=:note, ended=:ended WHERE id=:id",
        **counts,
        note=db.storable(note),
        ended=ended,
        id=number,
    )


def absences(connection: Connection, rids: Iterable[int]) -> dict[int, int]:
    return dict(db.ask(connection, "SELECT rid, times FROM absence WHERE rid IN {ids}", ids=rids))


def save_absences(connection: Connection, times: Mapping[int, int], present: Iterable[int]) -> None:
    db.do(connection, "DELETE FROM absence WHERE rid IN {ids}", ids=present)
    db.upsert_many(connection, table(AbsenceRow), ("rid", "times"), list(times.items()))


@dataclass(frozen=True, slots=True)
class PullInfo:
    """One pull of a stream: when, and how many rows so far. `ended` is None while it is under way."""

    started: int
    ended: int | None
    fetched: int
    landed: int
    unchanged: int
    quarantined: int
    deleted: int
    note: str


def last_pulls(connection: Connection) -> dict[tuple[str, str], PullInfo]:
    """The last pull of each stream, also one under way."""
    found = db.ask(
        connection,
        "SELECT source, stream, started, ended, fetched, landed, unchanged, quarantined, deleted, note FROM pull"
        " WHERE id IN (SELECT max(id) FROM pull GROUP BY source, stream)",
    )
    return {(row[0], row[1]): PullInfo(*row[2:]) for row in found}
