"""A model as Splink settings: our comparison levels and weights in Splink's terms, for its charts and its other backends.

What crosses is the levels, the evidence against strangers (the model's `strangers` weights), the prior
and the candidate rules. What Splink's model cannot express stays here: the two other rival stories (household, namesakes),
term frequencies of lists, the rule for claimed contacts, the cap on blocks. So Splink's weight is the first of our three sums.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from hub.kinds.levels_base import MISSING
from hub.matching.compare.candidates import without_placeholders
from hub.matching.compare.model import Comparison, Model, Weights, probability
from hub.matching.compare.standardised import CLAIMED
from hub.matching.training import engine
from hub.matching.training.engine import FULL_NAME, columns_needed, list_columns
from hub.model import BIT

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

Dialect = Literal["duckdb", "spark"]

ID = "unique_id"
_SIDE = re.compile(r'\b([lr])\."((?:[^"]|"")+)"')


def column_name(column: str) -> str:
    """A form's column where Splink reads it: `email.folded` is `email__folded`."""
    return column.replace(".", "__").replace(" ", "__")


def sided(sql: str) -> str:
    """An expression over rows `l` and `r`, over `<column>_l` and `<column>_r`."""
    return _SIDE.sub(lambda found: f'"{column_name(found[2])}_{found[1]}"', sql)


def level_sql(comparison: Comparison) -> str:
    """The batch engine's expression of a comparison's level, over `<column>_l` and `<column>_r`."""
    return sided(engine.level_sql(comparison))


def sides_of(comparison: Comparison) -> list[str]:
    """The columns that a level reads, of both sides."""
    return [
        f"{column_name(c)}_{side}"
        for c in dict.fromkeys([*comparison.columns.values(), *comparison.listed.values()])
        for side in "lr"
    ]


def level_call(comparison: Comparison) -> str:
    """The same as a function that Spark was given: its columns are what Splink has to know."""
    return f"{function_name(comparison)}({', '.join(f'`{c}`' for c in sides_of(comparison))})"


def function_name(comparison: Comparison) -> str:
    return f"hub_level_{comparison.name}"


def shares(weights: Sequence[int], start: Sequence[float]) -> tuple[list[float], list[float]]:
    """m and u of levels whose log2(m/u) are these weights (milli-bits).

    A model keeps ratios, not shares: `start` (shipped m) is moved as little as makes both sum to one (the empirical
    likelihood with E[u/m] = 1). Where all weights have one sign no such shares exist, and u sums to what it must.
    """
    total = sum(start)
    ratios = [2.0 ** (-w / BIT) for w in weights]
    m = [p / total for p in start]
    if min(ratios) < 1 < max(ratios):
        low, high = -1 / (max(ratios) - 1), 1 / (1 - min(ratios))
        for _ in range(200):
            middle = (low + high) / 2
            if sum(p * (r - 1) / (1 + middle * (r - 1)) for p, r in zip(m, ratios, strict=True)) > 0:
                low = middle
            else:
                high = middle
        m = [p / max(1 + middle * (r - 1), 1e-12) for p, r in zip(m, ratios, strict=True)]
    return m, [p * r for p, r in zip(m, ratios, strict=True)]


def beside(model: Model) -> list[str]:
    """What Splink carries along for the hub's own sums: terms, the values of lists, the names that make a full name, what is claimed."""
    held = [column_name(c) for c in (CLAIMED, *(f"tf {c}" for c in model.terms))]
    held += [column_name(w.comparison.columns["value"]) for w in model.comparisons if w.comparison.many]
    held += [column_name(c) for c in model.terms if c in _lists(model)]
    if (names := model.full_names) is not None:
        held += [column_name(c) for c in (FULL_NAME, names.given) if c]
    return list(dict.fromkeys(held))


def settings(model: Model, dialect: Dialect = "duckdb") -> dict[str, object]:
    """Splink 5 settings of a model, in an engine's SQL, for a table made by `flattened`."""
    lists = _lists(model)
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": ID,
        "probability_two_random_records_match": probability(model.prior),
        "blocking_rules_to_generate_predictions": [_rule(rule, lists, dialect) for rule in model.rules],
        "comparisons": [_comparison(w, dialect) for w in model.comparisons],
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": True,
    }


def _lists(model: Model) -> set[str]:
    comparisons = tuple(w.comparison for w in model.comparisons)
    return list_columns(comparisons, columns_needed(comparisons, model.rules))


