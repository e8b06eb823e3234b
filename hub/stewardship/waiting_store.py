"""Acts that wait until a second person agrees. The only SQL on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import Column, Connection, Text, text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.matching.pairs import RidPair


class WaitingActRow(SQLModel, table=True):
    """One verdict on many pairs: who proposed it and why; once it is settled, by whom, and the act that was made of it."""

    __tablename__: ClassVar[str] = "waiting_act"
    id: str = Field(primary_key=True)
    by: str
    reason: str
    at: int = big()
    verdict: str
    pairs: str = Field(sa_column=Column(Text, nullable=False))  # numbers of records, as JSON
    settled_at: int | None = big(nullable=True, default=None)
    settled_by: str = ""
    act: str = ""


@dataclass(frozen=True, slots=True)
class StoredWaiting:
    id: str
    by: str
    reason: str
    at: int
    verdict: str
    pairs: Sequence[RidPair]
    settled_at: int | None


COLUMNS = 'id, "by", reason, at, verdict, pairs, settled_at'


def _waiting(r: Any) -> StoredWaiting:
    return StoredWaiting(r[0], r[1], r[2], r[3], r[4], [(a, b) for a, b in db.load(r[5])], r[6])


def add(connection: Connection, given: StoredWaiting) -> None:
    columns = ("id", "by", "reason", "at", "verdict", "pairs", "settled_by", "act")
    row = (given.id, given.by, given.reason, given.at, given.verdict, db.dump(list(given.pairs)), "", "")
    db.insert_many(connection, table(WaitingActRow), columns, [row])


def find(connection: Connection, id: str) -> StoredWaiting | None:
    found = connection.execute(text(f"SELECT {COLUMNS} FROM waiting_act WHERE id=:id"), {"id": id}).first()
    return None if found is None else _waiting(found)


def open_ones(connection: Connection) -> list[StoredWaiting]:
    """Those that nobody has settled yet, the oldest first."""
    found = connection.execute(text(f"SELECT {COLUMNS} FROM waiting_act WHERE settled_at IS NULL ORDER BY at, id"))
    return [_waiting(r) for r in found]


def settle(connection: Connection, id: str, *, by: str, at: int, act: str) -> bool:
    """Agreed to (`act`: what was done) or given up. False: somebody was faster."""
    done = connection.execute(
        text("UPDATE waiting_act SET settled_at=:at, settled_by=:by, act=:act WHERE id=:id AND settled_at IS NULL"),
        {"at": at, "by": by, "act": act, "id": id},
    )
    return done.rowcount == 1


def forget_words(connection: Connection, rids: Iterable[int]) -> None:
    """The free text of proposals about these records."""
    wanted = set(rids)
    for id, pairs in db.ask(connection, "SELECT id, pairs FROM waiting_act WHERE reason <> ''"):
        if any(wanted & set(pair) for pair in db.load(pairs)):
            db.do(connection, "UPDATE waiting_act SET reason = '' WHERE id = :id", id=id)
