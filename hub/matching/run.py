"""Runs matching for records that changed: load, call the pure parts, save. Within the caller's unit.

Only what a change touches is worked out again: its keys and the blocks that cross their cap, its
pairs, the components of G that held a touched record before or after, and the heirs found near it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import Any

from sqlalchemy import Connection

from hub import db
from hub.connectors.mapping.mapper import Mapped
from hub.errors import BadRecord
from hub.landing import store as landing
from hub.landing.fold import Folded, Held, fold
from hub.landing.store import RecordInfo, StoredVersion
from hub.matching import store
from hub.matching.clusters.cluster import Cluster, Limits, Traits, cluster, components
from hub.matching.compare.candidates import keys as keys_of
from hub.matching.compare.model import Model
from hub.matching.compare.score import weigh
from hub.matching.compare.shortlist import FEW, hopeful
from hub.matching.recipe import Recipe, hash_values
from hub.matching.store import Standardised, StoredDecision, StoredPair
from hub.model import BIT, Cell, Pair, RecordId, Verdict, Version, Write, canonical, digest, plain
from hub.settings import CustomerType

RidPair = tuple[int, int]
_NOTHING: frozenset[int] = frozenset()


def ordered(a: int, b: int) -> RidPair:
    return (a, b) if a < b else (b, a)


def limits_of(model: Model, customer: CustomerType) -> Limits:
    bounds = customer.matching
    return Limits(model.join, bounds.largest, bounds.component, round(bounds.bridge_bits * BIT))


@lru_cache
def type_salt(type_name: str) -> int:
    """Keeps the keys of customer types apart: a person and a company with one phone are no candidates."""
    return int(digest(type_name, 8), 16) >> 1


# --- folding and standardising ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record folded and standardised by a recipe."""

    info: RecordInfo
    folded: Folded
    forms: dict[str, Any]
    sketch: bytes
    keys: frozenset[int]
    problems: tuple[tuple[str, str], ...]

    @property
    def alive(self) -> bool:
        return self.folded.died is None


@dataclass(frozen=True, slots=True)
class Ready:
    """A row mapped, cleaned and keyed before anybody waits for it: outside the lock. Good for its recipe alone."""

    recipe: Recipe
    raw: Mapping[str, Any]
    mapped: Mapped
    forms: dict[str, Any]
    sketch: bytes
    keys: frozenset[int]


def ready(recipe: Recipe, source: str, stream: str, raw: Mapping[str, Any]) -> Ready | None:
    """Pure: a row made ready. None when it cannot be read: that is told where it lands."""
    given = recipe.stream(source, stream)
    try:
        mapped = recipe.mappers[source, stream].map(raw)
    except BadRecord:
        return None
    standardiser = recipe.standardisers[given.customer]
    forms = standardiser.forms(mapped.cells, given.is_verified)
    return Ready(
        recipe, raw, mapped, forms, standardiser.layout.sketch(forms), salted_keys(forms, recipe, given.customer)
    )


def salted_keys(forms: Mapping[str, Any], recipe: Recipe, type_name: str) -> frozenset[int]:
    salt = type_salt(type_name)
    return frozenset(k ^ salt for k in keys_of(forms, recipe.models[type_name]))


def prepare(
    recipe: Recipe,
    info: RecordInfo,
    versions: Iterable[StoredVersion],
    writes: list[Write],
    *,
    keys: bool = True,
    made: Ready | None = None,
) -> Prepared | None:
    """Pure: what a record's versions say under a recipe. None while only tombstones landed. `made`: a row of it made ready before."""
    stream = recipe.stream(info.id.source, info.id.stream)
    mapper = recipe.mappers[info.id.source, info.id.stream]
    mapped: list[Version] = []
    problems: tuple[tuple[str, str], ...] = ()
    for v in versions:
        if v.suspended is not None:
            continue
        cells: Mapping[str, Cell] = {}
        if v.raw is not None:
            try:
                if made is not None and v.raw == made.raw:
                    cells, problems = made.mapped.cells, made.mapped.problems
                else:
                    cells, problems = mapper.read(v.raw)
            except BadRecord as error:  # the mapping changed since it landed
                problems = (("", str(error)),)
        mapped.append(Version(info.id, v.order, v.landed, cells, v.observed))
    folded = fold(
        mapped, writes, hash_values, partial=stream.records == "partial", keep_deleted=stream.on_delete == "keep_values"
    )
    if folded is None:
        return None
    cells = {a: h.cell for a, h in folded.held.items()}
    if made is not None and made.mapped.cells == cells:
        return Prepared(info, folded, made.forms, made.sketch, made.keys, problems)
    standardiser = recipe.standardisers[info.type]
    forms = standardiser.forms(cells, stream.is_verified)
    return Prepared(
        info,
        folded,
        forms,
        standardiser.layout.sketch(forms),
        salted_keys(forms, recipe, info.type) if keys else frozenset(),
        problems,
    )


