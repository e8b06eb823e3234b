"""What to write to one record of a source, given what it holds and what is golden. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from hub.connectors.base import JSON
from hub.connectors.mapping.mapper import Mapper
from hub.errors import BadRecord
from hub.landing.fold import Held
from hub.matching.recipe import hash_values
from hub.model import Value

TRIPS_AT = 2  # the same value written so often in a row did not stick: the third time is not tried


@dataclass(frozen=True, slots=True)
class Plan:
    """Fields to set, on condition of `expected`; what the log keeps per attribute (the hash of all
    values, and of each); what was not possible and why."""

    fields: Mapping[str, JSON]
    expected: Mapping[str, JSON]
    hashes: Mapping[str, str]
    parts: Mapping[str, tuple[str, ...]]
    problems: Mapping[str, str]
    tripped: tuple[str, ...] = ()


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
