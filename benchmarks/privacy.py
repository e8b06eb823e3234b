"""A person's own side, measured: `nice python -m benchmarks.privacy [--customers 100000] [--suppressed 10000] [--place DIR]`.

On SQLite with `synchronous=FULL`, in process: a correction up to its golden record and to a subscriber's webhook, a package of somebody with 10,000
interactions, an erasure up to its receipts without VACUUM, and what landing costs while so many are suppressed, beside the
same rows with none. Prints tables and checks, and writes benchmarks/results/privacy.json.
"""

from __future__ import annotations

import random
import secrets
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.interactions import MANY, STEWARD, id_of, landed, opened, orders, p95, people
from benchmarks.report import Check, print_checks, save, table
from benchmarks.sync import LOOPBACK, Receiver, sending
from hub.access.authentication.principals import Principal
from hub.delivery.subscriptions import Subscriptions, Wish
from hub.landing import suppression
from hub.open import Hub
from hub.resolve.bulk import Bulk
from hub.resolve.own_side import OwnWord

OFFICER = Principal("bench", "bench", "staff", "privacy_officer")
ASKED = 100  # corrections, erasures
TURNS, ROWS = 12, 1_000
BUSY = "1"


def main(
    customers: Annotated[int, typer.Option(help="Customers.")] = 20_000,
    suppressed: Annotated[int, typer.Option(help="Erased people that rows are looked up among.")] = 20_000,
    place: Annotated[Path | None, typer.Option(help="Where the database is made; default: a temporary folder.")] = None,
) -> None:
    """Measure."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        hub = opened(Path(folder))
        try:
            measure(hub, Path(folder), customers, suppressed)
        finally:
            hub.close()
            hub.database.close()


def measure(hub: Hub, folder: Path, customers: int, suppressed: int) -> None:
    dice = random.Random(1)
    landed(hub, "people", people(dice, customers))
    landed(hub, "orders", orders(dice, [BUSY] * MANY))
    Bulk(hub.resolver).run(train=False)
    some = [id_of(hub, str(n)) for n in range(2, 2 + ASKED)]
    hub.own_side.state(some[0], OwnWord({"occupation": "poet"}, "bench"), by="bench")  # what is loaded once
    hub.requests.erase(id_of(hub, str(3 + ASKED)), by="bench", compact=False)
    correction = p95(lambda id: hub.own_side.state(id, OwnWord({"occupation": "poet"}, "bench"), by="bench"), some)
    heard = told(hub, some)
    begun = time.perf_counter()
    hub.packages.access(OFFICER, id_of(hub, BUSY))
    package = time.perf_counter() - begun
    erasure = p95(lambda id: hub.requests.erase(id, by="bench", compact=False), some[: ASKED // 2])
    plain, under = _rates(folder, dice, suppressed)
    slower = 1 - under / plain
    rows = [
        ("a correction up to its golden record, p95", f"{correction:.1f} ms"),
        ("a correction up to a subscriber's webhook, p95", f"{heard:.0f} ms"),
        (f"access package of a customer with {MANY:,} interactions", f"{package:.2f} s"),
        ("an erasure up to its receipts, without VACUUM, p95", f"{erasure:.0f} ms"),
        ("rows landed and resolved, nobody suppressed", f"{plain:,.0f}/s"),
        (f"rows landed and resolved, {suppressed:,} suppressed", f"{under:,.0f}/s"),
    ]
    table("a person's own side", ("what", "measured"), rows)
    checks = [
        Check("correction p95 ms", correction, 50, at_least=False),
        Check("webhook p95 ms", heard, 300, at_least=False),
        Check("package s", package, 2, at_least=False),
        Check("erasure p95 ms", erasure, 2_000, at_least=False),
        Check("landing is slower by", slower, 0.03, at_least=False),
    ]
    print_checks(checks)
    save(
        "privacy", customers=customers, suppressed=suppressed, measured=dict(rows), checks=[c.as_dict() for c in checks]
    )


def told(hub: Hub, customers: Sequence[str]) -> float:
    """Milliseconds from the beginning of a correction until its webhook is at a subscriber's, p95."""
    receiver = Receiver()
    took = []
    try:
        wish = Wish("own", f"http://127.0.0.1:{receiver.port}/own", from_start=False)
        Subscriptions(hub.reader, LOOPBACK).create(STEWARD, wish)
        with sending(hub):
            for n, id in enumerate(customers):
                receiver.got.clear()
                begun = time.time()
                hub.own_side.state(id, OwnWord({"family_name": f"Poet{n}"}, "bench"), by="bench")
                while not receiver.got and time.time() - begun < 10:
                    time.sleep(0.001)
                took.append((receiver.got[0][0] - begun) * 1000)
    finally:
        receiver.close()
    return statistics.quantiles(took, n=20)[-1]


def _rates(folder: Path, dice: random.Random, suppressed: int) -> tuple[float, float]:
    """Rows a second of processor time where nobody is suppressed, and where so many are: two hubs take the same rows, in
    turns, and either goes first as often. What else the machine does counts for nothing."""
    hubs = {many: _small(folder / str(many), many) for many in (0, suppressed)}
    spent = dict.fromkeys(hubs, 0.0)
    for turn in range(TURNS):
        made = [{**row, "id": f"{turn}-{row['id']}"} for row in people(dice, ROWS)]
        for many in sorted(hubs, reverse=bool(turn % 2)):
            begun = time.process_time()
            for n in range(0, len(made), 100):
                hubs[many].resolver.upsert("shop", "people", made[n : n + 100])
            spent[many] += time.process_time() - begun
    for hub in hubs.values():
        hub.close()
        hub.database.close()
    return TURNS * ROWS / spent[0], TURNS * ROWS / spent[suppressed]


def _small(folder: Path, suppressed: int) -> Hub:
    """A hub of some thousand customers, trained, and so many hashes of who is erased."""
    folder.mkdir()
    hub = opened(folder)
    landed(hub, "people", people(random.Random(2), 3 * ROWS))
    Bulk(hub.resolver).run(train=False)
    with hub.database.unit() as connection:
        hashes = [(secrets.token_hex(32), "record") for _ in range(suppressed)]
        suppression.suppress(connection, hashes, "bench", 0)
    hub.database.compact()
    return hub


if __name__ == "__main__":
    typer.run(main)
