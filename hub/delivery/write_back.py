"""What to write to one record of a source, given what it holds and what is golden. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hub.connectors.base import JSON
from hub.connectors.mapping.mapper import Mapper
from hub.connectors.mapping.paths import path
from hub.connectors.mapping.writer import with_fields
from hub.errors import BadRecord
from hub.landing.fold import Held
from hub.matching.recipe import hash_values
from hub.model import Value
from hub.settings import WriteBack

Hashed = tuple[str, tuple[str, ...]]  # the hash of all values, and of each
TRIPS_AT = 2  # the same value written so often in a row did not stick: the third time is not tried


@dataclass(frozen=True, slots=True)
class Plan:
    """Fields to set, on condition of `expected`; what the log keeps per attribute (the hash of all
    values, and of each); what was not possible and why. `removal`: of a record that is to go, how; `why`: then, why."""

    fields: Mapping[str, JSON]
    expected: Mapping[str, JSON]
    hashes: Mapping[str, str]
    parts: Mapping[str, tuple[str, ...]]
    problems: Mapping[str, str]
    tripped: tuple[str, ...] = ()
    removal: str = ""  # clear | delete | archive
    why: str = ""

    @property
    def writes(self) -> bool:
        """Is there anything to send?"""
        return bool(self.fields) or self.removal == "delete"


def plan(
    mapper: Mapper,
    raw: Mapping[str, JSON],
    own: Mapping[str, Held],
    golden: Mapping[str, tuple[Value, ...]],
    attributes: Iterable[str],
    written: Mapping[str, Sequence[str]],
) -> Plan:
    """Changed fields only.

    raw: the record as the source last gave it; own: what the source itself said, echoes taken out;
    golden: verified values by attribute; written: hashes of what the hub wrote there, oldest first.
    """
    actual = mapper.map(raw).cells
    fields: dict[str, JSON] = {}
    expected: dict[str, JSON] = {}
    hashes: dict[str, str] = {}
    parts: dict[str, tuple[str, ...]] = {}
    problems: dict[str, str] = {}
    tripped: list[str] = []
    for attribute in attributes:
        has = actual[attribute].values if attribute in actual else ()
        want = wanted(
            has,
            own[attribute].cell.values if attribute in own else (),
            golden.get(attribute),
            lambda value, attribute=attribute: mapper.customer_type.spelling(attribute, value),  # type: ignore[misc]
        )
        if want is None or want == has:
            continue
        try:
            these = mapper.unmap(attribute, want, raw)
        except BadRecord as error:
            problems[attribute] = str(error)
            continue
        then = mapper.map(mapper.after(raw, these)).cells
        becomes = then[attribute].values if attribute in then else ()
        if becomes == has or (has and set(has) <= set(want) and len(becomes) <= len(has)):
            continue  # the source cannot hold more than it does: its own good value stays
        hash_ = hash_values(becomes)
        if list(written.get(attribute, ()))[-TRIPS_AT:] == [hash_] * TRIPS_AT:
            tripped.append(attribute)
            continue
        fields.update(these)
        expected.update(mapper.held(attribute, raw))
        hashes[attribute] = hash_
        parts[attribute] = tuple(hash_values((value,)) for value in becomes)
    return Plan(fields, expected, hashes, parts, problems, tuple(tripped))


def plan_removal(mapper: Mapper, raw: Mapping[str, JSON], back: WriteBack, why: str, times: int) -> Plan:
    """What is done to a record whose customer left, while it still holds what the source last gave.

    raw: the record as the source last gave it; times: how often that was done since the customer left: a system that
    brings the record back is not fought with.
    """
    held = {name: value for attribute in mapper.stream.map for name, value in mapper.held(attribute, raw).items()}
    fields, hashes = _emptied(mapper, raw, back) if back.deletes == "clear" else ({}, {})
    if back.deletes == "archive":
        fields = {name: value for name, value in back.archive.items() if path(name).get(raw) != value}
        held |= {name: path(name).get(raw) for name in fields}
    planned = Plan(fields, held, hashes, dict.fromkeys(hashes, ()), {}, removal=back.deletes, why=why)
    if planned.writes and times >= TRIPS_AT:
        return replace(planned, fields={}, removal="", tripped=(f"{back.deletes} (somebody brings it back there)",))
    return planned


def with_return(
    planned: Plan, raw: Mapping[str, JSON], archive: Mapping[str, JSON], earlier: Iterable[Mapping[str, JSON]]
) -> Plan:
    """The same for a record that the hub archived and whose customer is back: what says so is as it was before.

    earlier: the record as the source gave it before, the newest first.
    """
    marked = {name for name, value in archive.items() if path(name).get(raw) == value}
    before = next((row for row in earlier if any(path(n).get(row) != archive[n] for n in marked)), None)
    if before is None:
        return planned
    fields = {name: path(name).get(before) for name in marked}
    held = {name: path(name).get(raw) for name in marked}
    return replace(planned, fields={**planned.fields, **fields}, expected={**planned.expected, **held})


def _emptied(mapper: Mapper, raw: Mapping[str, JSON], back: WriteBack) -> tuple[dict[str, JSON], dict[str, str]]:
    """The fields that the hub ever writes, empty, where they are not; by attribute the hash of nothing."""
    cells = mapper.map(raw).cells
    fields: dict[str, JSON] = {}
    hashes: dict[str, str] = {}
    for attribute in back.written:
        if attribute in mapper.stream.owns or attribute not in cells or not cells[attribute].values:
            continue
        fields.update(mapper.unmap(attribute, (), raw))
        hashes[attribute] = hash_values(())
    return fields, hashes


@dataclass(frozen=True, slots=True)
class Making:
    """A record to make: its fields; the hashes of what each attribute holds then, those that hold nothing too."""

    fields: Mapping[str, JSON]
    hashes: Mapping[str, Sequence[Hashed]]
    problems: tuple[str, ...] = ()

    @property
    def sent(self) -> list[str]:
        """The attributes that it has a value of."""
        return [a for a, hashes in self.hashes.items() if any(parts for _, parts in hashes)]

    def row(self, current: Mapping[str, JSON]) -> dict[str, JSON]:
        """The row as its source keeps it, as far as it told."""
        return with_fields({}, {**self.fields, **current})

    def current(self, kept: Mapping[str, Hashed]) -> dict[str, list[Hashed]]:
        """What was sent, and what the source made of it: both are the hub's own."""
        found = {a: [(whole, tuple(parts)) for whole, parts in hashes] for a, hashes in self.hashes.items()}
        for attribute, hashed in kept.items():
            if hashed not in found.setdefault(attribute, []):
                found[attribute].append(hashed)
        return found


