"""The live path, measured: `nice python -m benchmarks.live [--records 100000] [--small 10000] [--place DIR] [--hub URL --folder EXPORTS]`.

Loads a hub of N records by the bulk path from Parquet exports of the demo world, serves the real API in a process of its own
(SQLite, `synchronous=FULL`) and measures over HTTP with one kept connection; then in process the cost of an upsert here and in
a small hub, and what a pull ingests when nobody else writes; beside it Splink's own path for one record. Prints tables and
checks, and writes benchmarks/results/live.json.

A hub that is there is used again: in --place by its number of records, or any by its URL and the exports it was loaded from.
Each run adds some thousand records to it.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import orjson
import pyarrow.parquet as pq
import typer

import hub.connectors.registry  # noqa: F401 - makes the kinds of connectors known
from benchmarks import worlds
from benchmarks.report import ROOT, Check, console, print_checks, save, table
from hub.access.authentication import keys
from hub.connectors.base import Page, SourceRow, jsonable
from hub.db import Database
from hub.demo.world import World, generate, people_for
from hub.open import Hub
from hub.resolve.bulk import Bulk
from hub.resolve.resolver import Resolver
from hub.settings import Config, load
from hub.work.pull import Pull

ENV = {
    "BILLING_URL": "sqlite:///unused",
    "CRM_URL": "http://127.0.0.1:9",
    "CRM_TOKEN": "unused",
    "WEB_FOLDER": ".",
    "APP_FOLDER": ".",
}
SYSTEMS = {"billing": "billing", "crm": "crm"}  # source -> role of the key that writes its records
RUN = f"{time.time_ns() // 10**6:x}"  # a hub that is used again gets keys that it has not seen
OFFERED = 600  # records a second that the source of the pull in the background has
PAGE = 60  # rows of its pages
ONE_PULL = 1_500  # rows of one pull: more at once would wait for the bulk path
PUTS_A_SECOND = 10  # while the pull runs
PAGES_A_COMMIT = 19  # of 4 KiB: about what one record adds to the log of SQLite
OF_ONE_RECORD = 100_000  # records that Splink holds

Row = tuple[str, str, str, dict[str, Any]]  # source, stream, key, row
Figures = dict[str, float]


@dataclass(frozen=True)
class Place:
    """A loaded hub: its database, the exports that it was loaded from, and the folder of its secret and audit file."""

    url: str
    exports: str
    folder: str

    @cached_property
    def config(self) -> Config:
        access = load(ROOT / "config", ENV).access
        return worlds.config_over(Path(self.exports)).model_copy(update={"access": access})

    def resolver(self) -> Resolver:
        return Resolver(Database(self.url), self.config)


# --- loading -------------------------------------------------------------------------------------------------------


def loaded(folder: Path, records: int) -> tuple[Place, float]:
    """A hub of about so many records, by the bulk path; seconds it took to load (0: it was there)."""
    folder.mkdir(parents=True, exist_ok=True)
    place = Place(f"sqlite:///{folder / 'hub.sqlite'}", str(folder / "exports"), str(folder))
    if (folder / "loaded").exists():
        return place, 0.0
    for old in folder.glob("hub.sqlite*"):
        old.unlink()
    worlds.write_exports(generate(people_for(records), seed=1), folder / "exports")
    started = time.perf_counter()
    resolver = worlds.fresh_hub(place.url, place.config)
    worlds.pull_all(resolver)
    Bulk(resolver).run()
    resolver.database.close()
    (folder / "loaded").write_text("")
    took = time.perf_counter() - started
    console.print(f"loaded {records:,} records in {took:.0f} s")
    return place, took


def fresh_rows(config: Config, count: int, seed: int) -> list[Row]:
    """Rows of another world: most are new customers, some namesakes of those who are there."""
    world: World = generate(max(500, count), seed=seed)
    found: list[Row] = []
    for name, rows in world.tables().items():
        if name.partition("/")[0] in SYSTEMS:
            found += _rows(config, name, rows.slice(0, count), mark=f"B{RUN}-{seed}-")
    random.Random(seed).shuffle(found)
    return found[:count]


def known_rows(place: Place, count: int, seed: int) -> list[Row]:
    """Rows that are there already, with another telephone number and a newer version."""
    dice = random.Random(seed)
    found: list[Row] = []
    for file in sorted(Path(place.exports).glob("*/*.parquet")):
        source, stream = file.parent.name, file.stem
        if source not in SYSTEMS:
            continue
        rows = pq.read_table(file)
        chosen = dice.sample(
            range(rows.num_rows),
            min(
                rows.num_rows,
                count if place.config.sources[source].streams[stream].customer == "person" else count // 8,
            ),
        )
        for row in _rows(place.config, f"{source}/{stream}", rows.take(chosen)):
            given = place.config.sources[source].streams[stream]
            row[3][str(given.version)] = (datetime.now(UTC) + timedelta(seconds=dice.randrange(1, 10**6))).isoformat()
            phone = str(given.map["phone"]).strip('[]"')
            number = f"+4915{dice.randrange(10**9):09}"
            row[3][phone] = [number] if isinstance(row[3][phone], list) else number
            found.append(row)
    dice.shuffle(found)
    return found[:count]


def _rows(config: Config, name: str, rows: Any, mark: str = "") -> list[Row]:
    source, stream = name.split("/")
    key = config.sources[source].streams[stream].key
    listed = [jsonable(row) for row in rows.to_pylist()]
    return [(source, stream, f"{mark}{row[key]}", {**row, key: f"{mark}{row[key]}"}) for row in listed]


class Offered:
    """A source in memory: hands out its rows, at no more than a rate."""

    def __init__(self, rows: Sequence[dict[str, Any]], rate: float = float("inf")):
        self.rows, self.rate = rows, rate

    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        size = PAGE if self.rate < float("inf") else ONE_PULL
        started = time.perf_counter()
        for at in range(0, len(self.rows), size):
            time.sleep(max(0.0, at / self.rate - (time.perf_counter() - started)))
            rows = tuple(SourceRow(r, f"row {at + n}") for n, r in enumerate(self.rows[at : at + size]))
            yield Page(rows, cursor, complete=at + size >= len(self.rows))  # the stream's own cursor stays as it is

    def close(self) -> None: ...

    def discover(self) -> list[Any]:
        return []

    def write(self, stream: str, writes: Any) -> list[Any]:
        return []


def pulls(resolver: Resolver, rows: Sequence[Row], rate: float = float("inf")) -> Iterator[int]:
    """Rows through pulls that resolve at once; how many each landed."""
    streams: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for source, stream, _, row in rows:
        streams.setdefault((source, stream), []).append(row)
    for (source, stream), listed in streams.items():
        for at in range(0, len(listed), ONE_PULL):
            pulled = Pull(resolver, source, stream, complete=False).run(
                Offered(listed[at : at + ONE_PULL], rate), live=True
            )
            if pulled.error or pulled.quarantined:
                raise RuntimeError(pulled.error or json.dumps(pulled.reasons))
            yield pulled.landed


# --- serving -------------------------------------------------------------------------------------------------------


def serve(place: Place, port: int) -> None:
    """The server process: the real application, and a pull in the background while a file says so."""
    import uvicorn

    from hub.app import create_app, steady

    hub = Hub.open(Database(place.url), place.config, Path(place.folder))
    threading.Thread(target=_pull, args=(hub.resolver, Path(place.folder)), daemon=True).start()
    app = create_app(hub)
    with steady():
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def _pull(resolver: Resolver, folder: Path) -> None:
    """While `offered.jsonl` is there: pull its rows; what was landed and when is told line by line."""
    offered, told, parent = folder / "offered.jsonl", folder / "pulled", os.getppid()
    while True:
        if os.getppid() != parent:
            os._exit(1)  # who measured is gone
        if not offered.exists():
            time.sleep(0.05)
            continue
        rows = [tuple(orjson.loads(line)) for line in offered.read_bytes().splitlines()]
        watched = _Watched(resolver, told, offered)
        try:
            for _ in pulls(watched, rows, OFFERED):
                pass
        except _Enough:
            pass
        offered.unlink(missing_ok=True)


class _Enough(Exception):
    """Ends the pull in the background."""


class _Watched(Resolver):
    """Tells how many records were settled by when."""

    def __init__(self, resolver: Resolver, told: Path, offered: Path):
        super().__init__(resolver.database, resolver.config)
        self.told, self.offered, self.done = told, offered, 0
        self.started = time.time()

    def settle_landed(self, connection: Any, source: str, stream: str, landed: Any, made: Any) -> None:
        super().settle_landed(connection, source, stream, landed, made)
        self.done += len(landed)
        part = self.told.with_suffix(".part")
        part.write_text(json.dumps([self.done, time.time() - self.started]))
        part.rename(self.told)
        if not self.offered.exists():
            raise _Enough


@contextmanager
def server(place: Place) -> Iterator[tuple[int, int]]:
    """Port and process number of a running server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.live", "--serve", json.dumps({"place": asdict(place), "port": port})],
        cwd=ROOT,
    )
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                raise RuntimeError("the server ended")
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


