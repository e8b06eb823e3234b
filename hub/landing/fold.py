"""Versions of one record -> what its source itself says now, echoes taken out. Pure.

A version is a row; a run is successive versions in which one field stayed the same. A field whose
newest run holds what the hub wrote over the run before it is an echo: it reads as that earlier run.
What a run held and the source itself left out of the next was taken back, also where the hub had put it.
A record that the hub made begins with a run of nothing: what it was made of is an echo from its first version on.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from hub.model import BEFORE_ALL, Cell, Value, Version, Write, canonical

HashOf = Callable[[tuple[Value, ...]], str]
Spelling = Callable[[str, Value], Hashable]  # attribute, value -> what its spellings share


def as_written(_attribute: str, value: Value) -> Hashable:
    """For values of which every other spelling is another value."""
    return value


class Taken(NamedTuple):
    """A value that the source stated no longer, from a time of its own on."""

    value: Value  # of what the hub had put there and no pull saw, its hash
    at: int
    hashed: bool = False


class Held(NamedTuple):
    """A cell, its time (its mapped date, else the source time of its run's first version) and that version.

    since  of each value the time from which it stood there without a break; none: all since `time`
    taken  what this record's source took back, and states no more
    """

    cell: Cell
    time: int | None
    landed: int
    since: tuple[int | None, ...] = ()
    taken: tuple[Taken, ...] = ()

    def stated(self, index: int) -> int | None:
        """Since when its source says this one of its values."""
        return self.since[index] if self.since and index < len(self.since) else self.time


@dataclass(frozen=True, slots=True)
class Folded:
    """A record as matching and survivorship see it; a dead one keeps its last live content."""

    held: Mapping[str, Held]
    born: int  # landing of its first live version
    died: int | None  # landing of the tombstone that holds
    latest: int  # landing of the newest version folded in


@dataclass(frozen=True, slots=True)
class _Run:
    cell: Cell | None
    first: Version


def fold(
    versions: Sequence[Version],
    writes: Sequence[Write],
    hash_of: HashOf,
    *,
    partial: bool,
    keep_deleted: bool = False,
    spelling: Spelling = as_written,
) -> Folded | None:
    """One record from all its versions; None while only tombstones landed. `spelling`: another one takes nothing back."""
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
        return Folded(held, born, died, last.landed)
    attributes = sorted({a for v in lives for a in v.cells})
    before = _nothing(lives[0]) if any(w.base == BEFORE_ALL for w in writes) else None
    held = {}
    for attribute in attributes:
        field = _Field(
            _runs(lives, attribute, partial, before),
            [w for w in writes if w.attribute == attribute],
            hash_of,
            attribute,
            spelling,
        )
        mine = field.own()
        if mine is not None:
            held[attribute] = mine
    return Folded(held, born, died, last.landed)


def _nothing(first: Version) -> Version:
    """What stood in a record that the hub made, before its first version."""
    return replace(first, order=BEFORE_ALL, cells={}, observed=None)


def _runs(lives: Iterable[Version], attribute: str, partial: bool, before: Version | None = None) -> list[_Run]:
    """The field's history. Tombstones do not part it; in a partial stream an absent field says nothing, and what cannot
    be read says nothing anywhere: a good older value stands.

    But that nothing was there before the first value is history too: else what the hub wrote there would be the
    source's first word.
    """
    found: list[_Run] = [_Run(None, before)] if before is not None else []
    for version in lives:
        cell = version.cells.get(attribute)
        if found and (attribute in version.unread or (cell is None and partial)):
            continue
        if not found or found[-1].cell != cell:
            found.append(_Run(cell, version))
    return found


@dataclass(frozen=True, slots=True)
class _Field:
    """One attribute's history, and what the hub wrote there."""

    runs: Sequence[_Run]
    writes: Sequence[Write]
    hash_of: HashOf
    attribute: str
    spelling: Spelling

    def own(self) -> Held | None:
        """What the source itself says in this field."""
        if not self.runs:
            return None
        echoes = [n > 0 and self._is_echo(n) for n in range(len(self.runs))]
        last = len(self.runs) - 1
        while echoes[last]:
            last -= 1
        cell, first = self.runs[last].cell, self.runs[last].first
        taken = self._taken(echoes, cell) if len(self.runs) > 1 else ()
        if cell is None:
            return Held(Cell(), None, first.landed, (), taken) if taken else None
        time = _time(cell, first)
        return Held(cell, time, first.landed, self._since(last, echoes, time), taken)

    def _is_echo(self, n: int) -> bool:
        if not self.writes:
            return False
        before, run = self.runs[n - 1], self.runs[n]
        value = self.hash_of(run.cell.values if run.cell else ())
        return any(w.value_hash == value and before.first.order <= w.base < run.first.order for w in self.writes)

    def _taken(self, echoes: Sequence[bool], now: Cell | None) -> tuple[Taken, ...]:
        """Values that the source itself left out of its next statement, at that one's time; not what it states now."""
        found: dict[Hashable, Taken] = {}
        for n in range(1, len(self.runs)):
            before, after = self.runs[n - 1].cell, self.runs[n]
            at = after.first.observed
            at = after.cell.date if at is None and after.cell is not None else at
            if echoes[n] or at is None:
                continue
            kept = self._spellings(after.cell)
            for hash_ in self._unseen(n):
                found[hash_] = Taken(hash_, at, hashed=True)
            for value in before.values if before is not None else ():
                name = self.spelling(self.attribute, value)
                if name not in kept and (name not in found or found[name].at <= at):
                    found[name] = Taken(value, at)
        stated = self._spellings(now) | self._hashes(now)
        return tuple(
            sorted(
                (t for name, t in found.items() if name not in stated),
                key=lambda t: (t.at, t.hashed, canonical(t.value)),
            )
        )

    def _unseen(self, n: int) -> Iterable[Value]:
        """Hashes of what stood there by the hub's write until the source made this run of it, and no pull saw.

        The source's clock must say that it came after the write had arrived: a source that stores what it is given
        in its own way has taken nothing back.
        """
        before, after = self.runs[n - 1].first, self.runs[n]
        there = [
            w
            for w in self.writes
            if w.arrived is not None and before.order <= w.base < after.first.order
            and after.first.observed is not None and after.first.observed > w.arrived
        ]  # fmt: skip
        last = max(there, key=lambda w: w.arrived or 0, default=None)
        return () if last is None else set(last.parts) - self._hashes(after.cell)

    def _hashes(self, cell: Cell | None) -> set[str]:
        return {self.hash_of((v,)) for v in cell.values} if cell is not None and self.writes else set()

    def _since(self, last: int, echoes: Sequence[bool], time: int | None) -> tuple[int | None, ...]:
        """A value of a list does not become newer by what is added beside it. A mapped date is everybody's."""
        cell = self.runs[last].cell
        if cell is None or cell.date is not None or not last:
            return ()
        found: list[int | None] = []
        for value in cell.values:
            since, n = time, last
            name = self.spelling(self.attribute, value)
            while n and name in self._spellings(self.runs[n - 1].cell):
                n -= 1
                if not echoes[n]:
                    since = _time(self.runs[n].cell or cell, self.runs[n].first)
            found.append(since)
        return () if all(since == time for since in found) else tuple(found)

    def _spellings(self, cell: Cell | None) -> set[Hashable]:
        return {self.spelling(self.attribute, v) for v in cell.values} if cell is not None else set()


def _time(cell: Cell, first: Version) -> int | None:
    return cell.date if cell.date is not None else first.observed
