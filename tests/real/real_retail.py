"""Purchases that real people made: the CDNOW set, 69,659 purchases of 23,570 customers of a record shop in 1997 and 1998.

It comes in a package of the registry, of which nothing is run. The shop has it as a table of its database; the hub pulls it by
the YAML below, and every row, every customer and every cent is there.
"""

from __future__ import annotations

import sqlite3
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from hub.access.authentication.principals import Principal
from hub.db import Database
from hub.figures.customers import customers
from hub.golden_record import lookups
from hub.landing import store as landing
from hub.open import Hub as OpenHub
from hub.settings import load
from tests.real.hub import Hub
from tests.real.systems import REAL, ROOT, checked

PACKAGE, FILE = "lifetimes==0.11.3", "lifetimes/datasets/CDNOW_master.txt"
PURCHASES, PEOPLE, CENTS = 69_659, 23_570, 250_031_563
BUYER = """
title: Buyer
attributes:
  number: {kind: identifier, exclusive: true}
  since: {kind: text, matching: false}
matching:
  rules:
    - [number]
"""
SHOP = """
title: Record shop
connector: {kind: sql, url_env: SHOP_URL}
streams:
  buyers:
    query: SELECT customer, min(day) AS first_day FROM purchase GROUP BY customer
    customer: buyer
    key: customer
    map: {number: customer, since: first_day}
  purchases:
    table: purchase
    interaction: order
    key: id
    of: {key: customer, stream: buyers}
    map: {number: id, ordered_at: day, items: discs, total: {amount: value, currency: "'USD'"}, state: "'delivered'"}
"""
BUYERS = [
    ("00001", "11.77"),
    ("00002", "89.00"),
    ("00003", "156.46"),
]  # what they spent, as the first lines of the set say
SEES = Principal("sees", "sees", "staff", "sees")


def purchases() -> list[tuple[str, str, int, str]]:
    """(customer, day, discs, dollars) of each purchase."""
    folder = REAL / "lifetimes"
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("*.whl")):
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
        checked([*pip, "-d", str(folder), PACKAGE])
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        lines = wheel.read(FILE).decode().splitlines()[1:]
    rows = (line.split() for line in lines if line.strip())
    return [(c, f"{d[:4]}-{d[4:6]}-{d[6:]}", int(n), value) for c, d, n, value in rows]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The shop's own database."""
    file = tmp_path / "shop.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute(
            "CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer TEXT, day TEXT, discs INT, value TEXT)"
        )
        connection.executemany("INSERT INTO purchase (customer, day, discs, value) VALUES (?, ?, ?, ?)", purchases())
    connection.close()
    return file


def test_every_purchase_every_customer_and_every_cent_is_there(tmp_path: Path, shop: Path) -> None:
    hub = Hub(tmp_path / "hub", {"SHOP_URL": f"sqlite:///{shop}"})
    config = hub.folder / "config"
    (config / "customers/buyer.yaml").write_text(BUYER)
    figures = (ROOT / "config/figures.yaml").read_text().replace("currency: EUR", "currency: USD")
    (config / "figures.yaml").write_text(figures)
    hub.source("shop", SHOP)
    everything = {"*": "show"}
    hub.role("sees", purpose="sees all", may=["read"], views={"buyer": everything, "order": everything}, figures=["*"])
    pulled = hub.pulled()
    assert {n: (p["landed"], p["quarantined"]) for n, p in pulled.items()} == {
        "shop.buyers": (PEOPLE, 0),
        "shop.purchases": (PURCHASES, 0),
    }
    assert not any(p["landed"] or p["quarantined"] for p in hub.pulled().values())

    spent, bought = Counter[str](), Counter[str]()
    for customer, _, _, value in purchases():
        spent[customer] += round(float(value) * 100)
        bought[customer] += 1
    told, ids = dict[str, tuple[int, str | None]](), dict[str, str]()
    database = Database(hub.env["HUB_DATABASE_URL"])
    opened = OpenHub.open(database, load(config, hub.env), hub.folder / "var")
    try:
        after = ""
        with database.read() as connection:
            minted = dict(landing.keys_after(connection, "shop", "buyers", "", PEOPLE))
            infos = landing.records(connection, minted.values())
            keys = {infos[rid].mint: key for key, rid in minted.items()}
            while page := lookups.every_customer_after(connection, after, 1_000):
                for id, f in customers(connection, opened.config, page, database.clock.now()).items():
                    key = keys[id]
                    ids[key] = id
                    told[key] = (int(f.told("orders").value or 0), f.told("revenue").value)
                    after = max(after, id)
        assert sum(bought.values()) == PURCHASES and sum(spent.values()) == CENTS
        assert told == {c: (bought[c], f"{spent[c] // 100}.{spent[c] % 100:02d}") for c in spent}
        assert [told[c][1] for c, _ in BUYERS] == [dollars for _, dollars in BUYERS]
        best = max(bought, key=lambda c: bought[c])
        assert len(opened.timeline.page(SEES, ids[best], limit=200).data) == min(200, bought[best])
    finally:
        opened.close()
        database.close()
