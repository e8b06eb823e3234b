"""Requests of people about their data, and who has to answer for each step. The only SQL on these tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import ClassVar

from sqlalchemy import Column, Connection, Text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table


class RequestRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "request"
    id: str = Field(primary_key=True)
    kind: str  # access, portability, rectification, erasure, restriction, objection, review
    customer: str  # the id that was shown when it was opened
    state: str
    by: str
    language: str
    reason: str = Field(sa_column=Column(Text, nullable=False))
    subject: str = Field(sa_column=Column(Text, nullable=False))  # sealed; '' once it is closed
    opened: int = big()
    due: int = big()
    extended: int | None = big(nullable=True, default=None)
    closed: int | None = big(nullable=True, default=None)
    answer: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    acknowledged: int | None = big(nullable=True, default=None)


class ReceiptRow(SQLModel, table=True):
    """A recipient that has to hear of it, and whether it did."""

    __tablename__: ClassVar[str] = "receipt"
    request: str = Field(primary_key=True)
    recipient: str = Field(primary_key=True)
    state: str  # open, done, impossible
    note: str
    at: int = big()


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A request; times in microseconds since 1970 UTC. `answer`: what the person is told, where it is refused or takes longer;
    `acknowledged`: when they were told that it came."""

    id: str
    kind: str
    customer: str
    state: str
    by: str
    language: str
    reason: str
    subject: str
    opened: int
    due: int
    extended: int | None = None
    closed: int | None = None
    answer: str = ""
    acknowledged: int | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    request: str
    recipient: str
    state: str
    note: str
    at: int


COLUMNS = tuple(f.name for f in fields(StoredRequest))
SELECT = "SELECT {} FROM request".format(", ".join(f'"{c}"' for c in COLUMNS))  # one of them is a word of SQL
RECEIPT = ("request", "recipient", "state", "note", "at")


def save(connection: Connection, r: StoredRequest) -> None:
    db.upsert_many(connection, table(RequestRow), COLUMNS, [tuple(getattr(r, c) for c in COLUMNS)])


def request(connection: Connection, id: str) -> StoredRequest | None:
    found = db.first(connection, f"{SELECT} WHERE id = :id", id=id)
    return None if found is None else StoredRequest(*found)


def requests(connection: Connection, *, open_only: bool = False) -> list[StoredRequest]:
    """The newest first."""
    where = " WHERE closed IS NULL" if open_only else ""
    return [StoredRequest(*r) for r in db.ask(connection, f"{SELECT}{where} ORDER BY opened DESC, id")]


def of_customer(connection: Connection, ids: Iterable[str]) -> list[StoredRequest]:
    """The newest first."""
    found = db.ask(connection, f"{SELECT} WHERE customer IN {{ids:text}} ORDER BY opened DESC, id", ids=list(ids))
    return [StoredRequest(*r) for r in found]


def forget_words(connection: Connection, ids: Iterable[str]) -> None:
    """What people wrote in requests of these customers; of an erasure that runs it goes when it is closed."""
    where = "customer IN {ids:text} AND (kind <> 'erasure' OR closed IS NOT NULL)"
    db.do(connection, f"UPDATE request SET reason = '', answer = '' WHERE {where}", ids=list(ids))


def save_receipts(connection: Connection, receipts: Iterable[Receipt]) -> None:
    rows = [(r.request, r.recipient, r.state, r.note, r.at) for r in receipts]
    db.upsert_many(connection, table(ReceiptRow), RECEIPT, rows)


def receipts(connection: Connection, ids: Iterable[str]) -> list[Receipt]:
    """Of these requests, by recipient."""
    query = "SELECT request, recipient, state, note, at FROM receipt WHERE request IN {ids:text}"
    return sorted((Receipt(*r) for r in db.ask(connection, query, ids=list(ids))), key=lambda r: r.recipient)
