"""What happened, by the name of its owner's record. The only SQL on these tables.

An owner is named, never numbered: a row finds its owner whenever that lands, and goes where it goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import merge
from itertools import islice
from typing import ClassVar, NamedTuple

from sqlalchemy import Column, Connection, Index, Text, text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.interactions.row import Interaction
from hub.model import Plain, RecordId
from hub.settings import CONTACT


class InteractionRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "interaction"
    __table_args__ = (
        Index("interaction_of", "owner_source", "owner_stream", "owner_key", "at", "rid"),
        Index("interaction_listed", "type", "state", "at", "rid"),
        Index(
            "interaction_reference",
            "reference",
            "at",
            sqlite_where=text("reference <> ''"),
            postgresql_where=text("reference <> ''"),
        ),
    )
    rid: int = big(primary_key=True)
    type: str
    owner_source: str
    owner_stream: str
    owner_key: str
    at: int = big()
    channel: str
    state: str
    seconds: int = big()
    amount: int = big()  # in minor units of its currency
    currency: str
    cost: int = big()
    cost_currency: str
    reference: str = ""  # to an offer of a campaign, folded
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
COUNTED = ("channel", "state", "seconds", "amount", "currency", "cost", "cost_currency", "reference")
SELECT = f"SELECT {', '.join(SHOWN)} FROM interaction"


def save(connection: Connection, found: Iterable[tuple[int, Interaction]]) -> None:
    rows = [(rid, i.type, *i.owner, i.at, body_of(i), *counted(i)) for rid, i in found]
    db.upsert_many(connection, table(InteractionRow), SHOWN + COUNTED, rows)


def body_of(i: Interaction) -> str:
    return db.dump(i.values)


def counted(i: Interaction) -> db.Row:
    """What figures are made of, as columns."""
    return (i.channel, i.state, i.seconds, *i.amount, *i.cost, i.reference)


def remove(connection: Connection, rids: Iterable[int]) -> None:
    db.do(connection, "DELETE FROM interaction WHERE rid IN {ids}", ids=list(rids))


def of_records(connection: Connection, rids: Iterable[int]) -> dict[int, StoredInteraction]:
    return {r[0]: stored(r) for r in db.ask(connection, f"{SELECT} WHERE rid IN {{ids}}", ids=list(rids))}


def whole(connection: Connection, rids: Iterable[int]) -> dict[int, Interaction]:
    """Rows as they were read."""
    query = f"SELECT {', '.join(SHOWN + COUNTED)} FROM interaction WHERE rid IN {{ids}}"
    found = {}
    for row in db.ask(connection, query, ids=list(rids)):
        rid, type_name, owner, at, body = stored(row[: len(SHOWN)])
        channel, state, seconds, *money, reference = row[len(SHOWN) :]
        amount, cost = tuple(money[:2]), tuple(money[2:])
        found[rid] = Interaction(type_name, owner, at, db.load(body), channel, state, seconds, amount, cost, reference)
    return found


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
    channel: str | None = None,
    after: tuple[int, int] | None = None,
    limit: int,
) -> list[StoredInteraction]:
    """What happened with any of these owners, newest first, after a place: a page of each owner's, merged."""
    if not types:
        return []
    clauses = ["owner_source = :source", "owner_stream = :stream", "owner_key = :key", "type IN {types:text}"]
    values: dict[str, object] = {"limit": limit}
    conditions = (
        ("since", since, "at >= :since"),
        ("until", until, "at < :until"),
        ("channel", channel, "channel = :channel"),
    )
    for name, bound, clause in conditions:
        if bound is not None:
            clauses.append(clause)
            values[name] = bound
    if after is not None:
        clauses.append("(at, rid) < (:place_at, :place_rid)")
        values["place_at"], values["place_rid"] = after
    query = f"{SELECT} WHERE {' AND '.join(clauses)} ORDER BY at DESC, rid DESC LIMIT :limit"
    pages = [
        map(stored, db.ask(connection, query, source=o.source, stream=o.stream, key=o.key, types=list(types), **values))
        for o in sorted(set(owners))
    ]
    return list(islice(merge(*pages, key=lambda r: (-r.at, -r.rid)), limit))


