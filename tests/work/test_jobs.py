"""Jobs: one holder at a time, a lease that ends by itself, and what the scheduler runs."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.access.audit import AuditLog
from hub.access.read import Reader
from hub.db import Database, SystemClock, leased, leases
from hub.db.leases import LEASE_SECONDS, take_lease
from hub.errors import Conflict
from hub.resolve.resolver import Resolver
from hub.settings import Config, Source
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
        assert sorted(j.trigger.interval.total_seconds() for j in jobs) == [5, 5, 10, 10, 60, 60]
        pull = next(j for j in jobs if j.name == "pull list")
        assert take_lease(database, "pull list", "another process")
        pull.func()
        assert tiny.partition(database) == set()
        later(database, LEASE_SECONDS + 1)
        pull.func()
        assert len(tiny.partition(database)) == 1
        for job in jobs:
            if job.name != "webhooks":  # it lasts until the scheduler ends, as the end of this test shows
                job.func()
    finally:
        scheduler.shutdown()


def test_a_job_that_fails_is_told_and_the_scheduler_goes_on(
    hub: tuple[Resolver, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver, reader = hub

    def broken() -> int:
        raise RuntimeError("a customer's name")

    monkeypatch.setattr(resolver, "tick", broken)
    scheduler = schedule(resolver, reader)
    try:
        tick = next(j for j in scheduler.get_jobs() if j.trigger.interval.total_seconds() == 60)
        tick.func()
        assert scheduler.running
    finally:
        scheduler.shutdown()


def test_a_lease_lasts_as_long_as_its_work_and_ends_with_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.3)
    before, database.clock = database.clock, SystemClock()
    try:
        with leased(database, "pull", wait=False) as mine:
            assert mine is not None
            time.sleep(0.7)  # longer than it was taken for
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


def test_the_lease_of_a_process_that_died_here_is_free_at_once(database: Database) -> None:
    died = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    assert take_lease(database, "pull", f"{socket.gethostname()}:{died.stdout.strip()}:x")
    assert take_lease(database, "pull", "another machine:1:y")
    assert not take_lease(database, "pull", "b")
