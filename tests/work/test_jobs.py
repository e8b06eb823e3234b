"""Jobs: one holder at a time, a lease that ends by itself, and what the scheduler runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.access.audit.log import AuditLog
from hub.access.read import Reader
from hub.db import Database, SystemClock, leased, leases
from hub.db.leases import LEASE_SECONDS, take_lease
from hub.errors import Conflict
from hub.landing import store as landing
from hub.resolve.resolver import Resolver
from hub.settings import Config, Source
from hub.work import cycle
from hub.work.jobs import schedule
from tests import tiny


def later(database: Database, seconds: int) -> None:
    database.clock.time += seconds * 1_000_000  # type: ignore[attr-defined]


def fence(database: Database, name: str = "push") -> int:
    with database.read() as c:
        return int(c.execute(text("SELECT fence FROM lease WHERE name = :name"), {"name": name}).scalar() or 0)


def test_one_holder_at_a_time_who_may_take_it_again(database: Database) -> None:
    assert take_lease(database, "push", "a")
    assert not take_lease(database, "push", "b")
    assert take_lease(database, "push", "a")
    assert take_lease(database, "pull", "b")


def test_a_lease_ends_by_itself_and_the_fence_grows_with_each_holder(database: Database) -> None:
    assert take_lease(database, "push", "a")
    first = fence(database)
    later(database, LEASE_SECONDS - 1)
    assert not take_lease(database, "push", "b")
    assert fence(database) == first
    later(database, 2)
    assert take_lease(database, "push", "b")
    assert fence(database) > first
    assert not take_lease(database, "push", "a")


def test_of_many_who_ask_at_once_one_gets_it(database: Database) -> None:
    got: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: got.append(n) if take_lease(database, "push", n) else None)
        for n in "abcdefgh"
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert len(got) == 1


@pytest.fixture
def hub(database: Database, tmp_path: Path) -> Iterator[tuple[Resolver, Reader]]:
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "people.jsonl").write_text(
        json.dumps({"id": "1", "given_name": "Anna", "family_name": "Maier", "email": "a@x.example"}) + "\n",
        encoding="utf-8",
    )
    made = {"customer": "person", "key": "id", "map": {a: a for a in ("given_name", "family_name", "email")}}

    def source(name: str, **more: str) -> Source:
        return Source.model_validate(
            {"name": name, "connector": {"kind": "file", "path": "drop"}, "streams": {"people": made}, **more}
        )

    config = Config(
        folder=tmp_path,
        customers={"person": tiny.customer_type()},
        access=tiny.CONFIG.access,
        sources={"list": source("list", schedule="every 5 minutes"), "by_hand": source("by_hand")},
    )
    audit = AuditLog(tmp_path / "audit.jsonl", b"k" * 32)
    yield Resolver(database, config), Reader(database, config, audit, b"k" * 32)
    audit.close()


def test_a_source_is_pulled_and_resolved_by_its_schedule_unless_another_process_does(
    database: Database, hub: tuple[Resolver, Reader]
) -> None:
    scheduler = schedule(*hub)
    try:
        jobs = scheduler.get_jobs()
        assert {j.name for j in jobs} == {
            *("pull list", "pull by_hand", "resolve", "push", "interactions", "segments"),
            *("performance", "processes", "models", "models wanted", "review queue", "effective dates", "webhooks"),
        }
        pull = next(j for j in jobs if j.name == "pull list")
        assert take_lease(database, "pull list", "another process")
        pull.func()
        assert tiny.partition(database) == set()
        later(database, LEASE_SECONDS + 1)
        pull.func()
        assert len(tiny.partition(database)) == 1
        held = fence(database, "pull list")
        pull.func()  # it is not due: a look takes no lease, so it writes nothing
        assert fence(database, "pull list") == held
        for job in jobs:
            if job.name != "webhooks":  # it lasts until the scheduler ends, as the end of this test shows
                job.func()
    finally:
        scheduler.shutdown()


def test_what_a_pull_that_was_ended_left_is_resolved_without_it_and_never_beside_one(
    database: Database, hub: tuple[Resolver, Reader]
) -> None:
    resolver, _ = hub
    cycle.pull(resolver, ["list"])
    assert tiny.partition(database) == set()
    assert cycle.is_waiting(resolver)
    with leased(database, "pull by_hand", wait=False):
        assert not cycle.is_waiting(resolver)
    cycle.match(resolver)
    assert len(tiny.partition(database)) == 1
    assert not cycle.is_waiting(resolver)


def test_whoever_lost_the_lease_lands_and_rebuilds_nothing_more(
    database: Database, hub: tuple[Resolver, Reader]
) -> None:
    resolver, _ = hub
    lost = {name: take_lease(database, name, "paused for long") for name in ("pull list", "effective dates")}
    later(database, LEASE_SECONDS + 1)
    for name in lost:
        assert take_lease(database, name, "another process")
    with pytest.raises(Conflict, match="took over"):
        cycle.pull(resolver, ["list"], lease=lost["pull list"])
    with database.read() as c:
        assert c.execute(text("SELECT count(*) FROM record")).scalar() == 0
        assert landing.cursor_of(c, "list", "people") is None
    with pytest.raises(Conflict, match="took over"):
        resolver.tick(lost["effective dates"])


def test_a_pull_by_hand_waits_for_the_one_that_runs(database: Database, hub: tuple[Resolver, Reader]) -> None:
    resolver, _ = hub
    before, database.clock = database.clock, SystemClock()
    try:
        with ThreadPoolExecutor(1) as pool:
            with leased(database, "pull list", wait=False):
                by_hand = pool.submit(cycle.pull, resolver, ["list"])
                time.sleep(0.3)
                assert not by_hand.done()
            (pulled,) = by_hand.result(60)
        assert pulled.landed == 1
    finally:
        database.clock = before


def test_a_push_by_hand_waits_for_the_one_that_runs(hub: tuple[Resolver, Reader], database: Database) -> None:
    before, database.clock = database.clock, SystemClock()
    try:
        with ThreadPoolExecutor(1) as pool:
            with leased(database, "push", wait=False):
                by_hand = pool.submit(cycle.push, *hub)
                time.sleep(0.3)
                assert not by_hand.done()
            assert by_hand.result(60).written == 0
    finally:
        database.clock = before


def test_a_job_that_fails_is_told_and_the_scheduler_goes_on(
    hub: tuple[Resolver, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver, reader = hub

    def broken(_lease: object) -> int:
        raise RuntimeError("a customer's name")

    monkeypatch.setattr(resolver, "tick", broken)
    scheduler = schedule(resolver, reader)
    try:
        tick = next(j for j in scheduler.get_jobs() if j.name == "effective dates")
        tick.func()
        assert scheduler.running
    finally:
        scheduler.shutdown()


def test_a_lease_lasts_as_long_as_its_work_and_ends_with_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 1.2)
    before, database.clock = database.clock, SystemClock()
    try:
        with leased(database, "pull", wait=False) as mine:
            assert mine is not None
            time.sleep(2)  # longer than it was taken for
            with leased(database, "pull", wait=False) as other:
                assert other is None
            with database.unit() as c:
                mine.check(c)
        with leased(database, "pull", wait=False) as other:
            assert other is not None
            with database.unit() as c, pytest.raises(Conflict, match="took over 'pull'"):
                mine.check(c)
    finally:
        database.clock = before


def test_a_renewal_that_fails_is_tried_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.03)
    extend, tried, renewed = leases._extend, [], threading.Event()

    def at_first_it_fails(*given: Any) -> None:
        tried.append(given)
        if len(tried) == 1:
            raise RuntimeError("the driver said something odd")
        extend(*given)
        renewed.set()

    monkeypatch.setattr(leases, "_extend", at_first_it_fails)
    with leased(database, "pull", wait=False):
        assert renewed.wait(30)


def test_the_lease_of_a_process_that_died_here_is_free_at_once(database: Database) -> None:
    died = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    here, me = leases._here(), os.getpid()
    assert take_lease(database, "pull", f"{here}:{died.stdout.strip()}:1:x")
    assert take_lease(database, "pull", f"{here}:{me}:{leases._started(me)}0:y")  # our number, but another process
    assert take_lease(database, "pull", f"{here}:{me}:{leases._started(me)}:z")
    assert not take_lease(database, "pull", "b")


def test_a_holder_elsewhere_is_never_taken_for_dead(database: Database) -> None:
    """Two containers may have one host name: a number of the one says nothing in the other."""
    assert take_lease(database, "pull", f"{socket.gethostname()}/1:999999999:1:x")
    assert not take_lease(database, "pull", "b")


def test_who_waits_for_a_lease_keeps_nobody_from_writing(database: Database) -> None:
    assert take_lease(database, "pull", "a")
    with database.unit(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(take_lease, database, "pull", "b").result(30) is None
