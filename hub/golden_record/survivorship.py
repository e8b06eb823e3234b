"""Members' values and overrides -> golden values with lineage. Pure, and without a clock.

Rules rank candidates from best to worst; every rank ends on value and record, so none tie.
`most_trusted` ranks by log2(trust) + time / half-life: the ratio of two decayed trusts is constant
over time, so the winner needs no clock. A verified value outranks every claimed one, under any rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from math import inf, log2
from typing import Any, NamedTuple

from hub.landing.fold import Held
from hub.model import Override, RecordId, Rule, Value, canonical, plain
from hub.settings import CustomerType, Stream, Survivorship

RESTRICTIVE = {"denied": 2, "unknown": 1, "granted": 0}
SPELLED = 4_096  # values whose spelling is kept: the members of a customer mostly agree on an address
INVALID_BITS = 2.0  # failed validation divides trust by four


class Standing(NamedTuple):
    """How a stream's word on one attribute counts."""

    trust: float  # log2
    verified: bool


class Standings:
    """A stream's standing per attribute, computed once."""

    def __init__(self, stream: Stream, attributes: Iterable[str]):
        self.by = {a: Standing(log2(stream.trust.of(a)), stream.is_verified(a)) for a in attributes}


class Member(NamedTuple):
    record: RecordId
    rid: int
    held: Mapping[str, Held]
    standings: Standings


class Ref(NamedTuple):
    """Where a value is: record, landed version, index among the field's values."""

    rid: int
    landed: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a reference


class Golden(NamedTuple):
    """A golden value and why: the references that gave it, and those that lost."""

    values: tuple[Value, ...]  # empty: cleared
    rule: str
    won: tuple[Ref, ...] = ()
    lost: tuple[Ref, ...] = ()
    override: int | None = None
    verified: bool = True  # False: nobody checked it, so it is never written back


class Candidate(NamedTuple):
    value: Value | None  # None: cleared
    held: Held
    standing: Standing
    record: RecordId
    ref: Ref


def golden_values(
    members: Sequence[Member], overrides: Sequence[Override], customer: CustomerType, now: int
) -> dict[str, Golden]:
    """The golden values of one cluster at an effective time, by attribute."""
    if len(members) == 1 and not overrides:
        return _alone(members[0], customer, now)
    by_attribute: dict[str, list[Candidate]] = {}
    for member in members:
        for attribute, held in member.held.items():
            cell = held.cell
            if (cell.values or cell.cleared) and cell.in_effect(now):
                by_attribute.setdefault(attribute, []).extend(_candidates(member, attribute, held))
    standing = _standing_overrides(overrides, {m.record for m in members}, now)
    made: dict[str, Golden] = {}
    for attribute, rules in customer.attributes.items():
        if attribute not in by_attribute and attribute not in standing:
            continue
        found = survive(by_attribute.get(attribute, []), rules.survivorship)
        override = standing.get(attribute)
        if override is not None:
            lost = (*found.won, *found.lost) if found else ()
            found = Golden(override.values, "override", (), lost, override.id)
        if found is not None:
            made[attribute] = found
    return made


def _alone(member: Member, customer: CustomerType, now: int) -> dict[str, Golden]:
    """One record, nothing to rank: what the rules would pick, without them. Most customers are like this."""
    made: dict[str, Golden] = {}
    for attribute, rules in customer.attributes.items():
        held = member.held.get(attribute)
        if held is None or not held.cell.in_effect(now) or not (held.cell.values or held.cell.cleared):
            continue
        values, rule = held.cell.values, rules.survivorship.rule
        if len(values) > 1 and rule is not Rule.UNION:
            ranked = survive(_candidates(member, attribute, held), rules.survivorship)
            assert ranked is not None
            made[attribute] = ranked
            continue
        refs = tuple(Ref(member.rid, held.landed, index) for index in range(max(len(values), 1)))
        made[attribute] = Golden(
            tuple(dict.fromkeys(values)), rule.value, refs, (), None, member.standings.by[attribute].verified
        )
    return made


def _candidates(member: Member, attribute: str, held: Held) -> list[Candidate]:
    """What a cell that says something offers: its values, or that it was cleared."""
    standing = member.standings.by[attribute]
    values: tuple[Value | None, ...] = held.cell.values or (None,)
    return [
        Candidate(value, held, standing, member.record, Ref(member.rid, held.landed, index))
        for index, value in enumerate(values)
    ]


