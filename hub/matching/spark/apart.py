"""Files of rows -> clusters, all of it by Spark: nothing but a sample to train on comes to the driver."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from hub.matching.compare.model import Model
from hub.matching.pairs import type_salt
from hub.matching.recipe import Recipe
from hub.matching.spark import clusters as grouped
from hub.matching.spark import pairs as by_spark
from hub.matching.spark.session import Spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

IN_A_BUCKET = 20_000  # rows that a task standardises at once
PLACES = 33  # bits of Spark's increasing ids that say where in its partition a row is
ROWS = "at long, key string, line string, raw string, reason string"
RECORDS = "at long, key string, cells string, forms string, reason string, rows long"


@dataclass(frozen=True)
class Steps:
    """What the executors do with their part, and the driver with a sample. All of it is sent to them: no connection, no lock."""

    files: int
    read: Callable[[int], Iterator[pa.RecordBatch]]  # the rows of a file, by its number
    standardised: Callable[[pa.Table], pa.Table]  # rows, all of each record -> its record
    trained: Callable[[pa.Table], Model]  # rid, forms -> a model
    recipe: Callable[[Model], Recipe]
    sample: int  # records to train on, at most


@dataclass(frozen=True)
class Written:
    """What a run wrote. `aside`: rows that were set aside, by reason."""

    records: int
    clusters: int
    aside: dict[str, int]


def write_clusters(spark: Spark, steps: Steps, source: str, stream: str, type_name: str, out: str) -> Written:
    """key, cluster (the least key of its records) of every living record, as Parquet in the folder `out`."""
    from pyspark.sql import functions as F

    made = spark.kept(_standardised(spark, steps), "standardised")
    aside = {r[0]: int(r[1]) for r in made.where("reason IS NOT NULL").groupBy("reason").agg(F.sum("rows")).collect()}
    people = _numbered(spark, made.where("reason IS NULL").select("at", "key", "cells", "forms"))
    records = people.select("rid", "forms")
    count = people.count()
    model = steps.trained(spark.fetched(_sampled(records, count, steps.sample), "sample"))
    recipe = steps.recipe(model)
    keyed = spark.kept(by_spark.keys(records, model, type_salt(type_name)), "keys")
    cap = recipe.customer(type_name).matching.block_cap
    pairs, _ = by_spark.pairs(spark, records, keyed, model, floor=model.join, cap=cap)
    undecided = F.lit(None).cast("string").alias("verdict")
    links = spark.kept(pairs.select("left", "right", "weight", undecided), "links")
    members = people.select(
        "rid", F.lit(source).alias("source"), F.lit(stream).alias("stream"), "key", "cells", "forms"
    )
    homes = grouped.clusters(spark, members, links, recipe, type_name)
    home = F.coalesce("cluster", "rid").alias("home")
    placed = spark.kept(people.select("rid", "key").join(homes, "rid", "left").select("key", home), "placed")
    names = placed.groupBy("home").agg(F.min("key").alias("cluster"))
    placed.join(names, "home").select("key", "cluster").write.mode("append").parquet(out)
    return Written(count, names.count(), aside)


def _standardised(spark: Spark, steps: Steps) -> DataFrame:
    """Files by number, read where there is room; rows of one record to one task."""
    from pyspark.sql import functions as F

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for given in batches:
            for number in given["number"].to_pylist():
                yield from steps.read(number)

    numbers = spark.session.range(0, steps.files, numPartitions=steps.files).withColumnRenamed("id", "number")
    rows = spark.kept(numbers.mapInArrow(read, ROWS), "rows")
    buckets = max(1, math.ceil(rows.count() / IN_A_BUCKET))
    name = F.when(F.col("key").isNull(), F.col("at")).otherwise(F.xxhash64("key"))  # what has no key belongs nowhere
    bucketed = rows.withColumn("bucket", F.pmod(name, F.lit(buckets))).groupBy("bucket")
    found: DataFrame = bucketed.applyInArrow(lambda part: steps.standardised(part.drop_columns("bucket")), RECORDS)
    return found


def _numbered(spark: Spark, records: DataFrame) -> DataFrame:
    """With a rid each, from 1 on in the order in which a hub would have met them: what training draws depends on it."""
    from pyspark.sql import functions as F

    placed = spark.kept(records.orderBy("at").withColumn("place", F.monotonically_increasing_id()), "ordered")
    part = F.shiftright("place", PLACES).alias("part")
    counted = sorted((int(r[0]), int(r[1])) for r in placed.groupBy(part).count().collect())
    starts, start = [], 1
    for number, count in counted:
        starts.append((number, start))
        start += count
    begun = spark.session.createDataFrame(starts or [(0, 1)], "part long, start long")
    within = F.col("place").bitwiseAND(F.lit(2**PLACES - 1))
    rid = (F.col("start") + within).alias("rid")
    return spark.kept(
        placed.withColumn("part", part).join(F.broadcast(begun), "part").select(rid, "key", "cells", "forms"), "people"
    )


def _sampled(records: DataFrame, count: int, most: int) -> DataFrame:
    """All, or about so many of them."""
    from pyspark.sql import functions as F

    if count <= most:
        return records
    share = math.floor(most / count * 1_000_000)
    return records.where(F.pmod(F.xxhash64("rid"), F.lit(1_000_000)) < share)
