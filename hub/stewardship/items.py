"""What a steward should look at next: which items there are, what a decision on each is worth, and in which order. Pure.

Worth of a decision = doubt x (golden values + deliveries that it would change), in millionths.
Doubt is p(1-p) of the pair's weight where the model is unsure; where the model is sure but something
keeps the records apart, evidence and guard contradict each other and nothing says which is right: 1/4.
Golden values are estimated without reading golden records: the attributes of the type less those on
which the two records agree, for a merge changes at most these. Deliveries are the subscriptions of
the type, and the records of both customers where some stream of the type takes write-back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from hub.matching.compare.model import probability
from hub.model import BIT

Kind = Literal["grey", "apart", "refused", "cut", "override", "changed", "contradicted", "disputed"]
MILLION = 1_000_000
UNDECIDED = 0.25  # p(1-p) at p = 1/2
FALSE_JOIN = 3  # a wrong join costs as much as so many missed ones: it mixes two people's data

Clusters = frozenset[int]
Position = tuple[int, int, int, int, str, int]


@dataclass(frozen=True, slots=True)
class Item:
    """Something to decide, by two records (twice the same: an override's anchor, a record in dispute).

    `clusters`: the customers that it is about; one decision on any two of their records closes it.
    """

    kind: Kind
    left: int
    right: int
    clusters: Clusters
    type: str
    weight: int | None
    worth: int
    values: int  # golden values that a decision would change, estimated
    deliveries: int
    number: int | None = None  # of the decision or override that it is about
    due: int | None = None
    words: str = ""  # of one that says more than its kind does


@dataclass(frozen=True, slots=True)
class FoundItem:
    """A pair of records in two customers, as stored."""

    left: int
    right: int
    weight: int
    parts: Collection[tuple[str, int, int]]
    clusters: Clusters
    type: str
    records: int  # of both customers


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one customer type: its thresholds (milli-bits), its attributes, and who is told of changes."""

    join: int
    review: int
    margin: int
    attributes: int
    subscriptions: int = 0
    writes_back: bool = False

    def deliveries(self, records: int) -> int:
        return self.subscriptions + (records if self.writes_back else 0)


@dataclass(frozen=True, slots=True)
class Decided:
    """A standing decision between two customers, with the pair's weight when it was made."""

    clusters: Clusters
    unsure: bool
    weight: int | None


def doubt(weight: int, join: int) -> float:
    """How little the evidence alone settles the pair: at most 1/4."""
    if weight >= join:
        return UNDECIDED
    p = probability(weight)
    return p * (1 - p)


def worth(doubt_: float, values: int, deliveries: int) -> int:
    return round(MILLION * doubt_ * (values + deliveries))


def level(weight: int | None) -> int | None:
    """The whole bits of a weight: an `unsure` hides its item until these change."""
    return None if weight is None else weight // BIT


def values_changed(parts: Iterable[tuple[str, int, int]], attributes: int) -> int:
    """Golden values that a merge could change: the attributes on which the two do not agree."""
    return max(1, attributes - sum(1 for _, level_, weight in parts if weight > 0 and level_ >= 0))


def pair_items(pairs: Iterable[FoundItem], decided: Iterable[Decided], bounds: Mapping[str, Bounds]) -> list[Item]:
    """One item for any two customers with open pairs, by their strongest pair.

    Closed: customers between which somebody said no; hidden: `unsure` of the same level.
    """
    best: dict[Clusters, FoundItem] = {}
    for pair in pairs:
        known = best.get(pair.clusters)
        if known is None or (-pair.weight, pair.left, pair.right) < (-known.weight, known.left, known.right):
            best[pair.clusters] = pair
    listed = list(decided)
    closed = {d.clusters for d in listed if not d.unsure}
    unsure = {(d.clusters, level(d.weight)) for d in listed if d.unsure}
    return [
        _pair_item(p, bounds[p.type]) for c, p in best.items() if c not in closed and (c, level(p.weight)) not in unsure
    ]


def _pair_item(pair: FoundItem, bounds: Bounds) -> Item:
    values, deliveries = values_changed(pair.parts, bounds.attributes), bounds.deliveries(pair.records)
    kind: Kind = "apart" if pair.weight >= bounds.join else "grey"
    return Item(
        kind,
        pair.left,
        pair.right,
        pair.clusters,
        pair.type,
        pair.weight,
        worth(doubt(pair.weight, bounds.join), values, deliveries),
        values,
        deliveries,
    )


def doubted(verdict_match: bool, then: int | None, now: int, changed: bool, bounds: Bounds) -> Kind | None:
    """Does a standing decision come up again?

    contradicted: the evidence has become certain of the opposite since it was made; changed: identity
    attributes of a record changed, and with them the whole bits of the weight.
    """
    low = bounds.review - BIT if then is None else then
    certain = bounds.join + bounds.margin
    if not verdict_match and low < certain <= now:
        return "contradicted"
    if verdict_match and then is not None and now < bounds.review - bounds.margin <= then:
        return "contradicted"
    return "changed" if changed and level(now) != level(then) and not (then is None and now < bounds.review) else None


def position(item: Item, now: int) -> Position:
    """What items are sorted by: what is overdue first, then by worth; records, kind and number make it total."""
    overdue = item.due is not None and item.due <= now
    return (0 if overdue else 1, -item.worth, item.left, item.right, item.kind, item.number or 0)


def ranked(items: Iterable[Item], now: int) -> list[Item]:
    return sorted(items, key=lambda i: position(i, now))


# --- labels --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Label:
    """What a person said of two records, with the weight of the pair now; None: it is not even in the review zone."""

    left: int
    right: int
    type: str
    match: bool
    weight: int | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A threshold that the labels speak for. Nobody applies it but a person, in the configuration.

    The labels are of pairs that were asked about, so they say nothing outside their range: the proposal stays within it.
    """

    type: str
    labels: int
    join: int  # milli-bits now
    proposed: int
    false_joins: int  # labels that would be joined wrongly now
    missed: int
    proposed_false_joins: int
    proposed_missed: int

    @property
    def probability(self) -> float:
        """As the configuration writes it."""
        return probability(self.proposed)


def propose(labels: Iterable[Label], type_name: str, join: int) -> Proposal:
    """The join threshold at which the labels are wrong least, wrong joins counted thrice; the nearest to today's among equals."""
    known = [x for x in labels if x.type == type_name and x.weight is not None]
    weights = sorted({x.weight for x in known if x.weight is not None})
    choices = [join, *weights, *(w + 1 for w in weights[-1:])]

    def wrong(at: int) -> tuple[int, int]:
        joined = [x for x in known if x.weight is not None and x.weight >= at]
        return sum(not x.match for x in joined), sum(x.match for x in known) - sum(x.match for x in joined)

    def cost(at: int) -> tuple[int, int, int]:
        false_joins, missed = wrong(at)
        return FALSE_JOIN * false_joins + missed, abs(at - join), at

    best = min(choices, key=cost)
    return Proposal(type_name, len(known), join, best, *wrong(join), *wrong(best))
