"""Records that changed -> their standardised rows, keys and pairs. Within the caller's unit.

Only what a change touches is worked out again: its keys, the blocks that cross their cap, its pairs. Which pairs change
is told, not saved: clusters are walked as they were before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from sqlalchemy import Connection

from hub import db
from hub.landing import store as landing
from hub.landing.fold import Folded, Held
from hub.landing.store import RecordInfo
from hub.matching import store
from hub.matching.compare.score import weigh
from hub.matching.pairs import RidPair, ordered
from hub.matching.prepare import Compared, Prepared, Ready, load_prepared, standardised_row
from hub.matching.recipe import Recipe
from hub.matching.store import Standardised, StoredPair

FEW = 4  # pairs that are as well weighed at once: bounding them costs more
_NOTHING: frozenset[int] = frozenset()


class Known:
    """What was read of records in a unit, each at most once: until all is settled nothing of them changes."""

    def __init__(
        self, infos: Mapping[int, RecordInfo] | None = None, held: Mapping[int, Mapping[str, Held]] | None = None
    ) -> None:
        self._infos, self._held = dict(infos or {}), dict(held or {})

    def infos(self, connection: Connection, rids: Collection[int]) -> Mapping[int, RecordInfo]:
        """Records by number: these, and those read before."""
        self._infos.update(landing.records(connection, [r for r in rids if r not in self._infos]))
        return self._infos

    def held(self, connection: Connection, rids: Iterable[int]) -> Mapping[int, Mapping[str, Held]]:
        """What standardised records hold now: these, and those read before."""
        self._held.update(store.held(connection, [r for r in rids if r not in self._held]))
        return self._held


@dataclass(frozen=True, slots=True)
class PairChange:
    """Which pairs a change takes and gives, and whom it came near."""

    gone: frozenset[RidPair] = frozenset()
    new: tuple[StoredPair, ...] = ()
    ends: frozenset[int] = frozenset()  # of the pairs that change
    near: frozenset[int] = frozenset()  # share a key with a record that changed, before or after

    @classmethod
    def together(cls, parts: Collection[PairChange]) -> PairChange:
        return cls(
            frozenset(p for part in parts for p in part.gone),
            tuple(p for part in parts for p in part.new),
            frozenset(r for part in parts for r in part.ends),
            frozenset(r for part in parts for r in part.near),
        )


@dataclass(frozen=True, slots=True)
class Touched:
    """Records whose content or life changed, with the pairs that change by it."""

    records: frozenset[int] = frozenset()
    pairs: PairChange = PairChange()
    known: Known = field(default_factory=Known)


def refresh(
    connection: Connection,
    recipe: Recipe,
    rids: Collection[int],
    *,
    force: bool = False,
    made: Mapping[int, Ready] | None = None,
) -> Touched:
    """Standardise these records anew, save keys, and say which pairs change (not saved yet). `made`: rows made ready before."""
    prepared = load_prepared(connection, recipe, rids, made)
    stored = store.standardised(connection, prepared)
    changed = {r: p for r, p in prepared.items() if force or not _same(stored.get(r), p, recipe)}
    changed.update(vanished(connection, [r for r in rids if r not in prepared]))
    newer = [p for r, p in prepared.items() if r in changed or stored[r].folded.latest != p.folded.latest]
    store.save_standardised(connection, [standardised_row(recipe, p) for p in newer])
    fresh = prepared.keys() - stored.keys()
    by_type: dict[str, dict[int, Prepared]] = {}
    for rid, p in changed.items():
        by_type.setdefault(p.info.type, {})[rid] = p
    pairs = [_refresh_pairs(connection, recipe, name, group, fresh) for name, group in by_type.items()]
    known = Known({r: p.info for r, p in prepared.items()}, {r: p.folded.held for r, p in prepared.items()})
    return Touched(frozenset(changed), PairChange.together(pairs), known)


def vanished(connection: Connection, rids: Collection[int]) -> dict[int, Prepared]:
    """Records that were standardised and of which no version is left: their rows dropped, as ones without keys."""
    there = store.standardised_types(connection, rids)
    store.drop_standardised(connection, there)
    infos = landing.records(connection, there)
    return {r: Prepared(i, Folded({}, 0, 0, 0), Compared(), ()) for r, i in infos.items()}


def _same(stored: Standardised | None, prepared: Prepared, recipe: Recipe) -> bool:
    return (
        stored is not None
        and stored.recipe == recipe.base
        and (stored.folded.born, stored.folded.died) == (prepared.folded.born, prepared.folded.died)
        and stored.folded.held == prepared.folded.held
    )


@dataclass(frozen=True, slots=True)
class KeyChange:
    """The keys of a group of records before and after: of the living, by which pairs are found, and of the dead."""

    before: Mapping[int, set[int]]
    after: Mapping[int, set[int]]
    dead_before: Mapping[int, set[int]]
    dead_after: Mapping[int, set[int]]

    @classmethod
    def of(
        cls, connection: Connection, group: Mapping[int, Prepared], stored: Collection[int], any_dead: bool
    ) -> KeyChange:
        """`stored`: those of the group that may have keys already."""
        return cls(
            store.keys_of(connection, stored),
            {r: set(p.compared.keys) if p.alive else set() for r, p in group.items()},
            store.keys_of(connection, stored, dead=True) if any_dead else {},
            {r: set() if p.alive else set(p.compared.keys) for r, p in group.items()},
        )

    @property
    def concerned(self) -> set[int]:
        """Every key that a record of the group had or has."""
        sides = (self.before, self.after, self.dead_before, self.dead_after)
        return {key for side in sides for keys in side.values() for key in keys}

    def save(self, connection: Connection) -> None:
        _change_keys(connection, self.before, self.after, dead=False)
        _change_keys(connection, self.dead_before, self.dead_after, dead=True)


def _refresh_pairs(
    connection: Connection, recipe: Recipe, type_name: str, group: Mapping[int, Prepared], fresh: Collection[int]
) -> PairChange:
    """Save the keys of records that changed; their pairs. `fresh` ones were never standardised: nothing is stored of them."""
    cap = recipe.customer(type_name).matching.block_cap
    stored = [r for r in group if r not in fresh]
    any_dead = store.any_dead(connection) or db.exists(connection, "dead_key")
    keys = KeyChange.of(connection, group, stored, any_dead)
    before = store.holders(connection, keys.concerned, cap, more=len(group))
    keys.save(connection)
    after = _changed_blocks(before, keys.before, keys.after)
    candidates, doubtful = _candidates(connection, group.keys(), keys.after, before, after, cap)
    known = _known_pairs(connection, stored, candidates, doubtful)
    weighed = _weigh(connection, recipe, type_name, candidates, group)
    gone = frozenset(known.keys() - weighed.keys())
    new = tuple(found for pair, found in weighed.items() if known.get(pair) != found)
    ends = frozenset(r for pair in (*gone, *((p.left, p.right) for p in new)) for r in pair)
    near: set[int] = set()
    if any_dead or any(keys.dead_after.values()):  # only heirs are found through those near
        near.update(
            r for found in (before, after) for members in found.values() if len(members) <= cap for r in members
        )
        near.update(
            r for members in store.holders(connection, keys.concerned, 10 * cap, dead=True).values() for r in members
        )
    return PairChange(gone, new, ends, frozenset(near))


def _known_pairs(
    connection: Connection, stored: Collection[int], candidates: set[RidPair], doubtful: set[RidPair]
) -> dict[RidPair, StoredPair]:
    """Pairs as they are stored: all of the group's own, and those of others that a block gives or takes."""
    found = store.pairs_touching(connection, stored)
    if doubtful:
        concerned = doubtful | candidates
        other = store.pairs_touching(connection, {r for p in concerned for r in p})
        found = {**{p: s for p, s in other.items() if p in concerned}, **found}
    return found


