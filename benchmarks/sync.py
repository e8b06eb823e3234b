"""The ways out, measured: `nice python -m benchmarks.sync [--customers 5000] [--subscribers 50] [--events 200]`.

Loads a hub of N customers (SQLite, `synchronous=FULL`) and reads it by the feed and by a snapshot, beside reading the same
rows alone, in processor seconds; then sends webhooks to subscribers of a receiver in a process of its own: all of them well, one of them dead, and
one change at a time on an idle hub; then lets two systems that are read and written change. Prints tables and checks, and writes benchmarks/results/sync.json.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import orjson
import psutil
import typer

import hub.connectors.registry  # noqa: F401 - makes the kinds of connectors known
from benchmarks.loop import loop
from benchmarks.report import ROOT, Check, console, print_checks, save, table
from hub.access.authentication.principals import Principal
from hub.access.snapshots import Selection, Snapshots
from hub.api import many
from hub.api import snapshots as api
from hub.app import steady
from hub.db import Database
from hub.delivery.addresses import VARIABLE, allowed_networks
from hub.delivery.subscriptions import Subscriptions, Wish
from hub.delivery.webhook_sending import Webhooks
from hub.migrations import upgrade
from hub.open import Hub
from hub.settings import Access, Config, CustomerType, Source
from hub.work import cycle

LOOPBACK = allowed_networks({VARIABLE: "127.0.0.0/8"})
ASKER = Principal("bench", "bench", "staff", "reader")
PERSON = {
    "name": "person",
    "attributes": {
        "given_name": {"kind": "given_name"},
        "family_name": {"kind": "family_name"},
        "email": {"kind": "email", "many": True, "survivorship": "union"},
        "phone": {"kind": "phone"},
        "occupation": {"kind": "text", "matching": False},
    },
    "matching": {"rules": [["email"]]},
}
MAP = {a: a for a in ("given_name", "family_name", "email", "phone", "occupation")}
ROUNDS = 5  # of reading, each beside the rows alone: the median counts
LOOK_SECONDS = 0.05  # as the serving process looks


def config(folder: Path) -> Config:
    stream = {"customer": "person", "key": "id", "version": "v", "verified": "all", "map": MAP}
    source = {"name": "bill", "connector": {"kind": "file", "path": "drop"}, "streams": {"people": stream}}
    role = {"views": {"person": {"*": "show"}}, "may": ["read", "subscribe"]}
    return Config(
        folder=folder,
        customers={"person": CustomerType.model_validate(PERSON)},
        access=Access.model_validate({"roles": {"reader": role}}),
        sources={"bill": Source.model_validate(source)},
    )


def person(number: int, version: int = 1) -> dict[str, Any]:
    return {
        "id": str(number),
        "v": version,
        "given_name": ("Anna", "Berta", "Carla", "Dora")[number % 4],
        "family_name": f"Maier{number}",
        "email": f"p{number}@example.com",
        "phone": f"+4915{number:09}",
        "occupation": f"job {version}",
    }


def drop(folder: Path, numbers: Iterable[int], version: int = 1) -> None:
    """The file that the source's next pull reads."""
    (folder / "drop").mkdir(parents=True, exist_ok=True)
    with (folder / "drop" / f"people-{version}.jsonl").open("w") as file:
        file.writelines(json.dumps(person(n, version)) + "\n" for n in numbers)


def load(folder: Path, customers: int) -> Hub:
    """A hub with so many customers, each with one change."""
    drop(folder, range(customers))
    database = Database(f"sqlite:///{folder / 'hub.sqlite'}")
    upgrade(database)
    made = Hub.open(database, config(folder), folder / "var")
    pulled = cycle.pull(made.resolver)
    if pulled[0].error or pulled[0].quarantined:
        raise RuntimeError(pulled[0].error or str(pulled[0].reasons))
    cycle.match(made.resolver)
    return made


# --- reading -------------------------------------------------------------------------------------------------------