def survive(candidates: Sequence[Candidate], rules: Survivorship) -> Golden | None:
    """The best value by the attribute's rules. Null never wins, unless it was cleared."""
    if not candidates:
        return None
    if len(candidates) == 1:
        only = candidates[0]
        return Golden(
            () if only.value is None else (only.value,), rules.rule.value, (only.ref,), (), None, only.standing.verified
        )
    keys = [_KEYS[rule](candidates, rules) for rule in (rules.rule, *rules.fallbacks)]

    def rank(candidate: Candidate) -> tuple[Any, ...]:
        time = -inf if candidate.held.time is None else candidate.held.time
        return (
            candidate.standing.verified,
            *(key(candidate) for key in keys),
            _trust(candidate),
            time,
            -candidate.ref.index,
            _text(candidate.value),
            candidate.record,
        )

    ordered = sorted(candidates, key=rank, reverse=True)
    best = ordered[0]
    values: tuple[Value, ...]
    if rules.rule is Rule.UNION:
        won = [c for c in ordered if c.value is not None] or ordered
        values = tuple(dict.fromkeys(c.value for c in won if c.value is not None))
    else:
        won = [c for c in ordered if c.value == best.value]
        values = () if best.value is None else (best.value,)
    given = {c.ref for c in won}
    lost = tuple(c.ref for c in ordered if c.ref not in given)
    return Golden(values, rules.rule.value, tuple(c.ref for c in won), lost, None, best.standing.verified)


# --- rules: the candidates of one attribute -> a key, largest best ---------------------------

Key = Callable[[Candidate], Any]


def _trust(candidate: Candidate) -> float:
    return candidate.standing.trust - (0.0 if candidate.held.cell.valid else INVALID_BITS)


def _text(value: Value | None) -> str:
    """One spelling a value, as JSON."""
    if type(value) is str and value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'
    return "" if value is None else _spelled(value)


@lru_cache(SPELLED)
def _spelled(value: Value) -> str:
    return canonical(plain(value)).decode()


def _most_trusted(_all: Sequence[Candidate], rules: Survivorship) -> Key:
    half_life = rules.half_life_micros
    if half_life is None:
        return _trust
    return lambda c: -inf if c.held.time is None else _trust(c) + c.held.time / half_life


def _most_recent(_all: Sequence[Candidate], _rules: Survivorship) -> Key:
    return lambda c: -inf if c.held.time is None else c.held.time


def _most_frequent(candidates: Sequence[Candidate], _rules: Survivorship) -> Key:
    votes = Counter(_text(v).casefold() for _, v in {(c.record, c.value) for c in candidates})
    return lambda c: votes[_text(c.value).casefold()]


def _most_complete(_all: Sequence[Candidate], _rules: Survivorship) -> Key:
    def size(c: Candidate) -> tuple[int, int]:
        if c.value is None:
            return (0, 0)
        parts = (c.value,) if isinstance(c.value, str) else tuple(v for _, v in c.value if v)
        return len(parts), sum(map(len, parts))

    return size


def _number(c: Candidate) -> tuple[int, float, str]:
    text = _text(c.value).strip('"')
    try:
        return (1, float(text), "")
    except ValueError:
        return (0, 0.0, text)


def _max(_all: Sequence[Candidate], _rules: Survivorship) -> Key:
    return _number


def _min(candidates: Sequence[Candidate], _rules: Survivorship) -> Key:
    order = {number: -place for place, number in enumerate(sorted({_number(c) for c in candidates}))}
    return lambda c: order[_number(c)]


def _most_restrictive(_all: Sequence[Candidate], _rules: Survivorship) -> Key:
    return lambda c: RESTRICTIVE.get(c.value if isinstance(c.value, str) else "", 1)


_KEYS: Mapping[Rule, Callable[[Sequence[Candidate], Survivorship], Key]] = {
    Rule.MOST_TRUSTED: _most_trusted,
    Rule.MOST_RECENT: _most_recent,
    Rule.MOST_FREQUENT: _most_frequent,
    Rule.MOST_COMPLETE: _most_complete,
    Rule.UNION: _most_trusted,
    Rule.MIN: _min,
    Rule.MAX: _max,
    Rule.MOST_RESTRICTIVE: _most_restrictive,
}


# --- overrides and time -----------------------------------------------------------------------


def _standing_overrides(overrides: Iterable[Override], members: set[RecordId], now: int) -> dict[str, Override]:
    """Latest wins, then id. An override whose anchor is no member is not here."""
    found: dict[str, Override] = {}
    for override in sorted(overrides, key=lambda o: (o.at, o.id)):
        if override.anchor in members and (override.until is None or now < override.until):
            found[override.attribute] = override
    return found


def revisit_at(members: Iterable[Member], overrides: Iterable[Override], now: int) -> int | None:
    """When a value of these starts or stops to be in effect next."""
    edges = [
        edge
        for m in members
        for h in m.held.values()
        if (h.cell.start or h.cell.end)
        for edge in (h.cell.start, h.cell.end)
    ]
    edges.extend(o.until for o in overrides)
    return min((e for e in edges if e is not None and e > now), default=None)