def _changed_blocks(
    before: Mapping[int, set[int]], old: Mapping[int, set[int]], new: Mapping[int, set[int]]
) -> dict[int, set[int]]:
    """Blocks after records changed their keys. What came truncated stays over its cap: it was read `more` than that."""
    after = {k: set(members) for k, members in before.items()}
    for rid, keys in old.items():
        for key in keys - new.get(rid, set()):
            after.get(key, set()).discard(rid)
    for rid, keys in new.items():
        for key in keys:
            after.setdefault(key, set()).add(rid)
    return after


def _change_keys(
    connection: Connection, old: Mapping[int, set[int]], new: Mapping[int, set[int]], *, dead: bool
) -> None:
    gone = [(k, r) for r, ks in old.items() for k in sorted(ks - new.get(r, set()))]
    added = [(k, r) for r, ks in new.items() for k in sorted(ks - old.get(r, set()))]
    store.change_keys(connection, gone, added, dead=dead)


def _candidates(
    connection: Connection,
    changed: Collection[int],
    new_keys: Mapping[int, set[int]],
    before: Mapping[int, set[int]],
    after: Mapping[int, set[int]],
    cap: int,
) -> tuple[set[RidPair], set[RidPair]]:
    """Pairs to weigh, and pairs of blocks that grew over their cap that no other key holds."""
    found = {
        ordered(rid, other)
        for rid, keys in new_keys.items()
        for key in keys
        if len(members := after.get(key, set())) <= cap
        for other in members
        if other != rid
    }
    doubtful: set[RidPair] = set()
    for key in before.keys() | after.keys():
        was, now = before.get(key, set()), after.get(key, set())
        if len(was) > cap >= len(now):
            found.update(combinations(sorted(now), 2))
        elif len(was) <= cap < len(now):
            doubtful.update(p for p in combinations(sorted(was), 2) if p[0] not in changed and p[1] not in changed)
    held = _held_by_another_key(connection, doubtful - found, cap)
    return found, doubtful - held


