"""How something on a list stands, and until when: of what happened, what people said, and what happened later. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hub.interactions.listed_store import Happened
from hub.interactions.store import StoredInteraction
from hub.kinds.moment import micros_of
from hub.model import Plain
from hub.settings import WorkingHours, WorkList
from hub.tasks.hold import Hold

NEVER = 2**62

Place = tuple[int, int, int]  # when it is due, when it happened, its row


@dataclass(frozen=True, slots=True)
class Task:
    """Something to see to.

    of         the list that it is on, or the step of a process that it is
    cluster    the customer whose it is now; None: nobody's yet, or of a contact point that several hold
    due        microseconds UTC; None: never
    escalated  it is overdue for so long that it is another role's
    ended_by   the row that ended it by itself
    """

    of: WorkList
    row: StoredInteraction
    cluster: int | None
    state: str
    done: bool
    due: int | None
    overdue: bool
    escalated: bool
    role: str
    hold: Hold
    ended_by: int | None = None

    @property
    def place(self) -> Place:
        """Where it stands on its list: what is due first, then what happened first."""
        return NEVER if self.due is None else self.due, self.row.at, self.row.rid


def due_of(
    given: WorkList, hours: WorkingHours, at: int, values: Mapping[str, Sequence[Plain]], hold: Hold | None
) -> int | None:
    """Until when: as people said; as the row says, but not before it happened; or as long after it as its list gives."""
    if hold is not None and hold.due is not None:
        return hold.due
    said = values.get(given.due_at) if given.due_at else None
    if said:
        return max(at, micros_of(str(said[0])))
    return hours.after(at, given.due) if given.due else None


def due_from(given: WorkList, hours: WorkingHours, at: int) -> int:
    """What happened then or later is not due before this, unless people said so."""
    if given.due_at:
        return at
    return hours.after(at, given.due) if given.due else NEVER


def stands(given: WorkList, row_state: str, hold: Hold, enders: Iterable[Happened]) -> tuple[str, int | None]:
    """(state, the row that brought it). An end that people said stands; then what its source says; then what happened later."""
    if hold.state in given.ends:
        return hold.state, None
    if row_state in given.ends:
        return row_state, None
    ended = min((h for h in enders if _ends(given, h)), key=lambda h: (h.at, h.rid), default=None)
    if ended is not None:
        return _ends(given, ended), ended.rid
    if hold.state in given.states:
        return hold.state, None
    return (row_state if row_state in given.states else given.states[0]), None


def _ends(given: WorkList, happened: Happened) -> str:
    """The state that it brings; empty: none."""
    enders = given.enders
    return enders.get((happened.type, happened.state)) or enders.get((happened.type, ""), "")


def task(
    given: WorkList,
    hours: WorkingHours,
    row: StoredInteraction,
    row_state: str,
    values: Mapping[str, Sequence[Plain]],
    hold: Hold,
    cluster: int | None,
    enders: Iterable[Happened],
    now: int,
) -> Task:
    """All that is said of one."""
    state, ended_by = stands(given, row_state, hold, enders)
    due, done = due_of(given, hours, row.at, values, hold), state in given.ends
    overdue = not done and due is not None and due <= now
    late = given.escalate
    escalated = overdue and due is not None and late is not None and hours.after(due, late.after) <= now
    role = late.to if escalated and late is not None else given.role
    return Task(given, row, cluster, state, done, due, overdue, escalated, role, hold, ended_by)
