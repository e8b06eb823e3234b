"""Keys and weighed pairs of very many records by Spark: the numbers of `training.batch`, of which each executor runs its part.

Spark cuts the records into partitions, finds who shares a key and brings both sides of a pair together; levels go through
Splink's Spark backend, from the hub's own model. What is counted within a partition (forms, terms, keys, a level, the sums
against each rival) is the batch engine's own SQL in the executor's DuckDB: one declaration, and no second set of numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from hub.kinds.levels_base import MISSING
from hub.matching.compare.model import Model
from hub.matching.compare.standardised import CLAIMED
from hub.matching.spark.session import Spark
from hub.matching.training import batch, splink_bridge, weighing
from hub.matching.training.engine import FULL_NAME, Budget, columns_needed, list_columns, opened, quoted, session
from hub.matching.training.splink_bridge import ID, column_name, sided

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

ONE_TASK = Budget(threads=1, memory="1GB")  # a task has one core; what does not fit is spilled by Spark, between tasks
KEYS = "key long, rid long"
PAIRS = "left long, right long, weight long, parts string"

Batches = Iterator[pa.RecordBatch]


def mapped(made: DataFrame, of: Callable[[pa.Table], pa.Table], shape: str) -> DataFrame:
    """`of` each Arrow batch, in the executors."""

    def each(batches: Batches) -> Batches:
        for given in batches:
            if given.num_rows:
                yield from of(pa.Table.from_batches([given])).to_batches()

    found: DataFrame = made.mapInArrow(each, shape)
    return found


# --- in an executor: a partition's part of the batch engine ---------------------------------------


def keys_of(records: pa.Table, model: Model, salt: int) -> pa.Table:
    return batch.keys(records, model, salt=salt, budget=ONE_TASK)


def rows_of(records: pa.Table, model: Model) -> pa.Table:
    """A row per record as Splink reads it: a column per form, its terms in milli-bits, what is claimed."""
    with session(ONE_TASK) as con:
        batch.load_with_terms(con, records, model)
        chosen = ", ".join(f"{quoted(name)} AS {quoted(column)}" for name, column, _ in _columns(model))
        return con.sql(f"SELECT rid AS {ID}, {chosen} FROM rec").to_arrow_table().cast(_schema(model))


@lru_cache(1)
def _kept() -> duckdb.DuckDBPyConnection:
    """One database for all batches of a process: to open one costs as much as the levels of a thousand pairs."""
    con = opened(ONE_TASK)
    con.execute("SET preserve_insertion_order = true")
    return con


def level_of(columns: dict[str, pa.Array], sql: str) -> pa.Array:
    """The level of each pair, from columns of both sides."""
    con = _kept()
    con.register("given", pa.table(columns))
    found = con.sql(f"SELECT ({sql})::INTEGER AS level FROM given").to_arrow_table()["level"].combine_chunks()
    con.unregister("given")
    return found


def weights_of(predicted: pa.Table, model: Model, floor: int) -> pa.Table:
    """left, right, weight, parts of what reaches the floor, from Splink's levels and what it carried along."""
    sums = weighing.shares_of(model)
    levels = ", ".join(
        f'CASE WHEN "gamma_{x.name}" = -1 THEN {MISSING} ELSE {len(w.levels) - 1} - "gamma_{x.name}" END AS g{x.k}'
        for x, w in zip(sums, model.comparisons, strict=True)
    )
    claimed = f'list_concat(coalesce("{CLAIMED}_l", []), coalesce("{CLAIMED}_r", [])) AS claimed'
    named = "".join(f", {sided(x.named())}" for x in sums if x.names)
    start = {rival: str(bits) for rival, bits in weighing.rivals(model)}
    totals = weighing.sums_sql(sums, model, "", start, weighing.apart_sql(sums, model))
    con = _kept()
    con.register("given", predicted)
    leveled = f'SELECT *, "{ID}_l" AS lid, "{ID}_r" AS rid, {levels}, {claimed} FROM given'
    con.execute(f"CREATE OR REPLACE TEMP VIEW leveled AS {leveled}")
    con.execute(f"CREATE OR REPLACE TABLE termed AS SELECT *, {', '.join(sided(x.term()) for x in sums)} FROM leveled")
    met = weighing.met_sql(f"(SELECT *, {totals} FROM (SELECT *{named} FROM termed))", floor)
    con.execute(f"CREATE OR REPLACE TABLE claims AS {met}")
    found = con.sql(weighing.weighed_sql("claims", sums, model, floor)).to_arrow_table()
    for made in ("termed", "claims"):
        con.execute(f"DROP TABLE {made}")
    con.execute("DROP VIEW leveled")
    con.unregister("given")
    return found


