"""The batch engine: repeatable training, the same weights as the live engine, sense on bad data."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from hub.matching.compare.candidates import keys
from hub.matching.compare.model import Model, default_model
from hub.matching.compare.score import weigh
from hub.matching.training import batch
from hub.quality.measures import evaluate
from tests.matching.world import customer_type, joined, records, world


@pytest.fixture(scope="module")
def trained() -> tuple[Model, pa.Table, tuple[str, ...]]:
    table, truth = world()
    return batch.train(table, customer_type(), seed=5), table, truth


def test_training_twice_gives_the_same_bytes(trained: tuple[Model, pa.Table, tuple[str, ...]]) -> None:
    model, table, _ = trained
    assert batch.train(table, customer_type(), seed=5).to_json() == model.to_json()
    assert (
        batch.train(table.take(list(reversed(range(table.num_rows)))), customer_type(), seed=5).to_json()
        == model.to_json()
    )


def test_a_model_survives_its_json(trained: tuple[Model, pa.Table, tuple[str, ...]]) -> None:
    model, _, _ = trained
    again = Model.from_json(model.to_json())
    assert again.to_json() == model.to_json()
    assert again.hash == model.hash


def test_both_engines_give_every_blocked_pair_the_same_weight_and_parts(
    trained: tuple[Model, pa.Table, tuple[str, ...]],
) -> None:
    model, table, _ = trained
    found = batch.pairs(table, None, model, floor=-100_000, cap=200)
    forms = [json.loads(text) for text in table["forms"].to_pylist()]
    assert found.num_rows > 10_000
    for left, right, weight, parts in zip(
        *(found[c].to_pylist() for c in ("left", "right", "weight", "parts")), strict=True
    ):
        live = weigh(forms[left], forms[right], model)
        assert (live.weight, [list(part) for part in live.parts]) == (weight, json.loads(parts))
        assert sum(part.weight for part in live.parts) == live.weight


def test_both_engines_agree_by_the_shipped_weights_also_where_names_alone_agree() -> None:
    table, _ = world(150)
    model = default_model(customer_type())
    forms = [json.loads(text) for text in table["forms"].to_pylist()]
    alone = 0
    for found in batch.pairs(table, None, model, floor=-100_000, cap=200).to_pylist():
        live = weigh(forms[found["left"]], forms[found["right"]], model)
        assert (live.weight, [list(part) for part in live.parts]) == (found["weight"], json.loads(found["parts"]))
        alone += any(part.comparison == "alone" for part in live.parts)
    rows = [{"tax_id": "65929970489", "birth_date": "1971-03-05"}] * 2 + [
        {"phone": "+49305248351", "birth_date": "1971-03-05"}
    ] * 2
    for found in batch.pairs(records(rows), None, model, floor=-100_000).to_pylist():
        assert (found["weight"] >= model.join) == ((found["left"], found["right"]) == (0, 1)), (
            "a number is an identity, a telephone is none"
        )
        alone += "alone" in found["parts"]
    assert alone


@pytest.mark.parametrize("held", [1, 0])
def test_columns_in_which_nothing_stands_train_and_weigh(held: int) -> None:
    """DuckDB knows a column that is null throughout, or holds one value, and folds the expressions over it."""
    rows = [
        {"family_name": f"Weber{at // 2}", **({"email": "anna.weber1@y.example"} if at < held else {})}
        for at in range(60)
    ]
    table = records(rows)
    for model in (batch.train(table, customer_type()), default_model(customer_type())):
        assert batch.pairs(table, None, model, floor=-100_000).num_rows >= 30


def test_a_higher_floor_only_leaves_out_weaker_pairs(trained: tuple[Model, pa.Table, tuple[str, ...]]) -> None:
    model, table, _ = trained
    every = batch.pairs(table, None, model, floor=-100_000, cap=200).to_pylist()
    assert batch.pairs(table, None, model, floor=0, cap=200).to_pylist() == [row for row in every if row["weight"] >= 0]


def test_both_engines_make_the_same_keys(trained: tuple[Model, pa.Table, tuple[str, ...]]) -> None:
    model, table, _ = trained
    live = [(key, rid) for rid, text in enumerate(table["forms"].to_pylist()) for key in keys(json.loads(text), model)]
    stored = pa.table(
        {"key": pa.array([k for k, _ in live], pa.int64()), "rid": pa.array([r for _, r in live], pa.int64())}
    )
    assert (
        batch.pairs(table, stored, model, floor=0, cap=200).to_pylist()
        == batch.pairs(table, None, model, floor=0, cap=200).to_pylist()
    )
    assert sorted(batch.keys(table, model).to_pylist(), key=str) == sorted(stored.to_pylist(), key=str)


def test_pairs_of_some_records_only_are_those_of_all_that_touch_them(
    trained: tuple[Model, pa.Table, tuple[str, ...]],
) -> None:
    model, table, _ = trained
    chosen = set(range(0, table.num_rows, 7))
    every = batch.pairs(table, None, model, floor=0, cap=200).to_pylist()
    only = pa.table({"rid": pa.array(sorted(chosen), pa.int64())})
    assert batch.pairs(table, None, model, floor=0, only=only, cap=200).to_pylist() == [
        r for r in every if {r["left"], r["right"]} & chosen
    ]


def test_families_stay_apart_at_the_default_threshold(trained: tuple[Model, pa.Table, tuple[str, ...]]) -> None:
    model, table, truth = trained
    quality = evaluate(joined(model, table, batch.pairs(table, None, model, floor=0, cap=200)), truth)
    assert quality.precision >= 0.93
    assert quality.f1 >= 0.88


def test_a_block_over_the_cap_is_left_out_whole_and_counted(trained: tuple[Model, pa.Table, tuple[str, ...]]) -> None:
    model, table, _ = trained
    keyed = pa.table(
        {"key": pa.array([1] * 20 + [2] * 5, pa.int64()), "rid": pa.array([*range(20), *range(5)], pa.int64())}
    )
    found = batch.pairs(table, keyed, model, floor=-1_000_000, cap=10)
    assert found.num_rows == 10
    assert found.schema.metadata[b"blocks_over_cap"] == b"1"


# --- data that says little ---------------------------------------------------------------------


def _people(count: int, **more: Any) -> list[dict[str, Any]]:
    given, family = (
        ("Anna", "Ben", "Clara", "David", "Eva", "Fritz", "Greta"),
        ("Moser", "Huber", "Lang", "Winter", "Sommer"),
    )
    return [
        {
            "given_name": given[i % 7],
            "family_name": f"{family[i % 5]}{'abcdefghij'[i % 10]}",
            "birth_date": f"19{50 + i % 50}-0{1 + i % 9}-1{i % 10}",
            **more,
        }
        for i in range(count)
    ]


@pytest.mark.parametrize(
    "rows", [[], [{}], [{"given_name": "Ann"}], _people(9), [{}] * 30, [{"phone": "+4930123456"}] * 30], ids=str
)
def test_too_little_to_learn_from_gives_the_shipped_weights_or_a_model_and_says_so(rows: list[dict[str, Any]]) -> None:
    table = records(rows)
    model = batch.train(table, customer_type())
    assert model.warnings
    found = batch.pairs(table, None, model, floor=0, cap=200)
    assert found.column_names == ["left", "right", "weight", "parts"]
    for left, right, weight in zip(
        found["left"].to_pylist(), found["right"].to_pylist(), found["weight"].to_pylist(), strict=True
    ):
        assert left < right
        assert isinstance(weight, int)


def test_five_thousand_records_with_one_phone_are_no_giant_customer() -> None:
    rows = [{**row, "phone": "+49301234567"} for row in _people(5_000)]
    table = records(rows)
    model = batch.train(table, customer_type())
    assert any("phone" in warning for warning in model.warnings)
    sizes: dict[int, int] = defaultdict(int)
    for home in joined(model, table, batch.pairs(table, None, model, floor=0, cap=200)):
        sizes[home] += 1
    assert max(sizes.values()) <= 120  # the generator gives some people the same name and birth date


def test_an_empty_attribute_is_named(trained: tuple[Model, pa.Table, tuple[str, ...]]) -> None:
    model, _, _ = trained
    assert any("birth_place" in warning for warning in model.warnings)


def test_placeholders_neither_score_nor_block() -> None:
    rows = [{**row, "birth_date": "1982-03-03"} if i % 3 == 0 else row for i, row in enumerate(_people(3_000))]
    model = batch.train(records(rows), customer_type())
    hollow = model.placeholders.get("birth_date.digits", frozenset())
    assert "19820303" in hollow
    one = {"given_name": "anna", "birth_date.digits": "19820303", "birth_date.year": "1982"}
    two = {"given_name": "ben", "birth_date.digits": "19820303", "birth_date.year": "1982"}
    assert "birth_date" not in {part.comparison for part in weigh(one, two, model).parts}
    assert not set(keys(one, model)) & set(keys(two, model))


def test_only_claimed_contacts_never_join() -> None:
    model = replace(default_model(customer_type()), alone=0)  # that what names nobody joins nobody is another rule
    stranger = {"phone.national": ["301234567"], "email.folded": ["a.b@c.de"], "claimed": ["email", "phone"]}
    victim = {**stranger, "given_name": "anna", "family_name.plain": "berg", "claimed": []}
    assert weigh(stranger, victim, model).weight == model.join - 1
    assert weigh({**stranger, "claimed": []}, victim, model).weight > model.join
    table = pa.table({"rid": pa.array([0, 1], pa.int64()), "forms": [json.dumps(stranger), json.dumps(victim)]})
    keyed = pa.table({"key": pa.array([1, 1], pa.int64()), "rid": pa.array([0, 1], pa.int64())})
    assert batch.pairs(table, keyed, model, floor=0)["weight"].to_pylist() == [model.join - 1]


# --- large data, where rules are guessed at -----------------------------------------------------


def _rec(rows: list[dict[str, str]]) -> duckdb.DuckDBPyConnection:
    """Tables `rec` and `sampled` (every tenth record), as training has them."""
    con = duckdb.connect(":memory:")
    columns = {name: pa.array([row[name] for row in rows]) for name in rows[0]}
    con.register("given", pa.table({"rid": pa.array(range(len(rows)), pa.int64()), **columns}))
    con.execute("CREATE TABLE rec AS SELECT * FROM given")
    con.execute("CREATE TABLE sampled AS SELECT * FROM rec WHERE hash(rid) % 10 = 0")
    return con


def _true_pairs(rows: list[dict[str, str]], name: str, cap: int) -> int:
    sizes = Counter(row[name] for row in rows).values()
    return sum(n * (n - 1) // 2 for n in sizes if n <= cap)


def test_the_pairs_of_a_dear_rule_are_guessed_from_a_sample() -> None:
    rows = [{"city": f"c{n % 300}", "street": f"s{n}"} for n in range(30_000)]  # 300 blocks of 100 records
    con = _rec(rows)
    guessed = batch._guessed_pairs(con, ("city",), set(), 200, 0.1)
    assert guessed == pytest.approx(_true_pairs(rows, "city", 200), rel=0.15)
    assert batch._guessed_pairs(con, ("street",), set(), 200, 0.1) == 0, "nothing seen: it is counted instead"
    assert batch._guessed_pairs(con, ("city",), set(), 200, 1.0) == 0, (
        "all records are in the sample: counting costs no more"
    )


def test_blocks_over_the_cap_are_no_part_of_the_guess() -> None:
    rows = [{"city": "berlin" if n % 3 == 0 else f"c{n % 150}"} for n in range(30_000)]
    assert batch._guessed_pairs(_rec(rows), ("city",), set(), 300, 0.1) == pytest.approx(
        _true_pairs(rows, "city", 300), rel=0.15
    )


def test_a_rule_far_too_dear_is_left_out_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training of more records than are sampled: a dear rule is counted by a guess and makes no pairs."""
    monkeypatch.setattr(batch, "SAMPLED_RECORDS", 2_000)
    rows = [{**row, "address": {"city": f"Town{'abcdefgh'[n % 8]}"}} for n, row in enumerate(_people(6_000))]
    model = batch.train(records(rows), customer_type(), budget=batch.Budget(pairs_per_record=1, least_pairs=20_000))
    counted = {name: (pairs, taken) for name, pairs, _, taken in model.info["rules"]}
    assert all(not taken for name, (pairs, taken) in counted.items() if pairs > 30_000)
    assert any(pairs > 30_000 for pairs, _ in counted.values())
    assert any(taken for _, taken in counted.values())
