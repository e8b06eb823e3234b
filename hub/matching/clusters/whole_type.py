"""The clusters of a whole customer type, from what is stored. Most components are trivial; the pure function does the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import Connection

from hub import db
from hub.kinds.levels_base import Forms
from hub.landing import store as landing
from hub.landing.fold import Held
from hub.landing.store import RecordInfo
from hub.matching import store
from hub.matching.clusters.component import clusters_of
from hub.matching.clusters.recluster import traits_of
from hub.matching.pairs import limits_of
from hub.matching.recipe import Recipe
from hub.matching.store import StoredDecision
from hub.model import RecordId, Verdict

Ints = npt.NDArray[np.int64]


class Clusters:
    """All components of G of one customer type. Most are trivial; the pure function does the others."""

    def __init__(self, connection: Connection, recipe: Recipe, type_name: str, pairs: pa.Table, rids: list[int] | Ints):
        self.connection, self.recipe, self.type_name = connection, recipe, type_name
        self.model = recipe.models[type_name]
        self.limits = limits_of(self.model, recipe.customer(type_name))
        self.rids: Ints = np.asarray(rids, dtype=np.int64)
        weight = pairs["weight"].to_numpy()
        strong = weight >= self.model.join
        for end in ("left", "right"):  # a record that just died may have pairs still: they go when it is settled
            strong &= np.isin(pairs[end].to_numpy(), self.rids)
        self.left: Ints = pairs["left"].to_numpy()[strong]
        self.right: Ints = pairs["right"].to_numpy()[strong]
        self.weight: Ints = weight[strong]

    @classmethod
    def stored(cls, connection: Connection, recipe: Recipe, type_name: str) -> Clusters:
        """By the pairs that are stored."""
        pairs = store.all_weights(connection, type_name, recipe.models[type_name].join)
        return cls(connection, recipe, type_name, pairs, store.living_of(connection, type_name))

    def changed(self, connection: Connection, rids: set[int]) -> set[int]:
        """Ends of joining pairs of these records that came or went since this was read."""
        listed = np.fromiter(rids, np.int64, len(rids))
        near = np.isin(self.left, listed) | np.isin(self.right, listed)
        then = set(zip(self.left[near].tolist(), self.right[near].tolist(), self.weight[near].tolist(), strict=True))
        now = {(*p, w) for p, w in store.weights_touching(connection, rids, self.model.join).items()}
        return {r for a, b, _ in then ^ now for r in (a, b)}

    def decisions(self) -> list[StoredDecision]:
        """Those that stand between living records of this type."""
        decisions = store.standing_decisions(self.connection)
        alive = set(self.rids.tolist()) if decisions else set()
        return [d for d in decisions if d.left in alive and d.right in alive]

    def members(self) -> pa.Table:
        """What clusters depend on beside links: rid, source, stream, key, cells, forms."""
        return store.all_members(self.connection, self.type_name)

    def links(self) -> pa.Table:
        """left, right, and the weight of a joining pair or the verdict of a decision."""
        decisions = [d for d in self.decisions() if d.verdict is not Verdict.UNSURE]
        pairs, decided = len(self.left), len(decisions)
        return pa.table(
            {
                "left": pa.array([*self.left.tolist(), *(d.left for d in decisions)], pa.int64()),
                "right": pa.array([*self.right.tolist(), *(d.right for d in decisions)], pa.int64()),
                "weight": pa.array([*self.weight.tolist(), *[None] * decided], pa.int64()),
                "verdict": pa.array([*[None] * pairs, *(d.verdict.value for d in decisions)], pa.string()),
            }
        )

    def find(self) -> list[frozenset[int]]:
        """The clusters, by rid."""
        rids = self.rids
        decisions = self.decisions()
        matches = [d for d in decisions if d.verdict is Verdict.MATCH]
        left = np.concatenate([self.left, np.array([d.left for d in matches], dtype=np.int64)])
        right = np.concatenate([self.right, np.array([d.right for d in matches], dtype=np.int64)])
        home = _components(rids, left, right)
        order = np.argsort(home, kind="stable")
        bounds = np.flatnonzero(np.diff(home[order], prepend=-1, append=-1))
        decided = {r for d in decisions for r in (d.left, d.right)}
        guarded = self._guarded()
        simple: list[frozenset[int]] = []
        others: list[list[int]] = []
        listed = rids[order].tolist()
        most = min(self.limits.largest, self.limits.component)
        strong = self.weight >= self.model.join + self.limits.margin  # too strong to be cut
        firm = _whole(_components(rids, self.left[strong], self.right[strong])[order], bounds)
        joins = np.bincount(home[np.searchsorted(rids, self.left)], minlength=int(home.max(initial=0)) + 1)
        for (start, end), held_together in zip(pairwise(bounds.tolist()), firm, strict=True):
            members = listed[start:end]
            size = end - start
            whole = size <= 2 or joins[home[order[start]]] * 2 == size * (size - 1)  # each two of them join
            free = end - start <= 3 or held_together
            if end - start == 1 or (
                free
                and whole
                and end - start <= most
                and len(guarded.intersection(members)) < 2
                and not (decided and decided.intersection(members))
            ):
                simple.append(frozenset(members))
            else:
                others.append(members)
        simple.extend(self._by_rule(others, rids, home, decisions))
        return simple

    def _guarded(self) -> set[int]:
        """Records that a guard may look at: with an exclusive value, or of a stream that is free of duplicates."""
        exclusive = [a for a, given in self.recipe.customer(self.type_name).attributes.items() if given.exclusive]
        free = [
            (s.name, n)
            for s in self.recipe.config.sources.values()
            for n, given in s.streams.items()
            if given.duplicate_free
        ]
        found: set[int] = set()
        for attribute in exclusive:
            found.update(store.with_values(self.connection, self.type_name, attribute))
        for source, stream in free:
            found.update(landing.of_stream(self.connection, source, stream))
        return found

    def _by_rule(
        self, components: list[list[int]], rids: Ints, home: Ints, decisions: list[StoredDecision]
    ) -> Iterator[frozenset[int]]:
        """Components that guards, bounds or bridges may part."""
        weights = self._weights_by_component(components, rids, home)
        at = {d.id: int(home[np.searchsorted(rids, d.left)]) for d in decisions}
        by_component: dict[int, list[StoredDecision]] = {}
        for d in decisions:
            by_component.setdefault(at[d.id], []).append(d)
        for part in db.chunks(range(len(components)), 2_000):
            members = [r for n in part for r in components[n]]
            infos = landing.records(self.connection, members)
            held = store.held(self.connection, members)
            forms = store.forms(self.connection, members)
            for n in part:
                number = int(home[np.searchsorted(rids, components[n][0])])
                yield from self._cluster(
                    components[n], weights.get(number, []), by_component.get(number, []), infos, held, forms
                )

    def _weights_by_component(
        self, components: list[list[int]], rids: Ints, home: Ints
    ) -> dict[int, list[tuple[int, int, int]]]:
        wanted = np.zeros(int(home.max(initial=0)) + 1, dtype=bool)
        wanted[[int(home[np.searchsorted(rids, c[0])]) for c in components]] = True
        at = home[np.searchsorted(rids, self.left)] if len(self.left) else np.array([], dtype=np.int64)
        chosen: list[int] = np.flatnonzero(wanted[at]).tolist() if len(at) else []
        found: dict[int, list[tuple[int, int, int]]] = {}
        for i in chosen:
            found.setdefault(int(at[i]), []).append((int(self.left[i]), int(self.right[i]), int(self.weight[i])))
        return found

    def _cluster(
        self,
        members: list[int],
        weights: list[tuple[int, int, int]],
        decisions: list[StoredDecision],
        infos: Mapping[int, RecordInfo],
        held: Mapping[int, Mapping[str, Held]],
        forms: Mapping[int, Forms],
    ) -> Iterator[frozenset[int]]:
        names: dict[int, RecordId] = {r: infos[r].id for r in members}
        inside = [d for d in decisions if d.left in names and d.right in names]
        yield from clusters_of(
            names,
            weights,
            matches=[(d.left, d.right) for d in inside if d.verdict is Verdict.MATCH],
            apart=[(d.left, d.right) for d in inside if d.verdict is Verdict.NO_MATCH],
            traits={names[r]: traits_of(self.recipe, names[r], held[r]) for r in members},
            forms=forms,
            model=self.model,
            limits=self.limits,
        )


def _components(rids: Ints, left: Ints, right: Ints) -> Ints:
    """The number of each record's component."""
    if not len(rids):
        return np.array([], dtype=np.int64)
    from scipy.sparse import coo_matrix  # here: every `hub` command would wait for it
    from scipy.sparse.csgraph import connected_components

    rows, columns = np.searchsorted(rids, left), np.searchsorted(rids, right)
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (rows, columns)), shape=(len(rids), len(rids)))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _whole(parts: Ints, bounds: Ints) -> list[bool]:
    """Of each stretch between bounds: do all of it belong to one part?"""
    if not len(parts):
        return []
    same: npt.NDArray[np.bool_] = np.minimum.reduceat(parts, bounds[:-1]) == np.maximum.reduceat(parts, bounds[:-1])
    return [bool(x) for x in same]