def load_prepared(
    connection: Connection,
    recipe: Recipe,
    rids: Collection[int],
    made: Mapping[int, Ready] | None = None,
    *,
    keys: bool = True,
) -> dict[int, Prepared]:
    infos = landing.records(connection, rids)
    versions = landing.versions_of(connection, rids)
    writes = landing.writes_of(connection, {r: i.id for r, i in infos.items()})
    good = {r: m for r, m in (made or {}).items() if m.recipe is recipe}
    found = {
        r: prepare(recipe, i, versions.get(r, []), writes.get(r, []), keys=keys, made=good.get(r))
        for r, i in infos.items()
    }
    return {r: p for r, p in found.items() if p is not None}


def standardised_row(recipe: Recipe, prepared: Prepared) -> tuple[Any, ...]:
    """A row in the order of store.STANDARDISED."""
    problems = db.dump(prepared.problems) if prepared.problems else None
    return (
        prepared.info.rid,
        prepared.info.type,
        recipe.base,
        prepared.folded.latest,
        prepared.folded.born,
        prepared.folded.died,
        prepared.sketch,
        store.held_json(prepared.folded.held),
        db.dump(prepared.forms),
        problems,
    )


def standardised_rows(connection: Connection, recipe: Recipe, rids: Collection[int]) -> list[tuple[Any, ...]]:
    """The standardised rows of these records, made anew."""
    return [standardised_row(recipe, p) for p in load_prepared(connection, recipe, rids, keys=False).values()]


# --- keys and pairs ------------------------------------------------------------------------------


@dataclass
class Touched:
    """What a change reached so far."""

    records: set[int] = field(default_factory=set)  # content or life changed
    seeds: set[int] = field(default_factory=set)  # ends of pairs or decisions that changed
    near: set[int] = field(default_factory=set)  # share a key with a touched record, before or after, or a decision
    pairs_gone: set[RidPair] = field(default_factory=set)
    pairs_new: list[StoredPair] = field(default_factory=list)
    held: dict[int, Mapping[str, Held]] = field(default_factory=dict)  # what records hold now, as far as read
    infos: dict[int, RecordInfo] = field(default_factory=dict)  # of records, as far as read


def infos_of(connection: Connection, touched: Touched, rids: Collection[int]) -> Mapping[int, RecordInfo]:
    """Records by number, each read at most once in a unit: until all is settled nothing of them changes."""
    touched.infos.update(landing.records(connection, [r for r in rids if r not in touched.infos]))
    return touched.infos


def held_of(connection: Connection, touched: Touched, rids: Iterable[int]) -> Mapping[int, Mapping[str, Held]]:
    """What standardised records hold now, each read at most once in a unit."""
    missing = [r for r in rids if r not in touched.held]
    touched.held.update(store.held(connection, missing))
    return touched.held


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
    newer = [p for r, p in prepared.items() if r in changed or stored[r].landed != p.folded.latest]
    touched = Touched(
        records=set(changed),
        held={r: p.folded.held for r, p in prepared.items()},
        infos={r: p.info for r, p in prepared.items()},
    )
    store.save_standardised(connection, [standardised_row(recipe, p) for p in newer])
    fresh = prepared.keys() - stored.keys()
    by_type: dict[str, dict[int, Prepared]] = {}
    for rid, p in changed.items():
        by_type.setdefault(p.info.type, {})[rid] = p
    for type_name, group in by_type.items():
        _refresh_pairs(connection, recipe, type_name, group, fresh, touched)
    return touched


def vanished(connection: Connection, rids: Collection[int]) -> dict[int, Prepared]:
    """Records that were standardised and of which no version is left: their rows dropped, as ones without keys."""
    there = store.standardised_types(connection, rids)
    store.drop_standardised(connection, there)
    infos = landing.records(connection, there)
    return {r: Prepared(i, Folded(i.id, {}, 0, 0, 0), {}, b"", frozenset(), ()) for r, i in infos.items()}


