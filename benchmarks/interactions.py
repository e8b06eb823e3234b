"""What happened with customers, measured: `nice python -m benchmarks.interactions [--customers 100000] [--each 10] [--place DIR]`.

Lands customers and what happened with them in the same run, in process, on SQLite with `synchronous=FULL`; two pairs of
customers get 10,000 interactions each or none. Then: a page, figures, a segment, and merging the pairs. Prints tables and checks,
and writes benchmarks/results/interactions.json. Counts and times are those of this machine.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

import hub.connectors.registry  # noqa: F401 - makes the kinds of connectors known
from benchmarks.report import ROOT, Check, print_checks, save, table
from hub.access.authentication.principals import Principal
from hub.db import Database
from hub.figures.segments import count_segments
from hub.landing import store as landing
from hub.landing.store import Incoming
from hub.migrations import upgrade
from hub.model import RecordId
from hub.open import Hub
from hub.resolve.bulk import Bulk
from hub.settings import load
from hub.stewardship.acts import Merge
from hub.stewardship.run import Acts
from hub.work.performance import keep

UNIT = 1_000  # rows landed together
MANY = 10_000  # interactions of a busy customer
ASKED = 200  # times that a question is asked
STEWARD = Principal("bench", "bench", "staff", "steward")
SHOP = """
connector: {kind: file, path: drop}
streams:
  people: {customer: person, key: id, map: {given_name: first, family_name: last, email: mail}}
  orders: {interaction: order, key: id, of: owner, map: {number: id, ordered_at: at, state: state, channel: channel, total: {amount: total, currency: cur}}}
  calls: {interaction: call, key: id, of: owner, map: {called_at: at, outcome: outcome, spent: spent, note: note}}
  complaints: {interaction: complaint, key: id, of: owner, map: {received_at: at, state: state, channel: channel, text: text}}
"""


def main(
    customers: Annotated[int, typer.Option(help="Customers.")] = 20_000,
    each: Annotated[int, typer.Option(help="Interactions of each, on average.")] = 10,
    place: Annotated[Path | None, typer.Option(help="Where the database is made; default: a temporary folder.")] = None,
) -> None:
    """Measure."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        hub = opened(Path(folder))
        try:
            measure(hub, customers, each)
        finally:
            hub.close()
            hub.database.close()


def opened(folder: Path) -> Hub:
    """An empty hub with the shipped configuration and a shop."""
    for part in ("customers", "interactions", "relations", "lists"):
        shutil.copytree(ROOT / "config" / part, folder / "config" / part)
    for name in ("access.yaml", "figures.yaml", "purposes.yaml", "working_hours.yaml"):
        shutil.copy(ROOT / "config" / name, folder / "config" / name)
    (folder / "config/sources").mkdir()
    (folder / "config/sources/shop.yaml").write_text(SHOP, encoding="utf-8")
    database = Database(f"sqlite:///{folder / 'hub.sqlite'}")
    upgrade(database)
    hub = Hub.open(database, load(folder / "config", {}, reaching=False), folder)
    hub.resolver.reread()
    return hub


def measure(hub: Hub, customers: int, each: int) -> None:
    dice = random.Random(1)
    busy, idle = ("1", "2"), ("3", "4")
    landing_people = landed(hub, "people", people(dice, customers))
    happened = {"orders": orders, "calls": calls, "complaints": complaints}
    share = {"orders": 0.6, "calls": 0.35, "complaints": 0.05}
    total, took, worked = 0, 0.0, 0.0
    for stream, made in happened.items():
        number = int(customers * each * share[stream])
        owners = (str(dice.randint(5, customers)) for _ in range(number))
        landing_ = landed(hub, stream, made(dice, owners))
        total, took, worked = total + number, took + landing_.wall, worked + landing_.cpu
    for owner in busy:
        landing_ = landed(hub, "orders", orders(dice, [owner] * MANY, prefix=f"busy{owner}-"))
        total, took, worked = total + MANY, took + landing_.wall, worked + landing_.cpu
    with timed() as matched:
        Bulk(hub.resolver).run(train=False)
    ids = {n: id_of(hub, n) for n in (*busy, *idle)}
    some = [id_of(hub, str(dice.randint(5, customers))) for _ in range(ASKED)]
    page = p95(lambda _: hub.timeline.page(STEWARD, ids["1"], limit=50), range(ASKED))
    figures = p95(lambda id: hub.figures.of_customer(STEWARD, id), some)
    figures_busy = p95(lambda _: hub.figures.of_customer(STEWARD, ids["1"]), range(ASKED))
    with timed() as counting:
        counted = count_segments(hub.database, hub.config)
    segment = p95(lambda _: hub.figures.segment(STEWARD, "dormant", limit=50, cursor=None), range(20))
    count = p95(lambda _: hub.figures.segments(STEWARD), range(20))
    listed = p95(lambda _: hub.tasks.page(STEWARD, "complaints", limit=50), range(20))
    with timed() as keeping:
        keep(hub.database, hub.config)
    without, with_many = (merged(hub, ids[a], ids[b]) for a, b in (idle, busy))
    rows = [
        ("customer rows landed a second, without matching", *a_second(customers, landing_people)),
        (
            f"interactions landed a second, beside them in the same run, of {total:,}",
            *a_second(total, Took(took, worked)),
        ),
        ("matching, s", *matched.told),
        (f"first page of a customer with {MANY:,} interactions, p95 ms", *page.told),
        ("figures of a customer, p95 ms", *figures.told),
        (f"figures of a customer with {MANY:,} interactions, p95 ms", *figures_busy.told),
        ("first page of a segment, p95 ms", *segment.told),
        ("counts of all segments as kept, p95 ms", *count.told),
        ("finding out who is in which segment, all customers, s", *counting.told),
        ("first page of a list (complaints of a year), p95 ms", *listed.told),
        ("how we are doing, the last eight days and today's data quality, s", *keeping.told),
        ("a merge of two customers with none, median ms", *without.told),
        (f"a merge of two customers with {MANY:,} each, median ms", *with_many.told),
    ]
    load = ", ".join(f"{n:.1f}" for n in os.getloadavg())
    table(f"what happened with {customers:,} customers; load {load}", ("what", "measured", "processor"), rows)
    print(f"in segments: {dict(counted.segments)}")
    checks = [
        Check("interactions landed a second", total / took, 3_000),
        Check("timeline p95 ms", page.wall, 20, at_least=False),
        Check("figures p95 ms", figures.wall, 10, at_least=False),
        Check("segment's first page p95 ms", segment.wall, 50, at_least=False),
        Check("segment's count ms", count.wall, 2_000, at_least=False),
        Check("merge with 10,000 each / merge with none", with_many.wall / without.wall, 1.2, at_least=False),
    ]
    print_checks(checks)
    measured = {what: [wall, cpu] for what, wall, cpu in rows}
    save(
        "interactions",
        customers=customers,
        interactions=total,
        measured=measured,
        checks=[c.as_dict() for c in checks],
    )


