"""Accounts of staff, their sessions, and who waits after wrong tries. The only SQL on these tables.

Passwords are here as slow hashes, tokens as hashes, TOTP secrets sealed; names that were tried as keyed hashes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import ClassVar

from sqlalchemy import Column, Connection, Index, Text, text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table

LOCAL = ""  # the issuer of accounts with a password
CUSTOMER = "customer"  # the issuer of those of customers, whose subject is the id that their record minted


class AccountRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "account"
    __table_args__ = (Index("account_subject", "issuer", "subject", unique=True),)
    id: str = Field(primary_key=True)
    issuer: str  # who vouches for them; empty: a password here
    subject: str  # what the issuer calls them; of a local account the name that they sign in by
    name: str
    roles: str = Field(sa_column=Column(Text, nullable=False))  # JSON: those that they may choose
    password: str | None = None  # argon2id
    set_up: str | None = None  # hash of the one-time token
    set_up_until: int | None = big(nullable=True, default=None)
    totp: str | None = None  # sealed
    totp_step: int | None = big(nullable=True, default=None)  # the last one used; null: not confirmed yet
    recovery: str = Field(sa_column=Column(Text, nullable=False))  # JSON: hashes of codes not used yet
    created_at: int = big()
    created_by: str
    disabled_at: int | None = big(nullable=True, default=None)
    signed_in_at: int | None = big(nullable=True, default=None)


class SessionRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "session"
    __table_args__ = (Index("session_account", "account"),)
    id: str = Field(primary_key=True)  # hash of its token
    account: str
    role: str
    started_at: int = big()
    seen_at: int = big()


class WrongTryRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "wrong_try"
    who: str = Field(primary_key=True)
    count: int = big()
    at: int = big()


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody of the staff. `roles`: those that they may choose; `issuer` is empty where they have a password here."""

    id: str
    issuer: str
    subject: str
    name: str
    roles: tuple[str, ...]
    password: str | None
    set_up: str | None
    set_up_until: int | None
    totp: str | None
    totp_step: int | None
    recovery: tuple[str, ...]
    created_at: int
    created_by: str
    disabled_at: int | None = None
    signed_in_at: int | None = None

    @classmethod
    def vouched(cls, issuer: str, subject: str, name: str, now: int) -> Account:
        """A new one of somebody whom others vouch for: without a password here."""
        id = f"usr_{secrets.token_hex(8)}"
        return cls(id, issuer, subject, name, (), None, None, None, None, None, (), now, issuer)

    @property
    def second_factor(self) -> bool:
        """Must a code be given with the password?"""
        return self.totp_step is not None


@dataclass(frozen=True, slots=True)
class Session:
    """One signing in of somebody."""

    id: str
    account: str
    role: str
    started_at: int
    seen_at: int


ACCOUNT = tuple(f.name for f in fields(Account))
SESSION = tuple(f.name for f in fields(Session))
_LISTS = ("roles", "recovery")


def save_account(connection: Connection, account: Account) -> None:
    row = [db.dump(getattr(account, c)) if c in _LISTS else getattr(account, c) for c in ACCOUNT]
    db.upsert_many(connection, table(AccountRow), ACCOUNT, [row])


def accounts(connection: Connection, where: str = "", **values: str) -> list[Account]:
    """Accounts by name, the oldest first of those with the same one."""
    rows = db.ask(connection, f"SELECT {', '.join(ACCOUNT)} FROM account {where} ORDER BY name, created_at", **values)
    return [_account(r) for r in rows]


def accounts_of_staff(connection: Connection) -> list[Account]:
    return accounts(connection, "WHERE issuer <> :customer", customer=CUSTOMER)


def forget_customers(connection: Connection, subjects: Iterable[str]) -> None:
    """The accounts of these customers, and their sessions."""
    ids = list(subjects)
    of = "(SELECT id FROM account WHERE issuer = :customer AND subject IN {ids:text})"
    db.do(connection, f"DELETE FROM session WHERE account IN {of}", customer=CUSTOMER, ids=ids)
    db.do(
        connection, "DELETE FROM account WHERE issuer = :customer AND subject IN {ids:text}", customer=CUSTOMER, ids=ids
    )


def signed_in_since(connection: Connection, subjects: Iterable[str], since: int) -> set[str]:
    """Those of these customers who signed in since a time."""
    query = "SELECT subject FROM account WHERE issuer = :c AND signed_in_at >= :since AND subject IN {ids:text}"
    return {s for (s,) in db.ask(connection, query, c=CUSTOMER, since=since, ids=list(subjects))}


def account(connection: Connection, id: str) -> Account | None:
    return next(iter(accounts(connection, "WHERE id = :id", id=id)), None)


def account_of(connection: Connection, issuer: str, subject: str) -> Account | None:
    found = accounts(connection, "WHERE issuer = :issuer AND subject = :subject", issuer=issuer, subject=subject)
    return found[0] if found else None


def account_to_set_up(connection: Connection, hash_: str) -> Account | None:
    return next(iter(accounts(connection, "WHERE set_up = :hash", hash=hash_)), None)


def _account(row: tuple[object, ...]) -> Account:
    named = dict(zip(ACCOUNT, row, strict=True))
    return Account(**{**named, **{c: tuple(db.load(str(named[c]))) for c in _LISTS}})  # type: ignore[arg-type]


def add_session(connection: Connection, session: Session) -> None:
    row = [getattr(session, c) for c in SESSION]
    db.insert_many(connection, table(SessionRow), SESSION, [row])


def session(connection: Connection, id: str) -> Session | None:
    found = db.ask(connection, f"SELECT {', '.join(SESSION)} FROM session WHERE id = :id", id=id)
    return Session(*found[0]) if found else None


def mark_seen(connection: Connection, id: str, at: int) -> None:
    db.do(connection, "UPDATE session SET seen_at = :at WHERE id = :id", at=at, id=id)


def end_session(connection: Connection, id: str) -> None:
    db.do(connection, "DELETE FROM session WHERE id = :id", id=id)


def end_sessions(connection: Connection, account: str, *, but: str = "") -> int:
    """How many sessions of an account were ended; one may be spared."""
    done = connection.execute(
        text("DELETE FROM session WHERE account = :account AND id <> :but"), {"account": account, "but": but}
    )
    return int(done.rowcount)


def forget_sessions(connection: Connection, *, seen_before: int, started_before: int) -> None:
    """Rows of sessions that ended by themselves."""
    db.do(connection, "DELETE FROM session WHERE seen_at < :seen", seen=seen_before)
    db.do(connection, "DELETE FROM session WHERE started_at < :started", started=started_before)


def wrong_tries(connection: Connection, who: str) -> tuple[int, int]:
    """How often in a row, and when the last time."""
    found = db.ask(connection, "SELECT count, at FROM wrong_try WHERE who = :who", who=who)
    return (found[0][0], found[0][1]) if found else (0, 0)


def note_wrong_try(connection: Connection, who: str, count: int, at: int, *, forget_before: int) -> None:
    db.do(connection, "DELETE FROM wrong_try WHERE at < :before", before=forget_before)
    db.upsert_many(connection, table(WrongTryRow), ("who", "count", "at"), [(who, count, at)])


def forget_wrong_tries(connection: Connection, who: str) -> None:
    db.do(connection, "DELETE FROM wrong_try WHERE who = :who", who=who)
