"""The clusters of one component of G by rid, from all that they depend on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hub.kinds.levels_base import Forms
from hub.matching.clusters.cluster import Limits, Traits, cluster
from hub.matching.compare.model import Model
from hub.matching.compare.score import contradicts
from hub.matching.pairs import RidPair
from hub.model import Pair, RecordId


def clusters_of(
    names: Mapping[int, RecordId],
    weights: Iterable[tuple[int, int, int]],
    *,
    matches: Iterable[RidPair],
    apart: Iterable[RidPair],
    traits: Mapping[RecordId, Traits],
    forms: Mapping[int, Forms],
    model: Model,
    limits: Limits,
) -> list[frozenset[int]]:
    """`names`: the members. `forms`: asked for those whose evidence somebody doubts."""
    rids = {name: rid for rid, name in names.items()}
    made = cluster(
        rids.keys(),
        {Pair.of(names[a], names[b]): w for a, b, w in weights},
        matches=[Pair.of(names[a], names[b]) for a, b in matches],
        apart=[Pair.of(names[a], names[b]) for a, b in apart],
        traits=traits,
        limits=limits,
        contradicts=lambda one, other: contradicts(forms[rids[one]], forms[rids[other]], model),
    )
    return [frozenset(rids[name] for name in found) for found in made.clusters]
