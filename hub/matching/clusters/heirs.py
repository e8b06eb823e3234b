"""Where the id of a dead record goes. Runs within the caller's unit.

The heir is the earliest-minted companion that the record would have now, had it, and all that died
after it, not been deleted: a function of the set, so that undo undoes it too. The world in which it
is found is walked from the record outwards; nothing else of the hub is looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.landing import store as landing
from hub.matching import store
from hub.matching.clusters.cluster import cluster
from hub.matching.clusters.recluster import Reclustered, contradicting, traits_of
from hub.matching.compare.score import weigh
from hub.matching.pairs import RidPair, limits_of, ordered
from hub.matching.recipe import Recipe
from hub.matching.refresh import Touched
from hub.model import Pair, Verdict


@dataclass(frozen=True, slots=True)
class Moved:
    """Dead records whose id leads elsewhere now: from and to a living record."""

    before: dict[int, int | None]
    after: dict[int, int | None]


def settle_heirs(
    connection: Connection, recipe: Recipe, touched: Touched, found: Reclustered, seeds: Collection[int] = ()
) -> Moved:
    """Find anew the heirs that a change may have moved, and where all that follow them lead."""
    changed = touched.records
    infos = touched.known.infos(connection, changed)
    died = set(
        store.deaths(
            connection, [r for r in changed if r in infos and infos[r].born is not None and infos[r].died is not None]
        )
    )
    if not died and not store.any_dead(connection):
        return Moved({}, {})
    revived = changed - died
    near = changed | touched.pairs.near | touched.pairs.ends | found.near | set(seeds)
    doubtful = died | store.dead_near(connection, near) | store.heirs(connection, near).keys()
    doubtful = _dead(connection, doubtful - revived)
    follow = store.followers(connection, doubtful | changed) | doubtful
    before = {r: leads for r, (_, leads) in store.heirs(connection, follow | revived).items()}
    store.drop_heirs(connection, revived)
    heirs = {r: heir for r, (heir, _) in store.heirs(connection, follow).items()}
    fresh = {rid: find_heir(connection, recipe, rid) for rid in sorted(doubtful)}
    heirs.update({rid: heir for rid, (heir, _) in fresh.items()})
    follow -= revived
    after = {rid: _leads(connection, rid, heirs) for rid in follow}
    store.save_heirs(connection, {r: (heirs.get(r), after[r]) for r in follow})
    store.save_near(connection, {rid: members for rid, (_, members) in fresh.items()})
    return Moved(before, after)


def _dead(connection: Connection, rids: Collection[int]) -> set[int]:
    """Those that are dead as they are settled, and by what landed. A record that lives again, or is suspended, but is settled later only, keeps its heir until then."""
    return {
        r
        for r, info in landing.records(connection, store.deaths(connection, rids)).items()
        if info.born is not None and info.died is not None
    }


def _leads(connection: Connection, rid: int, heirs: Mapping[int, int | None]) -> int | None:
    """Follow heirs until a living record."""
    step: int | None = rid
    while step is not None:
        if step in heirs:
            step = heirs[step]
            continue
        stored = store.heirs(connection, [step]).get(step)
        if stored is None:
            return step
        step = stored[0]
    return None


def find_heir(connection: Connection, recipe: Recipe, rid: int) -> tuple[int | None, set[int]]:
    """The heir of a dead record, and the records that it was found among."""
    info = landing.records(connection, [rid])[rid]
    world = _World(connection, recipe, store.deaths(connection, [rid])[rid], info.type)
    weights, matches = world.component(rid)
    members = {rid} | {r for p in (*weights, *matches) for r in p}
    infos = landing.records(connection, members)
    names = {r: infos[r].id for r in members}
    decisions = [d for d in store.decisions_touching(connection, members) if d.left in members and d.right in members]
    held = store.standardised(connection, members)
    made = cluster(
        set(names.values()),
        {Pair.of(names[a], names[b]): w for (a, b), w in weights.items()},
        matches=[Pair.of(names[a], names[b]) for a, b in matches],
        apart=[Pair.of(names[d.left], names[d.right]) for d in decisions if d.verdict is Verdict.NO_MATCH],
        traits={names[r]: traits_of(recipe, names[r], held[r].folded.held) for r in members},
        limits=limits_of(recipe.models[info.type], recipe.customer(info.type)),
        contradicts=contradicting(connection, recipe.models[info.type], {name: r for r, name in names.items()}),
    )
    rids = {name: r for r, name in names.items()}
    companions = next(c for c in made.clusters if info.id in c) - {info.id}
    heir = min(companions, key=lambda name: (infos[rids[name]].birth, name), default=None)
    return (None if heir is None else rids[heir]), members


class _World:
    """The living, and the dead who died at or after a time, as one graph that grows as it is walked: as they are settled.

    What waits for the bulk path is in nobody's world yet.
    """

    def __init__(self, connection: Connection, recipe: Recipe, since: int, type_name: str):
        self.connection, self.since = connection, since
        self.model = recipe.models[type_name]
        self.cap = recipe.customer(type_name).matching.block_cap

    def component(self, start: int) -> tuple[dict[RidPair, int], set[RidPair]]:
        """Joining pairs and match decisions of the component that holds `start`."""
        weights: dict[RidPair, int] = {}
        matches: set[RidPair] = set()
        reached: set[int] = set()
        todo = {start}
        while todo:
            reached |= todo
            found = self._pairs(todo)
            decided = {
                ordered(d.left, d.right)
                for d in store.decisions_touching(self.connection, todo)
                if d.verdict is Verdict.MATCH and len(self._present((d.left, d.right))) == 2
            }
            weights.update(found)
            matches |= decided
            todo = {r for p in (*found, *decided) for r in p} - reached
        return weights, matches

    def _present(self, rids: Iterable[int]) -> set[int]:
        return store.living_at(self.connection, rids, self.since)

    def _pairs(self, todo: Collection[int]) -> dict[RidPair, int]:
        own = store.keys_of(self.connection, todo)
        for rid, keys in store.keys_of(self.connection, todo, dead=True).items():
            own.setdefault(rid, set()).update(keys)
        listed = {k for ks in own.values() for k in ks}
        blocks = store.holders(self.connection, listed, self.cap)
        for key, dead in store.holders(self.connection, listed, 1_000_000, dead=True).items():
            blocks.setdefault(key, set()).update(self._present(dead))
        pairs = {
            ordered(rid, other)
            for rid, keys in own.items()
            for key in keys
            if len(blocks.get(key, ())) <= self.cap
            for other in blocks.get(key, ())
            if other != rid
        }
        forms = store.forms(self.connection, {r for p in pairs for r in p})
        weighed = {(a, b): weigh(forms[a], forms[b], self.model).weight for a, b in pairs}
        return {p: w for p, w in weighed.items() if w >= self.model.join}
