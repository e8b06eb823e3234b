"""Two serving processes on one PostgreSQL, eight clients, records that they all write: nothing is lost, whoever was asked."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import httpx2
import orjson
import pytest

from hub.app import create_app
from hub.connectors import registry  # noqa: F401  (makes the kinds of connectors known)
from hub.db import Database, SystemClock
from hub.open import Hub
from hub.quality.verify import Verify
from hub.settings import load
from tests.access.population import key_for, open_hub, write_config
from tests.conftest import empty, open_database
from tests.promises.test_concurrency import at_once
from tests.real.systems import free_port

CLIENTS, PROCESSES = 8, 2
WRITES = 40 if os.environ.get("HUB_PROVE") else 6  # of each client
LONG = 120  # seconds after which a process that does not answer is taken for stuck

Row = dict[str, str]


def draw(dice: random.Random) -> Row:
    """A row of few records and few values, so that clients meet."""
    return {
        "id": str(dice.randint(1, 7)),
        "updated": f"2026-0{dice.randint(1, 6)}-01T00:00:00Z",
        "first": dice.choice(["Ana", "Anna", "Bo"]),
        "last": dice.choice(["Silva", "Maier"]),
        "born": dice.choice(["1980-05-17", "1955-12-02"]),
        "mail": dice.choice(["ana@silva.pt", "bo@mueller.de"]),
        "phone": dice.choice(["+351 21 790 4000", "+49 30 1234567"]),
        "tax": dice.choice(["T-100", "T-200"]),
    }


def _serve(url: str, folder: Path, port: int) -> None:
    import uvicorn

    hub = open_hub(Database(url), load(folder / "config", {}), folder / "data")
    uvicorn.run(create_app(hub), host="127.0.0.1", port=port, log_level="warning", access_log=False)


@contextmanager
def served(url: str, folder: Path) -> Iterator[list[str]]:
    """Addresses of the processes."""
    ports = [free_port() for _ in range(PROCESSES)]
    spawn = get_context("spawn")
    processes = [spawn.Process(target=_serve, args=(url, folder, port), daemon=True) for port in ports]
    for process in processes:
        process.start()
    try:
        until = time.monotonic() + LONG
        for port, process in zip(ports, processes, strict=True):
            while True:
                assert process.is_alive() and time.monotonic() < until
                try:
                    httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).raise_for_status()
                    break
                except httpx2.HTTPError:
                    time.sleep(0.1)
        yield [f"http://127.0.0.1:{port}" for port in ports]
    finally:
        for process in processes:
            process.terminate()
            process.join(LONG)


def clusters(database: Database) -> set[frozenset[str]]:
    homes: dict[int, set[str]] = {}
    with database.read() as c:
        for cluster, key in c.exec_driver_sql(
            "SELECT m.cluster, r.key FROM membership m JOIN record r ON r.rid = m.rid"
        ):
            homes.setdefault(cluster, set()).add(key)
    return {frozenset(keys) for keys in homes.values()}


def test_nothing_is_lost(postgres_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    database = open_database("postgresql", tmp_path, request)
    database.clock = SystemClock()  # as that of the processes
    config = write_config(tmp_path / "config")
    hub = open_hub(database, config, tmp_path / "data")
    key = key_for(hub, "billing", "billing")
    dice = random.Random(11)
    plans = [[draw(dice) for _ in range(WRITES)] for _ in range(CLIENTS)]

    def client(number: int, plan: Sequence[Row], urls: Sequence[str]) -> None:
        with httpx2.Client(trust_env=False, headers=key, timeout=LONG) as browser:
            for n, row in enumerate(plan):
                url = urls[(number + n) % len(urls)]  # now this process, now that one
                answer = browser.put(f"{url}/v1/sources/billing/customers/records/{row['id']}", json=row)
                assert answer.status_code < 300, answer.text

    with served(postgres_url, tmp_path) as urls:
        at_once([lambda n=n, p=p: client(n, p, urls) for n, p in enumerate(plans)])  # type: ignore[misc]
    sent = {orjson.dumps(row, option=orjson.OPT_SORT_KEYS).decode() for plan in plans for row in plan}
    with database.read() as c:
        kept = {orjson.dumps(orjson.loads(raw), option=orjson.OPT_SORT_KEYS).decode() for (raw,) in c.exec_driver_sql("SELECT raw FROM version")}  # fmt: skip
    assert kept == sent
    found = Verify(hub.resolver).run()
    assert not found.total, (dict(found.differences), found.samples)
    together = clusters(database)
    hub.close()
    empty(database)
    alone = Hub.open(database, config, tmp_path / "alone")
    for plan in plans:
        alone.resolver.upsert("billing", "customers", plan)
    assert clusters(database) == together
    alone.close()
