"""Running processes: each is a row of its own among what happened with a customer, and its open step is a task.

So a process belongs to a record and follows merges and splits; how far it came is worked out when asked, from what people
said of its steps and from what happened later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection

from hub import db
from hub.interactions import listed_store, store
from hub.interactions.store import StoredInteraction
from hub.landing import store as landing
from hub.settings import Config, Process
from hub.settings.processes import PROCESS
from hub.tasks import process_store
from hub.tasks.lists import TOGETHER, no_task, tasks_of
from hub.tasks.task import Place, Task

RUNS = 2 * 365 * 86_400_000_000  # what started longer ago is looked at no more


def on_process(
    connection: Connection, config: Config, name: str, now: int, *, after: Place | None = None, done: bool = False
) -> list[Task]:
    """Open steps of what runs, what is due first; `done`: and steps that are done."""
    rows = listed_store.oldest_first(connection, PROCESS, [""], since=now - RUNS)
    found = tasks_of_runs(connection, config, (r for r in rows if _said(r, "process") == name), now)
    return sorted(
        (t for t in found if (done or not t.done) and (after is None or t.place > after)), key=lambda t: t.place
    )


def tasks_of_runs(
    connection: Connection, config: Config, rows: Iterable[StoredInteraction], now: int
) -> Iterator[Task]:
    """The steps of each, as far as it came: those that are done, and the one that is open."""
    known = _definitions(connection, config)
    by_process: dict[tuple[str, str], list[StoredInteraction]] = {}
    for row in rows:
        by_process.setdefault((_said(row, "process"), _said(row, "version")), []).append(row)
    for name, some in by_process.items():
        if name in known:
            for part in db.chunks(some, TOGETHER):
                yield from _steps(connection, config, known[name], part, now)


def _steps(
    connection: Connection, config: Config, process: Process, rows: Sequence[StoredInteraction], now: int
) -> Iterator[Task]:
    for given in process.lists:
        found = tasks_of(connection, config, given, rows, now)
        yield from found
        ended = _ended_at(connection, found)
        rows = [r._replace(at=ended[r.rid] + 1) for r in rows if r.rid in ended]  # what ended this one ends no other


def _ended_at(connection: Connection, tasks: Iterable[Task]) -> dict[int, int]:
    """Run -> when the step of it was done: from then on the next one is open."""
    done = [t for t in tasks if t.done]
    enders = store.of_records(connection, [t.ended_by for t in done if t.ended_by is not None])
    found = {}
    for t in done:
        at = enders[t.ended_by].at if t.ended_by is not None else t.hold.stood_at
        found[t.row.rid] = t.row.at if at is None else at
    return found


def one(connection: Connection, config: Config, name: str, mint: str, now: int) -> Task:
    """A step of a run by its name (process.step) and the id of the run. NotFound, also while it is not open yet."""
    info = landing.record_minting(connection, mint, "interaction")
    row = None if info is None else store.of_records(connection, [info.rid]).get(info.rid)
    if row is None or row.type != PROCESS:
        raise no_task()
    found = next((t for t in tasks_of_runs(connection, config, [row], now) if t.of.name == name), None)
    if found is None:
        raise no_task()
    return found


def _definitions(connection: Connection, config: Config) -> dict[tuple[str, str], Process]:
    """(process, version) -> its steps: as they were when it started."""
    now = {(p.name, p.version): p for p in config.processes.values()}
    kept = process_store.bodies(connection)
    return {name: now.get(name) or Process.model_validate_json(body) for name, body in kept.items()}


def _said(row: StoredInteraction, attribute: str) -> str:
    said = store.values_of(row).get(attribute)
    return str(said[0]) if said else ""
