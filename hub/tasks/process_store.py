"""The steps with which processes started, by version, and up to which change each was looked for. The only SQL on them."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import Column, Connection, Text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table


class ProcessVersionRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "process_version"
    process: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    body: str = Field(sa_column=Column(Text, nullable=False))


class ProcessMarkRow(SQLModel, table=True):
    """The last change that a process was looked for at."""

    __tablename__: ClassVar[str] = "process_mark"
    process: str = Field(primary_key=True)
    seq: int = big()


def keep(connection: Connection, process: str, version: str, body: str) -> None:
    db.upsert_many(connection, table(ProcessVersionRow), ("process", "version", "body"), [(process, version, body)])


def bodies(connection: Connection) -> dict[tuple[str, str], str]:
    """(process, version) -> its steps as they were."""
    found = db.ask(connection, "SELECT process, version, body FROM process_version")
    return {(process, version): body for process, version, body in found}


def mark(connection: Connection, process: str) -> int | None:
    row = db.first(connection, "SELECT seq FROM process_mark WHERE process = :process", process=process)
    return row[0] if row else None


def save_mark(connection: Connection, process: str, seq: int) -> None:
    db.upsert_many(connection, table(ProcessMarkRow), ("process", "seq"), [(process, seq)])
