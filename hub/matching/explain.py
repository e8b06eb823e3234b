"""Why two records are, or are not, one customer, and how a customer was built: plain data, in words.

Read from what is stored, by the same functions that decided. Each line names the attributes it was
made of, so that access can leave out what a view hides. Weights are milli-bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection

from hub.errors import Fault, NotFound
from hub.landing import store as landing
from hub.landing.store import RecordInfo
from hub.matching import store
from hub.matching.clusters import recluster
from hub.matching.clusters.cluster import Clustering, Limits, Step, cluster, components
from hub.matching.clusters.decisions import match_path
from hub.matching.compare.candidates import keys as keys_of
from hub.matching.compare.candidates import rule_name, without_placeholders
from hub.matching.compare.model import Model, probability
from hub.matching.compare.score import PartExplained, explain
from hub.matching.pairs import limits_of, ordered, type_salt
from hub.matching.recipe import Recipe
from hub.matching.refresh import PairChange
from hub.matching.store import StoredDecision
from hub.model import BIT, Pair, RecordId, Verdict


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison: two values, how far they agree, what it weighs, and the sum before and after it (a waterfall)."""

    comparison: str
    attributes: tuple[str, ...]
    level: str
    words: str
    left: str
    right: str
    weight: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One candidate rule: the values that each record has for it, and whether they meet there."""

    rule: str
    attributes: tuple[str, ...]
    left: tuple[str, ...]
    right: tuple[str, ...]
    shared: bool
    block: int | None = None  # records that hold the shared key, counted up to just over the cap
    over_cap: bool = False


Reason = Literal[
    "gone",
    "other_type",
    "never_candidates",
    "over_cap",
    "below_review",
    "below_join",
    "decision",
    "guard",
    "component",
    "bridge",
]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps two records apart. `attributes`: those that the words tell something about."""

    reason: Reason
    words: str
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionTold:
    id: int
    left: RecordId
    right: RecordId
    verdict: Verdict
    by: str
    at: int
    reason: str


@dataclass(frozen=True, slots=True)
class PairStory:
    """Two records compared. `together`: they are one customer now; `path`: the match decisions that hold them together."""

    left: RecordId
    right: RecordId
    type: str
    weight: int
    chance: float  # that they are one customer, by the evidence alone
    join: int
    review: int
    together: bool
    lines: tuple[Line, ...]
    keys: tuple[KeyLine, ...]
    obstacles: tuple[Obstacle, ...]
    decisions: tuple[DecisionTold, ...]
    path: tuple[RecordId, ...]
    model: str  # which weighed, in words


@dataclass(frozen=True, slots=True)
class StepTold:
    """One step of the building, with its words."""

    what: str
    words: str
    pair: Pair | None
    weight: int | None
    why: str
    attributes: tuple[str, ...]
    left: tuple[RecordId, ...]
    right: tuple[RecordId, ...]


@dataclass(frozen=True, slots=True)
class ClusterStory:
    """How the customer of a record was built: the steps over all records that hang together with it, in order."""

    type: str
    records: tuple[RecordId, ...]
    component: tuple[RecordId, ...]  # all that was looked at together
    clusters: tuple[tuple[RecordId, ...], ...]
    join: int
    steps: tuple[StepTold, ...]
    decisions: tuple[DecisionTold, ...]