@dataclass
class Took:
    """Time on the clock and of the processor; the two differ by disks, and by who else works on the machine."""

    wall: float = 0.0
    cpu: float = 0.0

    @property
    def told(self) -> tuple[str, str]:
        return f"{self.wall:.1f}", f"{self.cpu:.1f}"


@contextmanager
def timed() -> Iterator[Took]:
    """Seconds that the block took."""
    took, wall, cpu = Took(), time.perf_counter(), time.process_time()
    yield took
    took.wall, took.cpu = time.perf_counter() - wall, time.process_time() - cpu


def a_second(number: int, took: Took) -> tuple[str, str]:
    return f"{number / took.wall:,.0f}", f"{number / took.cpu:,.0f}"


def landed(hub: Hub, stream: str, rows: Iterator[dict[str, Any]]) -> Took:
    """Seconds, read and landed as a pull lands them while nobody waits."""
    given, whole = iter(rows), Took()
    while part := [row for _, row in zip(range(UNIT), given, strict=False)]:
        with timed() as took:
            incoming, refused = hub.resolver.read_rows("shop", stream, part)
            assert not refused, next(iter(refused.values()))
            with hub.database.unit(urgent=False) as connection:
                listed: list[Incoming] = list(incoming.values())
                hub.resolver.land(connection, "shop", stream, listed, pending=True)
        whole.wall, whole.cpu = whole.wall + took.wall, whole.cpu + took.cpu
    return whole


def people(dice: random.Random, number: int) -> Iterator[dict[str, Any]]:
    for n in range(1, number + 1):
        name = "".join(dice.choices("abcdefghijklmnoprstuvwz", k=8)).title()
        yield {"id": str(n), "first": name, "last": name[::-1].title(), "mail": f"{name}{n}@x.example"}


def day(dice: random.Random) -> str:
    return (
        f"20{dice.randint(20, 26)}-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}T{dice.randint(0, 23):02d}:15:00Z"
    )


def orders(dice: random.Random, owners: Any, prefix: str = "") -> Iterator[dict[str, Any]]:
    for n, owner in enumerate(owners):
        state, channel = dice.choice(("placed", "delivered", "cancelled")), dice.choice(("shop", "phone", "web"))
        total = f"{dice.randint(1, 300)}.{dice.randint(0, 99):02d}"
        yield {"id": f"{prefix}{n}", "owner": owner, "at": day(dice), "state": state, "channel": channel, "total": total, "cur": "EUR"}  # fmt: skip


def calls(dice: random.Random, owners: Any) -> Iterator[dict[str, Any]]:
    for n, owner in enumerate(owners):
        yield {"id": str(n), "owner": owner, "at": day(dice), "outcome": "answered", "spent": f"{dice.randint(1, 20)} min", "note": "asked"}  # fmt: skip


def complaints(dice: random.Random, owners: Any) -> Iterator[dict[str, Any]]:
    for n, owner in enumerate(owners):
        yield {"id": str(n), "owner": owner, "at": day(dice), "state": "open", "channel": "mail", "text": "late again"}


def id_of(hub: Hub, key: str) -> str:
    with hub.database.read() as connection:
        info = landing.record_named(connection, RecordId("shop", "people", key))
    assert info is not None
    return info.mint


def p95(ask: Callable[[Any], object], questions: Sequence[Any]) -> Took:
    """Of the milliseconds that answers took."""
    every = []
    for question in questions:
        with timed() as took:
            ask(question)
        every.append(took)
    place = int(len(every) * 0.95)
    return Took(*(sorted(values)[place] * 1000 for values in ([t.wall for t in every], [t.cpu for t in every])))


def merged(hub: Hub, a: str, b: str, times: int = 9) -> Took:
    """Milliseconds of a merge, each time undone."""
    every = []
    for _ in range(times):
        with timed() as took:
            act = Acts(hub.resolver).do(Merge(a, b), by="bench", reason="measured")
        every.append(took)
        Acts(hub.resolver).undo(act.id, by="bench", why="measured")
    return Took(*(statistics.median(values) * 1000 for values in ([t.wall for t in every], [t.cpu for t in every])))


if __name__ == "__main__":
    typer.run(main)
