"""Which typed events a rebuild makes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.golden_record.lineage import Lineage, Values
from hub.model import ChangeType


@dataclass(frozen=True, slots=True)
class State:
    """A customer as stored: its members, its values and their lineage (as JSON)."""

    members: frozenset[int]
    values: Values
    lineage: Lineage


@dataclass(frozen=True, slots=True)
class Change:
    customer: str
    type: ChangeType
    attributes: tuple[str, ...]  # whose value changed
    other: tuple[str, ...] = ()  # merged: into or from; split: from or into


def changed_attributes(before: State | None, after: State) -> tuple[str, ...]:
    old = before.values if before else {}
    return tuple(sorted(a for a in old.keys() | after.values.keys() if old.get(a) != after.values.get(a)))


def derive(
    before: Mapping[str, State], after: Mapping[str, State], leads_to: Mapping[str, str | None], seen: frozenset[str]
) -> list[Change]:
    """One change per customer id that differs.

    `before` and `after` hold the touched customers by shown id; `leads_to` says where an id that is
    no longer shown leads now; `seen` are ids that were shown at some time before.
    """
    home_before = {r: id for id, state in before.items() for r in state.members}
    home_after = {r: id for id, state in after.items() for r in state.members}
    made: list[Change] = []
    for id in sorted(before.keys() | after.keys()):
        old, new = before.get(id), after.get(id)
        if new is None:
            assert old is not None
            into = leads_to.get(id)
            kind = ChangeType.MERGED if into else ChangeType.RETIRED
            made.append(Change(id, kind, (), (into,) if into else ()))
            continue
        if old == new:
            continue
        attributes = changed_attributes(old, new)
        came = {home_before[r] for r in new.members if r in home_before} - {id}
        left = {home_after[r] for r in (old.members if old else ()) if r in home_after} - {id}
        if old is None:
            kind = ChangeType.SPLIT if came or id in seen else ChangeType.CREATED
            made.append(Change(id, kind, attributes, tuple(sorted(came))))
        elif came:
            made.append(Change(id, ChangeType.MERGED, attributes, tuple(sorted(came))))
        elif left:
            made.append(Change(id, ChangeType.SPLIT, attributes, tuple(sorted(left))))
        else:
            made.append(Change(id, ChangeType.UPDATED, attributes))
    return made
