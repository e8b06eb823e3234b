"""Access's table of codes that were sent to contact points. The only SQL on it. Tokens, codes and contact points are
here as keyed hashes alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from sqlalchemy import Connection
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table


class SentCodeRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "sent_code"
    ticket: str = Field(primary_key=True)  # hash of what the asker was given
    contact: str = Field(index=True)
    purpose: str
    subject: str  # id that the record minted which it is of; '' until it was found, and for ever where there is none
    code: str  # '' until it was made
    wrong: int
    at: int = big()


@dataclass(frozen=True, slots=True)
class SentCode:
    ticket: str
    contact: str
    purpose: str
    subject: str
    code: str
    wrong: int
    at: int


COLUMNS = tuple(f.name for f in fields(SentCode))


def save_code(connection: Connection, code: SentCode) -> None:
    db.upsert_many(connection, table(SentCodeRow), COLUMNS, [tuple(getattr(code, c) for c in COLUMNS)])


def sent_code(connection: Connection, ticket: str) -> SentCode | None:
    found = db.first(connection, f"SELECT {', '.join(COLUMNS)} FROM sent_code WHERE ticket = :ticket", ticket=ticket)
    return None if found is None else SentCode(*found)


def asked_since(connection: Connection, contact: str, since: int) -> int:
    """How many codes were asked for to a contact point."""
    query = "SELECT count(*) FROM sent_code WHERE contact = :contact AND at >= :since"
    return int(db.ask(connection, query, contact=contact, since=since)[0][0])


def forget_codes(connection: Connection, *, before: int) -> None:
    db.do(connection, "DELETE FROM sent_code WHERE at < :before", before=before)


def forget_codes_of(connection: Connection, subjects: list[str]) -> None:
    db.do(connection, "DELETE FROM sent_code WHERE subject IN {ids:text}", ids=subjects)
