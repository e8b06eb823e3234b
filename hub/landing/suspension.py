"""Suspensions: versions that a source landed in a window, set aside without being lost.

A suspended version says nothing until it is lifted; a record of which no live version is left counts
as not there. The only SQL on suspensions, and the only that changes a version's mark.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Connection
from sqlmodel import SQLModel

from hub import db
from hub.db import big, table
from hub.landing import store as landing
from hub.landing.store import StoredVersion


class SuspensionRow(SQLModel, table=True):
    """What one source landed in a window counts as not there, until it is lifted. Known by its time."""

    __tablename__: ClassVar[str] = "suspension"
    at: int = big(primary_key=True)
    source: str
    stream: str = ""  # empty: all streams of the source
    since: int = big()
    until: int = big()
    by: str
    why: str
    lifted_at: int | None = big(nullable=True, default=None)
    lifted_by: str = ""


@dataclass(frozen=True, slots=True)
class Suspension:
    """Versions of a source (and stream) that landed in [since, until), suspended at `at`."""

    at: int
    source: str
    stream: str
    since: int
    until: int
    by: str
    why: str
    lifted_at: int | None

    @property
    def window(self) -> dict[str, str | int]:
        return {"source": self.source, "stream": self.stream, "since": self.since, "until": self.until}


COLUMNS = 'at, source, stream, since, until, "by", why, lifted_at'
_IN_WINDOW = " rid IN (SELECT rid FROM record WHERE source=:source AND (:stream = '' OR stream=:stream)) AND at >= :since AND at < :until"


def suspensions(connection: Connection) -> list[Suspension]:
    """All of them, lifted ones too, oldest first."""
    return [Suspension(*r) for r in db.ask(connection, f"SELECT {COLUMNS} FROM suspension ORDER BY at")]


def suspension(connection: Connection, at: int) -> Suspension | None:
    found = db.first(connection, f"SELECT {COLUMNS} FROM suspension WHERE at = :at", at=at)
    return None if found is None else Suspension(*found)


def any_suspension(connection: Connection) -> bool:
    """Was anything ever suspended?"""
    return db.exists(connection, "suspension")


def touched_since(connection: Connection, at: int) -> set[int]:
    """Customers' records with versions in a window that was suspended or lifted at this time or later."""
    found: set[int] = set()
    for given in suspensions(connection):
        if max(given.at, given.lifted_at or 0) >= at:
            query = "SELECT DISTINCT rid FROM version WHERE rid IN (SELECT rid FROM record WHERE sort='customer') AND"
            found.update(rid for (rid,) in db.ask(connection, query + _IN_WINDOW, **given.window))
    return found


def suspend(connection: Connection, given: Suspension) -> set[int]:
    """Mark the versions of the window that are not suspended yet; the records they are of."""
    values = (given.at, given.source, given.stream, given.since, given.until, given.by, given.why, "")
    db.insert_many(
        connection,
        table(SuspensionRow),
        ("at", "source", "stream", "since", "until", "by", "why", "lifted_by"),
        [values],
    )
    return _mark(connection, given)


def _mark(connection: Connection, given: Suspension) -> set[int]:
    query = f"SELECT DISTINCT rid FROM version WHERE suspended IS NULL AND{_IN_WINDOW}"
    rids = {rid for (rid,) in db.ask(connection, query, **given.window)}
    statement = f"UPDATE version SET suspended=:mark WHERE suspended IS NULL AND{_IN_WINDOW}"
    db.do(connection, statement, **given.window, mark=given.at)
    return rids


def lift(connection: Connection, given: Suspension, *, by: str, at: int) -> set[int]:
    """Take the marks off, but where another suspension covers the version too; the records they are of."""
    query = "SELECT DISTINCT rid FROM version WHERE suspended = :mark"
    rids = {rid for (rid,) in db.ask(connection, query, mark=given.at)}
    db.do(connection, "UPDATE version SET suspended = NULL WHERE suspended = :mark", mark=given.at)
    statement = "UPDATE suspension SET lifted_at = :at, lifted_by = :by WHERE at = :mark"
    db.do(connection, statement, at=at, by=by, mark=given.at)
    for other in suspensions(connection):
        if other.lifted_at is None and other.source == given.source:
            _mark(connection, other)
    return rids


def count(connection: Connection, source: str, stream: str, since: int, until: int) -> tuple[int, int]:
    """Versions that a suspension of this window would set aside, and the records they are of."""
    query = f"SELECT count(*), count(DISTINCT rid) FROM version WHERE suspended IS NULL AND{_IN_WINDOW}"
    ((versions, records),) = db.ask(connection, query, source=source, stream=stream, since=since, until=until)
    return int(versions), int(records)


def recount(
    connection: Connection, rids: Collection[int], *, keep_deleted: Iterable[tuple[str, str]]
) -> dict[int, bool]:
    """Work out anew what a record's row says of its versions: customers' record -> is a live version left?

    `keep_deleted`: streams whose deletes do not end a record.
    """
    kept = set(keep_deleted)
    versions = landing.versions_of(connection, rids)
    rows: list[dict[str, int | None]] = []
    there: dict[int, bool] = {}
    infos = landing.records(connection, rids)
    for rid, info in infos.items():
        left = [v for v in versions.get(rid, ()) if v.suspended is None]
        born = min((v.landed for v in left if v.raw is not None), default=None)
        died = None if (info.id.source, info.id.stream) in kept else _died(left)
        rows.append({"rid": rid, "born": born, "died": died, "latest": left[-1].landed if left else 0})
        if info.sort == landing.CUSTOMER:
            there[rid] = born is not None
    db.do_many(connection, "UPDATE record SET born=:born, died=:died, latest=:latest WHERE rid=:rid", rows)
    return there


def _died(versions: list[StoredVersion]) -> int | None:
    """The landing of the tombstone that holds, if one does. Versions come oldest order first."""
    return versions[-1].landed if versions and versions[-1].raw is None else None


def make_pending(connection: Connection, rids: Iterable[int]) -> None:
    """Their customers are still as they were: whoever resolves what is pending brings them up to date."""
    db.do(connection, "UPDATE record SET pending=1 WHERE rid IN {ids}", ids=rids)
