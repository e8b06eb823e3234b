"""Pairs and decisions that changed -> clusters, by the components of G that held a touched record before or after.

Within the caller's unit: pairs and membership are saved here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from hub import db
from hub.kinds import KINDS
from hub.kinds.base import Kind
from hub.kinds.levels_base import Forms
from hub.landing import store as landing
from hub.landing.fold import Held
from hub.landing.store import RecordInfo
from hub.matching import store
from hub.matching.clusters.cluster import Cluster, Contradicts, Traits, cluster, components
from hub.matching.compare.model import Model
from hub.matching.compare.score import contradicts
from hub.matching.pairs import RidPair, limits_of
from hub.matching.recipe import Recipe
from hub.matching.refresh import Known, PairChange, Touched
from hub.matching.store import StoredDecision
from hub.model import Cell, Pair, RecordId, Verdict


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


def graph_after(connection: Connection, reached: Reached, pairs: PairChange, joins: Mapping[str, int]) -> Graph:
    """G as it is once the pairs are saved: what was reached before holds both ends of every new pair."""
    alive = store.living(connection, reached.records)
    weights = {p: w for p, w in reached.pairs.items() if p not in pairs.gone}
    weights.update({(p.left, p.right): p.weight for p in pairs.new})
    kept = {p: w for p, w in weights.items() if p[0] in alive and p[1] in alive and w >= joins[alive[p[0]]]}
    return Graph(set(alive), kept, [reached.decisions[d] for d in sorted(reached.decisions)])


@dataclass(frozen=True, slots=True)
class Reclustered:
    """Clusters by name, before and after, of all records looked at. A cluster's name is its earliest-born member."""

    before: dict[int, frozenset[int]]
    after: dict[int, frozenset[int]]
    infos: dict[int, RecordInfo]
    near: frozenset[int] = frozenset()  # whom a decision ties to a record that changed

    @classmethod
    def of(
        cls,
        before: dict[int, frozenset[int]],
        clusters: Iterable[frozenset[int]],
        infos: dict[int, RecordInfo],
        near: frozenset[int] = frozenset(),
    ) -> Reclustered:
        return cls(before, {landing.earliest(infos, cluster): cluster for cluster in clusters}, infos, near)

    def save(self, connection: Connection) -> None:
        """Membership as it is after, where it differs."""
        was = {r: name for name, members in self.before.items() for r in members}
        home = {r: name for name, members in self.after.items() for r in members}
        moved = {r: name for r, name in home.items() if was.get(r) != name}
        store.save_membership(connection, was.keys() - home.keys(), moved)


def recluster(connection: Connection, recipe: Recipe, touched: Touched, seeds: Collection[int] = ()) -> Reclustered:
    """Save the pairs, and cluster again what holds a touched record, an end of a pair or a seed, before or after."""
    joins = {name: model.join for name, model in recipe.models.items()}
    reached = reach(connection, touched.records | touched.pairs.ends | set(seeds), min(joins.values()))
    tied = [d for d in reached.decisions.values() if d.left in touched.records or d.right in touched.records]
    store.save_pairs(connection, touched.pairs.gone, touched.pairs.new)
    graph = graph_after(connection, reached, touched.pairs, joins)
    infos = dict(touched.known.infos(connection, reached.records))
    clusters = cluster_graph(connection, recipe, graph, infos, touched.known)
    near = frozenset(r for d in tied for r in (d.left, d.right))
    return Reclustered.of(_by_cluster(reached.homes), clusters, infos, near)


def _by_cluster(homes: Mapping[int, int]) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = {}
    for rid, name in homes.items():
        found.setdefault(name, set()).add(rid)
    return {name: frozenset(members) for name, members in found.items()}


def cluster_graph(
    connection: Connection, recipe: Recipe, graph: Graph, infos: Mapping[int, RecordInfo], known: Known
) -> list[frozenset[int]]:
    """The clusters of part of G, by rid."""
    names = {r: infos[r].id for r in graph.records}
    rids = {name: r for r, name in names.items()}
    weights = {Pair.of(names[a], names[b]): w for (a, b), w in graph.weights.items()}
    inside = [d for d in graph.decisions if d.left in names and d.right in names]
    matches = [Pair.of(names[d.left], names[d.right]) for d in inside if d.verdict is Verdict.MATCH]
    apart = [Pair.of(names[d.left], names[d.right]) for d in inside if d.verdict is Verdict.NO_MATCH]
    found: list[frozenset[int]] = []
    known.held(connection, {rids[r] for p in (*weights, *matches) for r in p})  # at once
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
            traits=_traits(connection, recipe, component, rids, known),
            limits=limits_of(recipe.models[type_name], customer),
            contradicts=contradicting(connection, recipe.models[type_name], {r: rids[r] for r in component}),
        )
        found.extend(frozenset(rids[r] for r in c) for c in made.clusters)
    return found


def contradicting(connection: Connection, model: Model, rids: Mapping[RecordId, int]) -> Contradicts:
    """Asks whether evidence stands against two of these records; their forms are read when first asked."""
    forms: dict[int, Forms] = {}

    def asked(one: RecordId, other: RecordId) -> bool:
        if not forms:
            forms.update(store.forms(connection, rids.values()))
        return contradicts(forms[rids[one]], forms[rids[other]], model)

    return asked


def _traits(
    connection: Connection, recipe: Recipe, component: Cluster, rids: Mapping[RecordId, int], known: Known
) -> dict[RecordId, Traits]:
    """What guards look at."""
    held = known.held(connection, [rids[r] for r in component])
    return {r: traits_of(recipe, r, held[rids[r]]) for r in component}


def sure(kind: Kind, cell: Cell) -> frozenset[str]:
    """The comparison forms of what a cell says for sure: no placeholder, and nothing that failed its check digits."""
    if not cell.valid:
        return frozenset()
    forms = (kind.forms(value).get("") for value in cell.values)
    return frozenset(str(form) for form in forms if form and form not in kind.placeholders)


def traits_of(recipe: Recipe, record: RecordId, held: Mapping[str, Held]) -> Traits:
    stream = recipe.stream(record.source, record.stream)
    customer = recipe.customer(stream.customer)
    exclusive = {
        a: sure(KINDS[attribute.kind], held[a].cell)
        for a, attribute in customer.attributes.items()
        if attribute.exclusive and a in held
    }
    return Traits((record.source, record.stream) if stream.duplicate_free else None, exclusive)
