"""Source records and their versions, verbatim.

Nothing here knows what a value means: rows are told apart by (source, stream, key), ordered by
(version, generation, content) and repeated ones change nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import orjson
from sqlalchemy import Column, Connection, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from hub import db
from hub.connectors.base import JSON
from hub.db import big, table
from hub.model import RecordId

ABSENT = "absent"  # content of a tombstone that a complete listing implies
CUSTOMER = "customer"  # the sort of records that are matched
CHANCE = 64  # ids whose chance is drawn at once
DELETED = "deleted"  # content of a tombstone that somebody sent with its version
UNDATED = "deleted, undated"  # content of a tombstone without a version: it holds until the record is given again
UNBORN = 2**63 - 1  # a birth after every other


class RecordRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "record"
    __table_args__ = (
        UniqueConstraint("source", "stream", "key", name="record_name"),
        Index("record_pending", "rid", sqlite_where=text("pending = 1"), postgresql_where=text("pending = 1")),
        Index("record_dead", "died", sqlite_where=text("died IS NOT NULL"), postgresql_where=text("died IS NOT NULL")),
    )
    rid: int = big(primary_key=True)
    source: str
    stream: str
    key: str
    mint: str = Field(unique=True)  # the customer id that this record minted; of another sort: its own id
    sort: str = Field(
        default="customer", sa_column_kwargs={"server_default": "customer"}
    )  # customer, interaction, consent or relation: only the first is matched
    type: str  # of customer, interaction or relation
    born: int | None = big(nullable=True, default=None)  # landing of the first live version: the mint order
    died: int | None = big(nullable=True, default=None)  # landing of the tombstone that holds now
    latest: int = big()  # landing of the version that holds now
    versions: int = Field(default=1)
    pending: int = Field(default=0)  # 1: landed, not yet in any golden record


class VersionRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "version"
    __table_args__ = (Index("version_of", "rid"),)
    landed: int = big(primary_key=True)
    rid: int = big()
    version: str
    generation: int
    content: str
    observed: int | None = big(nullable=True, default=None)
    raw: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    at: int = big()
    suspended: int | None = big(nullable=True, default=None)  # since when it counts as not there


@dataclass(frozen=True, slots=True)
class Incoming:
    """One row as it came, its key and version read."""

    key: str
    raw: Mapping[str, JSON] | None  # None: a tombstone
    version: str | None = None  # None: ordered by landing
    observed: int | None = None
    absent: bool = False  # a tombstone by absence from a complete listing


class Landed(NamedTuple):
    key: str
    rid: int
    changed: bool  # False: this version was here already
    suppressed: bool = False  # of somebody who was erased: not kept


@dataclass(frozen=True, slots=True)
class StoredVersion:
    landed: int
    rid: int
    order: tuple[str, int, str]
    observed: int | None
    raw: dict[str, JSON] | None
    at: int
    suspended: int | None = None  # since when it counts as not there


@dataclass(slots=True)
class _Record:
    """A record row while a page lands on it."""

    rid: int
    born: int | None
    died: int | None
    latest: int
    versions: int
    pending: int
    orders: set[tuple[str, int, str]]
    newest: tuple[str, int, str]  # suspended ones too: what they said is not news when it comes again
    holds: tuple[str, int, str] | None = None  # the newest that is not suspended
    mint: str = ""
    key: str = ""
    fresh: bool = False
    touched: bool = False


def canonical_raw(raw: Mapping[str, JSON]) -> bytes:
    return orjson.dumps(raw, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str)


def new_ids(prefix: str, at: int) -> Iterator[str]:
    """`cus_` or the like and a UUIDv7: sorts by time, so that an index grows at its end; cannot be guessed. As many as are asked for."""
    millis = (at // 1000) & (2**48 - 1)
    start = (millis << 80) | (7 << 76) | (2 << 62)
    while True:
        chance = os.urandom(10 * CHANCE)  # one call of the system for many
        for place in range(0, len(chance), 10):
            number = int.from_bytes(chance[place : place + 10], "big")
            yield f"{prefix}{start | (number >> 64 & 0xFFF) << 64 | number & (2**62 - 1):032x}"


def land(
    connection: Connection,
    source: str,
    stream: str,
    rows: Sequence[Incoming],
    *,
    type_name: str,
    at: int,
    pending: bool,
    sort: str = CUSTOMER,
    keep_deleted: bool = False,
) -> list[Landed]:
    """Keep these rows; say of each whether it brought a version that was not here yet.

    Rows of another sort than customers are never pending: nothing waits for them to be matched.
    """
    known = _load_records(connection, source, stream, {r.key for r in rows})
    next_rid = db.next_number(connection, table(RecordRow), "rid")
    next_landed = db.next_number(connection, table(VersionRow), "landed")
    ids = new_ids(f"{sort[:3]}_", at)
    pending = pending and sort == CUSTOMER
    versions: list[db.Row] = []
    results: list[Landed] = []
    for row in rows:
        record = known.get(row.key)
        body = None if row.raw is None else canonical_raw(row.raw)
        if record is None and body is None and row.version is None:
            results.append(Landed(row.key, 0, False))  # a delete of what never was, in no order to anything
            continue
        order = _order(row, record, body, next_landed)
        if order is None or (record is not None and order in record.orders):
            results.append(Landed(row.key, record.rid if record else 0, False))
            continue
        if record is None:
            record = _Record(next_rid, None, None, 0, 0, 0, set(), order, None, next(ids), row.key, fresh=True)
            known[row.key] = record
            next_rid += 1
        _take(record, order, next_landed, body is None and not keep_deleted, body is None, pending)
        versions.append((next_landed, record.rid, *order, row.observed, None if body is None else body.decode(), at))
        results.append(Landed(row.key, record.rid, True))
        next_landed += 1
    _save_records(connection, source, stream, sort, type_name, known.values())
    columns = ("landed", "rid", "version", "generation", "content", "observed", "raw", "at")
    db.insert_many(connection, table(VersionRow), columns, versions)
    db.fail_point("raw stored")
    return results


def _order(row: Incoming, record: _Record | None, body: bytes | None, landed: int) -> tuple[str, int, str] | None:
    """The row's place among its record's versions; None when it says nothing new."""
    if body is None:
        content = ABSENT if row.absent else UNDATED if row.version is None else DELETED
        if row.version is not None:
            return (row.version, 1, content)
        assert record is not None
        version, generation, _ = record.newest
        return None if generation % 2 else (version, generation + 1, content)
    content = hashlib.blake2b(body, digest_size=12).hexdigest()
    if record is not None:
        newest, generation, newest_content = record.newest
        if newest_content in (ABSENT, UNDATED) and (row.version is None or row.version <= newest):
            return (newest, generation + 1, content)  # it is there again
        if row.version is None and newest_content == content:
            return None
    return (f"{landed:020d}" if row.version is None else row.version, 0, content)


def _take(
    record: _Record, order: tuple[str, int, str], landed: int, kills: bool, tombstone: bool, pending: bool
) -> None:
    if not tombstone and record.born is None:
        record.born = landed
    if not record.orders or order > record.newest:
        record.newest = order
    if record.holds is None or order > record.holds:
        record.holds, record.latest = order, landed
        record.died = landed if kills else (record.died if tombstone else None)
    record.orders.add(order)
    record.versions += 1
    record.pending = 1 if pending and record.born is not None else record.pending
    record.touched = True


def _load_records(connection: Connection, source: str, stream: str, keys: set[str]) -> dict[str, _Record]:
    query = (
        "SELECT key, rid, born, died, latest, versions, pending, mint FROM record"
        " WHERE source = :source AND stream = :stream AND key IN {keys:text}"
    )
    found: dict[str, _Record] = {}
    by_rid: dict[int, _Record] = {}
    for key, rid, born, died, latest, versions, pending, mint in db.ask(
        connection, query, source=source, stream=stream, keys=sorted(keys)
    ):
        found[key] = by_rid[rid] = _Record(
            rid, born, died, latest, versions, pending, set(), ("", 0, ""), None, mint, key
        )
    orders = "SELECT rid, suspended, version, generation, content FROM version WHERE rid IN {ids}"
    for rid, suspended, version, generation, content in db.ask(connection, orders, ids=by_rid):
        record, order = by_rid[rid], (version, generation, content)
        record.orders.add(order)
        record.newest = max(record.newest, order)
        if suspended is None and (record.holds is None or order > record.holds):
            record.holds = order
    return found


def _save_records(
    connection: Connection, source: str, stream: str, sort: str, type_name: str, records: Iterable[_Record]
) -> None:
    columns = (
        "rid",
        "source",
        "stream",
        "key",
        "mint",
        "sort",
        "type",
        "born",
        "died",
        "latest",
        "versions",
        "pending",
    )
    touched = [r for r in records if r.touched]
    fresh = [
        (r.rid, source, stream, r.key, r.mint, sort, type_name, r.born, r.died, r.latest, r.versions, r.pending)
        for r in touched
        if r.fresh
    ]
    db.insert_many(connection, table(RecordRow), columns, fresh)
    update = (
        "UPDATE record SET born=:born, died=:died, latest=:latest, versions=:versions, pending=:pending WHERE rid=:rid"
    )
    db.do_many(
        connection,
        update,
        [
            {
                "rid": r.rid,
                "born": r.born,
                "died": r.died,
                "latest": r.latest,
                "versions": r.versions,
                "pending": r.pending,
            }
            for r in touched
            if not r.fresh
        ],
    )


class RecordInfo(NamedTuple):
    rid: int
    id: RecordId
    mint: str
    type: str
    born: int | None
    died: int | None
    latest: int
    pending: bool
    sort: str = CUSTOMER

    @property
    def alive(self) -> bool:
        return self.born is not None and self.died is None

    @property
    def birth(self) -> int:
        """Its place in the order of births. One that a suspension took all versions of is last, while it waits to be settled."""
        return UNBORN if self.born is None else self.born


def earliest(infos: Mapping[int, RecordInfo], rids: Iterable[int]) -> int:
    """The earliest-minted of some records: the one that names their cluster."""
    return min(rids, key=lambda r: (infos[r].birth, infos[r].id))


INFO = "SELECT rid, source, stream, key, mint, type, born, died, latest, pending, sort FROM record"


def _info(row: db.Row) -> RecordInfo:
    rid, source, stream, key, mint, type_name, born, died, latest, pending, sort = row
    return RecordInfo(rid, RecordId(source, stream, key), mint, type_name, born, died, latest, bool(pending), sort)


def records(connection: Connection, rids: Iterable[int]) -> dict[int, RecordInfo]:
    return {r[0]: _info(r) for r in db.ask(connection, f"{INFO} WHERE rid IN {{ids}}", ids=rids)}


def records_after(connection: Connection, rid: int, limit: int) -> list[RecordInfo]:
    """Customers' records after one, in the order in which they came."""
    query = f"{INFO} WHERE rid > :rid AND sort = 'customer' ORDER BY rid LIMIT :limit"
    return [_info(r) for r in db.ask(connection, query, rid=rid, limit=limit)]