def _same(stored: Standardised | None, prepared: Prepared, recipe: Recipe) -> bool:
    return (
        stored is not None
        and stored.recipe == recipe.base
        and (stored.born, stored.died) == (prepared.folded.born, prepared.folded.died)
        and stored.held == prepared.folded.held
    )


def _refresh_pairs(
    connection: Connection,
    recipe: Recipe,
    type_name: str,
    group: Mapping[int, Prepared],
    fresh: Collection[int],
    touched: Touched,
) -> None:
    """The keys and pairs of records that changed. `fresh` ones were never standardised: nothing is stored of them."""
    cap = recipe.customer(type_name).matching.block_cap
    known_before = [r for r in group if r not in fresh]
    any_dead = store.any_dead(connection) or db.exists(connection, "dead_key")
    old_keys = store.keys_of(connection, known_before)
    dead_before = store.keys_of(connection, known_before, dead=True) if any_dead else {}
    new_keys = {r: set(p.keys) if p.alive else set() for r, p in group.items()}
    dead_keys = {r: set() if p.alive else set(p.keys) for r, p in group.items()}
    concerned = {
        k for ks in (*old_keys.values(), *new_keys.values(), *dead_before.values(), *dead_keys.values()) for k in ks
    }
    before = store.holders(connection, concerned, cap, more=len(group))
    _change_keys(connection, old_keys, new_keys, dead=False)
    _change_keys(connection, dead_before, dead_keys, dead=True)
    after = _changed_blocks(before, old_keys, new_keys)
    candidates, doubtful = _candidates(connection, group.keys(), new_keys, before, after, cap)
    stored = store.pairs_touching(connection, known_before)
    lost = {p for p in doubtful if p not in candidates}
    other = store.pairs_touching(connection, {r for p in lost | candidates for r in p}) if lost or doubtful else {}
    known = {**{p: s for p, s in other.items() if p in lost or p in candidates}, **stored}
    weighed = _weigh(connection, recipe, type_name, candidates, group)
    for pair, found in known.items():
        if pair not in weighed:
            touched.pairs_gone.add(pair)
            touched.seeds.update(pair)
        elif weighed[pair] == found:
            del weighed[pair]
    touched.pairs_new.extend(weighed.values())
    touched.seeds.update(r for p in weighed for r in p)
    if any_dead or any(dead_keys.values()):  # only heirs are found through those near
        for blocks in (before, after):
            touched.near.update(r for members in blocks.values() if len(members) <= cap for r in members)
        touched.near.update(
            r for members in store.holders(connection, concerned, 10 * cap, dead=True).values() for r in members
        )


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
    near = shortlisted(connection, recipe, type_name, pairs, {r: p.sketch for r, p in group.items()}, floor)
    others = {r for p in near for r in p} - group.keys()
    forms = {**store.forms(connection, others), **{r: p.forms for r, p in group.items()}}
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
    return hopeful(pairs, sketches, recipe.models[type_name], recipe.standardisers[type_name].layout, floor)


def parts_json(parts: Iterable[tuple[str, int, int]]) -> str:
    return db.dump([list(p) for p in parts])


# --- components and clusters ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Graph:
    """Part of G: living records, their joining pairs and the decisions among them."""

    records: set[int]
    weights: dict[RidPair, int]
    decisions: list[StoredDecision]


@dataclass
class Reached:
    """All that hangs together with some seeds, as stored before a change: by pairs, decisions or a shared cluster."""

    records: set[int] = field(default_factory=set)
    pairs: dict[RidPair, int] = field(default_factory=dict)  # weight
    decisions: dict[int, StoredDecision] = field(default_factory=dict)
    homes: dict[int, int] = field(default_factory=dict)  # cluster of each record that has one


def reach(connection: Connection, seeds: Iterable[int], floor: int) -> Reached:
    """Walk outwards from the seeds. Dead and pending records are in it: who lives is asked once, at the end."""
    found = Reached()
    decided = db.exists(connection, "decision")
    todo = set(seeds)
    while todo:
        found.records |= todo
        found.homes.update(store.companions(connection, todo))
        pairs = store.weights_touching(connection, todo, floor)
        found.pairs.update(pairs)
        near = {r for p in pairs for r in p}
        for d in store.decisions_touching(connection, todo) if decided else ():
            found.decisions[d.id] = d
            if d.verdict is Verdict.MATCH:
                near.update((d.left, d.right))
        todo = (near | found.homes.keys()) - found.records
    return found


