"""Answers kept for `Idempotency-Key`. The only SQL on them. What is kept holds ids, never customers' values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Column, Connection, Text, text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.errors import Conflict, Fault


class IdempotencyRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "idempotency"
    principal: str = Field(primary_key=True)
    key: str = Field(primary_key=True)  # hash of what the caller sent
    request: str  # hash of method, path and body
    status: int | None = None  # None: in flight
    done: str | None = None  # what was made, set in its own transaction: it is not made again
    body: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    at: int = big()


@dataclass(frozen=True, slots=True)
class Kept:
    request: str
    status: int | None
    body: str | None
    at: int
    done: str | None


def kept(connection: Connection, principal: str, key: str) -> Kept | None:
    found = connection.execute(
        text("SELECT request, status, body, at, done FROM idempotency WHERE principal=:p AND key=:k"),
        {"p": principal, "k": key},
    ).first()
    return None if found is None else Kept(found.request, found.status, found.body, found.at, found.done)


def begin(connection: Connection, principal: str, key: str, request: str, at: int) -> None:
    db.upsert_many(
        connection,
        table(IdempotencyRow),
        ("principal", "key", "request", "status", "body", "at", "done"),
        [(principal, key, request, None, None, at, None)],
    )


def finish(connection: Connection, principal: str, key: str, status: int, body: str) -> None:
    connection.execute(
        text("UPDATE idempotency SET status=:s, body=:b WHERE principal=:p AND key=:k"),
        {"s": status, "b": body, "p": principal, "k": key},
    )


def mark_done(connection: Connection, principal: str, key: str, made: str) -> None:
    """In the transaction that makes it: from then on the key stands for it, whatever becomes of the answer. Conflict: it
    stands for what another one made, who was taken for dead."""
    marked = db.do(
        connection,
        "UPDATE idempotency SET done = :made WHERE principal = :principal AND key = :key AND done IS NULL",
        made=made,
        principal=principal,
        key=key,
    )
    if not marked:
        raise Conflict("the same request was answered meanwhile", [Fault("Idempotency-Key", "is in use", "ask again")])


def drop(connection: Connection, principal: str, key: str) -> None:
    """Forget a key of which nothing came."""
    db.do(
        connection,
        "DELETE FROM idempotency WHERE principal = :principal AND key = :key AND done IS NULL",
        principal=principal,
        key=key,
    )


def forget(connection: Connection, before: int) -> None:
    connection.execute(text("DELETE FROM idempotency WHERE at < :before"), {"before": before})
