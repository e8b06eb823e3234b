"""Texts of guidance that were given, by version: so that what was said then can be read later. The only SQL on them."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import Column, Connection, Text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.tasks.card import CardVersion


class CardVersionRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "card_version"
    card: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    title: str
    body: str = Field(sa_column=Column(Text, nullable=False))
    since: int = big()  # when it was given first


SELECT = "SELECT card, version, title, body, since FROM card_version"


def keep(connection: Connection, given: CardVersion) -> None:
    """Once: the version names the text."""
    if found(connection, given.card, given.version) is None:
        db.insert_many(connection, table(CardVersionRow), CardVersion._fields, [tuple(given)])


def found(connection: Connection, card: str, version: str) -> CardVersion | None:
    row = db.first(connection, f"{SELECT} WHERE card = :card AND version = :version", card=card, version=version)
    return CardVersion(*row) if row else None


def versions(connection: Connection, card: str) -> list[CardVersion]:
    """Oldest first."""
    return [
        CardVersion(*r) for r in db.ask(connection, f"{SELECT} WHERE card = :card ORDER BY since, version", card=card)
    ]
