"""What speaks for and against two records being one customer, laid out: side by side, and as steps that add up. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, pi, sin

from hub.access.previews import SeenPreview
from hub.access.seen import Explained, SeenPair, SeenPart, SeenRecord
from hub.console.marks import Marked, marked
from hub.console.words import compared
from hub.language.wording import listed, said, title
from hub.matching.compare.model import probability
from hub.model import BIT, RecordId
from hub.settings import CustomerType

SCALE = 1000  # units that a bar's place is told in
FIRST = "prior"
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
                compared(part.comparison),
                part.words,
                part.weight,
                left,
                max(3, right - left),
            )
        )
    return Waterfall(tuple(steps), ends[-1] if ends else 0, place(0), place(join), place(review))


CAUTIONS = {
    "household": "They may be two of one household: what its members share speaks for {bits} bits less",
    "namesakes": "They may be two people of one name: what comes with the name speaks for {bits} bits less",
}
TOLD = 500  # milli-bits below which it is not worth a sentence


def cautions(pair: SeenPair) -> list[str]:
    """What else would explain that they agree, each in a sentence."""
    return [
        CAUTIONS[p.comparison].format(bits=f"{-p.weight / BIT:.1f}")
        for p in pair.parts
        if p.comparison in CAUTIONS and p.weight <= -TOLD
    ]


def _ends(parts: Sequence[SeenPart]) -> list[int]:
    found, total = [], 0
    for part in parts:
        total += part.weight
        found.append(total)
    return found


@dataclass(frozen=True, slots=True)
class DrawnRecord:
    """A record on the drawing."""

    x: int
    y: int
    name: str
    key: str
    anchor: str


@dataclass(frozen=True, slots=True)
class DrawnLink:
    """Two records that speak for each other. `holds`: without it the customer would fall apart, but for other evidence;
    `weakest`: the weakest of those."""

    x1: int
    y1: int
    x2: int
    y2: int
    width: float
    holds: bool
    weakest: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """The records of a customer, and what holds them together. In a box of WIDE x HIGH."""

    dots: tuple[DrawnRecord, ...]
    lines: tuple[DrawnLink, ...]
    held: tuple[SeenPair, ...]  # strongest first


WIDE, HIGH, ACROSS, DOWN = 440, 300, 125, 105


def drawing(explained: Explained) -> Drawing:
    """The strongest evidence that joins them all, as a drawing: records on a ring, the weakest link marked."""
    names = [r.record for r in explained.records]
    place = {name: _on_ring(n, len(names)) for n, name in enumerate(names)}
    speaking = [p for p in explained.pairs if p.weight is not None and p.weight > 0]
    held = _spanning(speaking)
    lines = []
    for pair in sorted(speaking, key=lambda p: p in held):
        (x1, y1), (x2, y2) = place[pair.left], place[pair.right]
        weakest = len(held) > 1 and pair == held[-1]
        lines.append(DrawnLink(x1, y1, x2, y2, min(8.0, 1 + (pair.weight or 0) / 3000), pair in held, weakest))
    dots = tuple(DrawnRecord(*place[n], n.source, n.key, _anchor(place[n][0])) for n in names)
    return Drawing(dots, tuple(lines), tuple(held))


def _on_ring(n: int, of: int) -> tuple[int, int]:
    turn = 2 * pi * n / max(1, of) - pi / 2 + (pi / 2 if of == 2 else 0)
    return round(WIDE / 2 + ACROSS * cos(turn)), round(HIGH / 2 + DOWN * sin(turn))


def _anchor(x: int) -> str:
    """Where a name stands: outside the ring."""
    return "middle" if abs(x - WIDE / 2) < ACROSS / 4 else "start" if x > WIDE / 2 else "end"


def _spanning(pairs: Sequence[SeenPair]) -> list[SeenPair]:
    """The strongest pairs that hold together all that can be held, strongest first."""
    home: dict[RecordId, frozenset[RecordId]] = {}
    found = []
    for pair in sorted(pairs, key=lambda p: (-(p.weight or 0), p.left, p.right)):
        a, b = (home.get(r, frozenset({r})) for r in (pair.left, pair.right))
        if a != b:
            home |= dict.fromkeys(a | b, a | b)
            found.append(pair)
    return found


def likely(weight: int) -> str:
    """How likely one customer is, in words that say no more than the evidence does."""
    p = probability(weight)
    if p >= ALMOST:
        return "all but certainly one customer"
    if p <= 1 - ALMOST:
        return "all but certainly two customers"
    return f"{of_100(weight)} of 100 pairs like this are one customer"


def of_100(weight: int) -> str:
    """Of 100 pairs like this so many are one customer."""
    p = probability(weight)
    return f"{100 * p:.0f}" if 0.01 <= p <= 0.99 else f"{100 * p:.1f}"


@dataclass(frozen=True, slots=True)
class Would:
    """An attribute of a golden record that a match would give: its values then, and what either side holds now."""

    attribute: str
    then: tuple[tuple[str, bool], ...]  # each with whether it is new to one of those that it comes from
    gone: tuple[str, ...]  # what one of those holds now and it would not


@dataclass(frozen=True, slots=True)
class WouldFollow:
    """What would follow of an act: the golden records then, each value with what it was; what sources would be sent."""

    customers: tuple[tuple[str, int, tuple[Would, ...]], ...]  # id, how many records where that is seen, values
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
            then = [said(v) for v in listed(state.values.get(name))]
            was = [{said(v): None for v in listed(values.get(name))} for values in origin]
            gone = dict.fromkeys(v for values in was for v in values if v not in then)
            if then or gone:
                marked_then = tuple((v, any(v not in values for values in was)) for v in then)
                rows.append(Would(name, marked_then, tuple(gone)))
        customers.append((state.id, len(state.records or ()), tuple(rows)))
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