class Explain:
    """Explanations of one snapshot of one hub."""

    def __init__(self, connection: Connection, recipe: Recipe):
        self.connection, self.recipe = connection, recipe

    # --- two records ---

    def pair(self, left: RecordId, right: RecordId) -> PairStory:
        """Two records compared, and what keeps them apart if they are not one customer. NotFound: never landed."""
        left, right = Pair.of(left, right)
        a, b = self._record(left, "/left"), self._record(right, "/right")
        forms = store.forms(self.connection, (a.rid, b.rid))
        model = self.recipe.models[a.type]
        lines = waterfall(explain(forms.get(a.rid, {}), forms.get(b.rid, {}), model), model) if a.type == b.type else ()
        weight = lines[-1].end if lines else 0
        homes = store.clusters_of(self.connection, (a.rid, b.rid))
        together = a.rid in homes and homes[a.rid] == homes.get(b.rid)
        near = store.decisions_connected(self.connection, (a.rid, b.rid))
        told = self._told(near)
        keys = self._keys(forms.get(a.rid, {}), forms.get(b.rid, {}), model, a.type) if a.type == b.type else ()
        standing = store.named(near, {r: i.id for r, i in self._infos(near).items()})
        path = tuple(match_path(standing, left, right))
        obstacles = () if together else tuple(self._obstacles(a, b, weight, keys, told))
        mine = tuple(d for d in told if {d.left, d.right} == {left, right} or (path and {d.left, d.right} <= set(path)))
        return PairStory(
            left,
            right,
            a.type,
            weight,
            probability(weight),
            model.join,
            model.review,
            together,
            lines,
            keys,
            obstacles,
            mine,
            path,
            model.told,
        )

    def _obstacles(
        self, a: RecordInfo, b: RecordInfo, weight: int, keys: Sequence[KeyLine], told: Sequence[DecisionTold]
    ) -> Iterable[Obstacle]:
        gone = [i.id for i in (a, b) if not i.alive]
        if gone:
            yield Obstacle("gone", "deleted in its source: " + ", ".join(map(str, gone)))
            return
        if a.type != b.type:
            yield Obstacle("other_type", f"a {a.type} and a {b.type} are never one customer")
            return
        model = self.recipe.models[a.type]
        own = [d for d in told if d.verdict is Verdict.NO_MATCH and {d.left, d.right} == {a.id, b.id}]
        yield from (Obstacle("decision", f"{d.by} decided that they are two customers: {d.reason}") for d in own)
        shared = [k for k in keys if k.shared]
        if not shared:
            yield Obstacle(
                "never_candidates",
                "they share no key, so they are never compared",
                tuple(sorted({x for k in keys for x in k.attributes})),
            )
        elif all(k.over_cap for k in shared):
            words = "they meet only where more records meet than the cap allows: " + ", ".join(k.rule for k in shared)
            yield Obstacle("over_cap", words, tuple(sorted({x for k in shared for x in k.attributes})))
        elif weight < model.review:
            yield Obstacle(
                "below_review", f"the evidence is {bits(weight)}, a steward looks at pairs from {bits(model.review)}"
            )
        elif weight < model.join:
            yield Obstacle(
                "below_join", f"the evidence is {bits(weight)}, records join by themselves from {bits(model.join)}"
            )
        elif not own:
            yield from self._held_apart(a, b)

    def _held_apart(self, a: RecordInfo, b: RecordInfo) -> Iterable[Obstacle]:
        """They weigh enough: what the building did with them."""
        found = self._built(a.rid)
        pair = Pair.of(a.id, b.id)
        for step in found.steps if found else ():
            if step.pair == pair and step.what in ("refused", "cut"):
                told = tell(step)
                reason: Reason = "bridge" if step.what == "cut" else "component" if step.why == "component" else "guard"
                yield Obstacle(reason, told.words, told.attributes)

    def _keys(
        self, left: Mapping[str, Any], right: Mapping[str, Any], model: Model, type_name: str
    ) -> tuple[KeyLine, ...]:
        cap = self.recipe.customer(type_name).matching.block_cap
        salt = type_salt(type_name)
        numbers = [{k ^ salt for k in keys_of(forms, model)} for forms in (left, right)]
        held = store.holders(self.connection, numbers[0] & numbers[1], cap)
        one, two = without_placeholders(left, model), without_placeholders(right, model)
        lines = []
        for rule in model.rules:
            only = _with_rules(model, (rule,))
            mine, theirs = ({k ^ salt for k in keys_of(forms, only)} for forms in (left, right))
            both = mine & theirs
            block = max((len(held.get(k, ())) for k in both), default=0)
            open_ = any(len(held.get(k, ())) <= cap for k in both)
            lines.append(
                KeyLine(
                    rule_name(rule),
                    _attributes(rule),
                    _values(one, rule),
                    _values(two, rule),
                    bool(both),
                    block if both else None,
                    bool(both) and not open_,
                )
            )
        return tuple(lines)

    # --- one customer ---

    def cluster(self, record: RecordId) -> ClusterStory:
        """How the customer of a living record was built. NotFound: it never landed, or is gone."""
        info = self._record(record, "/record")
        found = self._built(info.rid)
        if found is None:
            raise NotFound("this record is in no customer", [Fault("/record", "is gone, or not resolved yet")])
        mine = next(c for c in found.made.clusters if record in c)
        told = self._told([d for d in found.decisions if d.verdict is not Verdict.UNSURE])
        return ClusterStory(
            info.type,
            tuple(sorted(mine)),
            tuple(sorted(found.component)),
            tuple(sorted(tuple(sorted(c)) for c in found.made.clusters)),
            found.limits.join,
            tuple(map(tell, found.steps)),
            tuple(told),
        )

    def _built(self, rid: int) -> _Built | None:
        """The component of G that holds a record, clustered again with its steps written down."""
        joins = {name: model.join for name, model in self.recipe.models.items()}
        reached = recluster.reach(self.connection, {rid}, min(joins.values()))
        graph = recluster.graph_after(self.connection, reached, PairChange(), joins)
        if rid not in graph.records:
            return None
        infos = landing.records(self.connection, graph.records)
        names = {r: i.id for r, i in infos.items()}
        weights = {Pair.of(names[a], names[b]): w for (a, b), w in graph.weights.items()}
        inside = [d for d in graph.decisions if d.left in names and d.right in names]
        matches = [Pair.of(names[d.left], names[d.right]) for d in inside if d.verdict is Verdict.MATCH]
        apart = [Pair.of(names[d.left], names[d.right]) for d in inside if d.verdict is Verdict.NO_MATCH]
        component = next(c for c in components(names.values(), [*weights, *matches]) if names[rid] in c)
        rids = {name: r for r, name in names.items()}
        held = store.standardised(self.connection, [rids[n] for n in component])
        type_name = infos[rid].type
        limits = limits_of(self.recipe.models[type_name], self.recipe.customer(type_name))
        steps: list[Step] = []
        made = cluster(
            component,
            {p: w for p, w in weights.items() if p.left in component},
            matches=matches,
            apart=apart,
            traits={n: recluster.traits_of(self.recipe, n, held[rids[n]].folded.held) for n in component},
            limits=limits,
            contradicts=recluster.contradicting(
                self.connection, self.recipe.models[type_name], {n: rids[n] for n in component}
            ),
            trace=steps,
        )
        return _Built(
            component,
            made,
            steps,
            limits,
            [d for d in inside if names[d.left] in component or names[d.right] in component],
        )

    # --- tools ---

    def refusals(self, rids: Iterable[int]) -> dict[tuple[int, int], StepTold]:
        """For pairs that weigh enough and yet are apart: the step that refused or cut each, by rid pair, of these records' components."""
        found: dict[tuple[int, int], StepTold] = {}
        seen: set[RecordId] = set()
        for rid, info in landing.records(self.connection, rids).items():
            built = None if info.id in seen else self._built(rid)
            if built is None:
                continue
            seen |= built.component
            listed = [s for s in built.steps if s.pair is not None and s.what in ("refused", "cut")]
            ends = {e: self._record(e, "").rid for s in listed if s.pair for e in s.pair}
            for step in listed:
                assert step.pair is not None
                found[ordered(ends[step.pair.left], ends[step.pair.right])] = tell(step)
        return found

    def _record(self, id: RecordId, where: str) -> RecordInfo:
        found = landing.record_named(self.connection, id)
        if found is None:
            raise NotFound(
                "no such record",
                [Fault(where, f"{id.source}/{id.stream} has no such record", "write source/stream/key")],
            )
        return found

    def _infos(self, decisions: Iterable[StoredDecision]) -> dict[int, RecordInfo]:
        return landing.records(self.connection, {e for d in decisions for e in (d.left, d.right)})

    def _told(self, decisions: Sequence[StoredDecision]) -> list[DecisionTold]:
        infos = self._infos(decisions)
        return [
            DecisionTold(d.id, *Pair.of(infos[d.left].id, infos[d.right].id), d.verdict, d.by, d.at, d.reason)
            for d in decisions
        ]


