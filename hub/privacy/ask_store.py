"""What companies asked of customers, and what these granted. The only SQL on it. Contact points are here as keyed hashes alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import ClassVar

from sqlalchemy import Column, Connection, Index, Text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table


class CompanyAskRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "company_ask"
    __table_args__ = (Index("company_ask_contact", "contact"), Index("company_ask_subject", "subject"))
    id: str = Field(primary_key=True)
    principal: str
    company: str
    role: str
    purpose: str
    attributes: str = Field(sa_column=Column(Text, nullable=False))  # JSON: what is asked for
    ongoing: int
    contact: str
    subject: str  # id that the record minted of who granted it; '' before
    granted: str = Field(sa_column=Column(Text, nullable=False))  # JSON: what of it is granted
    state: str  # asked, granted, refused, withdrawn, delivered
    at: int = big()
    answered_at: int | None = big(nullable=True, default=None)
    had_at: int | None = big(nullable=True, default=None)
    had: int = 0


@dataclass(frozen=True, slots=True)
class CompanyAsk:
    """had_at, had: when the company last had it, and how often."""

    id: str
    principal: str
    company: str
    role: str
    purpose: str
    attributes: tuple[str, ...]
    ongoing: bool
    contact: str
    subject: str
    granted: tuple[str, ...]
    state: str
    at: int
    answered_at: int | None = None
    had_at: int | None = None
    had: int = 0


COLUMNS = tuple(f.name for f in fields(CompanyAsk))
SELECT = f"SELECT {', '.join(COLUMNS)} FROM company_ask"


def save_ask(connection: Connection, ask: CompanyAsk) -> None:
    row = {c: getattr(ask, c) for c in COLUMNS}
    row |= {"attributes": db.dump(ask.attributes), "granted": db.dump(ask.granted), "ongoing": int(ask.ongoing)}
    db.upsert_many(connection, table(CompanyAskRow), COLUMNS, [tuple(row.values())])


def company_ask(connection: Connection, id: str) -> CompanyAsk | None:
    found = db.first(connection, f"{SELECT} WHERE id = :id", id=id)
    return None if found is None else _ask(found)


def asks_of(connection: Connection, contacts: Collection[str], subjects: Collection[str]) -> list[CompanyAsk]:
    """Those to one of these contact points, or of whom one of these ids is; the newest first."""
    query = f"{SELECT} WHERE (contact IN {{contacts:text}} AND subject = '') OR subject IN {{ids:text}} ORDER BY at DESC, id"
    return [_ask(r) for r in db.ask(connection, query, contacts=list(contacts), ids=list(subjects))]


def forget_asks(connection: Connection, subjects: Collection[str]) -> None:
    db.do(connection, "DELETE FROM company_ask WHERE subject IN {ids:text}", ids=list(subjects))


def _ask(row: db.Row) -> CompanyAsk:
    named = dict(zip(COLUMNS, row, strict=True))
    lists = {n: tuple(db.load(named[n])) for n in ("attributes", "granted")}
    return CompanyAsk(**{**named, **lists, "ongoing": bool(named["ongoing"])})
