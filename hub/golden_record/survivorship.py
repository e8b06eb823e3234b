"""Members' values and overrides -> golden values with lineage. Pure, and without a clock.

Rules rank candidates from best to worst; every rank ends on value and record, so none tie.
What was taken back is no candidate (`taken_back`); names and whatever else hangs together win together (`hanging`).
`most_trusted` ranks by log2(trust) + time / half-life: the ratio of two decayed trusts is constant
over time, so the winner needs no clock. A verified value outranks every claimed one, under any rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from math import inf, log2
from typing import NamedTuple

from hub.golden_record.hanging import LEADING, PARTS, agrees, composed, from_one
from hub.golden_record.own_word import own_word
from hub.golden_record.taken_back import ends, standing
from hub.landing.fold import Held
from hub.matching.recipe import hash_values
from hub.model import Override, RecordId, Rule, Value, canonical, plain
from hub.settings import CustomerType, Stream, Survivorship

RESTRICTIVE = {"denied": 2, "unknown": 1, "granted": 0}
SPELLED = 4_096  # values whose spelling is kept: the members of a customer mostly agree on an address
INVALID_BITS = 2.0  # failed validation divides trust by four


class Standing(NamedTuple):
    """How a stream's word on one attribute counts."""

    trust: float  # log2
    verified: bool
    owns: bool = False  # what it says stands until it says otherwise
    own: bool = False  # it is the person's own word


class Standings:
    """A stream's standing per attribute, computed once."""

    def __init__(self, stream: Stream, attributes: Iterable[str], *, own: bool = False):
        """own: it is the stream of what people say of themselves."""
        trust, checked, owned = stream.trust.of, stream.is_verified, stream.owns
        self.by = {a: Standing(log2(trust(a)), checked(a), a in owned, own) for a in attributes}
        self.own = own
        self.maps_parts = not stream.map.keys().isdisjoint(LEADING)


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
    taken: tuple[Ref, ...] = ()  # what was taken back, and stated by nobody since
    of: tuple[tuple[str, Golden], ...] = ()  # a full name: the parts that it is made of


class Candidate(NamedTuple):
    value: Value | None  # None: cleared
    held: Held
    standing: Standing
    record: RecordId
    ref: Ref

    @property
    def since(self) -> int | None:
        return self.held.stated(self.ref.index)

    @property
    def verified(self) -> bool:
        return self.standing.verified

    @property
    def owned(self) -> bool:
        return self.standing.owns

    @property
    def own(self) -> bool:
        return self.standing.own


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
    taken = _take_back(members, by_attribute, customer)
    outweighed = _own_words(by_attribute, customer) if any(m.standings.own for m in members) else {}
    kept = _hang_together(by_attribute, customer)
    by_hand = _standing_overrides(overrides, {m.record for m in members}, now)
    set_by_hand = {a: o for a, o in by_hand.items() if a not in outweighed or o.at > outweighed[a].at}
    made: dict[str, Golden] = {}
    for attribute, rules in customer.attributes.items():
        found = _survivor(by_attribute.get(attribute, ()), kept.get(attribute), rules.survivorship)
        if found is not None and attribute in outweighed:
            found = found._replace(lost=(*found.lost, *outweighed[attribute].lost))
        override = set_by_hand.get(attribute)
        if override is not None:
            lost = (*found.won, *found.lost) if found else ()
            found = Golden(override.values, "override", (), lost, override.id)
        if attribute in taken:
            found = (found or Golden((), rules.survivorship.rule.value))._replace(taken=taken[attribute])
        if found is not None:
            made[attribute] = found
    for whole in customer.whole_names:
        if whole not in set_by_hand:
            _name_in_full(made, whole, by_attribute.get(whole, ()), customer)
    return made


def _take_back(
    members: Sequence[Member], by_attribute: dict[str, list[Candidate]], customer: CustomerType
) -> dict[str, tuple[Ref, ...]]:
    """Leaves out the candidates that were taken back; which, by attribute."""
    found: dict[str, tuple[Ref, ...]] = {}
    ended = {a for m in members for a, h in m.held.items() if h.taken} & by_attribute.keys()
    for attribute in sorted(ended):

        def name(value: Value, attribute: str = attribute) -> Hashable:
            return customer.spelling(attribute, value)

        held = [(m.held[attribute], m.standings.by[attribute].verified) for m in members if attribute in m.held]
        candidates = by_attribute[attribute]
        stands = standing(candidates, ends(held, name), name, lambda value: hash_values((value,)))
        if not all(stands):
            by_attribute[attribute] = [c for c, here in zip(candidates, stands, strict=True) if here]
            found[attribute] = tuple(sorted(c.ref for c, here in zip(candidates, stands, strict=True) if not here))
    return found


class Outweighed(NamedTuple):
    """What the person's own word leaves out of the race, and when it was said."""

    at: float
    lost: tuple[Ref, ...]