def record_named(connection: Connection, id: RecordId, sort: str = CUSTOMER) -> RecordInfo | None:
    """A record of this sort by its name."""
    found = db.ask(
        connection,
        f"{INFO} WHERE source = :source AND stream = :stream AND key = :key AND sort = :sort",
        source=id.source,
        stream=id.stream,
        key=id.key,
        sort=sort,
    )
    return _info(found[0]) if found else None


def records_named(
    connection: Connection, names: Iterable[RecordId], sort: str = CUSTOMER
) -> dict[RecordId, RecordInfo]:
    """Records of this sort by their names; those that are not there are left out."""
    by_stream: dict[tuple[str, str], set[str]] = {}
    for id in names:
        by_stream.setdefault((id.source, id.stream), set()).add(id.key)
    query = f"{INFO} WHERE source = :source AND stream = :stream AND key IN {{keys:text}} AND sort = :sort"
    return {
        (info := _info(row)).id: info
        for (source, stream), keys in by_stream.items()
        for row in db.ask(connection, query, source=source, stream=stream, keys=sorted(keys), sort=sort)
    }


def record_minting(connection: Connection, id: str, sort: str = CUSTOMER) -> RecordInfo | None:
    """The record that minted a customer id; of another sort, whose own id it is."""
    found = db.ask(connection, f"{INFO} WHERE mint = :mint AND sort = :sort", mint=id, sort=sort)
    return _info(found[0]) if found else None