def graph_after(connection: Connection, reached: Reached, touched: Touched, joins: Mapping[str, int]) -> Graph:
    """G as it is once the pairs are saved: what was reached before holds both ends of every new pair."""
    alive = store.living(connection, reached.records)
    weights = dict(reached.pairs)
    for pair in touched.pairs_gone:
        weights.pop(pair, None)
    for p in touched.pairs_new:
        weights[p.left, p.right] = p.weight
    kept = {p: w for p, w in weights.items() if p[0] in alive and p[1] in alive and w >= joins[alive[p[0]]]}
    return Graph(set(alive), kept, [reached.decisions[d] for d in sorted(reached.decisions)])


@dataclass(frozen=True, slots=True)
class Reclustered:
    before: dict[int, frozenset[int]]  # old clusters by name, of all records looked at
    after: dict[int, frozenset[int]]  # new clusters by name: the earliest-born member
    infos: dict[int, RecordInfo]


def recluster(connection: Connection, recipe: Recipe, touched: Touched) -> Reclustered:
    """Save the pairs and cluster again what holds a touched record before or after."""
    joins = {name: model.join for name, model in recipe.models.items()}
    reached = reach(connection, touched.records | touched.seeds, min(joins.values()))
    touched.near.update(
        r
        for d in reached.decisions.values()
        if d.left in touched.records or d.right in touched.records
        for r in (d.left, d.right)
    )
    store.save_pairs(connection, touched.pairs_gone, touched.pairs_new)
    graph = graph_after(connection, reached, touched, joins)
    infos = dict(infos_of(connection, touched, reached.records))
    clusters = cluster_graph(connection, recipe, graph, infos, touched)
    before = _by_cluster(reached.homes)
    old_homes = reached.homes
    after = {landing.earliest(infos, c): c for c in clusters}
    home = {r: name for name, members in after.items() for r in members}
    gone = {r for members in before.values() for r in members if r not in home}
    moved = {r: c for r, c in home.items() if old_homes.get(r) != c}
    store.save_membership(connection, gone, moved)
    return Reclustered(before, after, infos)


def _by_cluster(homes: Mapping[int, int]) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = {}
    for rid, name in homes.items():
        found.setdefault(name, set()).add(rid)
    return {name: frozenset(members) for name, members in found.items()}


def cluster_graph(
    connection: Connection, recipe: Recipe, graph: Graph, infos: Mapping[int, RecordInfo], touched: Touched
) -> list[frozenset[int]]:
    """The clusters of part of G, by rid."""
    names = {r: infos[r].id for r in graph.records}
    rids = {name: r for r, name in names.items()}
    weights = {Pair.of(names[a], names[b]): w for (a, b), w in graph.weights.items()}
    inside = [d for d in graph.decisions if d.left in names and d.right in names]
    matches = [Pair.of(names[d.left], names[d.right]) for d in inside if d.verdict is Verdict.MATCH]
    apart = [Pair.of(names[d.left], names[d.right]) for d in inside if d.verdict is Verdict.NO_MATCH]
    found: list[frozenset[int]] = []
    held_of(connection, touched, {rids[r] for p in (*weights, *matches) for r in p})  # at once
    for component in components(names.values(), [*weights, *matches]):
        if len(component) == 1:
            found.append(frozenset(rids[r] for r in component))
            continue
        type_name = infos[rids[next(iter(component))]].type
        customer = recipe.customer(type_name)
        inner = {p: w for p, w in weights.items() if p.left in component}
        made = cluster(
            component,
            inner,
            matches=[m for m in matches if m.left in component],
            apart=[a for a in apart if a.left in component],
            traits=_traits(connection, recipe, component, rids, touched),
            limits=limits_of(recipe.models[type_name], customer),
        )
        found.extend(frozenset(rids[r] for r in c) for c in made.clusters)
    return found


def _traits(
    connection: Connection, recipe: Recipe, component: Cluster, rids: Mapping[RecordId, int], touched: Touched
) -> dict[RecordId, Traits]:
    """What guards look at."""
    held = held_of(connection, touched, [rids[r] for r in component])
    return {r: traits_of(recipe, r, held[rids[r]]) for r in component}


def traits_of(recipe: Recipe, record: RecordId, held: Mapping[str, Any]) -> Traits:
    stream = recipe.stream(record.source, record.stream)
    customer = recipe.customer(stream.customer)
    exclusive = {
        a: frozenset(canonical(plain(v)).decode() for v in held[a].cell.values)
        for a, attribute in customer.attributes.items()
        if attribute.exclusive and a in held
    }
    return Traits((record.source, record.stream) if stream.duplicate_free else None, exclusive)
