"""Starts processes: what happened, changed, came due or joined a segment since, each once. Killed, it goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from hub.figures import store as segments
from hub.golden_record import store as golden_store
from hub.interactions import listed_store, store
from hub.interactions.store import StoredInteraction
from hub.kinds.moment import micros_of
from hub.landing import store as landing
from hub.model import RecordId, digest
from hub.resolve.logbook import Logbook
from hub.settings import STAFF, Config, Process, duration_micros
from hub.settings.processes import PROCESS
from hub.settings.working_time import UNITS
from hub.tasks import process_store

CHANGES = 5_000  # or members of a segment, looked at together


class Occasion(NamedTuple):
    """Why a process starts: for which record, and what tells this occasion from all others."""

    owner: RecordId
    cause: str


def start(logbook: Logbook) -> int:
    """Start what is to be started; how many."""
    database, config, n = logbook.database, logbook.config, 0
    for process in config.processes.values():
        with database.read() as connection:
            now = database.clock.now()
            mark = process_store.mark(connection, process.name)
            last = golden_store.last_seq(connection)
            new = _new(connection, process, list(_occasions(connection, config, process, now, mark)))
        with database.unit(urgent=False) as connection:
            process_store.keep(connection, process.name, process.version, process.model_dump_json())
        for occasion in new:
            said: dict[str, object] = {"process": process.name, "version": process.version, "cause": occasion.cause}
            said["title"] = process.title or process.name
            logbook.note(occasion.owner, PROCESS, said, by="hub", key=_key(process, occasion))
            n += 1
        if process.starts.change:
            with database.unit(urgent=False) as connection:
                process_store.save_mark(connection, process.name, last)
    return n


def _key(process: Process, occasion: Occasion) -> str:
    return digest([process.name, occasion.cause])


def _new(connection: Connection, process: Process, found: Sequence[Occasion]) -> list[Occasion]:
    """Those for which it did not start yet."""
    names = {o: RecordId(STAFF, PROCESS, _key(process, o)) for o in found}
    started = landing.records_named(connection, names.values(), "interaction")
    return [o for o in found if names[o] not in started]


def _occasions(
    connection: Connection, config: Config, process: Process, now: int, mark: int | None
) -> Iterator[Occasion]:
    given = process.starts
    if given.change:
        # A process that is new looks at no change of before.
        yield from _changed(connection, given.change, mark) if mark is not None else ()
    elif given.segment:
        yield from _in_segment(connection, given.segment, now // duration_micros(given.again))
    else:
        yield from _happened(connection, config, process, now)


def _happened(connection: Connection, config: Config, process: Process, now: int) -> Iterator[Occasion]:
    """Rows of a type; by a date of theirs, those whose time has come."""
    given, within = process.starts, duration_micros(process.starts.within)
    type_name, _, attribute = given.date.partition(".") if given.date else (given.interaction, "", "")
    kind = config.interactions[type_name]
    states = given.states or ("", *(kind.attributes[kind.state].options if kind.state else ()))
    since = now - within - (duration_micros(given.ahead) if attribute else 0)
    rows = listed_store.oldest_first(connection, type_name, states, since=since)
    fit = [r for r in rows if not attribute or _came(r, attribute, given.before, within, now)]
    infos = landing.records(connection, [r.rid for r in fit])
    for row in fit:
        yield Occasion(row.owner, infos[row.rid].mint)


def _came(row: StoredInteraction, attribute: str, before: str, within: int, now: int) -> bool:
    said = store.values_of(row).get(attribute)
    if not said:
        return False
    number, unit = before.split()
    at = micros_of(str(said[0])) - int(number) * UNITS[unit.rstrip("s")] // timedelta(microseconds=1)
    return now - within <= at <= now


def _in_segment(connection: Connection, segment: str, turn: int) -> Iterator[Occasion]:
    after = ""
    while listed := segments.members(connection, segment, after=after, limit=CHANGES):
        for customer in listed:
            yield from _owned(connection, customer, f"{segment}/{customer}/{turn}")
        after = listed[-1]


def _changed(connection: Connection, attribute: str, mark: int) -> Iterator[Occasion]:
    """Customers of whom the attribute changed: not those that are new, merged or split."""
    while changes := golden_store.changes_after(connection, mark, CHANGES):
        for change in changes:
            if change.kind == "updated" and attribute in change.attributes:
                yield from _owned(connection, change.customer, change.id)
        mark = changes[-1].seq


def _owned(connection: Connection, customer: str, cause: str) -> Iterable[Occasion]:
    info = landing.record_minting(connection, customer)
    return () if info is None else (Occasion(info.id, cause),)