def versions_of(connection: Connection, rids: Iterable[int]) -> dict[int, list[StoredVersion]]:
    """All versions per record, oldest order first; suspended ones too, which say so."""
    found: dict[int, list[StoredVersion]] = {}
    statement = (
        "SELECT landed, rid, version, generation, content, observed, raw, at, suspended FROM version WHERE rid IN {ids}"
    )
    for landed, rid, version, generation, content, observed, raw, at, suspended in db.ask(
        connection, statement, ids=rids
    ):
        stored = StoredVersion(landed, rid, (version, generation, content), observed, db.load(raw), at, suspended)
        found.setdefault(rid, []).append(stored)
    for listed in found.values():
        listed.sort(key=lambda v: v.order)
    return found


def latest_versions(connection: Connection, rids: Iterable[int]) -> dict[int, StoredVersion]:
    """The version that holds now, per record."""
    statement = (
        "SELECT v.landed, v.rid, v.version, v.generation, v.content, v.observed, v.raw, v.at FROM record r JOIN version v ON v.landed = r.latest"
        " WHERE r.rid IN {ids}"
    )
    return {
        rid: StoredVersion(landed, rid, (version, generation, content), observed, db.load(raw), at)
        for landed, rid, version, generation, content, observed, raw, at in db.ask(connection, statement, ids=rids)
    }


