"""Versions of one record -> what its source itself says now, echoes taken out. Pure.

A version is a row; a run is successive versions in which one field stayed the same. A field whose
newest run holds what the hub wrote over the run before it is an echo: it reads as that earlier run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hub.model import Cell, RecordId, Value, Version, Write

HashOf = Callable[[tuple[Value, ...]], str]


class Held(NamedTuple):
    """A cell, its time (its mapped date, else the source time of its run's first version) and that version."""

    cell: Cell
    time: int | None
    landed: int


@dataclass(frozen=True, slots=True)
class Folded:
    """A record as matching and survivorship see it; a dead one keeps its last live content."""

    record: RecordId
    held: Mapping[str, Held]
    born: int  # landing of its first live version
    died: int | None  # landing of the tombstone that holds
    latest: int  # landing of the newest version folded in


@dataclass(frozen=True, slots=True)
class _Run:
    cell: Cell | None
    first: Version


def fold(
    versions: Sequence[Version], writes: Sequence[Write], hash_of: HashOf, *, partial: bool, keep_deleted: bool = False
) -> Folded | None:
    """One record from all its versions; None while only tombstones landed."""
    ordered = sorted(versions, key=lambda v: v.order)
    lives = [v for v in ordered if not v.tombstone]
    if not lives:
        return None
    last = ordered[-1]
    born = min(v.landed for v in lives)
    died = last.landed if last.tombstone and not keep_deleted else None
    if len(lives) == 1 and not writes:
        only = lives[0]
        held = {a: Held(c, c.date if c.date is not None else only.observed, only.landed) for a, c in only.cells.items()}
        return Folded(only.record, held, born, died, last.landed)
    attributes = sorted({a for v in lives for a in v.cells})
    held = {}
    for attribute in attributes:
        mine = own(_runs(lives, attribute, partial), [w for w in writes if w.attribute == attribute], hash_of)
        if mine is not None:
            held[attribute] = mine
    return Folded(lives[0].record, held, born, died, last.landed)


def _runs(lives: Iterable[Version], attribute: str, partial: bool) -> list[_Run]:
    """The field's history. Tombstones do not part it; in a partial stream an absent field says nothing, and what cannot
    be read says nothing anywhere: a good older value stands.

    But that nothing was there before the first value is history too: else what the hub wrote there would be the
    source's first word.
    """
    found: list[_Run] = []
    for version in lives:
        cell = version.cells.get(attribute)
        if found and (attribute in version.unread or (cell is None and partial)):
            continue
        if not found or found[-1].cell != cell:
            found.append(_Run(cell, version))
    return found


def _is_echo(history: Sequence[_Run], writes: Iterable[Write], hash_of: HashOf) -> bool:
    if len(history) < 2:
        return False
    before, current = history[-2:]
    value = hash_of(current.cell.values if current.cell else ())
    return any(w.value_hash == value and before.first.order <= w.base < current.first.order for w in writes)


def own(history: list[_Run], writes: Sequence[Write], hash_of: HashOf) -> Held | None:
    """What the source itself says in this field."""
    while writes and _is_echo(history, writes, hash_of):
        history = history[:-1]
    if not history or history[-1].cell is None:
        return None
    cell, first = history[-1].cell, history[-1].first
    return Held(cell, cell.date if cell.date is not None else first.observed, first.landed)