def plan_new(mapper: Mapper, golden: Mapping[str, tuple[Value, ...]], attributes: Iterable[str]) -> Making:
    """A record for a customer that the stream lacks, of its verified golden values."""
    fields: dict[str, JSON] = {}
    problems: list[str] = []
    for attribute in attributes:
        if not golden.get(attribute):
            continue
        try:
            fields.update(mapper.unmap(attribute, golden[attribute]))
        except BadRecord as error:
            problems.append(str(error))
    cells = mapper.values(mapper.after({}, fields))[0]
    empty = dict.fromkeys(mapper.stream.map, (hash_values(()), ()))
    hashes = empty | {a: (hash_values(c.values), tuple(hash_values((v,)) for v in c.values)) for a, c in cells.items()}
    return Making(fields, {a: [hashed] for a, hashed in hashes.items()}, tuple(problems))


def wanted(
    has: tuple[Value, ...],
    own: tuple[Value, ...],
    golden: tuple[Value, ...] | None,
    spelling: Callable[[Value], Hashable] = lambda value: value,
) -> tuple[Value, ...] | None:
    """The values that the record should hold; None: leave it alone.

    Values that it holds already come first, so that a list is not rewritten for its order. Where nothing
    golden is left of what the hub wrote, the source's own value goes back. Another spelling is not another value:
    the source keeps its own.
    """
    if golden is None:
        return own if [*map(spelling, has)] != [*map(spelling, own)] else None
    good, there = {spelling(v) for v in golden}, {spelling(v) for v in has}
    return (*(v for v in has if spelling(v) in good), *(v for v in golden if spelling(v) not in there))