def latest_rows(connection: Connection, source: str, stream: str, keys: Iterable[str]) -> list[dict[str, JSON]]:
    """What living records of a stream hold, of those that have one of these keys."""
    query = (
        "SELECT v.raw FROM record r JOIN version v ON v.landed = r.latest"
        " WHERE r.source = :s AND r.stream = :t AND r.key IN {keys:text} AND r.died IS NULL AND v.raw IS NOT NULL"
    )
    return [db.load(row[0]) for row in db.ask(connection, query, s=source, t=stream, keys=keys)]


def last_said(connection: Connection, rids: Iterable[int]) -> dict[int, int]:
    """When their source said anything of these records last, by its own date or when it landed; microseconds."""
    query = "SELECT rid, max(coalesce(observed, at)) FROM version WHERE rid IN {ids} AND suspended IS NULL GROUP BY rid"
    return dict(db.ask(connection, query, ids=rids))


def latest_of(connection: Connection, rids: Iterable[int]) -> dict[int, int]:
    """The landing number of the version that holds now."""
    return dict(db.ask(connection, "SELECT rid, latest FROM record WHERE rid IN {ids}", ids=rids))


def landed_since(connection: Connection, mark: int) -> set[int]:
    """Customers' records of which a version landed after this landing."""
    query = "SELECT DISTINCT v.rid FROM version v JOIN record r ON r.rid = v.rid WHERE v.landed > :mark AND r.sort IN ('customer', 'erased')"
    return {rid for (rid,) in db.ask(connection, query, mark=mark)}


