"""What speaks for and against two records being one customer, laid out: side by side, and as steps that add up. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.access.previews import SeenPreview
from hub.access.seen import SeenPair, SeenPart, SeenRecord
from hub.console.marks import Marked, marked
from hub.console.words import listed, said, title
from hub.matching.compare.model import probability
from hub.settings import CustomerType

SCALE = 1000  # units that a bar's place is told in
FIRST = "prior"
NAMES = {FIRST: "To begin with", "household": "One household"}
ALMOST = 0.9995


@dataclass(frozen=True, slots=True)
class Beside:
    """An attribute of both records."""

    attribute: str
    left: tuple[Marked, ...]
    right: tuple[Marked, ...]

    @property
    def differs(self) -> bool:
        return any(not m.same and not m.alone for m in (*self.left, *self.right))


def beside(customer_type: CustomerType, left: SeenRecord, right: SeenRecord) -> list[Beside]:
    """The attributes that either has, in the order of the configuration."""
    rows = []
    for name in customer_type.attributes:
        mine, theirs = ([said(v) for v in listed(r.values.get(name))] for r in (left, right))
        if mine or theirs:
            rows.append(Beside(name, *marked(mine, theirs)))
    return rows


@dataclass(frozen=True, slots=True)
class WaterfallStep:
    """One comparison's share: its bar starts where the one before it ended. In thousandths of the whole width."""

    name: str
    words: str
    weight: int
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Steps that add up to the weight, and the places of nothing, of the weight from which it joins, and of the review."""

    steps: tuple[WaterfallStep, ...]
    total: int
    zero: int
    join: int
    review: int


def waterfall(pair: SeenPair, join: int, review: int) -> Waterfall:
    """What is known before anything is compared comes first, then what speaks most."""
    parts = sorted(pair.parts, key=lambda p: (p.comparison != FIRST, -abs(p.weight), p.comparison))
    ends = _ends(parts)
    low, high = min(0, review, *ends), max(0, join, *ends)

    def place(weight: int) -> int:
        return round(SCALE * (weight - low) / max(1, high - low))

    steps = []
    for part, end in zip(parts, ends, strict=True):
        start = end - part.weight
        left, right = sorted((place(start), place(end)))
        steps.append(
            WaterfallStep(
                NAMES.get(part.comparison) or title(part.comparison),
                part.words,
                part.weight,
                left,
                max(3, right - left),
            )
        )
    return Waterfall(tuple(steps), ends[-1] if ends else 0, place(0), place(join), place(review))


def _ends(parts: Sequence[SeenPart]) -> list[int]:
    found, total = [], 0
    for part in parts:
        total += part.weight
        found.append(total)
    return found


def likely(weight: int) -> str:
    """How likely one customer is, in words that say no more than the evidence does."""
    p = probability(weight)
    if p >= ALMOST:
        return "all but certainly one customer"
    if p <= 1 - ALMOST:
        return "all but certainly two customers"
    share = f"{100 * p:.0f}" if 0.01 <= p <= 0.99 else f"{100 * p:.1f}"
    return f"{share} of 100 pairs like this are one customer"


@dataclass(frozen=True, slots=True)
class Would:
    """An attribute of a golden record that a match would give: its value then, and what it was on either side."""

    attribute: str
    then: str
    was: tuple[str, ...]  # what it is now, where that is another value
    other: bool  # does somebody hold another value now, or none?


@dataclass(frozen=True, slots=True)
class WouldFollow:
    """What would follow of an act: the golden records then, each value with what it was; what sources would be sent."""

    customers: tuple[tuple[str, tuple[Would, ...]], ...]
    gone: tuple[str, ...]
    writes: tuple[tuple[str, str], ...]
    changes: Mapping[str, int]


def outcome(types: Mapping[str, CustomerType], seen: SeenPreview) -> WouldFollow:
    now = {s.id: s.values for s in seen.before}
    customers = []
    for state in seen.after:
        # One that is new came out of those before; one that stays is compared with all that it takes in.
        origin = list(now.values()) if len(seen.after) < len(seen.before) or state.id not in now else [now[state.id]]
        rows = []
        for name in types[state.type].attributes:
            then, was = said(state.values.get(name)), dict.fromkeys(said(v.get(name)) for v in origin)
            if then or any(was):
                rows.append(Would(name, then, tuple(w for w in was if w and w != then), was.keys() != {then}))
        customers.append((state.id, tuple(rows)))
    kept = {s.id for s in seen.after}
    return WouldFollow(
        tuple(customers),
        tuple(id for id in now if id not in kept),
        tuple(
            (str(record), ", ".join(title(a).lower() for a in attributes))
            for record, attributes in seen.writes
            if attributes
        ),
        seen.counts,
    )
