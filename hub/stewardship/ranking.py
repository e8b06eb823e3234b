"""What is to be decided, derived from all that is stored: every open pair is looked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import Connection

from hub import db
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.matching.compare.score import weigh
from hub.matching.pairs import RidPair, limits_of
from hub.matching.recipe import Recipe
from hub.matching.store import StoredDecision
from hub.model import Verdict, digest
from hub.stewardship import items as reviews
from hub.stewardship import review_store
from hub.stewardship.items import Bounds, Decided, FoundItem, Item

Subscriptions = Callable[[str], int]
Disputed = Callable[[Connection], Iterable[tuple[int, str]]]  # records that their system keeps changing back, in words


def derive(
    connection: Connection, recipe: Recipe, subscriptions: Subscriptions, disputed: Disputed = lambda _connection: ()
) -> list[Item]:
    """All items of the queue, in no order."""
    bounds = {name: _bounds(recipe, name, subscriptions) for name in recipe.models}
    pairs = (
        FoundItem(
            p.left, p.right, p.weight, db.load(p.parts), frozenset((p.left_cluster, p.right_cluster)), p.type, p.records
        )
        for p in review_store.open_pairs(connection)
    )
    decided = [
        Decided(frozenset((r.one, r.two)), r.verdict == Verdict.UNSURE.value, r.weight)
        for r in review_store.decided_clusters(connection)
        if r.verdict != Verdict.MATCH.value
    ]
    items = reviews.pair_items(pairs, decided, bounds)
    others = (
        _overrides(connection, bounds),
        _doubted(connection, recipe, bounds),
        _disputed(connection, disputed, bounds),
    )
    return [*items, *(i for found in others for i in found)]


def _bounds(recipe: Recipe, name: str, subscriptions: Subscriptions) -> Bounds:
    model, customer = recipe.models[name], recipe.customer(name)
    streams = [s for source in recipe.config.sources.values() for s in source.streams.values() if s.customer == name]
    return Bounds(
        model.join,
        model.review,
        limits_of(model, customer).margin,
        len(customer.attributes),
        subscriptions(name),
        any(s.write_back is not None for s in streams),
    )


def _overrides(connection: Connection, bounds: Mapping[str, Bounds]) -> Iterable[Item]:
    """Values by hand of which the anchor is in no customer: inactive until it returns."""
    for r in review_store.orphaned_overrides(connection):
        deliveries = bounds[r.type].deliveries(1)
        yield Item(
            "override",
            r.anchor,
            r.anchor,
            frozenset(),
            r.type,
            None,
            reviews.worth(reviews.UNDECIDED, 1, deliveries),
            1,
            deliveries,
            r.id,
        )


def _disputed(connection: Connection, disputed: Disputed, bounds: Mapping[str, Bounds]) -> Iterable[Item]:
    """Records that their system keeps changing back: nothing more is written to them until somebody says who is right."""
    words = dict(disputed(connection))
    for rid, info in landing.records(connection, words).items():
        if info.type in bounds and info.alive:
            deliveries = bounds[info.type].deliveries(1)
            value = reviews.worth(reviews.UNDECIDED, 1, deliveries)
            yield Item("disputed", rid, rid, frozenset(), info.type, None, value, 1, deliveries)


def _doubted(connection: Connection, recipe: Recipe, bounds: Mapping[str, Bounds]) -> Iterable[Item]:
    """Standing decisions that come up again: the newest of each pair of living records, weighed anew."""
    newest: dict[RidPair, StoredDecision] = {
        (d.left, d.right): d for d in matching_store.standing_decisions(connection) if d.verdict is not Verdict.UNSURE
    }
    ends = {r for p in newest for r in p}
    alive = matching_store.living(connection, ends)
    homes = matching_store.clusters_of(connection, alive)
    forms = matching_store.forms(connection, alive)
    for (left, right), d in newest.items():
        if left not in homes or right not in homes:
            continue
        limits = bounds[alive[left]]
        weighed = weigh(forms[left], forms[right], recipe.models[alive[left]])
        changed = (digest(forms[left]), digest(forms[right])) != (d.left_content, d.right_content)
        kind = reviews.doubted(d.verdict is Verdict.MATCH, d.weight, weighed.weight, changed, limits)
        if kind is not None:
            values = reviews.values_changed(weighed.parts, limits.attributes)
            deliveries = limits.deliveries(2)
            value = reviews.worth(reviews.UNDECIDED, values, deliveries)
            yield Item(
                kind,
                left,
                right,
                frozenset((homes[left], homes[right])),
                alive[left],
                weighed.weight,
                value,
                values,
                deliveries,
                d.id,
            )
