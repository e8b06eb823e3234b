"""Access's tables of callers: failed answers, and views that were opened for one customer. The only SQL on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Connection
from sqlmodel import Field, SQLModel

from hub import db
from hub.access.seen import OpenedView
from hub.db import big, table


class FailedAnswerRow(SQLModel, table=True):
    """Of a customer, and of who asked."""

    __tablename__: ClassVar[str] = "failed_answer"
    subject: str = Field(primary_key=True)
    failures: int
    since: int = big()
    locked_until: int = big()


class OpenedViewRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "opened_view"
    id: str = Field(primary_key=True)
    principal: str = Field(index=True)
    name: str
    role: str
    seen_as: str
    customer: str
    reason: str
    at: int = big()
    until: int = big()


@dataclass(frozen=True, slots=True)
class Failures:
    """Wrong answers of late, and until when no more are heard (0: they are)."""

    failures: int
    since: int
    locked_until: int


def failures(connection: Connection, subject: str) -> Failures:
    found = db.ask(
        connection, "SELECT failures, since, locked_until FROM failed_answer WHERE subject = :subject", subject=subject
    )
    return Failures(*found[0]) if found else Failures(0, 0, 0)


def save_failures(connection: Connection, subject: str, now: Failures) -> None:
    columns = ("subject", "failures", "since", "locked_until")
    row = (subject, now.failures, now.since, now.locked_until)
    db.upsert_many(connection, table(FailedAnswerRow), columns, [row])


def forget_failures(connection: Connection, subject: str) -> None:
    db.do(connection, "DELETE FROM failed_answer WHERE subject = :subject", subject=subject)


OPENED = "id, principal, name, role, seen_as, customer, reason, at, until"


def open_view(connection: Connection, opened: OpenedView) -> None:
    columns = tuple(OPENED.split(", "))
    db.insert_many(connection, table(OpenedViewRow), columns, [tuple(getattr(opened, c) for c in columns)])


def opened_views(connection: Connection, limit: int) -> list[OpenedView]:
    """The newest first."""
    found = db.ask(connection, f"SELECT {OPENED} FROM opened_view ORDER BY at DESC, id LIMIT :limit", limit=limit)
    return [OpenedView(*row) for row in found]


def opened_for(connection: Connection, principal: str, now: int) -> list[OpenedView]:
    """Those that are open to a principal now."""
    query = f"SELECT {OPENED} FROM opened_view WHERE principal = :principal AND until > :now"
    return [OpenedView(*row) for row in db.ask(connection, query, principal=principal, now=now)]


def forget_words(connection: Connection, customers: Iterable[str]) -> None:
    """Why the glass was broken for these customers."""
    db.do(connection, "UPDATE opened_view SET reason = '' WHERE customer IN {ids:text}", ids=list(customers))