def rows_alone(made: Hub) -> float:
    """Processor seconds to read the outbox and the customers, and nothing else."""
    started = time.process_time()
    with made.database.read() as connection:
        for query in ("SELECT * FROM change ORDER BY seq", "SELECT id, type, version, body FROM customer ORDER BY id"):
            for row in connection.exec_driver_sql(query):
                _ = [orjson.loads(v) for v in row if isinstance(v, str) and v[:1] in "[{"]
    return time.process_time() - started


def feed(made: Hub) -> tuple[int, float]:
    """Changes, and the processor seconds that one consumer took for them, each page as the bytes of its answer."""
    started, count, cursor = time.process_time(), 0, None
    while (page := made.reader.changes(ASKER, cursor=cursor, limit=200)).data:
        count, cursor = count + len(page.data), page.next_cursor
        many.changes(page)
    return count, time.process_time() - started


def snapshot(made: Hub) -> tuple[int, float, float]:
    """Customers, processor seconds, and MiB that the process grew by between the first page and the last."""
    started, count, process = time.process_time(), 0, psutil.Process()
    first = most = 0
    for page in Snapshots(made.reader).take(ASKER, Selection()):
        count += len(page.customers)
        api._lines(page, count)
        most = max(most, process.memory_info().rss)
        first = first or most
    return count, time.process_time() - started, (most - first) / 2**20


# --- sending -------------------------------------------------------------------------------------------------------


def receive() -> None:
    """The receiver's process: answers 204 on every path, and prints a line for each event: time, path, customer, version."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            data = body["data"]
            with lock:
                print(time.time(), self.path, data.get("customer"), data.get("version"), flush=True)
            self.wfile.write(b"HTTP/1.1 204 No Content\r\n\r\n")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 256
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


class Receiver:
    """What the receiver's process got: (time, path, customer, version)."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sync", "--receive"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.got: list[tuple[float, str, str, int]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            at, path, customer, version = line.split()
            self.got.append((float(at), path, customer, int(version)))

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


@contextmanager
def sending(made: Hub) -> Iterator[Webhooks]:
    sender, ended = Webhooks(made.reader, LOOPBACK), threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            sender.start()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield sender
    finally:
        ended.set()
        thread.join()
        sender.close()


def subscribe(made: Hub, urls: list[str], *, from_start: bool) -> None:
    subs = Subscriptions(made.reader, LOOPBACK)
    for one in subs.all(ASKER):
        subs.remove(ASKER, one.id)
    for n, url in enumerate(urls):
        subs.create(ASKER, Wish(f"s{n}", url, from_start=from_start))


