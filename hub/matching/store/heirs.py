"""Where the ids of dead records lead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import Connection, Index
from sqlmodel import SQLModel

from hub import db
from hub.db import big, table

if TYPE_CHECKING:
    pass


class HeirRow(SQLModel, table=True):
    """Where the id of a dead record goes: its heir, and the living record that this ends at."""

    __tablename__: ClassVar[str] = "heir"
    __table_args__ = (Index("heir_of", "heir"), Index("heir_leads", "leads"))
    rid: int = big(primary_key=True)
    heir: int | None = big(nullable=True, default=None)
    leads: int | None = big(nullable=True, default=None)


class HeirNearRow(SQLModel, table=True):
    """The records that a dead record's heir was found among: when one changes, it is found anew."""

    __tablename__: ClassVar[str] = "heir_near"
    __table_args__ = (Index("heir_near_member", "member"), {"sqlite_with_rowid": False})
    rid: int = big(primary_key=True)
    member: int = big(primary_key=True)


def returned(connection: Connection) -> list[int]:
    """Records that led to an heir and live again, or were never born as far as is known now."""
    query = (
        "SELECT h.rid FROM heir h JOIN record r ON r.rid = h.rid WHERE r.died IS NULL OR r.born IS NULL ORDER BY h.rid"
    )
    return [rid for (rid,) in db.ask(connection, query)]


def settled_dead(connection: Connection) -> list[int]:
    """Records that are dead, by what is settled and by what landed; those that died last first."""
    statement = (
        "SELECT s.rid FROM standardised s JOIN record r ON r.rid = s.rid"
        " WHERE s.died IS NOT NULL AND r.died IS NOT NULL AND r.born IS NOT NULL ORDER BY s.died DESC"
    )
    return [rid for (rid,) in db.ask(connection, statement)]


def any_dead(connection: Connection) -> bool:
    return db.exists(connection, "heir")


def heirs(connection: Connection, rids: Iterable[int]) -> dict[int, tuple[int | None, int | None]]:
    return {
        rid: (heir, leads)
        for rid, heir, leads in db.ask(connection, "SELECT rid, heir, leads FROM heir WHERE rid IN {ids}", ids=rids)
    }


def followers(connection: Connection, rids: Iterable[int]) -> set[int]:
    """Dead records whose heir chain passes through one of these, at any length."""
    found: set[int] = set()
    todo = set(rids)
    while todo:
        new = {rid for (rid,) in db.ask(connection, "SELECT rid FROM heir WHERE heir IN {ids}", ids=todo)}
        todo = new - found
        found |= new
    return found


def led_to(connection: Connection, rids: Iterable[int]) -> dict[int, set[int]]:
    """Living record -> the dead whose ids lead to it."""
    found: dict[int, set[int]] = {}
    for rid, leads in db.ask(connection, "SELECT rid, leads FROM heir WHERE leads IN {ids}", ids=rids):
        found.setdefault(leads, set()).add(rid)
    return found


def dead_near(connection: Connection, rids: Iterable[int]) -> set[int]:
    return {rid for (rid,) in db.ask(connection, "SELECT DISTINCT rid FROM heir_near WHERE member IN {ids}", ids=rids)}


def save_heirs(connection: Connection, heirs_: Mapping[int, tuple[int | None, int | None]]) -> None:
    db.upsert_many(connection, table(HeirRow), ("rid", "heir", "leads"), [(r, h, l) for r, (h, l) in heirs_.items()])


def save_near(connection: Connection, near: Mapping[int, Iterable[int]]) -> None:
    db.do(connection, "DELETE FROM heir_near WHERE rid IN {ids}", ids=near)
    db.insert_many(
        connection,
        table(HeirNearRow),
        ("rid", "member"),
        [(r, m) for r, members in near.items() for m in sorted(set(members))],
    )


def drop_heirs(connection: Connection, rids: Iterable[int]) -> None:
    listed = list(rids)
    db.do(connection, "DELETE FROM heir WHERE rid IN {ids}", ids=listed)
    db.do(connection, "DELETE FROM heir_near WHERE rid IN {ids}", ids=listed)