@dataclass(frozen=True, slots=True)
class _Built:
    component: frozenset[RecordId]
    made: Clustering
    steps: list[Step]
    limits: Limits
    decisions: list[StoredDecision]


# --- words -------------------------------------------------------------------------------------------


def bits(weight: int) -> str:
    """A weight as people read it: '12.4 bits'."""
    return f"{weight / BIT:.1f} bits"


def waterfall(parts: Iterable[PartExplained], model: Model) -> tuple[Line, ...]:
    """The parts in their order, each with the sum before and after it."""
    attributes = {w.comparison.name: _attributes(w.comparison.columns.values()) for w in model.comparisons}
    total = 0
    lines: list[Line] = []
    for p in parts:
        lines.append(
            Line(
                p.comparison,
                attributes.get(p.comparison, ()),
                p.level,
                p.words,
                p.left,
                p.right,
                p.weight,
                total,
                total + p.weight,
            )
        )
        total += p.weight
    return tuple(lines)


def tell(step: Step) -> StepTold:
    """A step of the clustering in words."""
    attributes = (step.detail,) if step.why == "exclusive" else ()
    return StepTold(
        step.what,
        _words(step),
        step.pair,
        step.weight,
        step.why,
        attributes,
        tuple(sorted(step.left)),
        tuple(sorted(step.right)),
    )