class Client:
    """One kept connection."""

    def __init__(self, port: int, tokens: dict[str, str]):
        self.connection, self.tokens = http.client.HTTPConnection("127.0.0.1", port), tokens
        self.connect()

    def connect(self) -> None:
        """Anew: a server closes a connection that was silent for some seconds."""
        self.connection.close()
        self.connection.connect()
        assert self.connection.sock is not None
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, method: str, path: str, who: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Content-Type": "application/json"}
        self.connection.request(method, path, None if body is None else orjson.dumps(body), headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return orjson.loads(content)

    def put(self, row: Row) -> Callable[[], Any]:
        source, stream, key, body = row
        return lambda: self.ask("PUT", f"/v1/sources/{source}/{stream}/records/{key}", source, body)


def tokens(place: Place) -> dict[str, str]:
    database = Database(place.url)
    made = {
        source: keys.create_key(database, place.config, f"bench {source}", role, source=source)[0]
        for source, role in SYSTEMS.items()
    }
    made["steward"] = keys.create_key(database, place.config, "bench", "steward")[0]
    database.close()
    return made


def some_customers(place: Place, count: int) -> list[str]:
    """Ids of customers from all over the hub."""
    database = Database(place.url)
    with database.read() as connection:
        last = connection.exec_driver_sql("SELECT max(rid) FROM record").scalar() or 0
        dice = random.Random(7)
        wanted = ",".join(str(dice.randint(1, last)) for _ in range(count))
        query = f"SELECT c.id FROM membership m JOIN customer c ON c.cluster = m.cluster WHERE m.rid IN ({wanted})"
        found = [r[0] for r in connection.exec_driver_sql(query)]
    database.close()
    return found


# --- measuring -----------------------------------------------------------------------------------------------------


def timed(what: str, acts: Sequence[Callable[[], Any]], pause: Callable[[], float] = lambda: 0.0) -> Figures:
    """Milliseconds: the middle, the 95th and the 99th of a hundred."""
    took = []
    for act in acts:
        time.sleep(pause())
        started = time.perf_counter()
        act()
        took.append((time.perf_counter() - started) * 1000)
    took.sort()
    found = {
        "n": len(took),
        "p50": took[len(took) // 2],
        "p95": took[int(len(took) * 0.95)],
        "p99": took[int(len(took) * 0.99)],
        "mean": statistics.fmean(took),
    }
    console.print(
        f"  {what:44} p50 {found['p50']:8.1f}   p95 {found['p95']:8.1f}   p99 {found['p99']:8.1f} ms   load {os.getloadavg()[0]:.1f}"
    )
    return found


def on_disk(place: Place, count: int) -> Figures:
    """What the disk itself takes to keep what a commit of one record writes: no commit is faster."""
    file = os.open(Path(place.folder) / "synced", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    pages = bytes(4096 * PAGES_A_COMMIT)

    def one() -> None:
        os.write(file, pages)
        os.fdatasync(file)

    try:
        return timed(f"{PAGES_A_COMMIT} pages written and synced, no hub", [one] * count)
    finally:
        os.close(file)
        (Path(place.folder) / "synced").unlink()


def over_http(place: Place, count: int) -> dict[str, Any]:
    """Requests of one client, one after the other."""
    keys, config = tokens(place), place.config
    ids = some_customers(place, count)
    now = datetime.now(UTC)
    then, before = (t.isoformat().replace("+00:00", "Z") for t in (now, now - timedelta(days=365)))
    found: dict[str, Any] = {"the disk alone": on_disk(place, count)}
    with server(place) as (port, pid):
        client = Client(port, keys)
        for row in fresh_rows(config, 100, 14):
            client.put(row)()

        def read(what: str, words: str = "") -> None:
            found[what] = timed(
                what, [lambda i=i: client.ask("GET", f"/v1/customers/{i}{words}", "steward") for i in ids]
            )

        found["PUT a new record"] = timed("PUT a new record", [client.put(r) for r in fresh_rows(config, count, 11)])
        found["PUT a changed record"] = timed(
            "PUT a changed record", [client.put(r) for r in known_rows(place, count, 12)]
        )
        probes = [{"source": r[0], "stream": r[1], "record": r[3]} for r in fresh_rows(config, count, 15)]
        found["POST /match"] = timed(
            "POST /match", [lambda p=p: client.ask("POST", "/v1/match", p["source"], p) for p in probes]
        )
        read("GET a customer")
        read("GET a customer with lineage", "?lineage=true")
        read("GET a customer, known_at", f"?lineage=true&known_at={then}")
        read("GET a customer, as_of", f"?lineage=true&as_of={before}")
        found["GET the review queue, first"] = timed(
            "GET the review queue, first", [lambda: client.ask("GET", "/v1/reviews/queue?limit=20", "steward")]
        )
        found["GET the review queue"] = timed(
            "GET the review queue", [lambda: client.ask("GET", "/v1/reviews/queue?limit=20", "steward")] * 20
        )
        found["GET the reviews in order"] = timed(
            "GET the reviews in order", [lambda: client.ask("GET", "/v1/reviews?limit=20", "steward")] * 20
        )
        found["PUT while a pull ingests"], found["pull meanwhile, records/s"] = while_pulling(place, client, count)
        status = Path(f"/proc/{pid}/status").read_text()
        found["server memory, MB"] = int(status.split("VmRSS:")[1].split()[0]) / 1024
    return found


def while_pulling(place: Place, client: Client, count: int) -> tuple[Figures, float]:
    """PUTs now and then while the server pulls; what the pull landed a second in that time."""
    folder, dice = Path(place.folder), random.Random(17)
    offered, told = folder / "offered.jsonl", folder / "pulled"
    rows = fresh_rows(place.config, max(2_000, int(2 * OFFERED * count / PUTS_A_SECOND)), 13)
    told.unlink(missing_ok=True)
    (folder / "offered.part").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    puts = [client.put(r) for r in fresh_rows(place.config, count, 16)]
    client.connect()
    (folder / "offered.part").rename(offered)
    while not told.exists():
        time.sleep(0.05)
    time.sleep(1)
    done, at = json.loads(told.read_text())
    found = timed("PUT while a pull ingests", puts, lambda: dice.uniform(0, 2 / PUTS_A_SECOND))
    later, end = json.loads(told.read_text())
    offered.unlink(missing_ok=True)
    time.sleep(1)
    rate = (later - done) / (end - at)
    console.print(f"  the pull landed {rate:.0f} records/s meanwhile")
    return found, rate


def in_process(place: Place, count: int, *, ingest: int = 0) -> dict[str, Any]:
    """Upserts without HTTP: what one costs; and what pulls ingest when nobody else writes."""
    from hub.app import steady

    resolver = place.resolver()
    for row in fresh_rows(place.config, 50, 20):
        resolver.upsert(*row[:2], [row[3]])
    with steady():
        rows = fresh_rows(place.config, count, 21)
        cpu = time.process_time()
        one = timed("upsert without HTTP", [lambda r=r: resolver.upsert(r[0], r[1], [r[3]]) for r in rows])
        one["cpu"] = (time.process_time() - cpu) * 1000 / count
        found: dict[str, Any] = {"upsert": one}
        if ingest:
            waiting = fresh_rows(place.config, ingest, 22)
            time.sleep(1.5)  # or the upserts before it would count as requests of this time
            started, cpu = time.perf_counter(), time.process_time()
            done = sum(pulls(resolver, waiting))
            found["ingest"] = {
                "records": done,
                "records/s": done / (time.perf_counter() - started),
                "records/s of CPU": done / (time.process_time() - cpu),
            }
            console.print(
                f"  a pull alone ingests {found['ingest']['records/s']:.0f} records/s ({found['ingest']['records/s of CPU']:.0f} a second of CPU)"
            )
    resolver.database.close()
    return found


def splink_one_record(records: int, count: int) -> Figures:
    """Splink's path for one record: `predict_between` of a table of one and the table of all, by the settings of its own demo."""
    import logging

    import pyarrow as pa

    from benchmarks import peers, sets

    logging.disable(logging.WARNING)
    table = pa.Table.from_pandas(sets.world_frame(generate(people_for(records), seed=1)), preserve_index=False)
    linker = peers.trained_linker(table, sets.world_settings(sets.WORLD, table.num_rows), {}, [])
    for column in ("given_name", "family_name", "name", "phone", "street"):
        linker.table_management.compute_tf_table(column)
    everybody, rows = next(iter(linker._input_tables_dict.values())), table.drop_columns(["source_dataset"])
    at = rows.schema.names.index("unique_id")

    def one(number: int) -> None:
        row = rows.slice(number * 7 % rows.num_rows, 1).set_column(at, "unique_id", pa.array([10**9 + number]))
        new = linker._db_api.register(row, table_name=f"new_{number}")
        linker.inference.predict_between(new, everybody, threshold_match_weight=0).as_record_list()

    one(0)
    return timed("predict_between", [lambda n=n: one(n) for n in range(1, count + 1)])


# --- what is to be reached ------------------------------------------------------------------------------------------

BOUNDS = {
    "PUT a new record": {"p50": 8, "p95": 25, "p99": 60},
    "PUT a changed record": {"p50": 8, "p95": 25, "p99": 60},
    "PUT while a pull ingests": {"p95": 50},
    "POST /match": {"p95": 15},
    "GET a customer with lineage": {"p95": 5},
    "GET a customer, known_at": {"p95": 20},
    "GET a customer, as_of": {"p95": 20},
}


def checks(found: dict[str, Any]) -> list[Check]:
    listed = [
        Check(f"{what}, {at} in ms", found["http"][what][at], bound, at_least=False)
        for what, bounds in BOUNDS.items()
        for at, bound in bounds.items()
    ]
    listed.append(Check("records/s of the pull meanwhile", found["http"]["pull meanwhile, records/s"], 500))
    listed.append(Check("records/s of a pull alone", found["in_process"]["ingest"]["records/s"], 1000))
    listed.append(
        Check(
            "cost of an upsert here / in the small hub (p50)",
            found["in_process"]["upsert"]["p50"] / found["in_process_small"]["upsert"]["p50"],
            2,
            at_least=False,
        )
    )
    listed.append(
        Check(
            "the same in CPU",
            found["in_process"]["upsert"]["cpu"] / found["in_process_small"]["upsert"]["cpu"],
            2,
            at_least=False,
        )
    )
    if "splink" in found:
        listed.append(
            Check(
                f"times faster than Splink with {OF_ONE_RECORD:,} records",
                found["splink"]["p50"] / found["in_process"]["upsert"]["p50"],
                50,
            )
        )
    listed.append(Check("memory of the server in MB", found["http"]["server memory, MB"], 1024, at_least=False))
    return listed


def main(
    records: Annotated[int, typer.Option(help="of the hub to load, or to use again")] = 100_000,
    small: Annotated[int, typer.Option(help="of the hub that its cost is compared with")] = 10_000,
    count: Annotated[int, typer.Option(help="requests of each sort")] = 400,
    place: Annotated[Path, typer.Option(help="where loaded hubs are kept")] = Path(tempfile.gettempdir())
    / "hub-bench-live",
    hub: Annotated[str, typer.Option(help="a hub that is loaded already: sqlite:///path")] = "",
    folder: Annotated[Path | None, typer.Option(help="the exports that it was loaded from")] = None,
    splink: Annotated[bool, typer.Option(help="measure Splink's path too")] = True,
    serve_: Annotated[str, typer.Option("--serve", hidden=True)] = "",
) -> None:
    """Measure the live path."""
    if serve_:
        given = json.loads(serve_)
        serve(Place(**given["place"]), given["port"])
        return
    found: dict[str, Any] = {"records": records, "small": small}
    if hub:
        if folder is None:
            raise typer.BadParameter("a hub needs the exports that it was loaded from", param_hint="--folder")
        large = Place(hub, str(folder), str(place))
        place.mkdir(parents=True, exist_ok=True)
        with Database(hub).read() as connection:
            found["records"] = connection.exec_driver_sql("SELECT count(*) FROM record").scalar()
    else:
        large, found["load_seconds"] = loaded(place / str(records), records)
    little, _ = loaded(place / str(small), small)
    console.rule(f"{found['records']:,} records, over HTTP")
    found["http"] = over_http(large, count)
    console.rule("in process, here and in the small hub")
    found["in_process"] = in_process(large, count, ingest=20 * count)
    found["in_process_small"] = in_process(little, count)
    if splink:
        console.rule("Splink's predict_between, one record")
        found["splink"] = splink_one_record(OF_ONE_RECORD, 20)
    rows = [
        (what, *(f"{f[at]:.1f}" for at in ("p50", "p95", "p99")))
        for what, f in found["http"].items()
        if isinstance(f, dict)
    ]
    table(f"milliseconds, {found['records']:,} records", ("request", "p50", "p95", "p99"), rows)
    print_checks(checks(found))
    console.print(f"written to {save('live', **found, checks=[c.as_dict() for c in checks(found)])}")


if __name__ == "__main__":
    typer.run(main)
