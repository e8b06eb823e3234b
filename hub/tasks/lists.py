"""Lists to work on: what happened that somebody has to see to. Derived when asked; kept is only what people said.

So a task goes where its row goes: after a merge it is the merged customer's, and what ended it may be what happened with
the other one; after the split or the undo it stands as before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import islice

from sqlalchemy import Connection

from hub import db
from hub.errors import Fault, NotFound, Unprocessable
from hub.figures.owners import homes_of, owners_of
from hub.interactions import listed_store, store
from hub.interactions.listed_store import Happened
from hub.interactions.store import StoredInteraction
from hub.landing import store as landing
from hub.model import RecordId
from hub.settings import Config, WorkList, duration_micros
from hub.tasks import hold_store, holds
from hub.tasks.hold import Hold, Matter, Note
from hub.tasks.task import NEVER, Place, Task, due_from, due_of, task

TOGETHER = 64  # tasks that are worked out at once: a page and some that are done
OF_CUSTOMER = 200  # rows of a customer that are looked at, the newest


def on_list(
    connection: Connection, config: Config, name: str, now: int, *, after: Place | None = None, done: bool = False
) -> Iterator[Task]:
    """What is on a list, what is due first; `done`: and what was. Worked out some at a time, as far as it is asked for."""
    given, part = config.lists[name], list[StoredInteraction]()
    said = {h.matter.left: h for h in hold_store.with_due(connection, name, () if done else given.ends)}
    states, since = _states(config, given, done), now - duration_micros(given.within)
    placed = _placed(connection, config, given, said, states, since)
    rows = (row for place, row in placed if after is None or place > after)
    while part := list(islice(rows, TOGETHER)):
        for found in tasks_of(connection, config, given, part, now):
            if done or not found.done:
                yield found


def _placed(
    connection: Connection,
    config: Config,
    given: WorkList,
    said: Mapping[int, Hold],
    states: Collection[str],
    since: int,
) -> Iterator[tuple[Place, StoredInteraction]]:
    """Rows of a list, what is due first. They are read in the order in which they happened, and no further than what
    happened later could still be due before: so a first page costs the same, however long the list is. Where a row says itself
    when it is due (`due_at`), the last one may be the first, and all are read. `said`: when people say that something is due."""
    waiting = [
        (_place(config, given, row, said[row.rid]), row) for row in _held(connection, given, said, states, since)
    ]
    heapify(waiting)
    for row in listed_store.oldest_first(connection, given.of, states, since=since):
        if row.rid not in said:
            following = due_from(given, config.hours, row.at), row.at, row.rid
            while waiting and waiting[0][0] < following:
                yield heappop(waiting)
            heappush(waiting, (_place(config, given, row, None), row))
    while waiting:
        yield heappop(waiting)


def _place(config: Config, given: WorkList, row: StoredInteraction, said: Hold | None) -> Place:
    due = due_of(given, config.hours, row.at, store.values_of(row) if given.due_at else {}, said)
    return NEVER if due is None else due, row.at, row.rid


def _held(
    connection: Connection, given: WorkList, said: Iterable[int], states: Collection[str], since: int
) -> Iterator[StoredInteraction]:
    """Rows of which people said when they are due, as far as they are on the list."""
    rows = store.of_records(connection, said)
    standing = listed_store.states_of(connection, rows)
    for rid, row in rows.items():
        if row.type == given.of and row.at >= since and standing[rid] in states:
            yield row


def _states(config: Config, given: WorkList, done: bool) -> Collection[str]:
    """States of rows that may be on it."""
    if given.when:
        return given.when
    kind = config.interactions[given.of]
    known = ("", *(kind.attributes[kind.state].options if kind.state else ()))
    return known if done else [s for s in known if s not in given.ends]


def tasks_of(
    connection: Connection, config: Config, given: WorkList, rows: Sequence[StoredInteraction], now: int
) -> list[Task]:
    """How these rows stand as tasks of a list, in their order."""
    rids = [r.rid for r in rows]
    said, states = hold_store.of_records(connection, given.name, rids), listed_store.states_of(connection, rids)
    homes = homes_of(connection, config, {r.owner for r in rows})
    enders = _enders(connection, config, given, rows, homes)
    return [
        task(
            given,
            config.hours,
            row,
            states.get(row.rid, ""),
            store.values_of(row),
            said.get(row.rid) or Hold(Matter(given.name, row.rid, row.rid)),
            homes.get(row.owner),
            enders.get(row.rid, ()),
            now,
        )
        for row in rows
    ]


def _enders(
    connection: Connection,
    config: Config,
    given: WorkList,
    rows: Sequence[StoredInteraction],
    homes: dict[RecordId, int],
) -> dict[int, list[Happened]]:
    """Row -> what happened later with the same customer, of what may end it. States that are void do not."""
    if not given.ended_by or not rows:
        return {}
    named = owners_of(connection, config, set(homes.values()))
    cluster_of = {id: cluster for cluster, ids in named.items() for id in ids}
    types = {t for t, _ in given.enders}
    happened: dict[int, list[Happened]] = {}
    for h in listed_store.later(connection, cluster_of, types, since=min(r.at for r in rows) - 1):
        if h.state not in config.interactions[h.type].void:
            happened.setdefault(cluster_of[h.owner], []).append(h)
    return {
        r.rid: [h for h in happened.get(homes[r.owner], ()) if h.at >= r.at and h.rid != r.rid]
        for r in rows
        if r.owner in homes
    }


def of_customer(connection: Connection, config: Config, cluster: int, now: int) -> Iterator[Task]:
    """What is to be seen to for a customer, done or not, on any list."""
    owners = owners_of(connection, config, [cluster])[cluster]
    for given in config.lists.values():
        since = now - duration_micros(given.within)
        rows = store.newest(connection, owners, [given.of], since=since, limit=OF_CUSTOMER)
        states = listed_store.states_of(connection, [r.rid for r in rows]) if given.when else {}
        fit = [r for r in rows if not given.when or states.get(r.rid) in given.when]
        yield from tasks_of(connection, config, given, fit, now)


def one(connection: Connection, config: Config, name: str, mint: str, now: int) -> Task:
    """A task by its list and the id of its row. NotFound."""
    given, info = config.lists.get(name), landing.record_minting(connection, mint, "interaction")
    row = None if info is None else store.of_records(connection, [info.rid]).get(info.rid)
    if given is None or row is None or row.type != given.of:
        raise no_task()
    return tasks_of(connection, config, given, [row], now)[0]


def assigned(connection: Connection, config: Config, to: str, now: int) -> Iterator[Task]:
    """What somebody has to see to, on any list."""
    by_list: dict[str, list[int]] = {}
    for matter in hold_store.assigned(connection, to):
        by_list.setdefault(matter.topic, []).append(matter.left)
    for name, rids in by_list.items():
        if name in config.lists:
            rows = [r for r in store.of_records(connection, rids).values() if r.type == config.lists[name].of]
            yield from tasks_of(connection, config, config.lists[name], rows, now)


def no_task() -> NotFound:
    return NotFound("no such task", [Fault("/id", "unknown", "see the lists: GET /v1/tasks")])


# --- working on it ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaskChange:
    """What somebody says of a task; None: nothing of that."""

    state: str | None = None
    reason: str = ""
    next_step: str | None = None
    assigned_to: str | None = None
    due: int | None = None


class Worklists:
    """Writes to one hub. Whether the asker may see the task is its door's to say."""

    def __init__(self, database: db.Units, config: Config):
        self.database, self.config = database, config

    def change(self, found: Task, given: TaskChange, *, by: str) -> None:
        """All that is given, or nothing. Unprocessable: a state that the list has not, or that needs a reason; Conflict:
        somebody else has claimed it."""
        if given.state is not None:
            self._may_stand(found.of, given)
        matter = found.hold.matter
        with self.database.unit() as connection:
            now = self.database.clock.now()
            if given.state is not None:
                holds.stand(connection, matter, given.state, reason=given.reason, by=by, now=now)
            if given.next_step is not None:
                holds.plan(connection, matter, given.next_step)
            if given.assigned_to is not None or given.due is not None:
                was = hold_store.of_matter(connection, matter)
                to = was.assigned_to if given.assigned_to is None else given.assigned_to
                holds.assign(connection, matter, to=to, due=was.due if given.due is None else given.due)

    def _may_stand(self, of: WorkList, given: TaskChange) -> None:
        if given.state not in of.states:
            raise Unprocessable("no such state", [Fault("/state", "unknown", f"known: {', '.join(of.states)}")])
        if given.state in of.say_why and not given.reason.strip():
            raise Unprocessable("a reason is needed", [Fault("/reason", "is empty", f"say why it is {given.state}")])

    def claim(self, found: Task, *, by: str, lasts: int = holds.CLAIM) -> Hold:
        """Take it for a while (microseconds); zero gives it back. Conflict while somebody else has it."""
        with self.database.unit() as connection:
            now = self.database.clock.now()
            if not lasts:
                return holds.release(connection, found.hold.matter, by=by, now=now)
            return holds.claim(connection, found.hold.matter, by=by, now=now, lasts=lasts)

    def comment(self, found: Task, *, by: str, words: str) -> Note:
        with self.database.unit() as connection:
            return holds.comment(connection, found.hold.matter, by=by, now=self.database.clock.now(), words=words)


def notes_of(connection: Connection, tasks: Iterable[Task]) -> dict[Matter, list[Note]]:
    """Comments on tasks, oldest first."""
    found: dict[Matter, list[Note]] = {}
    by_topic: dict[str, list[int]] = {}
    for one_ in tasks:
        by_topic.setdefault(one_.hold.matter.topic, []).append(one_.hold.matter.left)
    for topic, rids in by_topic.items():
        for note in hold_store.notes(connection, topic, rids):
            found.setdefault(note.matter, []).append(note)
    return found
