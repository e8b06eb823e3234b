"""The review queue of a hub: derived from what is stored, worked on by people.

The ranking looks at every open pair once and is kept: for some seconds as it is, then for some minutes while
the next one is made aside. A page looks at no more of it than it shows, and checks that anew by index look-ups, so
nothing that was settled meanwhile is shown.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from sqlalchemy import Connection

from hub import db
from hub.errors import Fault, NotFound
from hub.landing import store as landing
from hub.landing.store import RecordInfo
from hub.matching import store as matching_store
from hub.matching.compare.score import weigh
from hub.matching.explain import Explain
from hub.matching.pairs import RidPair, limits_of, ordered
from hub.matching.recipe import Recipe
from hub.matching.store import StoredDecision
from hub.model import RecordId, Verdict, digest
from hub.resolve.resolver import Resolver
from hub.stewardship import items as reviews
from hub.stewardship import review_store
from hub.stewardship.items import Bounds, Clusters, Decided, FoundItem, Item, Label, Position, Proposal, position
from hub.tasks import hold_store, holds
from hub.tasks.hold import REVIEW, Hold, Matter, Note
from hub.tasks.holds import CLAIM

KEPT = 30_000_000  # microseconds that a ranking is as good as new
LONGEST = 10  # times so long it still serves while the next is made
LOOK = 120_000_000  # the same, of who only has it on the screen
LARGEST_PAGE = 200

Subscriptions = Callable[[str], int]
Disputed = Callable[[Connection], Iterable[tuple[int, str]]]  # records that their system keeps changing back, in words


@dataclass(frozen=True, slots=True)
class Shown:
    """An item with its records, what kept them apart in words, and what people added."""

    item: Item
    left: RecordId
    right: RecordId
    words: str
    hold: Hold | None
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Items, most worth first; `after` is the position of the last, to ask with for what follows; None: that was all."""

    items: tuple[Shown, ...]
    after: Position | None


