"""Classic situations, with the shipped weights and inside a trained hub: one by one in every order, and in bulk.

A fresh hub gets each situation by PUT in every order (of more than four records, some orders), and by one bulk run.
"""

from __future__ import annotations

import os
import random
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.db import Database
from hub.matching import store as matching_store
from hub.quality.verify import Verify
from hub.resolve.bulk import Bulk
from hub.resolve.resolver import Resolver
from hub.settings import Access, Config, CustomerType, Source
from tests.conftest import empty
from tests.matching.situations import HANS, SITUATIONS, Situation, who

PROVE = os.environ.get("HUB_PROVE") == "1"
ORDERS = 24 if PROVE else 6
CONFIG = Path(__file__).parents[2] / "config" / "customers" / "person.yaml"
PLACE = {"address": {"line1": "street", "postcode": "zip", "city": "town"}}
MAPS: dict[str, dict[str, Any]] = {
    "person": {
        "given_name": "first",
        "family_name": "last",
        "name_suffix": "suffix",
        "birth_date": "born",
        "email": "mail",
        "phone": "tel",
        "national_id": "number",
        "tax_id": "tax",
        **PLACE,
    },
    "organisation": {"company_name": "name", "phone": "tel", "domain": "domain", "registration_id": "reg", **PLACE},
}
STREAMS = {"person": "people", "organisation": "companies"}


def config(folder: Path) -> Config:
    types = {
        name: CustomerType.model_validate(
            {**yaml.safe_load((CONFIG.parent / f"{name}.yaml").read_text(encoding="utf-8")), "name": name}
        )
        for name in STREAMS
    }
    streams = {
        stream: {"customer": name, "key": "id", "country": "DE", "verified": "all", "map": MAPS[name]}
        for name, stream in STREAMS.items()
    }
    connector = {"kind": "file", "path": "."}
    shop = Source.model_validate({"name": "shop", "connector": connector, "streams": streams})
    return Config(folder=folder, customers=types, sources={"shop": shop}, access=Access())


def clusters(database: Database, prefix: str = "") -> set[frozenset[str]]:
    """Keys of the records of each customer that has one whose key begins so; without the prefix."""
    with database.read() as connection:
        rids = dict(connection.exec_driver_sql("SELECT rid, key FROM record").fetchall())
        homes = matching_store.clusters_of(connection, rids)
    found: dict[int, set[str]] = {}
    for rid, name in homes.items():
        found.setdefault(name, set()).add(rids[rid])
    return {
        frozenset(key.removeprefix(prefix) for key in keys)
        for keys in found.values()
        if any(key.startswith(prefix) for key in keys)
    }


def right(found: set[frozenset[str]], given: Situation) -> bool:
    strange = any(not key.isdigit() for keys in found for key in keys)
    return not strange and given.right({frozenset(map(int, keys)) for keys in found})


def send(
    database: Database,
    folder: Path,
    rows: tuple[dict[str, str], ...] | list[dict[str, str]],
    order: tuple[int, ...],
    customer: str = "person",
) -> Resolver:
    resolver = Resolver(database, config(folder))
    for place in order:
        resolver.upsert("shop", STREAMS[customer], [{"id": str(place), **rows[place]}])
    return resolver


def orders(size: int) -> list[tuple[int, ...]]:
    """All orders of few records; of more than four, some."""
    if size <= 3 or (PROVE and size <= 4):
        return list(permutations(range(size)))
    dice = random.Random(size)
    return [tuple(range(size)), *(tuple(dice.sample(range(size), size)) for _ in range(ORDERS - 1))]


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_classic_situation_comes_out_right_in_every_order(database: Database, tmp_path: Path, name: str) -> None:
    given = SITUATIONS[name]
    answers = set()
    for order in orders(len(given.rows)):
        empty(database)
        resolver = send(database, tmp_path, given.rows, order, given.customer)
        found = clusters(database)
        answers.add(frozenset(found))
        assert right(found, given), f"{given.why} (order {order})"
    Bulk(resolver).run(full=True)
    answers.add(frozenset(clusters(database)))
    assert len(answers) == 1, "in any order, and in bulk, the same"


def test_there_are_enough_situations() -> None:
    assert len(SITUATIONS) >= 80


def test_a_third_record_does_not_join_what_two_refuse(database: Database, tmp_path: Path) -> None:
    """Namesakes born in 1950 and 1981 stay apart when a record without a birth date comes: it goes to one, or to review."""
    rows = [
        who("Hans", "Vogel", "1950-03-02", **HANS),
        who("Hans", "Vogel", "1981-07-19", **HANS),
        who("Hans", "Vogel", **HANS),
    ]
    answers = set()
    for order in permutations(range(3)):
        empty(database)
        resolver = send(database, tmp_path, rows, order)
        found = clusters(database)
        assert not any({"0", "1"} <= group for group in found), order
        answers.add(frozenset(found))
        assert not Verify(resolver).run().differences
    assert len(answers) == 1, "in any order the same"