def landed_after(connection: Connection, mark: int, limit: int) -> list[tuple[int, int, str, str]]:
    """(landing, record, source, stream) of the versions that landed after a landing, oldest first."""
    query = (
        "SELECT v.landed, v.rid, r.source, r.stream FROM version v JOIN record r ON r.rid = v.rid"
        " WHERE v.landed > :mark ORDER BY v.landed LIMIT :limit"
    )
    return [(row[0], row[1], row[2], row[3]) for row in db.ask(connection, query, mark=mark, limit=limit)]


def last_landing(connection: Connection) -> int:
    """The number of the newest version."""
    return db.number(connection, "SELECT max(landed) FROM version")


def last_record(connection: Connection) -> int:
    """The number of the newest record of customers."""
    return db.number(connection, "SELECT max(rid) FROM record WHERE sort = 'customer'")


def pending_count(connection: Connection) -> int:
    return db.number(connection, "SELECT count(*) FROM record WHERE pending = 1")


def pending(connection: Connection) -> list[int]:
    """Records that landed and are in no golden record yet, or not as they are now."""
    return [rid for (rid,) in db.ask(connection, "SELECT rid FROM record WHERE pending = 1 ORDER BY rid")]


def pending_unborn(connection: Connection) -> list[int]:
    """Those of which every version was suspended."""
    query = "SELECT rid FROM record WHERE pending = 1 AND born IS NULL ORDER BY rid"
    return [rid for (rid,) in db.ask(connection, query)]


def of_stream(connection: Connection, source: str, stream: str) -> list[int]:
    """All records of a stream."""
    query = "SELECT rid FROM record WHERE source = :source AND stream = :stream"
    return [rid for (rid,) in db.ask(connection, query, source=source, stream=stream)]


def some(connection: Connection, most: int) -> dict[int, bool]:
    """Customers' records, at most so many, and whether each is pending."""
    query = "SELECT rid, pending FROM record WHERE sort = 'customer' LIMIT :most"
    return {rid: bool(pending) for rid, pending in db.ask(connection, query, most=most)}


def settle_pending(connection: Connection, rids: Iterable[int], up_to: int) -> None:
    """These are in a golden record now, unless a newer version landed meanwhile."""
    db.do(
        connection,
        "UPDATE record SET pending=0 WHERE rid IN {ids} AND pending=1 AND latest<=:up_to",
        ids=rids,
        up_to=up_to,
    )


def living_keys(connection: Connection, source: str, stream: str) -> dict[str, int]:
    """Keys of a stream's living records -> rid: what a complete listing must hold."""
    query = "SELECT key, rid FROM record WHERE source = :s AND stream = :t AND died IS NULL AND born IS NOT NULL"
    return dict(db.ask(connection, query, s=source, t=stream))


def living_count(connection: Connection, source: str, stream: str) -> int:
    """How many records a stream has."""
    query = "SELECT count(*) FROM record WHERE source = :s AND stream = :t AND died IS NULL AND born IS NOT NULL"
    return db.number(connection, query, s=source, t=stream)


def lately_landed(connection: Connection, source: str, stream: str, limit: int, within: int = 50_000) -> list[int]:
    """Records of a stream of which a version landed last, among so many landings; where none did, the first by their keys."""
    query = (
        "SELECT r.rid FROM version v JOIN record r ON r.rid = v.rid WHERE v.landed > :mark AND r.source = :s AND r.stream = :t"
        " AND r.latest = v.landed ORDER BY v.landed DESC LIMIT :limit"
    )
    mark = last_landing(connection) - within
    found = [r for (r,) in db.ask(connection, query, mark=mark, s=source, t=stream, limit=limit)]
    return found or [rid for _, rid in keys_after(connection, source, stream, "", limit)]


def keys_after(connection: Connection, source: str, stream: str, after: str, limit: int) -> list[tuple[str, int]]:
    """(key, rid) of a stream's records, living or not, in the order of their keys."""
    query = "SELECT key, rid FROM record WHERE source = :s AND stream = :t AND key > :after ORDER BY key LIMIT :limit"
    return [(k, r) for k, r in db.ask(connection, query, s=source, t=stream, after=after, limit=limit)]
