"""What the hub wrote back: so that an echo is known when a pull brings it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Connection, Index
from sqlmodel import SQLModel

from hub import db
from hub.db import big, table
from hub.model import BEFORE_ALL, RecordId, Write


class WriteRow(SQLModel, table=True):
    """What the hub wrote: so that an echo is known when a pull brings it back."""

    __tablename__: ClassVar[str] = "write_log"
    __table_args__ = (Index("write_of", "rid"),)
    id: int = big(primary_key=True)
    rid: int = big()
    attribute: str
    value_hash: str
    base_version: str
    base_generation: int
    base_content: str
    origin: str  # the delivery that wrote it
    at: int = big()
    parts: str | None = None  # the hashes of its single values
    arrived: int | None = big(nullable=True)  # when the source had confirmed it


def writes_of(connection: Connection, records_: Mapping[int, RecordId]) -> dict[int, list[Write]]:
    found: dict[int, list[Write]] = {}
    statement = (
        "SELECT rid, attribute, value_hash, base_version, base_generation, base_content, origin, parts, arrived FROM write_log"
        " WHERE rid IN {ids} ORDER BY id"
    )
    for rid, attribute, value_hash, version, generation, content, origin, parts, arrived in db.ask(
        connection, statement, ids=records_
    ):
        base = (version, generation, content)
        found.setdefault(rid, []).append(
            Write(records_[rid], attribute, value_hash, base, origin, tuple((parts or "").split()), arrived)
        )
    return found


_BASE = ("base_version", "base_generation", "base_content")  # over which version
_COLUMNS = ("id", "rid", "attribute", "value_hash", *_BASE, "origin", "at", "parts")


def log_write(
    connection: Connection,
    rid: int,
    attribute: str,
    value_hash: str,
    *,
    origin: str,
    at: int,
    parts: Sequence[str] = (),
) -> None:
    """Before the hub writes a field: over which version, and what. Another try of the same write is the same line."""
    (base,) = db.ask(
        connection,
        "SELECT version, generation, content FROM version WHERE landed = (SELECT latest FROM record WHERE rid = :rid)",
        rid=rid,
    )
    last = db.first(
        connection,
        "SELECT value_hash, base_version, base_generation, base_content FROM write_log"
        " WHERE rid = :rid AND attribute = :attribute ORDER BY id DESC LIMIT 1",
        rid=rid,
        attribute=attribute,
    )
    if last == (value_hash, *base):
        return
    number = db.next_number(connection, table(WriteRow), "id")
    row = (number, rid, attribute, value_hash, *base, origin, at, " ".join(parts))
    db.insert_many(connection, table(WriteRow), _COLUMNS, [row])


def log_making(
    connection: Connection,
    rid: int,
    hashes: Mapping[str, Sequence[tuple[str, Sequence[str]]]],
    *,
    origin: str,
    at: int,
    arrived: int | None,
) -> None:
    """The hub made this record: attribute -> what it wrote there, and what the source made of that."""
    number = db.next_number(connection, table(WriteRow), "id")
    lines = [(a, whole, parts) for a, written_ in sorted(hashes.items()) for whole, parts in written_]
    rows = [
        (number + place, rid, attribute, whole, *BEFORE_ALL, origin, at, " ".join(parts), arrived)
        for place, (attribute, whole, parts) in enumerate(lines)
    ]
    db.insert_many(connection, table(WriteRow), (*_COLUMNS, "arrived"), rows)


def forget_making(connection: Connection, rid: int) -> None:
    """What the hub made a record of is no echo any more. That it was sent there stays."""
    statement = "UPDATE write_log SET value_hash = '', parts = NULL WHERE rid = :rid AND base_generation = :made"
    db.do(connection, statement, rid=rid, made=BEFORE_ALL[1])


def write_arrived(connection: Connection, rid: int, hashes: Mapping[str, str], at: int) -> None:
    """The source confirmed a write: attribute -> hash of what was written. Not once a newer version has landed: what
    was folded then did not know."""
    statement = (
        "UPDATE write_log SET arrived = :at WHERE rid = :rid AND attribute = :attribute AND value_hash = :hash"
        " AND arrived IS NULL AND EXISTS (SELECT 1 FROM record r JOIN version v ON v.landed = r.latest"
        " WHERE r.rid = :rid AND v.version = write_log.base_version"
        " AND v.generation = write_log.base_generation AND v.content = write_log.base_content)"
    )
    db.do_many(connection, statement, [{"at": at, "rid": rid, "attribute": a, "hash": h} for a, h in hashes.items()])


def written(connection: Connection, rids: Iterable[int]) -> dict[int, dict[str, list[str]]]:
    """Record -> attribute -> hashes of what the hub wrote, oldest first."""
    found: dict[int, dict[str, list[str]]] = {}
    query = "SELECT rid, attribute, value_hash FROM write_log WHERE rid IN {ids} ORDER BY id"
    for rid, attribute, value_hash in db.ask(connection, query, ids=rids):
        found.setdefault(rid, {}).setdefault(attribute, []).append(value_hash)
    return found


@dataclass(frozen=True, slots=True)
class WrittenOnce:
    """What one delivery wrote into one record. `arrived`: its source had confirmed all of it."""

    rid: int
    at: int
    attributes: tuple[str, ...]
    arrived: bool


def written_lately(connection: Connection, rids: Iterable[int], limit: int) -> list[WrittenOnce]:
    """What was written into these records, the newest first."""
    query = (
        "SELECT rid, origin, attribute, min(at), min(CASE WHEN arrived IS NULL THEN 0 ELSE 1 END) FROM write_log"
        " WHERE rid IN {ids} GROUP BY rid, origin, attribute"
    )
    found: dict[tuple[int, str], list[tuple[str, int, bool]]] = {}
    for rid, origin, attribute, at, arrived in db.ask(connection, query, ids=rids):
        found.setdefault((rid, origin), []).append((attribute, at, bool(arrived)))
    rows = [
        WrittenOnce(
            rid, min(at for _, at, _ in lines), tuple(sorted(a for a, _, _ in lines)), all(x for *_, x in lines)
        )
        for (rid, _), lines in found.items()
    ]
    return sorted(rows, key=lambda w: (-w.at, w.rid))[:limit]


def forget_writes(connection: Connection, rid: int, origin: str) -> None:
    """Writes that did not happen are no echoes."""
    db.delete_numbered(connection, table(WriteRow), "id", "rid = :rid AND origin = :origin", rid=rid, origin=origin)
