"""The review queue of a hub: derived from what is stored, worked on by people.

The ranking looks at every open pair once and is kept in the database: for some seconds as it is, then it still serves
while the next one is made aside, whichever process made it. A page reads no more of it than it shows, and checks that
anew by index look-ups, so nothing that was settled meanwhile is shown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import structlog
from sqlalchemy import Connection

from hub.errors import Fault, HubError, NotFound
from hub.landing import store as landing
from hub.landing.store import RecordInfo
from hub.matching import store as matching_store
from hub.matching.explain import Explain
from hub.matching.pairs import RidPair, ordered
from hub.matching.recipe import Recipe
from hub.model import RecordId, Verdict
from hub.resolve.resolver import Resolver
from hub.stewardship import items as reviews
from hub.stewardship import rank_store, review_store
from hub.stewardship.items import Clusters, Item, Label, Position, Proposal, position
from hub.stewardship.rank_store import Wanted
from hub.stewardship.ranking import Disputed, Subscriptions, derive
from hub.tasks import hold_store, holds
from hub.tasks.hold import REVIEW, Hold, Matter, Note
from hub.tasks.holds import CLAIM

KEPT = 30_000_000  # microseconds that a ranking is as good as new
ASIDE = 0.5  # seconds, until the next is made: whoever looks has the processor first
LOOK = 120_000_000  # the same, of who only has it on the screen
LARGEST_PAGE = 200
PAIRS = ("grey", "apart")  # kinds of what is about a stored pair
DOUBTED = ("changed", "contradicted")  # and about a decision on two records
STORED_AS = {"refused": "apart", "cut": "apart"}  # what is told apart only when it is looked at

log = structlog.get_logger()


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
        allows: Callable[[Connection, Shown], bool] | None = None,
    ) -> QueuePage:
        """The next items.

        types: only of these customer types, but disputes, which tell nothing of pairs; kinds: grey, refused, cut, override, changed, contradicted, disputed; user: without
        what somebody else has claimed; assigned_to: only what was assigned to this person; allows: only what it says yes to.
        """
        stored = None if kinds is None else {STORED_AS.get(k, k) for k in kinds}
        limit = max(1, min(limit, LARGEST_PAGE))
        asked = _Asked(Wanted(types, stored), kinds, user, assigned_to, after, limit, allows)
        age = self._age()
        if age is None or age >= self.kept == 0:
            self.rank()
            return self._page(asked)
        page = self._page(asked)
        if age >= self.kept and not page.items:  # it may be all done since: that there is nothing must be true
            self.rank()
            return self._page(asked)
        if age >= self.kept and self._making.acquire(blocking=False):
            later = threading.Timer(ASIDE, self._rank_aside)
            later.daemon = True
            later.start()
        return page

    def _page(self, asked: _Asked) -> QueuePage:
        now, limit = self.database.clock.now(), asked.limit
        with self.database.read() as connection:
            recipe, holds = self.resolver.recipe(connection), _Holds(connection)
            todo = (
                i
                for i in _in_order(connection, asked, holds, now)
                if holds.allows(i, asked.user, asked.assigned_to, now)
            )
            found: list[Shown] = []
            while part := list(islice(todo, 2 * limit)):
                shown = self._shown(connection, recipe, self._standing(connection, part), holds)
                found += [s for s in shown if asked.takes(connection, s)]
                if len(found) > limit:
                    break
        last = position(found[limit - 1].item, now) if len(found) > limit else None
        return QueuePage(tuple(found[:limit]), last)

    def _age(self) -> int | None:
        """How old the ranking is that is kept, in microseconds; None: there is none, or it is of a time to come."""
        with self.database.read() as connection:
            at = rank_store.ranked_at(connection)
        age = None if at is None else self.database.clock.now() - at
        return None if age is None or age < 0 else age

    def older_than(self, most: int) -> bool:
        """Was the queue never ranked, or longer ago than so many microseconds?"""
        age = self._age()
        return age is None or age > most

    def rank(self) -> None:
        """Rank it anew, and keep that."""
        at = self.database.clock.now()
        with self.database.read() as connection:
            items = derive(connection, self.resolver.recipe(connection), self.subscriptions, self.disputed)
        rank_store.keep(self.database, items, at)

    def _rank_aside(self) -> None:
        try:
            self.rank()
        except HubError as error:  # the one that is kept serves on
            log.warning("review queue not ranked", error=type(error).__name__)
        finally:
            self._making.release()

    def _standing(self, connection: Connection, items: Sequence[Item]) -> list[Item]:
        """Without items that were settled since the ranking: joined, decided on, withdrawn, gone, or not stored any more."""
        pairs = [i for i in items if i.kind in PAIRS]
        ends = {r for i in items if i.kind in (*PAIRS, *DOUBTED) for r in (i.left, i.right)}
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

        disputed = dict(self.disputed(connection)) if any(i.kind == "disputed" for i in items) else {}
        orphaned = review_store.orphaned_overrides(connection) if any(i.kind == "override" for i in items) else ()
        anchorless = {r.id for r in orphaned}
        doubted = {i.number for i in items if i.kind in DOUBTED and i.number is not None}
        meant = matching_store.still_standing(connection, doubted)

        def stands(i: Item) -> bool:
            if i.kind == "disputed":
                return i.left in disputed
            if i.kind == "override":
                return i.number in anchorless
            if i.kind in DOUBTED:
                return i.number in meant and {i.left, i.right} <= homes.keys()
            a, b = homes.get(i.left), homes.get(i.right)
            if a is None or b is None or a == b or (i.left, i.right) not in stored:
                return False
            return frozenset((a, b)) not in closed and (frozenset((a, b)), reviews.level(i.weight)) not in unsure

        return [replace(i, words=disputed[i.left]) if i.kind == "disputed" else i for i in items if stands(i)]

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


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which items somebody asks for, as for `Queue.page`."""

    wanted: Wanted
    kinds: Collection[str] | None
    user: str | None
    assigned_to: str | None
    after: Position | None
    limit: int
    allows: Callable[[Connection, Shown], bool] | None

    def takes(self, connection: Connection, shown: Shown) -> bool:
        of_kind = self.kinds is None or shown.item.kind in self.kinds
        return of_kind and (self.allows is None or self.allows(connection, shown))


