"""Spark as the engine of a bulk run: what `training.batch` answers, from many machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from hub.matching.clusters.whole_type import Clusters
from hub.matching.compare.model import Model
from hub.matching.spark import clusters as grouped
from hub.matching.spark import pairs as by_spark
from hub.matching.spark.session import Master, Spark, opened


class SparkEngine:
    """Keys, pairs and clusters of records that the driver sends to a folder which executors see, and fetches from there."""

    def __init__(self, spark: Spark) -> None:
        self._spark = spark

    def keys(self, records: pa.Table, model: Model, *, salt: int = 0) -> pa.Table:
        found = by_spark.keys(self._spark.sent(records, "records"), model, salt)
        return self._spark.fetched(found, "keys").sort_by([("key", "ascending"), ("rid", "ascending")])

    def pairs(self, records: pa.Table, keys: pa.Table, model: Model, *, floor: int, cap: int = 100) -> pa.Table:
        sent, keyed = self._spark.sent(records, "records"), self._spark.sent(keys, "keyed")
        found, counts = by_spark.pairs(self._spark, sent, keyed, model, floor=floor, cap=cap)
        made = self._spark.fetched(found, "pairs").sort_by([("left", "ascending"), ("right", "ascending")])
        return made.replace_schema_metadata({k: str(v) for k, v in counts.items()})

    def clusters(self, graph: Clusters) -> list[frozenset[int]]:
        members = self._spark.sent(graph.members(), "members")
        links = self._spark.sent(graph.links(), "links")
        found = self._spark.fetched(
            grouped.clusters(self._spark, members, links, graph.recipe, graph.type_name), "clusters"
        )
        homes: dict[int, set[int]] = {}
        for rid, cluster in zip(found["rid"].to_pylist(), found["cluster"].to_pylist(), strict=True):
            homes.setdefault(cluster, set()).add(rid)
        alone = set(graph.rids.tolist()).difference(found["rid"].to_pylist())
        return [*(frozenset(c) for c in homes.values()), *(frozenset([rid]) for rid in sorted(alone))]


@contextmanager
def engine(place: Master | None = None) -> Iterator[SparkEngine]:
    """Spark where the environment says, for the time of a run. ConfigError and RetryLater: one line each."""
    with opened(place or Master.given()) as spark:
        yield SparkEngine(spark)
