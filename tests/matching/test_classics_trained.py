"""Classic situations again, by the weights that worlds of a few thousand people and companies train."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pytest

from benchmarks import small
from benchmarks.harder import Hard
from benchmarks.worlds import CONFIG
from hub.matching.compare.model import Model
from hub.matching.training.batch import train
from hub.settings import load_customer_types
from tests.matching.situations import SITUATIONS, Situation
from tests.matching.test_classics import MAPS

RECORDS = 3_000
CUSTOMERS = load_customer_types(CONFIG)
TRAINED = {"people": "person", "colleagues": "person", "companies": "organisation"}  # world -> customer type
# What learned weights still join: a name that nobody else there has says who somebody is; a reception is not known where there are
# none; an initial is that of either of a couple; a birth date may be a typing error where a rare name and a mailbox are the same;
# who shares birth date, mailbox, telephone and house may be of another given name; a suffix says less where few have one;
# where no fathers and sons of one name, couples of like names or such neighbours are, a step apart is a slip.
LEFT = frozenset(
    {
        "a name alone",
        "a couple of like names, in another script",
        "a couple of names that differ in the ending",
        "a couple of one initial, and a record with the initial",
        "colleagues of one given name",
        "father and son of one birthday",
        "father and son with one mailbox",
        "mailboxes that a provider numbered",
        "neighbours of names that sound alike",
        "senior and junior, and a record without a suffix",
        "twins who share a mailbox too",
    }
)


@lru_cache
def trained(world: str) -> Model:
    made = small.standard(small.WORLDS[world](RECORDS, 11), CUSTOMERS)
    forms = [json.dumps(form) for form in made.forms]
    table = pa.table({"rid": pa.array(range(len(forms)), pa.int64()), "forms": pa.array(forms, pa.string())})
    return train(table, made.customer)


def hard(given: Situation) -> Hard:
    """A situation's records under the names of attributes."""
    rows = [dict(_named(row, MAPS[given.customer])) for row in given.rows]
    return Hard("situation", rows, [str(at) for at in range(len(rows))], given.customer)


def _named(row: Mapping[str, str], names: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    found = []
    for attribute, column in names.items():
        if isinstance(column, dict):
            found += _named(row, column, f"{attribute}.")
        elif row.get(column):
            found.append((before + attribute, row[column]))
    return found


@pytest.mark.parametrize("world", TRAINED)
def test_classic_situations_come_out_right_by_trained_weights(world: str) -> None:
    model, wrong = trained(world), {}
    for name, given in SITUATIONS.items():
        if given.customer == TRAINED[world]:
            found = small.clusters(small.standard(hard(given), CUSTOMERS), model)
            if not given.right({frozenset(c) for c in found}):
                wrong[name] = (given.why, found)
    assert wrong.keys() <= LEFT, wrong
