"""Models: trained, promoted, retired."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from sqlalchemy import Column, Connection, Text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table

if TYPE_CHECKING:
    pass


class ModelRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "model"
    id: int = big(primary_key=True)
    type: str
    hash: str
    body: str = Field(sa_column=Column(Text, nullable=False))
    trained_at: int = big()
    promoted_at: int | None = big(nullable=True, default=None)
    status: str = "candidate"  # candidate | promoted | retired
    asked: str = Field(
        default="", sa_column_kwargs={"server_default": ""}
    )  # what somebody wants done with it: try | promote
    asked_by: str = Field(default="", sa_column_kwargs={"server_default": ""})
    asked_at: int | None = big(nullable=True, default=None)


class StoredModel(NamedTuple):
    id: int
    type: str
    hash: str
    body: str
    trained_at: int
    promoted_at: int | None
    status: str
    asked: str = ""
    asked_by: str = ""
    asked_at: int | None = None


MODEL = "id, type, hash, body, trained_at, promoted_at, status, asked, asked_by, asked_at"


def models(connection: Connection, type_name: str | None = None) -> list[StoredModel]:
    found = map(StoredModel._make, db.ask(connection, f"SELECT {MODEL} FROM model ORDER BY id"))
    return [m for m in found if type_name is None or m.type == type_name]


def promoted_hashes(connection: Connection) -> dict[str, str]:
    """The model in force of each type that has one. Asked in every unit."""
    return dict(db.ask(connection, "SELECT type, hash FROM model WHERE status = 'promoted'"))


def promoted(connection: Connection, type_name: str) -> StoredModel | None:
    query = f"SELECT {MODEL} FROM model WHERE type = :type AND status = 'promoted'"
    found = db.first(connection, query, type=type_name)
    return None if found is None else StoredModel(*found)


def add_model(connection: Connection, type_name: str, hash_: str, body: str, at: int) -> int:
    """Keep a trained model as a candidate; the same model twice is one row."""
    found = db.first(connection, "SELECT id FROM model WHERE type = :type AND hash = :hash", type=type_name, hash=hash_)
    if found is not None:
        return int(found[0])
    number = db.next_number(connection, table(ModelRow), "id")
    db.insert_many(
        connection,
        table(ModelRow),
        ("id", "type", "hash", "body", "trained_at", "status"),
        [(number, type_name, hash_, body, at, "candidate")],
    )
    return number


def model_numbered(connection: Connection, number: int) -> StoredModel | None:
    found = db.first(connection, f"SELECT {MODEL} FROM model WHERE id = :id", id=number)
    return None if found is None else StoredModel(*found)


def asked_model(connection: Connection) -> StoredModel | None:
    """The one with which something is to be done, and was for longest."""
    found = db.first(connection, f"SELECT {MODEL} FROM model WHERE asked <> '' ORDER BY asked_at, id LIMIT 1")
    return None if found is None else StoredModel(*found)


def ask_model(connection: Connection, number: int, what: str, by: str, at: int | None) -> None:
    """Note what is to be done with a model; empty: nothing any more."""
    query = "UPDATE model SET asked = :what, asked_by = :by, asked_at = :at WHERE id = :id"
    db.do(connection, query, what=what, by=by, at=at, id=number)


def note_model(connection: Connection, number: int, body: str) -> None:
    """Keep a model with another `info`: it weighs the same."""
    db.do(connection, "UPDATE model SET body = :body WHERE id = :id", body=body, id=number)


def rewrite_model(connection: Connection, number: int, hash_: str, body: str) -> None:
    """Keep a model that weighs what there is alike, under its own hash."""
    db.do(connection, "UPDATE model SET hash = :hash, body = :body WHERE id = :id", id=number, hash=hash_, body=body)


def promote(connection: Connection, number: int, type_name: str, at: int) -> None:
    retire = "UPDATE model SET status = 'retired' WHERE type = :type AND status = 'promoted'"
    db.do(connection, retire, type=type_name)
    db.do(connection, "UPDATE model SET status = 'promoted', promoted_at = :at WHERE id = :id", at=at, id=number)
