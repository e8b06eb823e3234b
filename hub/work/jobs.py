"""When each job runs, inside the serving process. One process of all runs a job at a time: a lease in the database."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from hub import db
from hub.access.chain import checkpoint, keep
from hub.access.read import Reader
from hub.delivery.addresses import Network
from hub.delivery.webhooks import Webhooks
from hub.figures.run import count_segments
from hub.resolve.resolver import Resolver
from hub.work import cycle, sources

log = structlog.get_logger()

PUSH_SECONDS = 10
DUE_SECONDS = 5  # between two looks whether a source is to be pulled
TICK_SECONDS = 60
SEGMENT_SECONDS = 3600
WEBHOOK_SECONDS = 10  # between two looks whether another process sends them
CHECKPOINTS = "HUB_AUDIT_CHECKPOINTS"  # the file that checkpoints of the audit chain are added to, each hour
CHECKPOINT_SECONDS = 3600
LOOK_SECONDS = 0.05  # between two looks for changes of who sends them


class _Scheduler(BackgroundScheduler):  # type: ignore[misc]  # has no types
    """Tells the job that lasts that it is over, before it waits for it."""

    def __init__(self, ended: threading.Event, **options: Any):
        super().__init__(**options)
        self._ended = ended

    def shutdown(self, wait: bool = True) -> None:
        self._ended.set()
        super().shutdown(wait)


def schedule(resolver: Resolver, reader: Reader, networks: Sequence[Network] = ()) -> BackgroundScheduler:
    """The hub's jobs, started: pulls by each source's schedule, write-back, webhooks, effective dates.
    `networks`: beyond public ones, where webhooks may go."""
    ended = threading.Event()

    def job(
        name: str, work: Callable[[db.Lease], object], due: Callable[[], bool] = lambda: True
    ) -> Callable[[], None]:
        """`due`: looked at before a lease is taken, so that a look costs no write."""

        def run() -> None:
            try:
                if not due():
                    return
                with db.leased(resolver.database, name, wait=False) as lease:
                    if lease is not None:
                        work(lease)
            except Exception as error:  # noqa: BLE001 - a job that fails is told and tried again; the others go on
                log.error("job failed", job=name, error=type(error).__name__)

        return run

    def pull(source: str) -> Callable[[], None]:
        return job(
            cycle.pull_lease(source),
            lambda lease: sources.pull_due(resolver, source, lease),
            due=lambda: sources.is_due(resolver, source) is not None,
        )

    def webhooks(lease: db.Lease) -> None:
        """For as long as this process lives: a change is told some hundredths of a second after its commit."""
        sender = Webhooks(reader, networks, lease)
        try:
            while not ended.wait(LOOK_SECONDS):
                sender.start()
        finally:
            sender.close()

    scheduler = _Scheduler(
        ended, timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 3600}
    )
    for name in resolver.config.sources:  # each looks whether it is time: a nudge may come to any
        scheduler.add_job(pull(name), "interval", name=f"pull {name}", seconds=DUE_SECONDS, jitter=1)
    scheduler.add_job(
        job("push", lambda lease: cycle.push(resolver, reader, lease=lease)), "interval", seconds=PUSH_SECONDS
    )
    scheduler.add_job(
        job("interactions", lambda _lease: resolver.reread()),
        "interval",
        seconds=TICK_SECONDS,
        next_run_time=datetime.now(UTC),
    )
    scheduler.add_job(
        job("segments", lambda _lease: count_segments(resolver.database, resolver.config)),
        "interval",
        seconds=SEGMENT_SECONDS,
        next_run_time=datetime.now(UTC) + timedelta(seconds=TICK_SECONDS),
    )
    scheduler.add_job(job("effective dates", lambda lease: resolver.tick(lease)), "interval", seconds=TICK_SECONDS)
    scheduler.add_job(
        job("webhooks", webhooks), "interval", name="webhooks", seconds=WEBHOOK_SECONDS, next_run_time=datetime.now(UTC)
    )
    if kept := os.environ.get(CHECKPOINTS):
        scheduler.add_job(
            job(
                "audit checkpoint",
                lambda _lease: keep(Path(kept), checkpoint(reader.audit, reader.database.clock.now())),
            ),
            "interval",
            seconds=CHECKPOINT_SECONDS,
        )
    scheduler.start()
    return scheduler
