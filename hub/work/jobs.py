"""When each job runs, inside the serving process. One process of all runs a job at a time: a lease in the database."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import ClassVar

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import text
from sqlmodel import Field, SQLModel

from hub import db
from hub.access.read import Reader
from hub.db import big, table
from hub.resolve.resolver import Resolver
from hub.settings import schedule_seconds
from hub.work import cycle

log = structlog.get_logger()

LEASE_SECONDS = 300
PUSH_SECONDS = 10
TICK_SECONDS = 60


class LeaseRow(SQLModel, table=True):
    """Who runs a job until when. `fence` grows with each holder."""

    __tablename__: ClassVar[str] = "lease"
    name: str = Field(primary_key=True)
    holder: str
    until: int = big()
    fence: int = 0


def take_lease(database: db.Units, name: str, holder: str) -> bool:
    """Is the job ours for now? The same holder may take it again."""
    with database.unit(urgent=False) as connection:
        now = database.clock.now()
        found = connection.execute(
            text("SELECT holder, until, fence FROM lease WHERE name=:name"), {"name": name}
        ).first()
        if found is not None and found.holder != holder and found.until > now:
            return False
        fence = (found.fence if found else 0) + 1
        db.upsert_many(
            connection,
            table(LeaseRow),
            ("name", "holder", "until", "fence"),
            [(name, holder, now + LEASE_SECONDS * 1_000_000, fence)],
        )
        return True


def schedule(resolver: Resolver, reader: Reader) -> BackgroundScheduler:
    """The hub's jobs, started: pulls by each source's schedule, write-back, effective dates."""
    holder = f"{socket.gethostname()}:{os.getpid()}"

    def job(name: str, work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            try:
                if take_lease(resolver.database, name, holder):
                    work()
            except Exception as error:  # noqa: BLE001 - a job that fails is told and tried again; the others go on
                log.error("job failed", job=name, error=type(error).__name__)

        return run

    def pull(source: str) -> Callable[[], object]:
        def work() -> None:
            for one in cycle.pull(resolver, [source]):
                log.info("pulled", source=source, stream=one.stream, **one.counts(), failed=bool(one.error))
            cycle.match(resolver)

        return work

    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 3600}
    )
    for name, source in resolver.config.sources.items():
        if source.schedule:
            scheduler.add_job(job(f"pull {name}", pull(name)), "interval", seconds=schedule_seconds(source.schedule))
    scheduler.add_job(job("push", lambda: cycle.push(resolver, reader)), "interval", seconds=PUSH_SECONDS)
    scheduler.add_job(job("effective dates", resolver.tick), "interval", seconds=TICK_SECONDS)
    scheduler.start()
    return scheduler
