"""Landed records that belong to others -> their rows, in the unit in which they land; again when they are read otherwise."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from sqlalchemy import Connection

from hub import db
from hub.consents import store as consent_store
from hub.consents.statement import Statement, StatementReading
from hub.errors import BadRecord
from hub.interactions import relation_store, store, tally_store
from hub.interactions.relation import Related, RelationReading
from hub.interactions.row import Interaction, Reading
from hub.interactions.tally import month_of
from hub.landing import store as landing
from hub.model import RecordId

Belonging = Interaction | Related | Statement
AnyReading = Reading | RelationReading | StatementReading
Readings = Mapping[tuple[str, str], AnyReading]
Agreed = Callable[
    [Connection, set[RecordId]], object
]  # told the records whose customers may have agreed to something else

AT_ONCE = 1_000  # records that are read again in one unit


def derived(connection: Connection, readings: Readings, rids: Collection[int]) -> dict[int, Belonging]:
    """What the versions that hold now say, of records that live and can be read."""
    infos = landing.records(connection, rids)
    alive = {rid: i for rid, i in infos.items() if i.alive and (i.id.source, i.id.stream) in readings}
    found: dict[int, Belonging] = {}
    for rid, version in landing.latest_versions(connection, alive).items():
        if version.raw is None:
            continue
        try:
            found[rid] = readings[alive[rid].id.source, alive[rid].id.stream].read(version.raw)
        except BadRecord:  # landed under a configuration that could read it: it waits, on nobody's page
            continue
    return found


def kept(connection: Connection, rids: Collection[int]) -> dict[int, Belonging]:
    """What is stored of these records."""
    return {
        **store.whole(connection, rids),
        **relation_store.whole(connection, rids),
        **consent_store.whole(connection, rids),
    }


def derive(connection: Connection, readings: Readings, rids: Collection[int]) -> set[RecordId]:
    """Bring the rows of these records up to date, and what is counted of them. The records whose customers may have
    agreed to something else now: their golden records are to be looked at again."""
    found = derived(connection, readings, rids)
    happened = {rid: f for rid, f in found.items() if isinstance(f, Interaction)}
    related = {rid: f for rid, f in found.items() if isinstance(f, Related)}
    before = store.of_records(connection, rids)
    store.remove(connection, before.keys() - happened.keys())
    store.save(connection, happened.items())
    cells = {(b.owner, month_of(b.at)) for b in before.values()}
    tally_store.count_again(connection, cells | {(f.owner, month_of(f.at)) for f in happened.values()})
    relation_store.remove(connection, set(rids) - related.keys())
    relation_store.save(connection, related.items())
    return _derive_consents(connection, rids, {rid: f for rid, f in found.items() if isinstance(f, Statement)})


def _derive_consents(connection: Connection, rids: Collection[int], after: Mapping[int, Statement]) -> set[RecordId]:
    before = consent_store.whole(connection, rids)
    consent_store.remove(connection, before.keys() - after.keys())
    consent_store.save(connection, after.items())
    changed = {rid for rid in before.keys() | after.keys() if before.get(rid) != after.get(rid)}
    return {s.owner for rid in changed for s in (before.get(rid), after.get(rid)) if s is not None}


# --- when the configuration changes ---------------------------------------------------------------


def unread(connection: Connection, readings: Readings) -> list[tuple[str, str]]:
    """Streams whose rows were read otherwise than now, or not to their end."""
    marks = store.marks(connection)
    wanted = {name: r.hash for name, r in readings.items()}
    return sorted(n for n in wanted.keys() | marks.keys() if marks.get(n) != (wanted.get(n, ""), None))


def reread(database: db.Units, readings: Readings, agreed: Agreed) -> int:
    """Read again all rows that were read otherwise, some at a time, each with how far it came; how many."""
    with database.read() as connection:
        todo = unread(connection, readings)
    return sum(_reread(database, readings, name, agreed) for name in todo)


def _reread(database: db.Units, readings: Readings, name: tuple[str, str], agreed: Agreed) -> int:
    wanted = readings[name].hash if name in readings else ""
    done = 0
    while True:
        with database.unit(urgent=False) as connection:
            mark = store.marks(connection).get(name)
            after = mark[1] if mark is not None and mark[0] == wanted else ""
            if after is None:
                return done
            part = landing.keys_after(connection, *name, after, AT_ONCE)
            agreed(connection, derive(connection, readings, [rid for _, rid in part]))
            store.mark(connection, name, wanted, part[-1][0] if len(part) == AT_ONCE else None)
        done += len(part)


def read_later(connection: Connection, names: Iterable[tuple[str, str]]) -> None:
    """In a unit that moves too many rows of these streams: `reread` brings them up to date."""
    for name in names:
        store.mark(connection, name, "", "")