def _comparison(weights: Weights, dialect: Dialect) -> dict[str, object]:
    c = weights.comparison
    sql = level_call(c) if dialect == "spark" else level_sql(c)
    m, u = shares([level.strangers for level in weights.levels], [level.m for level in c.levels.levels])
    last = len(weights.levels) - 1
    levels: list[dict[str, object]] = [
        {"sql_condition": f"({sql}) = {MISSING}", "label_for_charts": "one side says nothing", "is_null_level": True}
    ]
    for k, level in enumerate(c.levels.levels):
        condition = "ELSE" if k == last else f"({sql}) = {k}"
        levels.append(
            {"sql_condition": condition, "label_for_charts": level.words, "m_probability": m[k], "u_probability": u[k]}
        )
    return {"output_column_name": c.name, "comparison_levels": levels, "comparison_description": c.name}


def _rule(rule: tuple[str, ...], lists: set[str], dialect: Dialect) -> dict[str, object]:
    quote = "`" if dialect == "spark" else '"'
    condition = " AND ".join(f"l.{quote}{column_name(c)}{quote} = r.{quote}{column_name(c)}{quote}" for c in rule)
    unnested = [column_name(c) for c in rule if c in lists]
    return {
        "blocking_rule": condition,
        "sql_dialect": dialect,
        **({"arrays_to_explode": unnested} if unnested else {}),
    }


def to_json(model: Model) -> str:
    """The settings as a file that Splink's `Linker` opens. The same model is the same bytes."""
    return json.dumps(settings(model), indent=1, ensure_ascii=False) + "\n"


def flattened(records: pa.Table, model: Model) -> pa.Table:
    """Standardised records (rid, forms) as Splink's input: a row per record, a column per form, placeholders left out."""
    comparisons = tuple(w.comparison for w in model.comparisons)
    columns = columns_needed(comparisons, model.rules)
    lists = list_columns(comparisons, columns)
    rows = [without_placeholders(json.loads(text), model) for text in records["forms"].to_pylist()]
    made = {ID: records["rid"].combine_chunks().cast(pa.int64())}
    for name in columns:
        made[column_name(name)] = pa.array(
            [_value(row, name, name in lists) for row in rows], pa.list_(pa.string()) if name in lists else pa.string()
        )
    for c in comparisons:
        words = c.words
        if words is not None:
            told = [str(row.get(c.columns["sorted"]) or row.get(c.columns["value"]) or "").split(" ") for row in rows]
            made[column_name(c.listed["words"])] = pa.array(told, pa.list_(pa.string()))
            made[column_name(c.listed["rarity"])] = pa.array(
                [[words.of(w) for w in name] for name in told], pa.list_(pa.int64())
            )
    return pa.table(made)


def _value(row: Mapping[str, object], column: str, many: bool) -> object:
    value = row.get(column) or None
    return [value] if many and isinstance(value, str) else value


def predicted_by_spark(
    session: SparkSession,
    records: DataFrame,
    blocked: DataFrame,
    model: Model,
    levels: Mapping[str, Callable[..., Column]],
) -> DataFrame:
    """Splink's levels (`gamma_*`) of given pairs (join_key_l, join_key_r, match_key), with what is `beside` them. `levels`:
    by comparison, the function that Spark calls. Nothing is computed before it is asked for."""
    from splink import Linker
    from splink.backends.spark import SparkAPI

    class Lazy(SparkAPI):  # Splink writes down every column of every pair; the hub writes down the levels alone
        def _break_lineage_and_repartition(self, made: DataFrame, name: str, physical: str) -> DataFrame:
            if name == "__splink__df_predict":
                return made
            kept: DataFrame = super()._break_lineage_and_repartition(made, name, physical)  # type: ignore[no-untyped-call]
            return kept

    for w in model.comparisons:
        session.udf.register(function_name(w.comparison), levels[w.comparison.name])
    api = Lazy(spark_session=session)  # type: ignore[no-untyped-call]
    told = {**settings(model, "spark"), "additional_columns_to_retain": beside(model)}
    linker = Linker(api.register(records), told, log_level=None)
    linker.table_management.register_blocked_pairs_for_predict(api.register(blocked))
    found: DataFrame = linker.inference.predict(warning_mode="never").as_spark_dataframe()
    sides = (f"{c}_{side}" for c in (ID, *beside(model)) for side in "lr")
    return found.select(*sides, *(f"gamma_{w.comparison.name}" for w in model.comparisons))


__all__ = ["column_name", "flattened", "level_sql", "settings", "shares", "to_json"]
