"""Acts of stewards: what was made or taken back together, so that one undo takes all of it back. The only SQL on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import Column, Connection, Index, Text, text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table


class ActRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "act"
    __table_args__ = (Index("act_at", "at"),)
    id: str = Field(primary_key=True)
    kind: str
    by: str
    reason: str
    at: int = big()
    customers: str  # ids of the customers it was about, as JSON
    inputs: str = Field(sa_column=Column(Text, nullable=False))  # numbers of decisions, overrides ... made or withdrawn
    undone_at: int | None = big(nullable=True, default=None)
    undone_by: str = ""
    undone_why: str = ""


@dataclass(frozen=True, slots=True)
class StoredAct:
    id: str
    kind: str
    by: str
    reason: str
    at: int
    customers: Sequence[str]
    inputs: Mapping[str, Any]
    undone_at: int | None
    undone_by: str


ACT = 'id, kind, "by", reason, at, customers, inputs, undone_at, undone_by'


def _act(r: Any) -> StoredAct:
    return StoredAct(r[0], r[1], r[2], r[3], r[4], db.load(r[5]), db.load(r[6]), r[7], r[8])


def add_act(connection: Connection, given: StoredAct) -> None:
    columns = ("id", "kind", "by", "reason", "at", "customers", "inputs", "undone_by", "undone_why")
    row = (
        given.id,
        given.kind,
        given.by,
        given.reason,
        given.at,
        db.dump(list(given.customers)),
        db.dump(given.inputs),
        "",
        "",
    )
    db.insert_many(connection, table(ActRow), columns, [row])


def act(connection: Connection, id: str) -> StoredAct | None:
    found = connection.execute(text(f"SELECT {ACT} FROM act WHERE id=:id"), {"id": id}).first()
    return None if found is None else _act(found)


def acts(connection: Connection, *, before: tuple[int, str] | None = None, limit: int = 50) -> list[StoredAct]:
    """Acts, newest first, after a position (at, id)."""
    at, id = before or (2**62, "")
    found = connection.execute(
        text(f"SELECT {ACT} FROM act WHERE at < :at OR (at = :at AND id < :id) ORDER BY at DESC, id DESC LIMIT :limit"),
        {"at": at, "id": id, "limit": limit},
    )
    return [_act(r) for r in found]


def mark_undone(connection: Connection, id: str, *, by: str, why: str, at: int) -> None:
    connection.execute(
        text("UPDATE act SET undone_at=:at, undone_by=:by, undone_why=:why WHERE id=:id"),
        {"at": at, "by": by, "why": why, "id": id},
    )


def decisions_by(connection: Connection, by: str, since: int, until: int) -> list[int]:
    """Standing decisions that a person made in [since, until)."""
    return _by(connection, "decision", by, since, until)


def overrides_by(connection: Connection, by: str, since: int, until: int) -> list[int]:
    """Standing overrides that a person made in [since, until)."""
    return _by(connection, "override", by, since, until)


def decisions_of(connection: Connection, act: str) -> list[int]:
    """Standing decisions that an act made, also where they were withdrawn and made again since."""
    return _of(connection, "decision", act)


def overrides_of(connection: Connection, act: str) -> list[int]:
    """Standing overrides that an act made, also where they were withdrawn and made again since."""
    return _of(connection, "override", act)


def _of(connection: Connection, name: str, act: str) -> list[int]:
    query = f'SELECT id FROM "{name}" WHERE origin = :act AND withdrawn_at IS NULL ORDER BY id'
    return [r[0] for r in db.ask(connection, query, act=act)]


def undone(connection: Connection, acts: Iterable[str]) -> set[str]:
    """Which of these acts were undone."""
    return {
        r[0]
        for r in db.ask(connection, "SELECT id FROM act WHERE undone_at IS NOT NULL AND id IN {ids:text}", ids=acts)
    }


def _by(connection: Connection, name: str, by: str, since: int, until: int) -> list[int]:
    query = text(
        f'SELECT id FROM "{name}" WHERE withdrawn_at IS NULL AND "by"=:by AND at >= :since AND at < :until ORDER BY id'
    )
    return [r.id for r in connection.execute(query, {"by": by, "since": since, "until": until})]


def decisions_numbered(connection: Connection, ids: Sequence[int]) -> list[Any]:
    """Decision rows by number, withdrawn ones too."""
    columns = (
        'id, "left", "right", verdict, reason, "by", at, left_content, right_content, weight, withdrawn_at, origin'
    )
    return db.select_in(connection, f"SELECT {columns} FROM decision WHERE id IN ({{ids}}) ORDER BY id", ids)


def changes_since(connection: Connection, seq: int) -> dict[str, int]:
    """How many golden records were created, updated ... after a position of the outbox."""
    found = connection.execute(
        text("SELECT kind, count(*) AS n FROM change WHERE seq > :seq GROUP BY kind"), {"seq": seq}
    )
    return {r.kind: r.n for r in found}


def forget_words(connection: Connection, customers: Iterable[str]) -> None:
    """The free text of acts about these customers."""
    wanted = set(customers)
    for id, ids in db.ask(connection, "SELECT id, customers FROM act"):
        if wanted & set(db.load(ids)):
            db.do(connection, "UPDATE act SET reason = '', undone_why = '' WHERE id = :id", id=id)
