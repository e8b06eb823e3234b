"""Pairs and decisions -> clusters, one component of G at a time. Pure; needs no store and no clock.

G holds the living records, the pairs at or above join and the `match` decisions, before any guard.
Every choice is by (-weight, left, right) over record names, so row order never decides anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from hub.kinds.levels_values import another_number
from hub.model import BIT, Pair, RecordId

Cluster = frozenset[RecordId]
Weights = Mapping[Pair, int]


@dataclass(frozen=True, slots=True)
class Limits:
    """When pairs join, and the bounds of what they may join to."""

    join: int  # milli-bits
    largest: int  # K, records in a cluster
    component: int  # N, records clustered at once
    margin: int  # milli-bits above join that a bridge needs


@dataclass(frozen=True, slots=True)
class Traits:
    """What guards look at in a record."""

    stream: tuple[str, str] | None = None  # its stream, when that is free of duplicates
    exclusive: Mapping[str, frozenset[str]] = field(default_factory=dict)  # comparison forms by attribute


@dataclass(frozen=True, slots=True)
class Clustering:
    clusters: frozenset[Cluster]
    refused: frozenset[Pair] = frozenset()  # pairs at or above join that a guard kept apart
    cut: frozenset[Pair] = frozenset()  # bridges


What = Literal["decided", "joined", "refused", "raised", "cut"]
Why = Literal["", "apart", "stream", "exclusive", "against", "largest", "component", "bridge"]
Contradicts = Callable[[RecordId, RecordId], bool]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of how a component was clustered, for people to read.

    decided and joined: two sides became one; refused: a guard kept them apart; raised: a piece is too large, join
    rises to `weight`; cut: a bridge too weak for what hangs on it.
    """

    what: What
    pair: Pair | None
    weight: int | None
    left: Cluster
    right: Cluster = frozenset()
    why: Why = ""
    detail: str = ""  # the attribute, the stream or the pair behind a refusal


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of a component that fits N, with the join then in force."""

    members: Cluster
    weights: Weights
    join: int


NO_TRAITS = Traits()


def components(members: Iterable[RecordId], edges: Iterable[Pair]) -> list[Cluster]:
    """Connected components; edges that leave `members` are ignored."""
    near: dict[RecordId, list[RecordId]] = {m: [] for m in members}
    for left, right in edges:
        if left in near and right in near:
            near[left].append(right)
            near[right].append(left)
    found: list[Cluster] = []
    seen: set[RecordId] = set()
    for start in near:
        if start in seen:
            continue
        reached, todo = {start}, [start]
        while todo:
            for there in near[todo.pop()]:
                if there not in reached:
                    reached.add(there)
                    todo.append(there)
        seen |= reached
        found.append(frozenset(reached))
    return found


def cluster(
    component: Collection[RecordId],
    weights: Weights,
    *,
    matches: Collection[Pair] = (),
    apart: Collection[Pair] = (),
    traits: Mapping[RecordId, Traits] | None = None,
    limits: Limits,
    contradicts: Contradicts | None = None,
    trace: list[Step] | None = None,
) -> Clustering:
    """The clusters of one component, with what the guards refused and which bridges were cut.

    `contradicts`: does strong evidence stand against two records, that no pair of them joins? Asked as unions are tried.
    `trace`: a list that is filled with the steps; the answer is the same without.
    """
    members = frozenset(component)
    strong = {p: w for p, w in weights.items() if w >= limits.join and p.left in members and p.right in members}
    decided = frozenset(p for p in matches if p.left in members and p.right in members)
    guards = _Guards(traits or {}, apart, limits.largest, _Evidence(members, decided, strong, contradicts))
    clusters: set[Cluster] = set()
    bridges: set[Pair] = set()
    for piece in _fit(_Piece(members, strong, limits.join), decided, limits, trace):
        held_here = frozenset(m for m in decided if m.left in piece.members and m.right in piece.members)
        for united in _unite(piece, held_here, guards, trace):
            held = frozenset(m for m in held_here if m.left in united and m.right in united)
            parts, gone = _cut(united, _within(united, piece.weights), held, piece.join + limits.margin, trace)
            clusters.update(parts)
            bridges |= gone
    home = {r: c for c in clusters for r in c}
    refused = frozenset(p for p in strong if home[p.left] is not home[p.right]) - bridges
    return Clustering(frozenset(clusters), refused, frozenset(bridges))


def _within(members: Cluster, weights: Weights) -> dict[Pair, int]:
    return {p: w for p, w in weights.items() if p.left in members and p.right in members}


def _fit(whole: _Piece, matches: frozenset[Pair], limits: Limits, trace: list[Step] | None) -> Iterator[_Piece]:
    """Raise join by one bit where a piece is larger than N. What decisions alone hold stays whole."""
    todo = [whole]
    while todo:
        piece = todo.pop()
        if len(piece.members) <= limits.component or not piece.weights:
            yield piece
            continue
        join = piece.join + BIT
        raised = {p: w for p, w in piece.weights.items() if w >= join}
        if trace is not None:
            trace.append(Step("raised", None, join, piece.members))
            trace.extend(
                Step("refused", p, piece.weights[p], frozenset({p.left}), frozenset({p.right}), "component")
                for p in sorted(piece.weights.keys() - raised)
            )
        parts = components(piece.members, [*raised, *matches])
        home = {r: number for number, part in enumerate(parts) for r in part}
        inside: dict[int, dict[Pair, int]] = defaultdict(dict)
        for pair, weight in raised.items():
            inside[home[pair.left]][pair] = weight
        todo.extend(_Piece(part, inside[number], join) for number, part in enumerate(parts))


class _Group:
    """A cluster while it grows: members, and what guards look at in them."""

    __slots__ = ("members", "streams", "values")

    def __init__(self, record: RecordId, traits: Traits):
        self.members = {record}
        self.streams = {traits.stream} if traits.stream else set()
        self.values = {a: set(v) for a, v in traits.exclusive.items() if v}

    def take(self, other: _Group) -> None:
        self.members |= other.members
        self.streams |= other.streams
        for attribute, values in other.values.items():
            self.values.setdefault(attribute, set()).update(values)


class _Evidence:
    """What the model has against a union. Records that decisions hold together speak as one: one of them that joins is
    enough."""

    def __init__(
        self, members: Cluster, decided: Iterable[Pair], strong: Collection[Pair], contradicts: Contradicts | None
    ):
        self._strong, self._contradicts = strong, contradicts
        self._known: dict[Pair, bool] = {}
        self._block = {record: block for block in components(members, decided) for record in block}

    def against(self, left: Collection[RecordId], right: Collection[RecordId]) -> Pair | None:
        """The first two records, one of each side, that are not to be brought together; None when there are none."""
        if self._contradicts is None or len(left) + len(right) <= 2:
            return None
        for one in sorted(left):
            for other in sorted(right):
                if self._apart(one, other):
                    return Pair.of(one, other)
        return None

    def _apart(self, one: RecordId, other: RecordId) -> bool:
        pair = Pair.of(one, other)
        if pair in self._strong:
            return False
        if pair not in self._known:
            assert self._contradicts is not None
            joined = any(Pair.of(x, y) in self._strong for x in self._block[one] for y in self._block[other])
            self._known[pair] = not joined and self._contradicts(pair.left, pair.right)
        return self._known[pair]


class _Guards:
    """The conflicts that refuse a union. Decisions are checked when they are made, never here."""

    def __init__(self, traits: Mapping[RecordId, Traits], apart: Iterable[Pair], largest: int, evidence: _Evidence):
        self.traits, self.largest, self.evidence = traits, largest, evidence
        self.apart: dict[RecordId, set[RecordId]] = defaultdict(set)
        for left, right in apart:
            self.apart[left].add(right)
            self.apart[right].add(left)

    def refuse(self, left: _Group, right: _Group) -> bool:
        if len(left.members) + len(right.members) > self.largest or left.streams & right.streams:
            return True
        if self.apart and any(r in self.apart and self.apart[r] & right.members for r in left.members):
            return True
        if any(self._conflict(left.values[a], right.values[a]) for a in left.values.keys() & right.values.keys()):
            return True
        return self.evidence.against(left.members, right.members) is not None

    def why(self, left: _Group, right: _Group) -> tuple[Why, str]:
        """Which guard refuses, and what it looks at. A person's word comes first."""
        apart = sorted(Pair.of(r, o) for r in left.members if r in self.apart for o in self.apart[r] & right.members)
        if apart:
            return "apart", f"{apart[0].left} ≠ {apart[0].right}"
        for attribute in sorted(left.values.keys() & right.values.keys()):
            if self._conflict(left.values[attribute], right.values[attribute]):
                return "exclusive", attribute
        if left.streams & right.streams:
            return "stream", "/".join(min(left.streams & right.streams))
        if len(left.members) + len(right.members) > self.largest:
            return "largest", str(self.largest)
        against = self.evidence.against(left.members, right.members)
        return "against", f"{against.left} ≠ {against.right}" if against else ""

    @staticmethod
    def _conflict(left: set[str], right: set[str]) -> bool:
        """The union would hold two clearly different values that neither side holds already (by a decision)."""
        return not (left <= right or right <= left) and any(another_number(a, b) for a in left for b in right)


