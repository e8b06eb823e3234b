"""The bridge to Splink: the same levels and weights in its terms, computed by Splink itself."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from splink import DuckDBAPI, Linker

from benchmarks.splink_engine import predict
from hub.kinds.levels_base import MISSING
from hub.matching.compare.candidates import without_placeholders
from hub.matching.compare.model import Model, default_model
from hub.matching.training import batch, splink_bridge
from hub.model import BIT
from tests.matching.world import customer_type, world

PAIRS = 4_000


@pytest.fixture(scope="module")
def trained() -> tuple[Model, pa.Table]:
    table, _ = world(250, 8)
    return batch.train(table, customer_type(), seed=5), table


@pytest.fixture(scope="module")
def predicted(trained: tuple[Model, pa.Table]) -> pa.Table:
    model, table = trained
    found = batch.pairs(table, None, model, floor=-(10**9), cap=200)
    step = max(1, found.num_rows // PAIRS)
    pairs = found.take(list(range(0, found.num_rows, step)))
    made = predict(splink_bridge.flattened(table, model), pairs, model)
    assert made["left"].to_pylist() == pairs["left"].to_pylist()
    assert made["right"].to_pylist() == pairs["right"].to_pylist()
    assert made.num_rows >= PAIRS
    return made


def test_splink_finds_the_levels_of_the_live_engine(trained: tuple[Model, pa.Table], predicted: pa.Table) -> None:
    model, table = trained
    forms = [without_placeholders(json.loads(text), model) for text in table["forms"].to_pylist()]
    for w in model.comparisons:
        level_of = w.comparison.levels.python(w.comparison.columns)
        lefts, rights = predicted["left"].to_pylist(), predicted["right"].to_pylist()
        live = [level_of(forms[a], forms[b]) for a, b in zip(lefts, rights, strict=True)]
        assert predicted[w.comparison.name].to_pylist() == live, w.comparison.name


def test_splinks_weight_is_our_sum_against_strangers_without_term_frequencies(
    trained: tuple[Model, pa.Table], predicted: pa.Table
) -> None:
    model, _ = trained
    for row in predicted.to_pylist():
        ours = model.prior
        for w in model.comparisons:
            level = row[w.comparison.name]
            ours += 0 if level == MISSING else w.levels[level].strangers
        assert row["weight"] == pytest.approx(ours / BIT, abs=1e-6)


def test_splink_opens_the_exported_file_and_blocks_by_our_keys(trained: tuple[Model, pa.Table], tmp_path: Path) -> None:
    model, table = trained
    file = tmp_path / "model.json"
    file.write_text(splink_bridge.to_json(model), encoding="utf-8")
    api = DuckDBAPI()
    flat = splink_bridge.flattened(table, model)
    api._con.register("flat", flat)
    linker = Linker(api.register("flat"), file, log_level=None)
    found = linker.inference.compute_blocked_pairs_for_predict()
    rows = api._con.sql(f"SELECT join_key_l, join_key_r FROM {found.physical_name}").fetchall()
    ours = batch.pairs(table, None, model, floor=-(10**9), cap=10**9)
    assert {tuple(sorted(r)) for r in rows} == set(
        zip(ours["left"].to_pylist(), ours["right"].to_pylist(), strict=True)
    )


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-40_000, 40_000), st.floats(0.001, 1.0)), min_size=2, max_size=8))
def test_shares_keep_each_weight_and_sum_to_one_where_they_can(levels: list[tuple[int, float]]) -> None:
    weights, start = [w for w, _ in levels], [p for _, p in levels]
    m, u = splink_bridge.shares(weights, start)
    assert all(math.log2(a / b) * BIT == pytest.approx(w, abs=0.01) for w, a, b in zip(weights, m, u, strict=True))
    assert all(x >= 1e-300 for x in [*m, *u])
    if min(weights) < -100 and max(weights) > 100:
        assert sum(m) == pytest.approx(1, abs=1e-3)
        assert sum(u) == pytest.approx(1, abs=1e-3)


def test_an_untrained_model_exports_too() -> None:
    made: dict[str, Any] = splink_bridge.settings(default_model(customer_type("organisation")))
    assert [c["output_column_name"] for c in made["comparisons"]] == [
        w.comparison.name for w in default_model(customer_type("organisation")).comparisons
    ]
