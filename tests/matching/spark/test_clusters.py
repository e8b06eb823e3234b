"""Whole components as an executor clusters them: what the hub clusters by itself."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute  # noqa: F401 - pa.compute
import pytest

from hub.db import Database
from hub.matching.clusters.whole_type import Clusters, _components
from hub.matching.spark.clusters import clustered
from hub.model import Verdict
from tests.promises.test_undo import Desk
from tests.resolve.test_bulk import B1, B2, C1, FIRST, MEANWHILE, PENDING


def by_parts(graph: Clusters) -> set[frozenset[int]]:
    """Components here, clusters by what executors run."""
    members, links = graph.members(), graph.links()
    joined = links.filter(pa.compute.not_equal(links["verdict"].fill_null(""), Verdict.NO_MATCH.value))
    home = _components(graph.rids, joined["left"].to_numpy(), joined["right"].to_numpy())
    at = dict(zip(graph.rids.tolist(), home.tolist(), strict=True))
    inside = links.filter(
        pa.array(
            [at[a] == at[b] for a, b in zip(*(links[c].to_pylist() for c in ("left", "right")), strict=True)],
            pa.bool_(),
        )
    )
    made = clustered(
        members.append_column("component", pa.array([at[r] for r in members["rid"].to_pylist()], pa.int64())),
        inside.append_column("component", pa.array([at[r] for r in inside["left"].to_pylist()], pa.int64())),
        graph.recipe,
        graph.type_name,
    )
    found: dict[int, set[int]] = {}
    for rid, cluster in zip(made["rid"].to_pylist(), made["cluster"].to_pylist(), strict=True):
        found.setdefault(cluster, set()).add(rid)
    assert all(cluster == min(rids) for cluster, rids in found.items())
    return {frozenset(rids) for rids in found.values()}


@pytest.mark.parametrize("what", MEANWHILE)
def test_clusters_by_parts_are_those_of_the_hub(database: Database, what: str) -> None:
    hub = Desk(database)
    decided = [("decide", ((B1, C1), Verdict.NO_MATCH)), ("decide", ((B2, C1), Verdict.UNSURE))]
    for command in [*FIRST, *PENDING, *MEANWHILE[what], *decided]:
        hub.do(command)
    with database.read() as connection:
        graph = Clusters.stored(connection, hub.resolver.recipe(connection), "person")
        found = set(graph.find())
        assert len(found) > 1
        assert by_parts(graph) == found
        assert {r for c in found for r in c} == set(np.asarray(graph.rids).tolist())