class Queue:
    """The queue of one hub. Thread-safe. `subscriptions`: customer type -> how many are told of its changes."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        subscriptions: Subscriptions = lambda _type: 0,
        disputed: Disputed = lambda _connection: (),
        kept: int = KEPT,
    ):
        self.resolver, self.database = resolver, resolver.database
        self.subscriptions, self.disputed, self.kept = subscriptions, disputed, kept
        self._ranking = _Ranking(0, ())
        self._making = threading.Lock()

    # --- reading ---

    def page(
        self,
        *,
        types: Collection[str] | None = None,
        kinds: Collection[str] | None = None,
        user: str | None = None,
        assigned_to: str | None = None,
        after: Position | None = None,
        limit: int = 50,
        allows: Callable[[Shown], bool] | None = None,
    ) -> QueuePage:
        """The next items.

        types: only of these customer types, but disputes, which tell nothing of pairs; kinds: grey, refused, cut, override, changed, contradicted, disputed; user: without
        what somebody else has claimed; assigned_to: only what was assigned to this person; allows: only what it says yes to.
        """
        limit = max(1, min(limit, LARGEST_PAGE))
        now = self.database.clock.now()
        with self.database.read() as connection:
            recipe = self.resolver.recipe(connection)
            holds = _Holds(connection)
            todo = (
                i
                for i in self._ranked(connection, recipe, now).in_order(
                    holds, after, now, held_only=assigned_to is not None
                )
                if (types is None or i.type in types or i.kind == "disputed")
                and holds.allows(i, user, assigned_to, now)
            )
            found: list[Shown] = []
            while part := list(islice(todo, 2 * limit)):
                shown = self._shown(connection, recipe, self._standing(connection, part), holds)
                found += [s for s in shown if (kinds is None or s.item.kind in kinds) and (allows is None or allows(s))]
                if len(found) > limit:
                    break
        last = position(found[limit - 1].item, now) if len(found) > limit else None
        return QueuePage(tuple(found[:limit]), last)

    def _ranked(self, connection: Connection, recipe: Recipe, now: int) -> _Ranking:
        age = now - self._ranking.at
        if not 0 <= age < LONGEST * self.kept:
            self._ranking = _Ranking(now, derive(connection, recipe, self.subscriptions, self.disputed))
        elif age >= self.kept and self._making.acquire(blocking=False):
            threading.Thread(target=self._rank_aside, name="hub review queue", daemon=True).start()
        return self._ranking

    def _rank_aside(self) -> None:
        try:
            with self.database.read() as connection:
                items = derive(connection, self.resolver.recipe(connection), self.subscriptions, self.disputed)
                self._ranking = _Ranking(self.database.clock.now(), items)
        finally:
            self._making.release()

    def _standing(self, connection: Connection, items: Sequence[Item]) -> list[Item]:
        """Without pair items that were settled since the ranking: joined, decided on, or not stored any more."""
        pairs = [i for i in items if i.kind in ("grey", "apart")]
        ends = {r for i in pairs for r in (i.left, i.right)}
        homes = matching_store.clusters_of(connection, ends)
        stored = matching_store.pairs_touching(connection, {i.left for i in pairs})
        members = matching_store.members_of(connection, set(homes.values()))
        home = {r: name for name, rids in members.items() for r in rids}
        decided = matching_store.decisions_touching(connection, home)
        closed = {
            frozenset((home.get(d.left, -1), home.get(d.right, -2))) for d in decided if d.verdict is Verdict.NO_MATCH
        }
        unsure = {
            (frozenset((home.get(d.left, -1), home.get(d.right, -2))), reviews.level(d.weight))
            for d in decided
            if d.verdict is Verdict.UNSURE
        }

        disputed = {rid for rid, _ in self.disputed(connection)} if any(i.kind == "disputed" for i in items) else ()

        def stands(i: Item) -> bool:
            if i.kind == "disputed":
                return i.left in disputed
            if i.kind not in ("grey", "apart"):
                return True
            a, b = homes.get(i.left), homes.get(i.right)
            if a is None or b is None or a == b or (i.left, i.right) not in stored:
                return False
            return frozenset((a, b)) not in closed and (frozenset((a, b)), reviews.level(i.weight)) not in unsure

        return [i for i in items if stands(i)]

    def _shown(self, connection: Connection, recipe: Recipe, items: Sequence[Item], holds: _Holds) -> list[Shown]:
        infos = landing.records(connection, {r for i in items for r in (i.left, i.right)})
        why = Explain(connection, recipe).refusals({i.left for i in items if i.kind == "apart"})
        notes = hold_store.notes(connection, REVIEW, infos)
        found = []
        for i in items:
            step = why.get((i.left, i.right))
            if i.kind == "apart":
                i = replace(i, kind="cut" if step and step.what == "cut" else "refused")
            left, right = infos[i.left].id, infos[i.right].id
            own = tuple(n for n in notes if set(n.pair) == {i.left, i.right})
            found.append(
                Shown(i, left, right, step.words if step else i.words or _WORDS.get(i.kind, ""), holds.of(i), own)
            )
        return found

    # --- working on it ---

    def claim(self, left: RecordId, right: RecordId, *, by: str, lasts: int = CLAIM) -> Hold:
        """Take an item for a while (microseconds). Conflict while somebody else has it."""
        with self.database.unit() as connection:
            matter = self._matter(connection, left, right)
            alike = self._alike(connection, matter)
            return holds.claim(connection, matter, by=by, now=self.database.clock.now(), lasts=lasts, alike=alike)

    def look(self, left: RecordId, right: RecordId, *, by: str) -> None:
        """An item is on somebody's screen: theirs for a moment, unless it is theirs for longer. Conflict as of a claim."""
        hold, now = self.held(left, right), self.database.clock.now()
        if hold is None or hold.claimed_by != by or (hold.claimed_until or 0) < now + LOOK:
            self.claim(left, right, by=by, lasts=LOOK)

    def held(self, left: RecordId, right: RecordId) -> Hold | None:
        """Who works on an item and whose it is, if anybody: by its records, or by others of the same two customers."""
        with self.database.read() as connection:
            matter = self._matter(connection, left, right)
            found = (hold_store.of_matter(connection, matter), *self._alike(connection, matter))
            return next((h for h in found if h != Hold(h.matter)), None)

    def release(self, left: RecordId, right: RecordId, *, by: str) -> Hold:
        """Give a claim back. Conflict when it is not yours."""
        with self.database.unit() as connection:
            matter = self._matter(connection, left, right)
            return holds.release(connection, matter, by=by, now=self.database.clock.now())

    def assign(self, left: RecordId, right: RecordId, *, to: str, due: int | None = None) -> Hold:
        """Say whose this item is (empty: nobody's) and when it is due (microseconds UTC): then it comes first."""
        with self.database.unit() as connection:
            return holds.assign(connection, self._matter(connection, left, right), to=to, due=due)

    def comment(self, left: RecordId, right: RecordId, *, by: str, words: str) -> Note:
        """Leave a comment on two records."""
        with self.database.unit() as connection:
            matter, now = self._matter(connection, left, right), self.database.clock.now()
            return holds.comment(connection, matter, by=by, now=now, words=words)

    def comments(self, left: RecordId, right: RecordId) -> list[Note]:
        """Comments on two records, oldest first."""
        with self.database.read() as connection:
            matter = self._matter(connection, left, right)
            return [n for n in hold_store.notes(connection, REVIEW, matter[1:]) if n.matter == matter]

    def _alike(self, connection: Connection, matter: Matter) -> list[Hold]:
        """What was said of other pairs of the same two customers."""
        clusters = frozenset(matching_store.clusters_of(connection, matter[1:]).values())
        return _Holds(connection).between(clusters)

    def _matter(self, connection: Connection, left: RecordId, right: RecordId) -> Matter:
        return Matter(REVIEW, *self._pair(connection, left, right))

    def _pair(self, connection: Connection, left: RecordId, right: RecordId) -> RidPair:
        found: list[RecordInfo] = []
        for id, where in ((left, "/left"), (right, "/right")):
            info = landing.record_named(connection, id)
            if info is None:
                raise NotFound("no such record", [Fault(where, "unknown record", "write source/stream/key")])
            found.append(info)
        return ordered(found[0].rid, found[1].rid)

    # --- labels ---

    def labelled_pairs(self) -> list[Label]:
        """Every standing match and no_match between living records, with the weight of the pair now: for evaluation."""
        with self.database.read() as connection:
            return labelled_pairs(connection)

    def proposals(self) -> list[Proposal]:
        """For each customer type with labels, the join threshold that they speak for. Nothing is changed."""
        with self.database.read() as connection:
            recipe = self.resolver.recipe(connection)
            labels = labelled_pairs(connection)
        return [
            reviews.propose(labels, name, model.join)
            for name, model in recipe.models.items()
            if any(x.type == name for x in labels)
        ]


