"""Access's table: API keys. The only SQL on it. Secrets are never here, only their SHA-256."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import Connection, text
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


KEY = "id, secret_hash, name, kind, role, source, created_at, created_by, expires_at, revoked_at, last_used"


def add_key(connection: Connection, key: StoredKey) -> None:
    columns = tuple(KEY.split(", "))
    row: tuple[Any, ...] = tuple(getattr(key, c) for c in columns)
    db.insert_many(connection, table(ApiKeyRow), (*columns, "revoked_by"), [(*row, "")])


def key_of(connection: Connection, id: str) -> StoredKey | None:
    found = db.ask(connection, f"SELECT {KEY} FROM api_key WHERE id = :id", id=id)
    return StoredKey(*found[0]) if found else None


def keys(connection: Connection) -> list[StoredKey]:
    return [StoredKey(*r) for r in connection.execute(text(f"SELECT {KEY} FROM api_key ORDER BY created_at, id"))]


def revoke_key(connection: Connection, id: str, *, by: str, at: int) -> bool:
    """Whether there was such a key that still stood."""
    done = connection.execute(
        text("UPDATE api_key SET revoked_at=:at, revoked_by=:by WHERE id=:id AND revoked_at IS NULL"),
        {"at": at, "by": by, "id": id},
    )
    return bool(done.rowcount)


def mark_used(connection: Connection, id: str, at: int) -> None:
    connection.execute(text("UPDATE api_key SET last_used=:at WHERE id=:id"), {"at": at, "id": id})