# --- around them: what Spark does -----------------------------------------------------------------


def keys(records: DataFrame, model: Model, salt: int) -> DataFrame:
    """key, rid: every record's candidate keys, the numbers of `candidates.keys`, each xor `salt`."""
    return mapped(records, lambda given: keys_of(given, model, salt), KEYS)


def pairs(
    spark: Spark, records: DataFrame, keyed: DataFrame, model: Model, *, floor: int, cap: int
) -> tuple[DataFrame, dict[str, int]]:
    """left, right, weight, parts of the candidate pairs that reach `floor`; how many candidates, blocks over `cap`, records in the largest."""
    shape = ", ".join([f"{ID} long", *(f"`{column}` {kind}" for _, column, kind in _columns(model))])
    rec = spark.kept(mapped(records, lambda given: rows_of(given, model), shape), "rec")
    blocked, counts = candidates(spark, keyed.join(rec.select(rec[ID].alias("rid")), "rid", "left_semi"), cap)
    found = splink_bridge.predicted_by_spark(spark.session, rec, blocked, model, levels(model))
    return mapped(found, lambda given: weights_of(given, model, floor), PAIRS), counts


def candidates(spark: Spark, keyed: DataFrame, cap: int) -> tuple[DataFrame, dict[str, int]]:
    """join_key_l, join_key_r: records that share a key of a block within the cap."""
    from pyspark.sql import functions as F

    blocks = keyed.groupBy("key").agg(F.count("*").alias("size")).where("size > 1")
    over = blocks.where(F.col("size") > cap).agg(F.count("*"), F.coalesce(F.max("size"), F.lit(0))).first()
    usable = spark.kept(keyed.join(blocks.where(F.col("size") <= cap), "key").select("key", "rid"), "usable")
    one, other = usable.alias("a"), usable.alias("b")
    both = one.join(other, (F.col("a.key") == F.col("b.key")) & (F.col("a.rid") < F.col("b.rid")))
    made = both.select(F.col("a.rid").alias("join_key_l"), F.col("b.rid").alias("join_key_r")).distinct()
    blocked = spark.kept(made.withColumn("match_key", F.lit("0")), "blocked")
    return blocked, {"candidates": blocked.count(), "blocks_over_cap": over[0], "largest_block": over[1]}


def levels(model: Model) -> dict[str, Callable[..., Column]]:
    """The level of each comparison as a function of Spark's, by name."""
    import pandas as pd
    from pyspark.sql.functions import pandas_udf

    def made(sql: str, names: list[str], kinds: list[pa.DataType]) -> Callable[..., Column]:
        def level(*given: pd.Series) -> pd.Series:
            columns = {
                n: pa.array(values, kind, from_pandas=True) for n, kind, values in zip(names, kinds, given, strict=True)
            }
            return level_of(columns, sql).to_pandas()

        level.__annotations__ = {"given": pd.Series, "return": pd.Series}  # as Spark reads them: not as text
        function: Callable[..., Column] = pandas_udf(level, "int")
        return function

    found, types = {}, _schema(model)
    for w in model.comparisons:
        names = splink_bridge.sides_of(w.comparison)
        kinds = [types.field(name[: -len("_l")]).type for name in names]
        found[w.comparison.name] = made(splink_bridge.level_sql(w.comparison), names, kinds)
    return found


def _columns(model: Model) -> list[tuple[str, str, str]]:
    """Name in the batch engine, name for Splink, Spark's type."""
    lists = _lists(model)
    forms = [(c, "array<string>" if c in lists else "string") for c in _forms(model)]
    forms += [
        (c, "array<long>" if role == "rarity" else "array<string>")
        for w in model.comparisons
        for role, c in w.comparison.listed.items()
    ]
    terms = [(f"tf {c}", "array<long>" if c in lists else "long") for c in sorted(model.terms)]
    beside = [(CLAIMED, "array<string>"), *([(FULL_NAME, "long")] if model.full_names is not None else [])]
    return [(name, column_name(name), kind) for name, kind in (*forms, *terms, *beside)]


def _schema(model: Model) -> pa.Schema:
    types = {
        "string": pa.string(),
        "long": pa.int64(),
        "array<string>": pa.list_(pa.string()),
        "array<long>": pa.list_(pa.int64()),
    }
    return pa.schema([(ID, pa.int64()), *((column, types[kind]) for _, column, kind in _columns(model))])


def _forms(model: Model) -> list[str]:
    return columns_needed(tuple(w.comparison for w in model.comparisons), model.rules)


def _lists(model: Model) -> set[str]:
    return list_columns(tuple(w.comparison for w in model.comparisons), _forms(model))