def _unite(piece: _Piece, matches: frozenset[Pair], guards: _Guards, trace: list[Step] | None) -> list[Cluster]:
    """Unite by decisions, then by pairs, strongest first, unless a guard refuses."""
    home = {r: _Group(r, guards.traits.get(r, NO_TRAITS)) for r in piece.members}

    def tell(what: What, pair: Pair, left: _Group, right: _Group, why: tuple[Why, str] = ("", "")) -> None:
        if trace is not None:
            trace.append(
                Step(what, pair, piece.weights.get(pair), frozenset(left.members), frozenset(right.members), *why)
            )

    def join(left: _Group, right: _Group) -> None:
        large, small = (left, right) if len(left.members) >= len(right.members) else (right, left)
        large.take(small)
        for record in small.members:
            home[record] = large

    for pair in sorted(matches):
        if home[pair.left] is not home[pair.right]:
            tell("decided", pair, home[pair.left], home[pair.right])
            join(home[pair.left], home[pair.right])
    for pair in sorted(piece.weights, key=lambda p: (-piece.weights[p], p)):
        left, right = home[pair.left], home[pair.right]
        if left is right:
            continue
        if not guards.refuse(left, right):
            tell("joined", pair, left, right)
            join(left, right)
        elif trace is not None:
            tell("refused", pair, left, right, guards.why(left, right))
    return [frozenset(g.members) for g in {id(g): g for g in home.values()}.values()]


