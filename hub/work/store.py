"""What happened to each source last: when it was pulled, what failed, whether it is paused. The only SQL on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, fields
from typing import ClassVar

from sqlalchemy import Connection
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.work.schedules import SourceState

COLUMNS = tuple(f.name for f in fields(SourceState))


class SourceStateRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "source_state"
    source: str = Field(primary_key=True)
    started: int = big()
    ended: int = big()
    reconciled: int = big()
    failures: int
    error: str
    nudged: int = big()
    wait_until: int = big()
    paused_at: int | None = big(nullable=True, default=None)
    paused_by: str
    paused_why: str
    seen: int = big()


def states(connection: Connection, sources: Iterable[str]) -> dict[str, SourceState]:
    """The state of each source; of one that was never pulled, an empty one."""
    rows = db.ask(connection, f"SELECT {', '.join(COLUMNS)} FROM source_state")
    found = {row[0]: SourceState(*row) for row in rows}
    return {name: found.get(name, SourceState(name)) for name in sources}


def state(connection: Connection, source: str) -> SourceState:
    return states(connection, [source])[source]


def save(connection: Connection, given: SourceState) -> None:
    db.upsert_many(connection, table(SourceStateRow), COLUMNS, [astuple(given)])
