"""The live path, measured: `nice python -m benchmarks.live [--records 100000] [--small 10000] [--folder DIR] [--no-splink]`.

Builds a hub of N records by the bulk path, serves the real API in a process of its own on SQLite with
`synchronous=FULL`, and measures over HTTP; beside it Splink's own path for one record. Prints a table and
writes benchmarks/results/live.json. A hub built before in --folder is used again.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from hub.access import principals
from hub.api.hub import Hub
from hub.bulk import Bulk
from hub.db import Database
from hub.demo.world import World, generate, people_for
from hub.resolve import Resolver
from hub.settings import Config, load

ENV = {"BILLING_URL": "sqlite:///unused", "CRM_URL": "http://127.0.0.1:9", "CRM_TOKEN": "unused", "WEB_FOLDER": ".", "APP_FOLDER": "."}
RESULTS = Path(__file__).parent / "results" / "live.json"
SYSTEMS = {"billing": "billing", "crm": "crm"}  # source -> role of the key that writes its records
RUN = f"{time.time_ns() // 10**9:x}"  # a hub that is used again gets keys that it has not seen
PULL_RATE = 600  # records a second that the pull in the background offers

Row = tuple[str, str, str, dict[str, Any]]  # source, stream, key, row


def configuration() -> Config:
    return load(Path("config"), ENV)


# --- building ------------------------------------------------------------------------------------------------------


def build(folder: Path, records: int, config: Config) -> float:
    """A hub of about so many records by the bulk path; seconds it took (0: it was there)."""
    if (folder / "built").exists():
        return 0.0
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    started = time.perf_counter()
    database = Database(f"sqlite:///{folder / 'hub.sqlite'}")
    database.upgrade()
    resolver = Resolver(database, config)
    for name, table in generate(people_for(records), seed=1).tables().items():
        source, stream = name.split("/")
        for batch in table.to_batches(5_000):
            incoming, _ = resolver.read_rows(source, stream, batch.to_pylist())
            with database.unit() as connection:
                resolver.land(connection, source, stream, list(incoming.values()), pending=True)
    Bulk(resolver, progress=lambda step, done, of: print(f"  {step} {done:,} of {of:,}      ", end="\r", flush=True)).run()
    database.close()
    (folder / "built").write_text("")
    print(f"built {records:,} records in {time.perf_counter() - started:.0f} s" + " " * 30)
    return time.perf_counter() - started


def fresh_rows(config: Config, count: int, seed: int) -> list[Row]:
    """Rows of another world: most are new people, some namesakes of those who are there."""
    return _rows(config, generate(max(500, count), seed=seed), count, seed, mark=f"B{RUN}-{seed}-")


def known_rows(config: Config, records: int, count: int, seed: int) -> list[Row]:
    """Rows that are there already, with another telephone number and a newer version."""
    rows = _rows(config, generate(people_for(records), seed=1), count, seed)
    dice = random.Random(seed)
    for source, stream, _, row in rows:
        given = config.sources[source].streams[stream]
        version, phone = str(given.version), str(given.map.get("phone", "")).strip("@[]")
        row[version] = (datetime.now(UTC) + timedelta(seconds=dice.randrange(1, 10**6))).isoformat()
        if phone in row:
            number = f"+4915{dice.randrange(10**9):09}"
            row[phone] = [number] if isinstance(row[phone], list) else number
    return rows


def _rows(config: Config, world: World, count: int, seed: int, mark: str = "") -> list[Row]:
    found: list[Row] = []
    for name, table in world.tables().items():
        source, stream = name.split("/")
        if source not in SYSTEMS:
            continue
        key = config.sources[source].streams[stream].key
        chosen = random.Random(seed).sample(range(table.num_rows), min(table.num_rows, count))
        for row in table.take(chosen).to_pylist():
            row = json.loads(orjson.dumps(row, default=str))
            row[key] = f"{mark}{row[key]}"
            found.append((source, stream, row[key], row))
    random.Random(seed).shuffle(found)
    return found[:count]


# --- serving -------------------------------------------------------------------------------------------------------


def serve(folder: Path, port: int) -> None:
    """The server process: the real application, and a pull in the background while a file says so."""
    import uvicorn

    from hub.app import create_app, steady

    config = configuration()
    database = Database(f"sqlite:///{folder / 'hub.sqlite'}")
    hub = Hub.open(database, config, folder)
    threading.Thread(target=_pull, args=(hub.resolver, folder), daemon=True).start()
    app = create_app(hub)
    with steady():
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def _pull(resolver: Resolver, folder: Path) -> None:
    """While `pull.jsonl` is there: land its rows in batches of 50 as a pull does, at no more than PULL_RATE."""
    path, told = folder / "pull.jsonl", folder / "pull.rate"
    while True:
        if not path.exists():
            time.sleep(0.05)
            continue
        rows: dict[tuple[str, str], list[Any]] = {}
        for line in path.read_text().splitlines():
            source, stream, _, row = json.loads(line)
            rows.setdefault((source, stream), []).append(row)
        started, done = time.perf_counter(), 0
        for (source, stream), listed in rows.items():
            for at in range(0, len(listed), 50):
                if not path.exists():
                    break
                resolver.upsert(source, stream, listed[at : at + 50], urgent=False)
                done += len(listed[at : at + 50])
                told.write_text(str(done / (time.perf_counter() - started)))
                time.sleep(max(0.0, done / PULL_RATE - (time.perf_counter() - started)))
        path.unlink(missing_ok=True)


@contextmanager
def server(folder: Path) -> Iterator[tuple[int, int]]:
    """Port and process number of a running server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.live", "--serve", str(port), "--folder", str(folder)])
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

    def ask(self, method: str, path: str, who: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Content-Type": "application/json"}
        self.connection.request(method, path, None if body is None else orjson.dumps(body), headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return orjson.loads(content)


def tokens(folder: Path, config: Config) -> dict[str, str]:
    database = Database(f"sqlite:///{folder / 'hub.sqlite'}")
    made = {source: principals.create_key(database, config, f"bench {source}", role, source=source)[0] for source, role in SYSTEMS.items()}
    made["steward"] = principals.create_key(database, config, "bench", "steward")[0]
    database.close()
    return made


# --- measuring -----------------------------------------------------------------------------------------------------


def timed(acts: Sequence[Callable[[], Any]]) -> dict[str, float]:
    """Milliseconds: the middle, the 95th and the 99th of a hundred."""
    took = []
    for act in acts:
        started = time.perf_counter()
        act()
        took.append((time.perf_counter() - started) * 1000)
    took.sort()
    print(f"  measured {len(took)} in {sum(took) / 1000:.1f} s, p50 {took[len(took) // 2]:.1f} ms", flush=True)
    return {"n": len(took), "p50": took[len(took) // 2], "p95": took[int(len(took) * 0.95)], "p99": took[int(len(took) * 0.99)], "mean": statistics.fmean(took)}


def put(client: Client, row: Row) -> Callable[[], Any]:
    source, stream, key, body = row
    return lambda: client.ask("PUT", f"/v1/sources/{source}/{stream}/records/{key}", source, body)


def over_http(folder: Path, config: Config, records: int, count: int) -> dict[str, Any]:
    keys = tokens(folder, config)
    new, known = fresh_rows(config, count, 11), known_rows(config, records, count, 12)
    waiting = fresh_rows(config, min(20_000, 20 * count), 13)
    found: dict[str, Any] = {}
    with server(folder) as (port, pid):
        client = Client(port, keys)
        warm = [put(client, r)() for r in fresh_rows(config, 50, 14)]
        ids = [a["customer"] for a in warm if a["customer"]]
        found["PUT, new record"] = timed([put(client, r) for r in new])
        found["PUT, known record changed"] = timed([put(client, r) for r in known])
        probes = fresh_rows(config, count, 15)
        found["POST /match"] = timed([lambda r=r: client.ask("POST", "/v1/match", r[0], {"source": r[0], "stream": r[1], "record": r[3]}) for r in probes])
        some = [random.Random(n).choice(ids) for n in range(count)]
        found["GET customer"] = timed([lambda i=i: client.ask("GET", f"/v1/customers/{i}", "steward") for i in some])
        when = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        found["GET customer, known_at"] = timed([lambda i=i: client.ask("GET", f"/v1/customers/{i}?known_at={when}", "steward") for i in some])
        (folder / "pull.jsonl.tmp").write_text("\n".join(json.dumps(r) for r in waiting))
        (folder / "pull.rate").unlink(missing_ok=True)
        (folder / "pull.jsonl.tmp").rename(folder / "pull.jsonl")
        while not (folder / "pull.rate").exists():
            time.sleep(0.05)
        found["PUT while a pull ingests"] = timed([put(client, r) for r in fresh_rows(config, count, 16)])
        found["pull meanwhile, records/s"] = float((folder / "pull.rate").read_text() or 0)
        (folder / "pull.jsonl").unlink(missing_ok=True)
        time.sleep(1)
        status = Path(f"/proc/{pid}/status").read_text()
        found["server memory, MB"] = int(status.split("VmRSS:")[1].split()[0]) / 1024
    return found


def in_process(folder: Path, config: Config, count: int) -> dict[str, Any]:
    """Upserts without HTTP: the cost of one, and the rate of micro-batches."""
    database = Database(f"sqlite:///{folder / 'hub.sqlite'}")
    resolver = Resolver(database, config)
    for row in fresh_rows(config, 30, 20):
        resolver.upsert(*row[:2], [row[3]])
    cpu = time.process_time()
    one = timed([lambda r=r: resolver.upsert(r[0], r[1], [r[3]]) for r in fresh_rows(config, count, 21)])
    one["cpu"] = (time.process_time() - cpu) * 1000 / count
    groups: dict[tuple[str, str], list[Any]] = {}
    for source, stream, _, row in fresh_rows(config, min(3_000, 8 * count), 22):
        groups.setdefault((source, stream), []).append(row)
    started, cpu, done = time.perf_counter(), time.process_time(), 0
    for (source, stream), rows in groups.items():
        for at in range(0, len(rows), 100):
            resolver.upsert(source, stream, rows[at : at + 100], urgent=False)
            done += len(rows[at : at + 100])
    rate = {"records/s": done / (time.perf_counter() - started), "records/s of CPU": done / (time.process_time() - cpu)}
    database.close()
    return {"upsert": one, "micro-batches of 100": rate}


def splink_one_record(records: int, count: int) -> dict[str, float]:
    """Splink's path for one record: `predict_between` of a table of one and the table of all."""
    import logging

    import pyarrow as pa
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    logging.disable(logging.WARNING)
    people = generate(people_for(records), seed=1).person_records
    frame = people.to_pandas()

    def first(column: str) -> Any:
        return frame[column].map(lambda v: v[0] if v is not None and len(v) else None)

    table = pa.table({
        "unique_id": pa.array(range(len(frame))), "first_name": pa.array(frame.given_name.str.lower()), "surname": pa.array(frame.family_name.str.lower()),
        "dob": pa.array(frame.birth_date.astype(str)), "email": pa.array(first("email")), "phone": pa.array(first("phone")),
        "postcode": pa.array(frame.postcode), "city": pa.array(frame.city),
    })
    rules = [block_on("first_name", "surname"), block_on("surname", "dob"), block_on("email"), block_on("phone"), block_on("surname", "postcode")]
    settings = SettingsCreator(
        link_type="dedupe_only", blocking_rules_to_generate_predictions=rules,
        comparisons=[cl.NameComparison("first_name"), cl.NameComparison("surname"), cl.DateOfBirthComparison("dob", input_is_string=True),
                     cl.EmailComparison("email"), cl.ExactMatch("phone"), cl.ExactMatch("postcode"), cl.ExactMatch("city")])
    api = DuckDBAPI()
    everybody = api.register(table, table_name="everybody")
    linker = Linker(everybody, settings)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e5, seed=1)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("first_name", "surname"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("dob"))

    def one(number: int) -> None:
        row = table.slice(number * 7 % len(frame), 1).set_column(0, "unique_id", pa.array([10**9 + number]))
        new = api.register(row, table_name=f"new_{number}")
        linker.inference.predict_between(new, everybody, link_type="link_only", threshold_match_weight=0).as_record_list()

    one(0)
    return timed([lambda n=n: one(n) for n in range(1, count + 1)])


REACH = {"PUT, new record": (8, 25, 60), "PUT, known record changed": (8, 25, 60), "PUT while a pull ingests": (None, 50, None), "POST /match": (None, 15, None),
         "GET customer": (None, 5, None), "GET customer, known_at": (None, 20, None)}


def show(found: dict[str, Any]) -> None:
    print(f"{'':36}{'p50':>9}{'p95':>9}{'p99':>9}   reach (ms)")
    for what, figures in found["http"].items():
        if isinstance(figures, dict):
            reach = " / ".join("-" if r is None else str(r) for r in REACH.get(what, (None, None, None)))
            print(f"{what:36}{figures['p50']:9.1f}{figures['p95']:9.1f}{figures['p99']:9.1f}   {reach}")
        else:
            print(f"{what:36}{figures:9.0f}")
    large, small = found["in_process"]["upsert"], found["in_process_small"]["upsert"]
    print(f"{'upsert without HTTP':36}{large['p50']:9.1f}{large['p95']:9.1f}{large['p99']:9.1f}")
    print(f"{'the same in the small hub':36}{small['p50']:9.1f}{small['p95']:9.1f}{small['p99']:9.1f}")
    print(f"{'cost at N / at the small hub':36}{found['ratio']:9.2f}   <= 2 (CPU: {found['ratio_cpu']:.2f})")
    rate = found["in_process"]["micro-batches of 100"]
    print(f"{'live ingest, records/s':36}{rate['records/s']:9.0f}   >= 1000 ({rate['records/s of CPU']:.0f} a second of CPU)")
    if "splink" in found:
        print(f"{'Splink predict_between':36}{found['splink']['p50']:9.1f}{found['splink']['p95']:9.1f}{found['splink']['p99']:9.1f}")
        print(f"{'times faster than that':36}{found['splink']['p50'] / large['p50']:9.0f}   >= 50")


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--records", type=int, default=100_000)
    parse.add_argument("--small", type=int, default=10_000)
    parse.add_argument("--count", type=int, default=400, help="requests of each sort")
    parse.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "hub-bench-live")
    parse.add_argument("--no-splink", action="store_true")
    parse.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    given = parse.parse_args()
    if given.serve:
        serve(given.folder, given.serve)
        return
    config = configuration()
    large, small = given.folder / str(given.records), given.folder / str(given.small)
    found: dict[str, Any] = {"records": given.records, "small": given.small, "cpus": os.cpu_count(), "load": os.getloadavg()}
    found["build_seconds"] = build(large, given.records, config)
    build(small, given.small, config)
    found["http"] = over_http(large, config, given.records, given.count)
    found["in_process"] = in_process(large, config, given.count)
    found["in_process_small"] = in_process(small, config, given.count)
    found["ratio"] = found["in_process"]["upsert"]["p50"] / found["in_process_small"]["upsert"]["p50"]
    found["ratio_cpu"] = found["in_process"]["upsert"]["cpu"] / found["in_process_small"]["upsert"]["cpu"]
    if not given.no_splink:
        found["splink"] = splink_one_record(min(given.records, 100_000), 20)
    show(found)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