def _words(step: Step) -> str:
    pair = f"{step.pair.left} and {step.pair.right}" if step.pair else ""
    weight = bits(step.weight or 0)
    if step.what == "decided":
        return f"a person decided that {pair} are one customer"
    if step.what == "joined":
        return f"{pair} join by {weight}"
    if step.what == "raised":
        return f"{len(step.left)} records are too many to look at together: only pairs from {weight} join here"
    if step.what == "cut":
        return f"{pair} hang together by {weight} only, too little to hold {len(step.left)} and {len(step.right)} records together"
    return f"{pair} agree by {weight}, yet stay apart: {_WHY[step.why].format(step.detail)}"


_WHY = {
    "": "",
    "bridge": "",
    "apart": "a person decided {}",
    "against": "strong evidence stands between two of their records ({})",
    "exclusive": "they would hold two clearly different values of {}, of which a customer has one",
    "stream": "two records of {}, which holds nobody twice",
    "largest": "a customer would have more than {} records",
    "component": "too many records hang together, so more evidence is asked for",
}


def _with_rules(model: Model, rules: tuple[tuple[str, ...], ...]) -> Model:
    return replace(model, rules=rules)


def _attributes(columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(c.partition(".")[0] for c in columns))


def _values(forms: Mapping[str, Any], rule: Iterable[str]) -> tuple[str, ...]:
    """What a record has in the columns of a rule; empty where one is missing."""
    found = [forms.get(column) for column in rule]
    if not all(found):
        return ()
    return tuple(v if isinstance(v, str) else ", ".join(v) for v in found if v is not None)


__all__ = [
    "ClusterStory",
    "DecisionTold",
    "Explain",
    "KeyLine",
    "Line",
    "Obstacle",
    "PairStory",
    "StepTold",
    "bits",
    "tell",
    "waterfall",
]
