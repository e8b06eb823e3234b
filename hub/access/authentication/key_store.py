"""Access's table: API keys. The only SQL on it. Secrets are never here, only their SHA-256."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from sqlalchemy import Column, Connection, Text, text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table


class ApiKeyRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "api_key"
    id: str = Field(primary_key=True)
    secret_hash: str
    name: str  # who holds it
    kind: str  # staff | system
    role: str
    source: str | None = None  # a system's own source: the only one it may write
    created_at: int = big()
    created_by: str
    expires_at: int = big()
    revoked_at: int | None = big(nullable=True, default=None)
    revoked_by: str = ""
    last_used: int | None = big(nullable=True, default=None)
    holder: str = Field(index=True)  # of all keys that one holder was given in turn: the id of the first
    scopes: str | None = Field(default=None, sa_column=Column(Text, nullable=True))  # JSON; null: all that the role may


@dataclass(frozen=True, slots=True)
class StoredKey:
    id: str
    secret_hash: str
    name: str
    kind: str
    role: str
    source: str | None
    created_at: int
    created_by: str
    expires_at: int
    revoked_at: int | None
    last_used: int | None
    holder: str
    scopes: tuple[str, ...] | None


KEY = ", ".join(f.name for f in fields(StoredKey))


def add_key(connection: Connection, key: StoredKey) -> None:
    columns = tuple(KEY.split(", "))
    row: list[Any] = [getattr(key, c) for c in columns]
    row[columns.index("scopes")] = None if key.scopes is None else db.dump(key.scopes)
    db.insert_many(connection, table(ApiKeyRow), (*columns, "revoked_by"), [(*row, "")])


def key_of(connection: Connection, id: str) -> StoredKey | None:
    found = db.ask(connection, f"SELECT {KEY} FROM api_key WHERE id = :id", id=id)
    return _stored(found[0]) if found else None


def keys(connection: Connection) -> list[StoredKey]:
    return [_stored(r) for r in db.ask(connection, f"SELECT {KEY} FROM api_key ORDER BY created_at, id")]


def keys_of(connection: Connection, holder: str) -> list[StoredKey]:
    """All that one holder was given, the oldest first."""
    statement = f"SELECT {KEY} FROM api_key WHERE holder = :holder ORDER BY created_at, id"
    return [_stored(r) for r in db.ask(connection, statement, holder=holder)]


def _stored(row: Sequence[Any]) -> StoredKey:
    named = dict(zip(KEY.split(", "), row, strict=True))
    scopes = named["scopes"]
    return StoredKey(**{**named, "scopes": None if scopes is None else tuple(db.load(scopes))})


def end_key(connection: Connection, id: str, at: int) -> None:
    """It expires at a time, unless it does so before."""
    db.do(connection, "UPDATE api_key SET expires_at = :at WHERE id = :id AND expires_at > :at", at=at, id=id)


def revoke_key(connection: Connection, id: str, *, by: str, at: int) -> bool:
    """Whether there was such a key that still stood."""
    done = connection.execute(
        text("UPDATE api_key SET revoked_at=:at, revoked_by=:by WHERE id=:id AND revoked_at IS NULL"),
        {"at": at, "by": by, "id": id},
    )
    return bool(done.rowcount)


def mark_used(connection: Connection, id: str, at: int) -> None:
    connection.execute(text("UPDATE api_key SET last_used=:at WHERE id=:id"), {"at": at, "id": id})