def _in_order(connection: Connection, asked: _Asked, holds: _Holds, now: int) -> Iterator[Item]:
    """What follows a position: what is overdue, then by worth. Of what is assigned: nothing else."""
    after, held_only = asked.after, asked.assigned_to is not None
    named = rank_store.named(connection, holds.by_pair.keys(), holds.by_clusters.keys())
    held = {_key(i): replace(i, due=holds.due(i)) for i in named if asked.wanted.takes(i)}
    first = reviews.ranked((i for i in held.values() if held_only or (i.due is not None and i.due <= now)), now)
    yield from (i for i in first if after is None or position(i, now) > after)
    if held_only:
        return
    passed = {_key(i) for i in first}
    for i in rank_store.following(connection, asked.wanted, None if after is None or after[0] == 0 else after):
        if _key(i) not in passed:
            yield held.get(_key(i), i)


def _key(item: Item) -> tuple[object, ...]:
    return item.kind, item.left, item.right, item.number


class _Holds:
    """Claims and assignments, found by pair or by the customers of the pair."""

    def __init__(self, connection: Connection):
        listed = hold_store.of_topic(connection, REVIEW)
        homes = matching_store.clusters_of(connection, {r for h in listed for r in h.pair})
        self.by_pair = {h.pair: h for h in listed}
        self.by_clusters: dict[Clusters, list[Hold]] = {}
        for h in listed:
            clusters = frozenset(homes[r] for r in h.pair if r in homes)
            if len(clusters) == 2:
                self.by_clusters.setdefault(clusters, []).append(h)

    def between(self, clusters: frozenset[int]) -> list[Hold]:
        return self.by_clusters.get(clusters, [])

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