def _own_words(by_attribute: dict[str, list[Candidate]], customer: CustomerType) -> dict[str, Outweighed]:
    """Leaves out the candidates that the person's own word outweighs; by attribute of which they spoke."""
    found: dict[str, Outweighed] = {}
    for attribute, candidates in by_attribute.items():
        word = own_word(candidates, partial(customer.spelling, attribute))
        if word is not None:
            at, stands = word
            by_attribute[attribute] = [c for c, here in zip(candidates, stands, strict=True) if here]
            found[attribute] = Outweighed(
                at, tuple(c.ref for c, here in zip(candidates, stands, strict=True) if not here)
            )
    return found


def _hang_together(
    by_attribute: Mapping[str, Sequence[Candidate]], customer: CustomerType
) -> dict[str, Sequence[Candidate]]:
    """The candidates of attributes that hang together, where some of them are of another record than the best."""
    kept: dict[str, Sequence[Candidate]] = {}
    for group in customer.groups:
        offers = {a: by_attribute[a] for a in group if by_attribute.get(a)}
        if len(offers) < 2 or all(len({c.value for c in cs}) == 1 for cs in offers.values()):
            continue
        merits = {a: _merit(cs, customer.attributes[a].survivorship) for a, cs in offers.items()}
        kept |= from_one(
            offers,
            group,
            lambda c: c.verified,
            lambda a, c, merits=merits: merits[a](c),  # type: ignore[misc]
            lambda a, value: None if value is None else customer.spelling(a, value),
        )
    return kept


def _survivor(candidates: Sequence[Candidate], kept: Sequence[Candidate] | None, rules: Survivorship) -> Golden | None:
    """The best value of all candidates, or of those that hang together with what else won."""
    found = survive(candidates, rules)
    if kept is None or found is None or len(kept) == len(candidates):
        return found
    best = survive(kept, rules)
    assert best is not None
    won = set(best.won)
    return best._replace(lost=tuple(ref for ref in (*found.won, *found.lost) if ref not in won))


def _name_in_full(made: dict[str, Golden], whole: str, candidates: Sequence[Candidate], customer: CustomerType) -> None:
    """A full name says what the parts that won say: one that somebody gave, where one does, else one made of them."""
    given = made.get(whole)
    parts = {p: g for p in PARTS if (g := made.get(p)) is not None and g.values}
    if given is None or not given.values or parts.keys().isdisjoint(LEADING):
        return
    values, attribute = {p: g.values[0] for p, g in parts.items()}, customer.attributes[whole]
    agreeing = [c for c in candidates if c.value is not None and agrees(c.value, attribute.kind, values)]
    if len(agreeing) == len(candidates):
        return
    if agreeing:
        found = _survivor(candidates, agreeing, attribute.survivorship)
        assert found is not None
        made[whole] = found._replace(taken=given.taken)
        return
    made[whole] = Golden(
        (composed(values),),
        "composed",
        (),
        (*given.won, *given.lost),
        None,
        all(g.verified for g in parts.values()),
        given.taken,
        tuple((p, g._replace(lost=(), taken=())) for p, g in parts.items()),
    )


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
    if member.standings.maps_parts:
        for whole in customer.whole_names:
            if whole in made:
                _name_in_full(made, whole, _candidates(member, whole, member.held[whole]), customer)
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
    ordered = _best_first(candidates, _merit(candidates, rules))
    best = ordered[0]
    values: tuple[Value, ...]
    if rules.rule is Rule.UNION:
        won = [c for c in ordered if c.value is not None] or ordered
        values = tuple(dict.fromkeys(c.value for c in won if c.value is not None))
    else:
        won = [c for c in ordered if c.value == best.value]
        values = () if best.value is None else (best.value,)
    lost: tuple[Ref, ...] = ()
    if len(won) < len(ordered):
        given = {c.ref for c in won}
        lost = tuple([c.ref for c in ordered if c.ref not in given])
    return Golden(values, rules.rule.value, tuple([c.ref for c in won]), lost, None, best.standing.verified)


def _best_first(candidates: Sequence[Candidate], merit: Merit) -> list[Candidate]:
    """By what the rules say of each; only where they say the same of two, by how they are spelled and by record."""
    ranks = [(c.standing.verified, *merit(c), -c.ref.index) for c in candidates]
    if len(set(ranks)) < len(ranks):
        ranks = [(*r, _text(c.value), c.record) for r, c in zip(ranks, candidates, strict=True)]
    return [candidates[n] for n in sorted(range(len(ranks)), key=ranks.__getitem__, reverse=True)]


# --- rules: the candidates of one attribute -> a key, largest best ---------------------------

Key = Callable[[Candidate], object]
Merit = Callable[[Candidate], tuple[object, ...]]


def _merit(candidates: Sequence[Candidate], rules: Survivorship) -> Merit:
    """What an attribute's rules say of each candidate among all: largest best. Two may be alike."""
    keys = [_KEYS[rule](candidates, rules) for rule in (rules.rule, *rules.fallbacks)]
    return lambda c: (*[key(c) for key in keys], _trust(c), -inf if c.held.time is None else c.held.time)


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
