"""Finding and reading customers, measured: `python -m benchmarks access [--customers 100000] [--asked 1000] [--url DATABASE]`.

Fills a hub with customers of the demo world, each record of a person as one (search reads golden records and the words
made of them, by the code that makes them everywhere; matching has no part in it), then asks through the one door. Searched
for are two words of a customer, one of them misspelt by one letter, by a role without and by one with rows (one town);
identified is by name and phone or e-mail; read is one customer with view, rows, purpose and audit, in turn with the bare
stored row (parsed, nothing decided, nothing written) and with one line synced to this disk, which an audited read waits for.
Prints a table and checks, and writes benchmarks/results/access.json.

The first hit is right when it holds both words as they were before, in whatever script or order: namesakes are as right
as the customer drawn.
"""

from __future__ import annotations

import os
import random
import statistics
import string
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

import hub.connectors.registry  # noqa: F401 - makes the kinds of connectors known
from benchmarks.live import ENV
from benchmarks.report import ROOT, Check, console, print_checks, save, table
from hub import db
from hub.access.authentication.principals import Principal
from hub.access.callers import Callers
from hub.db import Database
from hub.demo.world import generate, people_for
from hub.golden_record import search_store, store
from hub.golden_record.lineage import Values
from hub.golden_record.run import counted_attributes, search_rows
from hub.golden_record.search_terms import tokens
from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context
from hub.migrations import upgrade
from hub.model import plain
from hub.open import Hub
from hub.settings import Config, load
from hub.settings.access import RowLimits

STEWARD = Principal("bench", "benchmark", "staff", "steward")
AGENT = Principal("bench", "benchmark", "staff", "customer_service")
IN_TOWN = Principal("bench", "benchmark", "staff", "in_town")  # of the customers of one town
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


def with_rows(config: Config, town: str) -> Config:
    """The configuration with a role that sees all of the customers of one town, for one purpose."""
    steward = config.access.roles["steward"]
    rows = {"person": RowLimits(where={"address.city": (town,)})}
    role = steward.model_copy(update={"rows": rows})
    access = config.access.model_copy(update={"roles": {**config.access.roles, "in_town": role}})
    return config.model_copy(update={"access": access})


def _text(values: Values, name: str) -> str:
    """The first value of an attribute, or of a part of it (address.city); empty where there is none."""
    attribute, _, part = name.partition(".")
    first = values.get(attribute, ("",))[0]
    return (first.get(part, "") if isinstance(first, dict) else "") if part else str(first)


