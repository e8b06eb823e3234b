"""Small worlds as standardised records, for the tests of matching."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from hub.demo.world import generate
from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context
from hub.matching.compare.model import Model
from hub.matching.compare.standardised import Standardiser
from hub.model import Cell
from hub.settings import CustomerType

PARTS = ("line1", "line2", "postcode", "city", "region", "country")


@lru_cache
def customer_type(name: str = "person") -> CustomerType:
    text = (Path(__file__).parents[2] / "config" / "customers" / f"{name}.yaml").read_text(encoding="utf-8")
    return CustomerType(name=name, **yaml.safe_load(text))


def cells(row: Mapping[str, Any], kind: CustomerType, country: str | None = None) -> dict[str, Cell]:
    found: dict[str, Cell] = {}
    for attribute, value in row.items():
        clean = KINDS[kind.attributes[attribute].kind].clean
        made = [clean(v, Context(country=country)) for v in (value if isinstance(value, list) else [value])]
        values = tuple(m.value for m in made if isinstance(m, Cleaned))
        if values:
            found[attribute] = Cell(values)
    return found


def records(rows: Sequence[Mapping[str, Any]], name: str = "person", verified: bool = True) -> pa.Table:
    """Rows under hub attribute names -> the table that training and pairs read."""
    kind = customer_type(name)
    standardiser = Standardiser(kind)
    forms = [json.dumps(standardiser.forms(cells(row, kind), lambda _: verified)) for row in rows]
    return pa.table({"rid": pa.array(range(len(rows)), pa.int64()), "forms": pa.array(forms, pa.string())})


@lru_cache
def world(people: int = 1200, seed: int = 3) -> tuple[pa.Table, tuple[str, ...]]:
    """A demo world of people, and who each record is."""
    rows, truth = [], []
    for found in generate(people, seed).person_records.to_pylist():
        address = {part: found[part] for part in PARTS if found[part]}
        names = ("given_name", "family_name", "name_suffix", "sex", "email", "phone", "occupation", "tax_id")
        row = {a: found[a] for a in names if found[a]}
        if found["birth_date"]:
            row["birth_date"] = str(found["birth_date"])
        rows.append({**row, "address": address} if address else row)
        truth.append(found["truth"])
    return records(rows), tuple(truth)


def joined(model: Model, table: pa.Table, found: pa.Table) -> list[int]:
    """Each record's customer, where every pair that reaches the threshold is put together."""
    home = list(range(table.num_rows))

    def root(at: int) -> int:
        while home[at] != at:
            home[at] = home[home[at]]
            at = home[at]
        return at

    for left, right, weight in zip(
        found["left"].to_pylist(), found["right"].to_pylist(), found["weight"].to_pylist(), strict=True
    ):
        if weight >= model.join:
            home[root(left)] = root(right)
    return [root(at) for at in range(table.num_rows)]
