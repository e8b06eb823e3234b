"""What is to be done, in the asker's view. A list is there for a role that is shown all that the list is made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.access.audit.log import REQUEST, AuditLine
from hub.access.authentication.principals import Principal
from hub.access.cursors import seal, unseal
from hub.access.door import bounded
from hub.access.policy.contact_details import kinds_out_of_text, most_seen
from hub.access.policy.view import View
from hub.access.timeline import SeenInteraction, Timeline
from hub.errors import Fault, Unprocessable
from hub.golden_record import store as golden_store
from hub.landing import store as landing
from hub.model import Sight
from hub.settings import CONTACT, InteractionType, WorkList
from hub.tasks import lists, todo
from hub.tasks.hold import Hold, Note
from hub.tasks.task import NEVER, Task


@dataclass(frozen=True, slots=True)
class SeenTask:
    """A task in one view.

    customer   whose it is; None: nobody's yet
    contact    of one that is nobody's: the e-mail address or number that it came from, where the role is shown such
    ended_by   the id of what ended it by itself
    """

    id: str
    list: str
    title: str
    interaction: SeenInteraction
    customer: str | None
    type: str
    contact: str
    state: str
    done: bool
    due: int | None
    overdue: bool
    escalated: bool
    role: str
    hold: Hold
    notes: tuple[Note, ...]
    ended_by: str | None
    of: SeenList


@dataclass(frozen=True, slots=True)
class SeenList:
    name: str
    title: str
    states: tuple[str, ...]
    ends: tuple[str, ...]
    say_why: tuple[str, ...]
    role: str


@dataclass(frozen=True, slots=True)
class TaskPage:
    data: tuple[SeenTask, ...]
    next_cursor: str | None = None


class TaskDoor:
    """Answers for principals, through the reader's door."""

    def __init__(self, timeline: Timeline):
        self.timeline, self.reader, self.config = timeline, timeline.reader, timeline.config

    def lists(self, principal: Principal) -> list[SeenList]:
        """The lists that are there for the asker."""
        return [_list(g, name, title) for name, (title, g) in self._visible(principal).items()]

    def page(
        self, principal: Principal, name: str, *, done: bool = False, limit: int = 50, cursor: str | None = None
    ) -> TaskPage:
        """What is on a list, what is due first; `done`: and what was. Unprocessable: no such list."""
        self._known(principal, name)
        view, limit = self.timeline.view(principal), bounded(limit)
        bound = ("tasks in the order of due", view.version, name, done)
        at = unseal(self.reader.cursor_key, cursor, *bound) if cursor else None
        now, found = self.reader.database.clock.now(), list[tuple[Task, SeenTask]]()
        with self.reader.database.read() as connection:
            after = None if at is None else (int(at[0]), int(at[1]), int(at[2]))
            listed = todo.on(connection, self.config, name, now, after=after, done=done)
            for one in self._seen_of(connection, principal, view, listed):
                found.append(one)
                if len(found) > limit:
                    break
        more, found = len(found) > limit, found[:limit]
        data = tuple(seen for _, seen in found)
        self._sighted(principal, view, data)
        last = seal(self.reader.cursor_key, list(found[-1][0].place), *bound) if more else None
        return TaskPage(data, last)

    def mine(self, principal: Principal) -> TaskPage:
        """What the asker has to see to, what is due first."""
        view, now = self.timeline.view(principal), self.reader.database.clock.now()
        with self.reader.database.read() as connection:
            listed = todo.assigned(connection, self.config, principal.name, now)
            found = [s for s in self._all(connection, principal, view, listed) if not s.done]
        self._sighted(principal, view, found)
        return TaskPage(tuple(_by_due(found)))

    def of_customer(self, principal: Principal, id: str) -> TaskPage:
        """What is or was to be seen to for a customer. NotFound and Gone as for the customer."""
        view, now = self.timeline.view(principal), self.reader.database.clock.now()
        with self.reader.database.read() as connection:
            shown, _ = self.reader.located(connection, principal, id)
            customer = golden_store.customer(connection, shown)
            assert customer is not None
            listed = todo.of_customer(connection, self.config, customer.cluster, now)
            found = self._all(connection, principal, view, listed)
        self._sighted(principal, view, found)
        return TaskPage(tuple(_by_due(found)))

    def one(self, principal: Principal, id: str) -> tuple[SeenTask, Task]:
        """A task as it is seen, and as it is. NotFound, also when the asker may not know of it."""
        name, _, mint = id.rpartition(".")
        view = self.timeline.view(principal)
        with self.reader.database.read() as connection:
            task = todo.one(connection, self.config, name, mint, self.reader.database.clock.now())
            found = self._all(connection, principal, view, [task])
        if not found:
            raise lists.no_task()
        self._sighted(principal, view, found)
        return found[0], task

    # --- in the view --------------------------------------------------------------------------------

    def _visible(self, principal: Principal) -> dict[str, tuple[str, WorkList]]:
        """Name -> title and rules of lists, and of processes by their first step."""
        view = self.timeline.view(principal)
        every = {n: (g.title or n, g) for n, g in self.config.lists.items()}
        every |= {n: (p.title or n, p.lists[0]) for n, p in self.config.processes.items()}
        return {n: (title, g) for n, (title, g) in every.items() if _shows(view, g, self.config.interactions)}

    def _known(self, principal: Principal, name: str) -> None:
        known = self._visible(principal)
        if name not in known:
            remedy = f"known: {', '.join(known) or 'none'}"
            raise Unprocessable("no such list", [Fault("?list", "unknown", remedy)])

    def _all(self, connection: Connection, principal: Principal, view: View, tasks: Iterable[Task]) -> list[SeenTask]:
        return [seen for _, seen in self._seen_of(connection, principal, view, tasks)]

    def _seen_of(
        self, connection: Connection, principal: Principal, view: View, tasks: Iterable[Task]
    ) -> Iterator[tuple[Task, SeenTask]]:
        part: list[Task] = []
        for task in tasks:
            if _shows(view, task.of, self.config.interactions):
                part.append(task)
            if len(part) == lists.TOGETHER:
                yield from self._seen(connection, principal, view, part)
                part = []
        yield from self._seen(connection, principal, view, part)

    def _seen(
        self, connection: Connection, principal: Principal, view: View, tasks: Sequence[Task]
    ) -> Iterator[tuple[Task, SeenTask]]:
        """Those of customers that exist for the asker; of nobody's, for who sees all customers."""
        customers = golden_store.customers_of(connection, {t.cluster for t in tasks if t.cluster is not None})
        of_all = self.reader.view(principal, connection)
        known = self.reader.known_customers(connection, of_all, [c.id for c in customers.values()])
        rids = {t.row.rid for t in tasks} | {t.ended_by for t in tasks if t.ended_by is not None}
        infos, notes = landing.records(connection, rids), lists.notes_of(connection, tasks)
        hidden = kinds_out_of_text(most_seen(of_all, {n: c.attributes for n, c in self.config.customers.items()}))
        for t in tasks:
            customer = None if t.cluster is None else customers.get(t.cluster)
            if (customer is None and of_all.limited) or (customer is not None and customer.id not in known):
                continue
            info, given = infos[t.row.rid], t.of
            yield (
                t,
                SeenTask(
                    f"{given.name}.{info.mint}",
                    given.name,
                    given.title or given.name,
                    self.timeline.seen(view, t.row, info.id, info.mint),
                    customer.id if customer else None,
                    customer.type if customer else "",
                    _contact(t, hidden) if customer is None else "",
                    t.state,
                    t.done,
                    t.due,
                    t.overdue,
                    t.escalated,
                    t.role,
                    t.hold,
                    tuple(notes.get(t.hold.matter, ())),
                    infos[t.ended_by].mint if t.ended_by in infos else None,
                    _list(given, given.name if given.name in self.config.lists else given.name.partition(".")[0]),
                ),
            )

    def _sighted(self, principal: Principal, view: View, tasks: Collection[SeenTask]) -> None:
        if not tasks:
            return
        customers = sorted({t.customer for t in tasks if t.customer is not None})
        attributes = sorted({f"{t}.{a}" for t in {s.interaction.type for s in tasks} for a in view.of(t)})
        now = self.reader.database.clock.now()
        self.reader.audit.write(
            AuditLine(principal.id, principal.role, "tasks", customers, attributes, view.purpose, now, REQUEST.get())
        )


def _list(given: WorkList, name: str, title: str = "") -> SeenList:
    return SeenList(name, title or given.title or name, given.states, given.ends, given.say_why, given.role)


def _shows(view: View, given: WorkList, types: Mapping[str, InteractionType]) -> bool:
    """Is the role shown all that a list is made of? Else it would tell what the role may not see."""
    if any(name not in types for name in (given.of, *(t for t, _ in given.enders))):
        return False  # of a version that this configuration has no more
    for name, state in ((given.of, True), *((t, bool(s)) for t, s in given.enders)):
        kind = types[name]
        wanted = [kind.at, *([kind.state] if kind.state and (state or kind.void) else [])]
        wanted += [given.due_at] if name == given.of and given.due_at else []
        if any(view.of(name).get(a) is not Sight.SHOW for a in wanted):
            return False
    return True


def _contact(task: Task, hidden: Collection[str]) -> str:
    owner = task.row.owner
    if owner.source != CONTACT or owner.stream in hidden:
        return ""
    return f"+{owner.key}" if owner.stream == "phone" else owner.key


def _by_due(tasks: Iterable[SeenTask]) -> list[SeenTask]:
    return sorted(tasks, key=lambda t: (t.done, NEVER if t.due is None else t.due, t.id))
