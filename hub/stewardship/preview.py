"""What would follow of an act: the golden records before and after, the changes, what sources would be sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from hub.golden_record import store as golden_store
from hub.golden_record.store import StoredChange
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.model import RecordId
from hub.settings import Config
from hub.stewardship import act_store
from hub.stewardship.doing import Done, Inputs

SHOWN = 200  # golden records that a preview shows; all are counted


@dataclass(frozen=True, slots=True)
class CustomerState:
    """A golden record before or after an act."""

    id: str
    type: str
    version: int
    records: tuple[RecordId, ...]
    values: Mapping[str, Any]  # attribute -> plain values


@dataclass(frozen=True, slots=True)
class QueuedWrite:
    """A record of a source that takes write-back, and its attributes whose golden value would be another."""

    record: RecordId
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What would follow. `counts`: all golden records by type of change, and inputs; the rest shows the first of them."""

    kind: str
    counts: Mapping[str, int]
    before: tuple[CustomerState, ...]
    after: tuple[CustomerState, ...]
    changes: tuple[StoredChange, ...]
    writes: tuple[QueuedWrite, ...]


def preview_of(config: Config, done: Done, before: Connection, after: Connection, last: int) -> Preview:
    shown = golden_store.changes_after(after, last, SHOWN)
    ids = {id for c in shown for id in (c.customer, *c.other)}
    made = Inputs(**done.inputs)
    counts = {**{f"inputs {k}": n for k, n in made.counts().items()}, **act_store.changes_since(after, last)}
    writes = _writes(config, after, shown)
    return Preview(done.kind, counts, _states(before, ids), _states(after, ids), tuple(shown), writes)


def _states(connection: Connection, ids: Iterable[str]) -> tuple[CustomerState, ...]:
    found = golden_store.customers_named(connection, sorted(ids))
    members = matching_store.members_of(connection, [c.cluster for c in found.values()])
    infos = landing.records(connection, {r for m in members.values() for r in m})
    return tuple(
        CustomerState(c.id, c.type, c.version, tuple(sorted(infos[r].id for r in members.get(c.cluster, ()))), c.values)
        for _, c in sorted(found.items())
    )


def _writes(config: Config, connection: Connection, changes: Iterable[StoredChange]) -> tuple[QueuedWrite, ...]:
    """Records of streams that take write-back, in a customer of whom an attribute that goes there changed."""
    changed = {c.customer: set(c.attributes) for c in changes}
    found = golden_store.customers_named(connection, sorted(changed))
    members = matching_store.members_of(connection, [c.cluster for c in found.values()])
    infos = landing.records(connection, {r for m in members.values() for r in m})
    queued: list[QueuedWrite] = []
    for customer in found.values():
        for rid in members[customer.cluster]:
            id = infos[rid].id
            stream = config.stream(id.source, id.stream)
            back = stream.write_back.attributes if stream and stream.write_back else ()
            attributes = tuple(a for a in back if a in changed[customer.id])
            if attributes:
                queued.append(QueuedWrite(id, attributes))
    return tuple(sorted(queued, key=lambda w: w.record))
