"""Streams of other sorts than customers: they land alike, are accounted for alike, and nothing of them is matched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.connectors.registry import connect
from hub.db import Database
from hub.errors import Unprocessable
from hub.landing import store as landing
from hub.model import RecordId
from hub.quality.verify import Verify
from hub.resolve.bulk import Bulk
from hub.resolve.resolver import Resolver
from hub.settings import Access, Config, Source
from hub.work.cycle import match
from hub.work.pull import Pull, Pulled
from tests import tiny

MATCHED = ("standardised", "match_key", "pair", "membership", "customer", "heir", "change")
SORTS = {
    "orders": {"interaction": "order"},
    "consents": {"consent": True},
    "contacts": {"relation": "contact_person"},
}


class Shop:
    """A folder with a file for each stream, and a hub that reads them."""

    def __init__(self, database: Database, folder: Path):
        self.database, self.folder = database, folder
        rows = {"key": "id", "version": "v", "listing": "complete", "deleted": "gone"}
        streams: dict[str, Any] = {
            name: {**rows, **sort, "file": {"pattern": f"{name}.jsonl"}} for name, sort in SORTS.items()
        }
        streams["people"] = {
            "customer": "person",
            "key": "id",
            "verified": "all",
            "map": {"given_name": "first", "family_name": "last", "email": "mail"},
            "file": {"pattern": "people.jsonl"},
        }
        self.source = Source.model_validate(
            {"name": "shop", "connector": {"kind": "file", "path": "."}, "streams": streams}
        )
        self.config = Config(
            folder=folder, customers={"person": tiny.customer_type()}, sources={"shop": self.source}, access=Access()
        )
        self.resolver = Resolver(database, self.config)

    def put(self, stream: str, *rows: Any) -> None:
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (self.folder / f"{stream}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def pull(self, stream: str, *, live: bool = True, allow_deletes: bool = False) -> Pulled:
        complete = self.source.streams[stream].listing == "complete"
        one = Pull(self.resolver, "shop", stream, complete=complete, allow_deletes=allow_deletes)
        found = one.run(connect(self.source, env={}, base_folder=self.folder), live=live)
        assert found.fetched == found.landed + found.unchanged + found.quarantined + found.suppressed
        return found

    def count(self, table: str) -> int:
        with self.database.read() as connection:
            return int(connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar() or 0)


@pytest.fixture
def shop(database: Database, tmp_path: Path) -> Shop:
    return Shop(database, tmp_path)


def order(n: int, v: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": f"o{n}", "v": v, "customer": "1", "total": "12.50", **more}


@pytest.mark.parametrize("stream", SORTS)
@pytest.mark.parametrize("live", [True, False], ids=["live", "bulk"])
def test_rows_of_every_sort_land_and_nothing_of_them_reaches_matching(shop: Shop, stream: str, live: bool) -> None:
    shop.put(stream, order(1), order(2), order(2), "{broken", {"v": 1, "total": "no key"})
    found = shop.pull(stream, live=live)
    assert found.counts() == {
        "fetched": 5,
        "landed": 2,
        "unchanged": 1,
        "quarantined": 2,
        "suppressed": 0,
        "deleted": 0,
    }
    assert {table: shop.count(table) for table in MATCHED} == dict.fromkeys(MATCHED, 0)
    with shop.database.read() as connection:
        assert landing.pending_count(connection) == 0
        info = landing.record_named(connection, RecordId("shop", stream, "o1"), shop.source.streams[stream].sort)
    assert info is not None
    assert info.alive
    assert match(shop.resolver) is None


def test_changes_and_deletes_are_versions_and_a_listing_that_lacks_a_row_twice_ends_it(shop: Shop) -> None:
    shop.put("orders", order(1), order(2), order(3))
    shop.pull("orders")
    shop.put("orders", order(1, 2, total="9.00"), order(2, 2, gone=True))
    assert shop.pull("orders", allow_deletes=True).landed == 2
    assert shop.pull("orders", allow_deletes=True).deleted == 1
    with shop.database.read() as connection:
        assert set(landing.living_keys(connection, "shop", "orders")) == {"o1"}
    assert shop.count("version") == 6


def test_customers_beside_them_are_matched_alone_by_every_path(shop: Shop) -> None:
    shop.put("orders", *[order(n) for n in range(3)])
    person = {"id": "1", "first": "Anna", "last": "Maier", "mail": "a@x.example"}
    shop.put("people", person, {**person, "id": "2"})
    shop.pull("orders", live=False)
    shop.pull("people", live=False)
    Bulk(shop.resolver).run(full=True)
    assert shop.count("customer") == 1
    assert shop.count("standardised") == 2
    shop.put("orders", *[order(n, 2) for n in range(4)])
    shop.pull("orders")
    Bulk(shop.resolver).run(full=True)
    assert shop.count("standardised") == 2
    assert not Verify(shop.resolver).run().differences


def test_a_row_given_by_a_request_lands_and_can_be_deleted(shop: Shop) -> None:
    (first,) = shop.resolver.upsert("shop", "orders", [order(1)])
    (again,) = shop.resolver.upsert("shop", "orders", [order(1)])
    assert (first.happened, again.happened, first.customer) == ("landed", "unchanged", None)
    assert shop.resolver.delete("shop", "orders", "o1").happened == "deleted"
    with pytest.raises(Unprocessable, match="no customers"):
        shop.resolver.probe("shop", "orders", order(1))
