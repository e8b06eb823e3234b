"""All that is to be done, whether it is on a list or a step of a process that runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from sqlalchemy import Connection

from hub.figures.owners import owners_of
from hub.interactions import store
from hub.settings import Config
from hub.settings.processes import PROCESS
from hub.tasks import hold_store, lists, processes
from hub.tasks.task import Place, Task


def on(
    connection: Connection, config: Config, name: str, now: int, *, after: Place | None = None, done: bool = False
) -> Iterator[Task]:
    """What is on a list, or open in processes of a name; what is due first. `done`: and what is done."""
    if name in config.lists:
        return lists.on_list(connection, config, name, now, after=after, done=done)
    return iter(processes.on_process(connection, config, name, now, after=after, done=done))


def one(connection: Connection, config: Config, name: str, mint: str, now: int) -> Task:
    """A task by its list (or process.step) and the id of its row. NotFound."""
    if name in config.lists:
        return lists.one(connection, config, name, mint, now)
    return processes.one(connection, config, name, mint, now)


def of_customer(connection: Connection, config: Config, cluster: int, now: int) -> Iterator[Task]:
    """What is or was to be done for a customer."""
    owners = owners_of(connection, config, [cluster])[cluster]
    rows = store.newest(connection, owners, [PROCESS], since=now - processes.RUNS, limit=lists.OF_CUSTOMER)
    return chain(
        lists.of_customer(connection, config, cluster, now), processes.tasks_of_runs(connection, config, rows, now)
    )


def assigned(connection: Connection, config: Config, to: str, now: int) -> Iterator[Task]:
    """What somebody has to see to."""
    yield from lists.assigned(connection, config, to, now)
    rids = [m.left for m in hold_store.assigned(connection, to) if m.topic not in config.lists]
    runs = [r for r in store.of_records(connection, rids).values() if r.type == PROCESS]
    yield from (t for t in processes.tasks_of_runs(connection, config, runs, now) if t.hold.assigned_to == to)