def a_town(database: Database, customers: int) -> tuple[str, list[str]]:
    """A town in which about one customer in a thousand lives, or more, and some who live there."""
    with database.read() as connection:
        sample = [store.customer(connection, f"cus_{n:026d}") for n in range(0, customers, max(1, customers // 5_000))]
    homes = [(_text(c.values, "address.city"), c.id) for c in sample if c]
    towns = Counter(town for town, _ in homes if town and town.isascii())
    town = min((n, t) for t, n in towns.items() if n >= 5)[1]
    return town, [id for home, id in homes if home == town]


def read(hub: Hub, ids: list[str], count: int, folder: Path) -> dict[str, float]:
    """One customer through the door by a role with rows, its stored row, and the sync of one line to disk (which is what an
    audited read waits for), taken in turn: milliseconds, and the CPU of the first two."""
    took: dict[str, list[float]] = {"door": [], "bare": [], "sync": []}
    busy: dict[str, list[float]] = {"door": [], "bare": [], "sync": []}
    with (folder / "line").open("ab", buffering=0) as line:

        def sync(id: str) -> None:
            line.write(b"x" * 500)
            os.fdatasync(line)

        def bare(id: str) -> None:
            with hub.database.read() as connection:
                assert store.customer(connection, id)

        asks = {"door": lambda id: hub.reader.get_customer(IN_TOWN, id), "bare": bare, "sync": sync}
        for n in range(count):
            for name, ask in asks.items():
                started, cpu = time.perf_counter(), time.thread_time()
                ask(ids[n % len(ids)])
                took[name].append((time.perf_counter() - started) * 1000)
                busy[name].append((time.thread_time() - cpu) * 1000)
    door, bare_row, one_sync = (statistics.median(took[name]) for name in ("door", "bare", "sync"))
    return {
        **_figures(took["door"]),
        "bare p50": bare_row,
        "sync p50": one_sync,
        "CPU p50": statistics.median(busy["door"]),
        "bare CPU p50": statistics.median(busy["bare"]),
        "of bare": door / bare_row,
        "of bare and sync": door / (bare_row + one_sync),
    }


def listed(hub: Hub, count: int) -> dict[str, float]:
    """Milliseconds of a first page of all customers, for a role of one town."""
    took = []
    for _ in range(count):
        started = time.perf_counter()
        assert hub.reader.search(IN_TOWN, "", limit=10).data
        took.append((time.perf_counter() - started) * 1000)
    return _figures(took)


def identified(hub: Hub, count: int, customers: int) -> dict[str, float]:
    """Milliseconds for a caller who says a name and a phone number or an e-mail address, and the share of those found."""
    dice, callers, right = random.Random(11), Callers(hub.reader), 0
    took: list[float] = []
    while len(took) < count:
        with hub.database.read() as connection:
            meant = store.customer(connection, f"cus_{dice.randrange(customers):026d}")
        values = meant.values if meant else {}
        contact = next((a for a in dice.sample(("email", "phone"), 2) if a in values), None)
        if meant is None or contact is None or "family_name" not in values:
            continue
        said = {"name": _text(values, "family_name"), contact: _text(values, contact)}
        started = time.perf_counter()
        found = callers.identify(AGENT, said, "person")
        took.append((time.perf_counter() - started) * 1000)
        right += meant.id in {c.id for c in found.customers} or found.many
    return {**_figures(took), "found": right / count}


def asked(hub: Hub, principal: Principal, count: int, customers: int) -> dict[str, float]:
    """Two words, one misspelt: milliseconds, and the share of first hits that hold the words that were meant."""
    dice = random.Random(7)
    took, busy, right = [], [], 0
    for _ in range(count):
        given, family = _names(hub, dice, customers)
        words = [misspelt(given, dice), family] if dice.random() < 0.5 else [given, misspelt(family, dice)]
        dice.shuffle(words)
        started, cpu = time.perf_counter(), time.thread_time()
        page = hub.reader.search(principal, " ".join(words), limit=10)
        took.append((time.perf_counter() - started) * 1000)
        busy.append((time.thread_time() - cpu) * 1000)
        first = page.data[0].values if page.data else {}
        right += _spelt(*(str(first.get(a) or "") for a in ("given_name", "family_name"))) == _spelt(given, family)
    return {**_figures(took), "CPU p95": _figures(busy)["p95"], "first hit right": right / count}


def _names(hub: Hub, dice: random.Random, customers: int) -> tuple[str, str]:
    """Names of a customer drawn, each a word of four letters at least."""
    while True:
        with hub.database.read() as connection:
            found = store.customer(connection, f"cus_{dice.randrange(customers):026d}")
        values = found.values if found else {}
        given, family = _text(values, "given_name"), _text(values, "family_name")
        if min(len(given), len(family)) > 3 and (given + family).isalpha() and (given + family).isascii():
            return given, family


def _spelt(*names: str) -> frozenset[str]:
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
        town, there = a_town(database, customers)
        hub = Hub.open(database, with_rows(config, town), Path(folder), SECRET)
        found = {
            "search, one slip": asked(hub, STEWARD, count, customers),
            "the same, one town's": asked(hub, IN_TOWN, count, customers),
            "first page, one town's": listed(hub, min(count, 200)),
            "identify": identified(hub, count, customers),
            "read one customer": read(hub, there, 5 * count, Path(folder)),
        }
        hub.close()
        database.close()
    rows = [[name, *(f"{f[p]:.3g}" for p in ("p50", "p95", "p99"))] for name, f in found.items()]
    table(f"milliseconds, {customers:,} customers", ["", "p50", "p95", "p99"], rows)
    checks = [
        Check("search with one slip, p95 in ms", found["search, one slip"]["p95"], 40, at_least=False),
        Check("first hit right", found["search, one slip"]["first hit right"], 0.95),
        Check("search in one town's rows, p95 in ms", found["the same, one town's"]["p95"], 40, at_least=False),
        Check("first page of one town's rows, p95 in ms", found["first page, one town's"]["p95"], 40, at_least=False),
        Check("identify, p95 in ms", found["identify"]["p95"], 30, at_least=False),
        Check("one customer, p95 in ms", found["read one customer"]["p95"], 5, at_least=False),
        Check("one customer / its bare stored row", found["read one customer"]["of bare"], 1.5, at_least=False),
        Check("the same, beside one line synced", found["read one customer"]["of bare and sync"], 1.5, at_least=False),
    ]
    print_checks(checks)
    console.print(f"written to {save('access', customers=customers, took=found, checks=[c.as_dict() for c in checks])}")


if __name__ == "__main__":
    typer.run(main)