OWNER_IS_THERE = (
    "SELECT 1 FROM record r LEFT JOIN heir h ON h.rid = r.rid WHERE r.source = i.owner_source"
    " AND r.stream = i.owner_stream AND r.key = i.owner_key AND r.born IS NOT NULL AND r.sort = 'customer'"
    " AND (r.died IS NULL OR h.leads IS NOT NULL)"
)  # itself, or whom its id leads to since it was deleted
WAITING = {
    "unowned": f"SELECT i.rid FROM interaction i WHERE i.owner_source <> '{CONTACT}' AND NOT EXISTS ({OWNER_IS_THERE})",
    "unread": "SELECT r.rid FROM record r WHERE r.sort = 'interaction' AND r.born IS NOT NULL AND r.died IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM interaction i WHERE i.rid = r.rid)",
}  # why a row is on no page: it names a record that is not there; the configuration cannot read it


def waiting(connection: Connection, why: str, *, after: int = 0, limit: int) -> list[int]:
    """Rows that are on no page for this reason, in the order in which they came."""
    query = f"SELECT w.rid FROM ({WAITING[why]}) AS w WHERE w.rid > :after ORDER BY w.rid LIMIT :limit"
    return [rid for (rid,) in db.ask(connection, query, after=after, limit=limit)]


def count_waiting(connection: Connection, why: str) -> int:
    return db.number(connection, f"SELECT count(*) FROM ({WAITING[why]}) AS w")


def counts_waiting(connection: Connection) -> dict[str, int]:
    """How many rows are on no page, by why."""
    return {why: count_waiting(connection, why) for why in WAITING}


def any_of_contacts(connection: Connection) -> bool:
    """Is any row whose who holds a contact point?"""
    return bool(db.ask(connection, "SELECT 1 FROM interaction WHERE owner_source = :contact LIMIT 1", contact=CONTACT))


def of_contacts(connection: Connection, *, after: int, limit: int) -> list[StoredInteraction]:
    """Rows whose who holds a contact point, in the order in which they came."""
    query = f"{SELECT} WHERE owner_source = :contact AND rid > :after ORDER BY rid LIMIT :limit"
    return [stored(r) for r in db.ask(connection, query, contact=CONTACT, after=after, limit=limit)]


def contact_points(connection: Connection) -> list[tuple[RecordId, int]]:
    """Contact points of which there are rows, and how many."""
    query = (
        "SELECT owner_source, owner_stream, owner_key, count(*) FROM interaction WHERE owner_source = :contact"
        " GROUP BY owner_source, owner_stream, owner_key ORDER BY owner_stream, owner_key"
    )
    return [(RecordId(*name), int(n)) for *name, n in db.ask(connection, query, contact=CONTACT)]


def contacts_with_rows(connection: Connection, points: Iterable[RecordId]) -> set[RecordId]:
    """Those of these contact points of which there are rows."""
    found: set[RecordId] = set()
    by_kind: dict[str, list[str]] = {}
    for point in sorted(set(points)):
        by_kind.setdefault(point.stream, []).append(point.key)
    query = (
        "SELECT DISTINCT owner_key FROM interaction"
        " WHERE owner_source = :contact AND owner_stream = :kind AND owner_key IN {keys:text}"
    )
    for kind, keys in by_kind.items():
        found |= {
            RecordId(CONTACT, kind, k) for (k,) in db.ask(connection, query, contact=CONTACT, kind=kind, keys=keys)
        }
    return found


def older(connection: Connection, type_name: str, before: int, limit: int) -> list[int]:
    """Some of a type that happened before a time."""
    query = "SELECT rid FROM interaction WHERE type = :type AND at < :before ORDER BY at, rid LIMIT :limit"
    return [rid for (rid,) in db.ask(connection, query, type=type_name, before=before, limit=limit)]


def count_older(connection: Connection, type_name: str, before: int) -> int:
    query = "SELECT count(*) FROM interaction WHERE type = :type AND at < :before"
    return int(db.ask(connection, query, type=type_name, before=before)[0][0])


def count_by_type(connection: Connection) -> dict[str, int]:
    return dict(db.ask(connection, "SELECT type, count(*) FROM interaction GROUP BY type ORDER BY type"))


def values_of(row: StoredInteraction) -> dict[str, list[Plain]]:
    """Attribute -> its values, plain; of attributes that this hub's configuration may not have any more too."""
    found: dict[str, list[Plain]] = db.load(row.body)
    return found


def stored(row: db.Row) -> StoredInteraction:
    rid, type_name, source, stream, key, at, body = row
    return StoredInteraction(rid, type_name, RecordId(source, stream, key), at, body)


def owned_by(connection: Connection, owners: Iterable[RecordId]) -> list[int]:
    """The rows that name one of these records."""
    return db.naming(connection, "interaction", ("owner",), owners)
