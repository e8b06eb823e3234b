"""Components of very many records by Spark, and in each of them the pure cluster function of the live engine."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import orjson
import pyarrow as pa

from hub.kinds.levels_base import Forms
from hub.matching.clusters.component import clusters_of
from hub.matching.clusters.recluster import traits_of
from hub.matching.pairs import limits_of
from hub.matching.recipe import Recipe
from hub.matching.spark.session import Spark
from hub.matching.store.standardised import held_from
from hub.model import RecordId, Verdict

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

IN_A_GROUP = 20_000  # linked records that one call clusters: what a task holds at once
HOMES = "rid long, cluster long"
_HOMES = pa.schema([("rid", pa.int64()), ("cluster", pa.int64())])


class _Member(NamedTuple):
    rid: int
    source: str
    stream: str
    key: str
    cells: str
    forms: str


class _Link(NamedTuple):
    left: int
    right: int
    weight: int | None
    verdict: str | None


R = TypeVar("R", _Member, _Link)


class _Parsed(dict[int, Forms]):
    """Forms by rid, read from JSON when asked for: most components never ask."""

    def __init__(self, texts: dict[int, str]) -> None:
        super().__init__()
        self._texts = texts

    def __missing__(self, rid: int) -> Forms:
        found: Forms = orjson.loads(self._texts[rid])
        self[rid] = found
        return found


def clustered(members: pa.Table, links: pa.Table, recipe: Recipe, type_name: str) -> pa.Table:
    """rid, cluster (its least rid) of whole components. `members`: component, rid, source, stream, key, cells, forms;
    `links`: component, left, right, weight (null where decided), verdict (null where not)."""
    model, customer = recipe.models[type_name], recipe.customer(type_name)
    limits = limits_of(model, customer)
    guarded = any(a.exclusive for a in customer.attributes.values())
    guarded = guarded or any(s.duplicate_free for x in recipe.config.sources.values() for s in x.streams.values())
    rids: list[int] = []
    homes: list[int] = []
    tied = _by_component(links, _Link, _Link._fields)
    for component, rows in _by_component(members, _Member, _Member._fields).items():
        names = {r.rid: RecordId(r.source, r.stream, r.key) for r in rows}
        inside = tied.get(component, [])
        for found in clusters_of(
            names,
            [(x.left, x.right, x.weight) for x in inside if x.weight is not None],
            matches=[(x.left, x.right) for x in inside if x.verdict == Verdict.MATCH],
            apart=[(x.left, x.right) for x in inside if x.verdict == Verdict.NO_MATCH],
            traits={n: traits_of(recipe, n, held_from(r.cells)) for r in rows for n in [names[r.rid]]}
            if guarded
            else {},
            forms=_Parsed({r.rid: r.forms for r in rows}),
            model=model,
            limits=limits,
        ):
            rids.extend(found)
            homes.extend([min(found)] * len(found))
    return pa.table([rids, homes], schema=_HOMES)


def _by_component(table: pa.Table, kind: Callable[..., R], fields: tuple[str, ...]) -> dict[int, list[R]]:
    found: dict[int, list[R]] = {}
    columns = (table[c].to_pylist() for c in ("component", *fields))
    for component, *row in zip(*columns, strict=True):
        found.setdefault(component, []).append(kind(*row))
    return found


def clusters(spark: Spark, members: DataFrame, links: DataFrame, recipe: Recipe, type_name: str) -> DataFrame:
    """rid, cluster of every record that a link joins; who is in none is a cluster of its own."""
    from pyspark.sql import functions as F

    home = components(spark, links.where(f"verdict IS NULL OR verdict = '{Verdict.MATCH}'").select("left", "right"))
    groups = max(1, math.ceil(home.count() / IN_A_GROUP))
    grouped = home.withColumn("part", F.pmod(F.xxhash64("component"), F.lit(groups)))
    people = members.join(grouped, "rid")
    ends = grouped.select(F.col("rid").alias("right"), F.col("component").alias("beyond"))
    tied = links.join(grouped.withColumnRenamed("rid", "left"), "left").join(ends, "right").where("component = beyond")
    plain = Recipe(recipe.config, recipe.models)  # without what it has made of itself meanwhile: that cannot be sent
    cogrouped = _apart(people).groupBy("part").cogroup(_apart(tied).groupBy("part"))
    found: DataFrame = cogrouped.applyInArrow(lambda one, other: clustered(one, other, plain, type_name), HOMES)
    return found


def _apart(made: DataFrame) -> DataFrame:
    """The same under columns of its own: Spark refuses to group two tables that come of one together."""
    found: DataFrame = made.toDF(*made.columns)
    return found


def components(spark: Spark, links: DataFrame) -> DataFrame:
    """rid, component (its least rid) of every end of a link.

    Alternating stars (Kiveris et al., 2014): each record hands its larger neighbours, then its smaller ones, to the least that it
    knows, until nothing moves. No step brings a component together in one place, so none of them is too large.
    """
    from pyspark.sql import functions as F

    edges = spark.kept(
        links.select(F.greatest("left", "right").alias("u"), F.least("left", "right").alias("v")).distinct(), "stars-0"
    )
    before, number = None, 0
    while (now := _seal(edges)) != before:
        before, number = now, number + 1
        edges = spark.kept(_small_star(_large_star(edges)), f"stars-{number}")
    roots = edges.select(F.col("v").alias("rid")).distinct().select("rid", F.col("rid").alias("component"))
    return spark.kept(
        edges.select(F.col("u").alias("rid"), F.col("v").alias("component")).unionByName(roots), "components"
    )


def _large_star(edges: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    both = edges.unionByName(edges.select(F.col("v").alias("u"), F.col("u").alias("v")))
    least = both.groupBy("u").agg(F.least(F.min("v"), F.col("u")).alias("m"))
    return both.join(least, "u").where("v > u").select(F.col("v").alias("u"), F.col("m").alias("v")).distinct()


def _small_star(edges: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    least = edges.groupBy("u").agg(F.min("v").alias("m"))
    moved = edges.join(least, "u").where("v <> m").select(F.col("v").alias("u"), F.col("m").alias("v"))
    return moved.unionByName(least.select("u", F.col("m").alias("v"))).distinct()


def _seal(edges: DataFrame) -> tuple[int, int]:
    """The same for the same edges: their number and the sum of their hashes."""
    from pyspark.sql import functions as F

    count, total = edges.agg(F.count("*"), F.coalesce(F.sum(F.xxhash64("u", "v")), F.lit(0))).first()
    return count, total
