"""What an executor does to its part, without a Spark around it: the rows, levels and weights of the batch engine."""

from __future__ import annotations

import pyarrow as pa
import pytest

from hub.demo.world import generate
from hub.kinds.levels_base import MISSING
from hub.matching.compare.model import Model, default_model
from hub.matching.spark import pairs as by_spark
from hub.matching.training import batch, splink_bridge
from hub.matching.training.splink_bridge import ID
from tests.matching.world import customer_type, records, world

FLOOR = -(10**9)


def companies() -> pa.Table:
    rows = []
    for found in generate(300, 4).tables()["billing/companies"].to_pylist():
        rows.append({"company_name": next(str(v) for k, v in found.items() if "name" in k)})
    return records(rows, "organisation")


def joined(rec: pa.Table, pairs: pa.Table, model: Model) -> pa.Table:
    """What Splink hands on: both sides of each pair and its levels, counted up from the weakest."""
    at = {rid: n for n, rid in enumerate(rec[ID].to_pylist())}
    columns: dict[str, pa.ChunkedArray] = {}
    for side, end in (("l", "left"), ("r", "right")):
        part = rec.take([at[rid] for rid in pairs[end].to_pylist()])
        columns |= {f"{name}_{side}": part[name] for name in rec.column_names}
    for w in model.comparisons:
        c = w.comparison
        read = {name: columns[name].combine_chunks() for name in splink_bridge.sides_of(c)}
        level = by_spark.level_of(read, splink_bridge.level_sql(c)).to_pylist()
        columns[f"gamma_{c.name}"] = pa.chunked_array([[-1 if g == MISSING else len(w.levels) - 1 - g for g in level]])
    return pa.table(columns)


@pytest.mark.parametrize("name", ["person", "organisation"])
@pytest.mark.parametrize("trained", [True, False])
def test_a_part_weighs_what_the_whole_weighs(name: str, trained: bool) -> None:
    table = world(150, 8)[0] if name == "person" else companies()
    kind = customer_type(name)
    model = batch.train(table, kind, seed=5) if trained else default_model(kind)
    whole = batch.pairs(table, None, model, floor=FLOOR, cap=200)
    assert whole.num_rows > 20
    made = by_spark.weights_of(joined(by_spark.rows_of(table, model), whole, model), model, FLOOR)
    assert made.to_pylist() == whole.to_pylist()


def test_keys_of_parts_are_the_keys_of_the_whole() -> None:
    table = world(150, 8)[0]
    model = default_model(customer_type())
    parts = pa.concat_tables(by_spark.keys_of(table.slice(n, 100), model, 77) for n in range(0, table.num_rows, 100))
    order = [("key", "ascending"), ("rid", "ascending")]
    assert parts.sort_by(order).to_pylist() == batch.keys(table, model, salt=77).to_pylist()
