"""What happened, by the name of its owner's record. The only SQL on these tables.

An owner is named, never numbered: a row finds its owner whenever that lands, and goes where it goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import merge
from itertools import islice
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import Column, Connection, Index, Text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.interactions.row import Interaction
from hub.model import RecordId


class InteractionRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "interaction"
    __table_args__ = (Index("interaction_of", "owner_source", "owner_stream", "owner_key", "at", "rid"),)
    rid: int = big(primary_key=True)
    type: str
    owner_source: str
    owner_stream: str
    owner_key: str
    at: int = big()
    channel: str
    state: str
    counts: int  # 0: its state is one in which it does not count
    seconds: int = big()
    amount: int = big()  # in minor units of its currency
    currency: str
    cost: int = big()
    cost_currency: str
    body: str = Field(sa_column=Column(Text, nullable=False))


class ReadingRow(SQLModel, table=True):
    """By what the rows of a stream were read last, and how far that came."""

    __tablename__: ClassVar[str] = "reading"
    source: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    hash: str
    after: str | None = Field(default=None, nullable=True)  # the key of the last one read; null: all are


class StoredInteraction(NamedTuple):
    rid: int
    type: str
    owner: RecordId
    at: int
    body: str


SHOWN = ("rid", "type", "owner_source", "owner_stream", "owner_key", "at", "body")
COUNTED = ("channel", "state", "counts", "seconds", "amount", "currency", "cost", "cost_currency")
SELECT = f"SELECT {', '.join(SHOWN)} FROM interaction"


def save(connection: Connection, found: Iterable[tuple[int, Interaction]]) -> None:
    rows = [(rid, i.type, *i.owner, i.at, db.dump(i.values), *counted(i)) for rid, i in found]
    db.upsert_many(connection, table(InteractionRow), SHOWN + COUNTED, rows)


def counted(i: Interaction) -> tuple[Any, ...]:
    """What figures are made of, as columns."""
    return (i.channel, i.state, int(i.counts), i.seconds, *i.amount, *i.cost)


def remove(connection: Connection, rids: Iterable[int]) -> None:
    db.do(connection, "DELETE FROM interaction WHERE rid IN {ids}", ids=list(rids))


def of_records(connection: Connection, rids: Iterable[int]) -> dict[int, StoredInteraction]:
    return {r[0]: _stored(r) for r in db.ask(connection, f"{SELECT} WHERE rid IN {{ids}}", ids=list(rids))}


def counted_of(connection: Connection, rids: Iterable[int]) -> dict[int, tuple[Any, ...]]:
    """The same, as it is stored."""
    query = f"SELECT rid, {', '.join(COUNTED)} FROM interaction WHERE rid IN {{ids}}"
    return {r[0]: tuple(r[1:]) for r in db.ask(connection, query, ids=list(rids))}


def marks(connection: Connection) -> dict[tuple[str, str], tuple[str, str | None]]:
    """Stream -> by what its rows were read last, and after which key that goes on; None: all are read."""
    found = db.ask(connection, "SELECT source, stream, hash, after FROM reading")
    return {(source, stream): (made, after) for source, stream, made, after in found}


def mark(connection: Connection, name: tuple[str, str], made: str, after: str | None) -> None:
    db.upsert_many(connection, table(ReadingRow), ("source", "stream", "hash", "after"), [(*name, made, after)])


def newest(
    connection: Connection,
    owners: Sequence[RecordId],
    types: Sequence[str],
    *,
    since: int | None = None,
    until: int | None = None,
    after: tuple[int, int] | None = None,
    limit: int,
) -> list[StoredInteraction]:
    """What happened with any of these owners, newest first, after a place: a page of each owner's, merged."""
    if not types:
        return []
    clauses = ["owner_source = :source", "owner_stream = :stream", "owner_key = :key", "type IN {types:text}"]
    values: dict[str, Any] = {"limit": limit}
    for name, bound, clause in (("since", since, "at >= :since"), ("until", until, "at < :until")):
        if bound is not None:
            clauses.append(clause)
            values[name] = bound
    if after is not None:
        clauses.append("(at, rid) < (:place_at, :place_rid)")
        values["place_at"], values["place_rid"] = after
    query = f"{SELECT} WHERE {' AND '.join(clauses)} ORDER BY at DESC, rid DESC LIMIT :limit"
    pages = [
        map(
            _stored, db.ask(connection, query, source=o.source, stream=o.stream, key=o.key, types=list(types), **values)
        )
        for o in sorted(set(owners))
    ]
    return list(islice(merge(*pages, key=lambda r: (-r.at, -r.rid)), limit))


def unowned(connection: Connection) -> int:
    """How many rows name a record that is not there."""
    query = (
        "SELECT count(*) FROM interaction i WHERE NOT EXISTS (SELECT 1 FROM record r WHERE r.source = i.owner_source"
        " AND r.stream = i.owner_stream AND r.key = i.owner_key AND r.born IS NOT NULL)"
    )
    return db.number(connection, query)


def values_of(row: StoredInteraction) -> dict[str, list[Any]]:
    """Attribute -> its values, plain; of attributes that this hub's configuration may not have any more too."""
    found: dict[str, list[Any]] = db.load(row.body)
    return found


def _stored(row: tuple[Any, ...]) -> StoredInteraction:
    rid, type_name, source, stream, key, at, body = row
    return StoredInteraction(rid, type_name, RecordId(source, stream, key), at, body)