def _cut(
    members: Cluster, weights: Weights, matches: frozenset[Pair], limit: int, trace: list[Step] | None
) -> tuple[list[Cluster], frozenset[Pair]]:
    """The cluster with its weak bridges cut, the weakest first, sides counted in what is left."""
    parts: list[Cluster] = []
    gone: set[Pair] = set()
    todo = [members]
    while todo:
        part = todo.pop()
        inside = _within(part, weights)
        held = {m for m in matches if m.left in part and m.right in part}
        bridge = _weakest_bridge(part, inside, held, limit)
        if bridge is None:
            parts.append(part)
        else:
            gone.add(bridge)
            sides = components(part, ({*inside, *held} - {bridge}))
            todo.extend(sides)
            if trace is not None:
                one, two = sorted(sides, key=lambda s: bridge.left not in s)
                trace.append(Step("cut", bridge, inside[bridge], one, two, "bridge"))
    return parts, frozenset(gone)


def _weakest_bridge(members: Cluster, weights: Weights, matches: Collection[Pair], limit: int) -> Pair | None:
    """The weakest pair under `limit` whose removal leaves two parts of two or more records each."""
    if len(members) < 4 or all(w >= limit for w in weights.values()):
        return None
    weak = [
        (weights[pair], pair)
        for pair, beyond in _bridges(members, {*weights, *matches})
        if pair in weights and pair not in matches and weights[pair] < limit and 2 <= beyond <= len(members) - 2
    ]
    return min(weak)[1] if weak else None


def _bridges(members: Cluster, edges: Collection[Pair]) -> Iterator[tuple[Pair, int]]:
    """Each bridge and the number of records beyond it (Tarjan's low-link, without recursion)."""
    near: dict[RecordId, list[RecordId]] = {m: [] for m in members}
    for left, right in edges:
        near[left].append(right)
        near[right].append(left)
    root = next(iter(members))
    entered: dict[RecordId, int] = {root: 0}
    low: dict[RecordId, int] = {root: 0}
    size: dict[RecordId, int] = dict.fromkeys(members, 1)
    stack: list[tuple[RecordId, RecordId | None, Iterator[RecordId]]] = [(root, None, iter(near[root]))]
    while stack:
        here, parent, rest = stack[-1]
        for there in rest:
            if there == parent:
                continue
            if there in entered:
                low[here] = min(low[here], entered[there])
                continue
            entered[there] = low[there] = len(entered)
            stack.append((there, here, iter(near[there])))
            break
        else:
            stack.pop()
            if parent is not None:
                low[parent] = min(low[parent], low[here])
                size[parent] += size[here]
                if low[here] > entered[parent]:
                    yield Pair.of(here, parent), size[here]
