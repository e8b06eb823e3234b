"""How records belong together, by the names of both. The only SQL on this table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import Column, Connection, Index, Text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.interactions.relation import Related
from hub.model import RecordId


class RelationRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "relation"
    __table_args__ = (
        Index("relation_of", "of_source", "of_stream", "of_key"),
        Index("relation_to", "to_source", "to_stream", "to_key"),
    )
    rid: int = big(primary_key=True)
    type: str
    of_source: str
    of_stream: str
    of_key: str
    to_source: str
    to_stream: str
    to_key: str
    since: int | None = big(nullable=True, default=None)
    until: int | None = big(nullable=True, default=None)
    body: str = Field(sa_column=Column(Text, nullable=False))


class StoredRelation(NamedTuple):
    rid: int
    type: str
    left: RecordId
    right: RecordId
    since: int | None
    until: int | None
    body: str


COLUMNS = (
    "rid",
    "type",
    "of_source",
    "of_stream",
    "of_key",
    "to_source",
    "to_stream",
    "to_key",
    "since",
    "until",
    "body",
)
SELECT = f"SELECT {', '.join(COLUMNS)} FROM relation"


def save(connection: Connection, found: Iterable[tuple[int, Related]]) -> None:
    rows = [(rid, r.type, *r.left, *r.right, r.since, r.until, db.dump(r.values)) for rid, r in found]
    db.upsert_many(connection, table(RelationRow), COLUMNS, rows)


def remove(connection: Connection, rids: Iterable[int]) -> None:
    db.do(connection, "DELETE FROM relation WHERE rid IN {ids}", ids=list(rids))


def of_records(connection: Connection, rids: Iterable[int]) -> dict[int, StoredRelation]:
    return {r[0]: _stored(r) for r in db.ask(connection, f"{SELECT} WHERE rid IN {{ids}}", ids=list(rids))}


def whole(connection: Connection, rids: Iterable[int]) -> dict[int, Related]:
    """Rows as they were read."""
    return {rid: Related(*r[1:6], values_of(r)) for rid, r in of_records(connection, rids).items()}


def touching(connection: Connection, records: Iterable[RecordId], end: str = "") -> list[StoredRelation]:
    """Relations of which one of these records is an end; `end`: of or to, that one alone."""
    found: dict[int, StoredRelation] = {}
    by_stream: dict[tuple[str, str], list[str]] = {}
    for record in sorted(set(records)):
        by_stream.setdefault(record[:2], []).append(record.key)
    for (source, stream), keys in by_stream.items():
        for e in (end,) if end else ("of", "to"):
            query = f"{SELECT} WHERE {e}_source = :source AND {e}_stream = :stream AND {e}_key IN {{keys:text}}"
            for row in db.ask(connection, query, source=source, stream=stream, keys=keys):
                found[row[0]] = _stored(row)
    return [found[rid] for rid in sorted(found)]


def values_of(row: StoredRelation) -> dict[str, list[object]]:
    found: dict[str, list[object]] = db.load(row.body)
    return found


def _stored(row: tuple[Any, ...]) -> StoredRelation:
    rid, type_name, *names, since, until, body = row
    return StoredRelation(rid, type_name, RecordId(*names[:3]), RecordId(*names[3:]), since, until, body)


def owned_by(connection: Connection, owners: Iterable[RecordId]) -> list[int]:
    """The rows that name one of these records."""
    return db.naming(connection, "relation", ("of", "to"), owners)
