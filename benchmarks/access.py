"""Finding customers, measured: `python -m benchmarks access [--customers 100000] [--asked 1000] [--url DATABASE]`.

Fills a hub with customers of the demo world, each record of a person as one (search reads golden records and the words
made of them, by the code that makes them everywhere; matching has no part in it), then asks through the one door: two
words of a customer, one of them misspelt by one letter. Prints a table and checks, and writes benchmarks/results/access.json.

The first hit is right when it holds both words as they were before, in whatever script or order: namesakes are as right
as the customer drawn.
"""

from __future__ import annotations

import random
import statistics
import string
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

import hub.connectors.registry  # noqa: F401 - makes the kinds of connectors known
from benchmarks.live import ENV
from benchmarks.report import ROOT, Check, console, print_checks, save, table
from hub import db
from hub.access.principals import Principal
from hub.db import Database
from hub.demo.world import generate, people_for
from hub.golden_record import search_store, store
from hub.golden_record.run import counted_attributes, search_rows
from hub.golden_record.search_terms import tokens
from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context
from hub.migrations import upgrade
from hub.model import plain
from hub.open import Hub
from hub.settings import Config, load

STEWARD = Principal("bench", "benchmark", "user", "steward")
SECRET = {"HUB_SECRET": "of a benchmark, and of nothing else"}
PARTS = ("line1", "line2", "postcode", "city", "region", "country")
CHUNK = 50_000


def filled(database: Database, config: Config, customers: int) -> None:
    """A database with so many people and the words that they are found by."""
    upgrade(database)
    kinds = config.customers["person"]
    done = 0
    for part in db.chunks(_people(customers), CHUNK):
        bodies = {f"cus_{done + n:026d}": values for n, values in enumerate(part)}
        rows = [
            (id, "person", done + n, 1, 1, db.dump(values), "{}", "of a benchmark", None, 1)
            for n, (id, values) in enumerate(bodies.items())
        ]
        terms = sorted(t for id, values in bodies.items() for t in search_rows(kinds, "person", id, values))
        with database.large_unit() as connection:
            store.save_customers(connection, rows)
            store.add_terms(connection, terms)
        done += len(part)
    with database.large_unit() as connection:
        search_store.recount(connection, counted_attributes(config))
    if not database.sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")


def _people(customers: int) -> Iterator[dict[str, Any]]:
    found = generate(people_for(customers), seed=1).person_records
    for row in found.slice(0, customers).to_pylist():
        given = {a: row[a] for a in ("given_name", "family_name", "birth_date") if row[a]}
        given |= {a: row[a][0] for a in ("email", "phone") if row[a]}
        address = {p: row[p] for p in PARTS if row[p]}
        values = {}
        for attribute, raw in {**given, **({"address": address} if address else {})}.items():
            kind = "postal_address" if attribute == "address" else attribute
            cleaned = KINDS[kind].clean(raw, Context(country=row["country"]))
            if isinstance(cleaned, Cleaned):
                values[attribute] = [plain(cleaned.value)]
        yield values


def misspelt(word: str, dice: random.Random) -> str:
    """One slip: a letter wrong, missing, twice, or two swapped."""
    at = dice.randrange(len(word))
    return dice.choice(
        (
            word[:at] + dice.choice(string.ascii_lowercase) + word[at + 1 :],
            word[:at] + word[at + 1 :],
            word[: at + 1] + word[at:],
            word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
        )
    )


def asked(hub: Hub, count: int, customers: int) -> dict[str, float]:
    """Two words, one misspelt: milliseconds, and the share of first hits that hold the words that were meant."""
    dice = random.Random(7)
    took, busy, right = [], [], 0
    for _ in range(count):
        given, family = _names(hub, dice, customers)
        words = [misspelt(given, dice), family] if dice.random() < 0.5 else [given, misspelt(family, dice)]
        dice.shuffle(words)
        started, cpu = time.perf_counter(), time.thread_time()
        page = hub.reader.search(STEWARD, " ".join(words), limit=10)
        took.append((time.perf_counter() - started) * 1000)
        busy.append((time.thread_time() - cpu) * 1000)
        first = page.data[0].values if page.data else {}
        right += _spelt(first.get("given_name"), first.get("family_name")) == _spelt(given, family)
    return {**_figures(took), "CPU p95": _figures(busy)["p95"], "first hit right": right / count}


def _names(hub: Hub, dice: random.Random, customers: int) -> tuple[str, str]:
    """Names of a customer drawn, each a word of four letters at least."""
    while True:
        with hub.database.read() as connection:
            found = store.customer(connection, f"cus_{dice.randrange(customers):026d}")
        values = found.values if found else {}
        given, family = (values.get(a, [""])[0] for a in ("given_name", "family_name"))
        if min(len(given), len(family)) > 3 and (given + family).isalpha() and (given + family).isascii():
            return given, family


def _spelt(*names: str | None) -> frozenset[str]:
    """The words of names, in one spelling and any order: Müller and Mueller are one, a name in another script too."""
    return frozenset(t for name in names if name for t in tokens("person_name", name))


def _figures(milliseconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(milliseconds, n=100)
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98]}


def main(
    customers: Annotated[int, typer.Option(help="of the hub")] = 100_000,
    count: Annotated[int, typer.Option("--asked", help="searches")] = 1_000,
    url: Annotated[str, typer.Option(help="an empty database; else SQLite in a folder of its own")] = "",
) -> None:
    """Measure search."""
    with tempfile.TemporaryDirectory() as folder:
        config = load(ROOT / "config", ENV)
        database = Database(url or f"sqlite:///{folder}/hub.sqlite")
        started = time.perf_counter()
        filled(database, config, customers)
        console.print(f"{customers:,} customers in {time.perf_counter() - started:.0f} s")
        hub = Hub.open(database, config, Path(folder), SECRET)
        found = asked(hub, count, customers)
        hub.close()
        database.close()
    table(f"search, {customers:,} customers", list(found), [[f"{n:.3g}" for n in found.values()]], left=0)
    checks = [
        Check("search with one slip, p95 in ms", found["p95"], 40, at_least=False),
        Check("first hit right", found["first hit right"], 0.95),
    ]
    print_checks(checks)
    console.print(
        f"written to {save('access', customers=customers, search=found, checks=[c.as_dict() for c in checks])}"
    )


if __name__ == "__main__":
    typer.run(main)