def _held_by_another_key(connection: Connection, pairs: Collection[RidPair], cap: int) -> set[RidPair]:
    if not pairs:
        return set()
    keys = store.keys_of(connection, {r for p in pairs for r in p})
    shared = {p: keys.get(p[0], set()) & keys.get(p[1], set()) for p in pairs}
    sizes = store.holders(connection, {k for ks in shared.values() for k in ks}, cap)
    return {p for p, ks in shared.items() if any(len(sizes.get(k, ())) <= cap for k in ks)}


def holding(connection: Connection, recipe: Recipe, type_name: str, pairs: Collection[RidPair]) -> set[RidPair]:
    """Those of these pairs that are worth keeping as the hub is now."""
    cap = recipe.customer(type_name).matching.block_cap
    return set(_weigh(connection, recipe, type_name, _held_by_another_key(connection, pairs, cap), {}))


def crowded_out(
    connection: Connection, recipe: Recipe, type_name: str, moved: Collection[int], pairs: Collection[RidPair]
) -> set[RidPair]:
    """Those of these pairs that share a block which the records that moved took over its cap."""
    cap, came = recipe.customer(type_name).matching.block_cap, set(moved)
    keys = {k for ks in store.keys_of(connection, came).values() for k in ks}
    full: dict[int, set[int]] = {}  # record -> such blocks
    for key, members in store.holders(connection, keys, cap, more=len(came)).items():
        if len(members - came) <= cap < len(members):
            for r in members:
                full.setdefault(r, set()).add(key)
    return {(a, b) for a, b in pairs if not full.get(a, _NOTHING).isdisjoint(full.get(b, _NOTHING))}


def _weigh(
    connection: Connection, recipe: Recipe, type_name: str, pairs: Collection[RidPair], group: Mapping[int, Prepared]
) -> dict[RidPair, StoredPair]:
    """Pairs worth keeping: at or above the review weight. Forms are read of those alone that may be."""
    model = recipe.models[type_name]
    floor = min(model.review, model.join)
    near = shortlisted(connection, recipe, type_name, pairs, {r: p.compared.sketch for r, p in group.items()}, floor)
    others = {r for p in near for r in p} - group.keys()
    forms = {**store.forms(connection, others), **{r: p.compared.forms for r, p in group.items()}}
    found: dict[RidPair, StoredPair] = {}
    for left, right in near:
        weighed = weigh(forms[left], forms[right], model)
        if weighed.weight >= floor:
            found[left, right] = StoredPair(left, right, weighed.weight, parts_json(weighed.parts))
    return found


def shortlisted(
    connection: Connection,
    recipe: Recipe,
    type_name: str,
    pairs: Collection[RidPair],
    own: Mapping[int, bytes],
    floor: int,
) -> Collection[RidPair]:
    """The pairs that may weigh `floor` or more, by their sketches: `own`, of others as stored. A few are left as they are, unread."""
    if len(pairs) <= FEW:
        return pairs
    others = {r for p in pairs for r in p} - own.keys()
    sketches = {**store.sketches(connection, others, recipe.base), **{r: s for r, s in own.items() if s}}
    from hub.matching.compare.shortlist import hopeful  # here: few pairs need no numpy

    return hopeful(pairs, sketches, recipe.models[type_name], recipe.standardisers[type_name].layout, floor)


def parts_json(parts: Iterable[tuple[str, int, int]]) -> str:
    return db.dump([list(p) for p in parts])