def labelled_pairs(connection: Connection) -> list[Label]:
    """The newest word on each pair of living records."""
    rows = review_store.labels(connection)
    return list({(r[0], r[1]): Label(r[0], r[1], r[4], r[2] == Verdict.MATCH.value, r[3]) for r in rows}.values())


_WORDS = {
    "grey": "the model is not sure",
    "override": "the record that this value by hand stood on is gone",
    "changed": "what this was decided on has changed since",
    "contradicted": "the evidence is now certain of the opposite",
}


class _Ranking:
    """Items by worth, as they were at a time."""

    def __init__(self, at: int, items: Iterable[Item]):
        self.at = at
        self.items = reviews.ranked(items, at)
        self._positions = [position(i, at) for i in self.items]
        self._of: dict[RidPair | Clusters, list[Item]] = {}
        for i in self.items:
            self._of.setdefault((i.left, i.right), []).append(i)
            self._of.setdefault(i.clusters, []).append(i)

    def in_order(self, holds: _Holds, after: Position | None, now: int, *, held_only: bool) -> Iterator[Item]:
        """What follows a position: what is overdue, then by worth. `held_only`: only what was claimed or assigned."""
        held = {id(i): replace(i, due=holds.due(i)) for key in holds.names() for i in self._of.get(key, ())}
        first = reviews.ranked((i for i in held.values() if held_only or (i.due is not None and i.due <= now)), now)
        yield from (i for i in first if after is None or position(i, now) > after)
        if held_only:
            return
        passed = {(i.kind, i.left, i.right, i.number) for i in first}
        start = 0 if after is None or after[0] == 0 else bisect_right(self._positions, after)
        for i in islice(self.items, start, None):
            if (i.kind, i.left, i.right, i.number) not in passed:
                yield held.get(id(i), i)


class _Holds:
    """Claims and assignments, found by pair or by the customers of the pair."""

    def __init__(self, connection: Connection):
        listed = hold_store.of_topic(connection, REVIEW)
        homes = matching_store.clusters_of(connection, {r for h in listed for r in h.pair})
        self.by_pair = {h.pair: h for h in listed}
        self._by_clusters: dict[frozenset[int], list[Hold]] = {}
        for h in listed:
            clusters = frozenset(homes[r] for r in h.pair if r in homes)
            if len(clusters) == 2:
                self._by_clusters.setdefault(clusters, []).append(h)

    def names(self) -> list[RidPair | Clusters]:
        """What items that somebody holds are found by."""
        return [*self.by_pair, *self._by_clusters]

    def between(self, clusters: frozenset[int]) -> list[Hold]:
        return self._by_clusters.get(clusters, [])

    def _all(self, item: Item) -> list[Hold]:
        own = self.by_pair.get((item.left, item.right))
        return [*([own] if own else []), *(h for h in self.between(item.clusters) if h is not own)]

    def of(self, item: Item) -> Hold | None:
        return next(iter(self._all(item)), None)

    def due(self, item: Item) -> int | None:
        return min((h.due for h in self._all(item) if h.due is not None), default=None)

    def allows(self, item: Item, user: str | None, assigned_to: str | None, now: int) -> bool:
        holds = self._all(item)
        if assigned_to is not None and not any(h.assigned_to == assigned_to for h in holds):
            return False
        return user is None or not any(h.claimed(now) and h.claimed_by != user for h in holds)


# --- deriving ------------------------------------------------------------------------------------------


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
            yield Item("disputed", rid, rid, frozenset(), info.type, None, value, 1, deliveries, words=words[rid])


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
