"""Acts of stewards in the view of who asks: what would follow, who may name whom. Audited like every sight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hub.access.audit.log import REQUEST, AuditLine
from hub.access.authentication.principals import Principal
from hub.access.policy.rows import Standpoint, told
from hub.access.policy.view import View, changed_in_view
from hub.access.read import Reader
from hub.errors import Fault, NotFound
from hub.golden_record.store import StoredChange
from hub.model import RecordId
from hub.stewardship.act_store import StoredAct
from hub.stewardship.agreeing import WaitingAct
from hub.stewardship.preview import CustomerState, Preview


@dataclass(frozen=True, slots=True)
class SeenState:
    """A customer before or after, in one view."""

    id: str
    type: str
    records: tuple[RecordId, ...] | None
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PreviewedChange:
    type: str
    customer: str
    attributes: tuple[str, ...]
    other: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeenPreview:
    """What would follow, as far as the view shows it."""

    kind: str
    counts: Mapping[str, int]
    before: tuple[SeenState, ...]
    after: tuple[SeenState, ...]
    changes: tuple[PreviewedChange, ...]
    writes: tuple[tuple[RecordId, tuple[str, ...]], ...]


def see_preview(reader: Reader, principal: Principal, given: Preview) -> SeenPreview:
    """A preview in the asker's view. Counts of what is hidden are told to those only who may administer."""
    view = reader.view(principal)
    before, after = (
        [c for c in cs if reader.admits(view, c.type, c.values, c.records)] for cs in (given.before, given.after)
    )
    # A change is told of customers that the view has before or after, and names no other.
    known = {c.id for c in (*before, *after)}
    types = {c.id: c.type for c in (*before, *after)}
    changes = [
        moved
        for c in given.changes
        if view.sees(c.type)
        and (c.kind != "updated" or changed_in_view(c.attributes, view.of(c.type)))
        and (moved := _moved(c, view, given, before, after, known)) is not None
    ]
    counts = dict(given.counts) if "admin" in view.may else dict(Counter(c.type for c in changes))
    writes = [w for w in given.writes if reader.knows_record(principal, w.record)] if "crosswalk" in view.may else []
    shown = tuple(
        (w.record, tuple(a for a in w.attributes if a in _columns_of(reader, view, w.record))) for w in writes
    )
    found = SeenPreview(
        given.kind,
        counts,
        _states(reader, principal, view, before),
        _states(reader, principal, view, after),
        tuple(changes),
        tuple((record, attributes) for record, attributes in shown if attributes),
    )
    ids = sorted(id for id, t in types.items() if view.sees(t))
    if ids:
        attributes = sorted({a for t in types.values() for a in view.of(t)})
        reader.audit.write(
            AuditLine(
                principal.id,
                principal.role,
                "preview",
                ids,
                attributes,
                view.purpose,
                reader.database.clock.now(),
                REQUEST.get(),
            )
        )
    return found


def _moved(
    c: StoredChange,
    view: View,
    given: Preview,
    before: Iterable[CustomerState],
    after: Iterable[CustomerState],
    known: Iterable[str],
) -> PreviewedChange | None:
    """A change in the view; None: for a view that has not all customers nothing would happen."""
    if c.type not in view.rows:
        return PreviewedChange(c.kind, c.customer, changed_in_view(c.attributes, view.of(c.type)), c.other)
    was, will = {s.id for s in before}, {s.id: s for s in after}
    read = told(
        c.kind,
        c.attributes,
        c.other,
        Standpoint(any(s.id == c.customer for s in given.before), c.customer in was),
        Standpoint(any(s.id == c.customer for s in given.after), c.customer in will),
        known,
        will[c.customer].values if c.customer in will else (),
    )
    return (
        None
        if read is None
        else PreviewedChange(read[0], c.customer, changed_in_view(read[1], view.of(c.type)), read[2])
    )


def _states(reader: Reader, principal: Principal, view: View, states: Iterable[CustomerState]) -> tuple[SeenState, ...]:
    found = []
    for c in states:
        if view.sees(c.type):
            looked = reader.seen_values(principal, c.type, c.values)
            found.append(SeenState(c.id, c.type, c.records if "crosswalk" in view.may else None, looked))
    return tuple(found)


def _columns_of(reader: Reader, view: View, record: RecordId) -> Iterable[str]:
    stream = reader.config.stream(record.source, record.stream)
    return view.of(stream.customer) if stream else ()


def must_see_customers(reader: Reader, principal: Principal, ids: Sequence[str]) -> None:
    """NotFound, as for ids that nobody minted, unless the asker sees customers of their types."""
    for id in ids:
        if not reader.knows_id(principal, id):
            raise NotFound("no such customer", [Fault("/act", "no customer has this id", "search for the customer")])


def seen_waiting(reader: Reader, principal: Principal, waiting: Iterable[WaitingAct]) -> list[WaitingAct]:
    """Those of which the asker may know every record."""
    return [w for w in waiting if all(reader.knows_record(principal, r) for pair in w.act.pairs for r in pair)]


def seen_acts(reader: Reader, principal: Principal, acts: Iterable[StoredAct]) -> list[StoredAct]:
    """Acts on customers of types that the asker sees; those in bulk for who may administer."""
    view = reader.view(principal)

    def shows(act: StoredAct) -> bool:
        return all(reader.knows_id(principal, id) for id in act.customers) and (
            bool(act.customers) or "admin" in view.may
        )

    return [a for a in acts if shows(a)]