def deliver(made: Hub, receiver: Receiver, subscribers: int, customers: int, *, dead: bool) -> dict[str, float]:
    """All changes to every subscriber; with `dead`, to one more that does not answer."""
    urls = [f"http://127.0.0.1:{receiver.port}/{n}" for n in range(subscribers)]
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:  # takes connections, and says nothing
        if dead:
            urls.append(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        subscribe(made, urls, from_start=True)
        receiver.got.clear()
        wanted, started = subscribers * customers, time.time()
        with sending(made):
            while len(receiver.got) < wanted and time.time() - started < 600:
                time.sleep(0.01)
            seconds = max((at for at, *_ in receiver.got), default=started) - started
            for one in Subscriptions(made.reader).all(ASKER):
                Subscriptions(made.reader).set_state(ASKER, one.id, "paused")
    order: dict[tuple[str, str], list[int]] = defaultdict(list)
    for _, path, customer, version in receiver.got:
        order[path, customer].append(version)
    return {
        "events": len(receiver.got),
        "a_second": len(receiver.got) / seconds,
        "lost": wanted - sum(len(set(v)) for v in order.values()),
        "out_of_order": sum(v != sorted(v) for v in order.values()),
    }


def latency(made: Hub, receiver: Receiver, events: int) -> list[float]:
    """Seconds from the commit of one change on an idle hub until its webhook is there."""
    subscribe(made, [f"http://127.0.0.1:{receiver.port}/idle"], from_start=False)
    found = []
    with sending(made):
        for n in range(events):
            receiver.got.clear()
            made.resolver.upsert("bill", "people", [person(n, version=n + 1000)])
            committed = time.time()
            while not receiver.got and time.time() - committed < 10:
                time.sleep(0.001)
            found.append(receiver.got[0][0] - committed)
            time.sleep(0.02)
    return found


def main(
    customers: Annotated[int, typer.Option(help="of the hub that is read")] = 5000,
    subscribers: int = 50,
    events: Annotated[int, typer.Option(help="changes of the idle hub")] = 100,
    sent: Annotated[int, typer.Option(help="changes that each subscriber is sent")] = 200,
    changes_: Annotated[int, typer.Option("--changes", help="of two systems that are read and written")] = 10_000,
    receive_: Annotated[bool, typer.Option("--receive", hidden=True)] = False,
) -> None:
    if receive_:
        receive()
        return
    with tempfile.TemporaryDirectory() as folder:
        made = load(Path(folder) / "read", customers)
        with steady():  # as the serving process does
            rounds = [(rows_alone(made), *feed(made), *snapshot(made)) for _ in range(ROUNDS)]
            alone, changes, feed_seconds, seen, snapshot_seconds, _ = map(statistics.median, zip(*rounds, strict=True))
            times, grown = statistics.median(r[2] / r[0] for r in rounds), rounds[0][-1]
        made.close()
        few, receiver = load(Path(folder) / "sent", sent), Receiver()
        try:
            well = deliver(few, receiver, subscribers, sent, dead=False)
            beside = deliver(few, receiver, subscribers - 1, sent, dead=True)
            waits = latency(few, receiver, events)
        finally:
            receiver.close()
            few.close()
        looped = loop(Path(folder) / "loop", changes_)
    p95 = statistics.quantiles(waits, n=20)[-1] * 1000
    table(
        f"{customers:,} customers read; {subscribers} subscribers are sent {sent:,} changes each",
        ("way out", "how many", "a second"),
        (
            ("rows alone", f"{changes:,}", f"{changes / alone:,.0f}"),
            ("feed", f"{changes:,}", f"{changes / feed_seconds:,.0f}"),
            ("snapshot", f"{seen:,}", f"{seen / snapshot_seconds:,.0f}"),
            ("webhooks", f"{well['events']:,}", f"{well['a_second']:,.0f}"),
            ("webhooks, one more subscriber silent", f"{beside['events']:,}", f"{beside['a_second']:,.0f}"),
            ("writes of a two-way loop", f"{looped.writes:,}", f"{looped.writes / looped.seconds:,.0f}"),
        ),
    )
    checks = [
        Check("feed, changes a processor second", changes / feed_seconds, 20_000),
        Check("feed, times the time of the rows alone", times, 3, at_least=False),
        Check("snapshot, customers a processor second", seen / snapshot_seconds, 15_000),
        Check("snapshot, MiB that memory grows", grown, 30, at_least=False),
        Check("webhooks a second", well["a_second"], 800),
        Check("webhooks lost", well["lost"] + beside["lost"], 0, at_least=False),
        Check("customers told out of order", well["out_of_order"] + beside["out_of_order"], 0, at_least=False),
        Check("rate beside a silent subscriber", beside["a_second"] / well["a_second"], 0.95),
        Check("committed to received, p95 in ms", p95, 150, at_least=False),
        Check("two-way loop, changes that did not arrive", looped.missing, 0, at_least=False),
        Check("two-way loop, echo writes", looped.echoes, 0, at_least=False),
        Check("two-way loop, writes of one changed field", looped.most, 1, at_least=False),
        Check("two-way loop, writes for a change", looped.writes / changes_, 1, at_least=False),
    ]
    print_checks(checks)
    path = save("sync", checks=[c.as_dict() for c in checks], well=well, beside=beside, latency=sorted(waits))
    console.print(f"written: {path}")


if __name__ == "__main__":
    typer.run(main)
