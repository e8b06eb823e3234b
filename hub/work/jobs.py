"""When each job runs, inside the serving process. One process of all runs a job at a time: a lease in the database."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from hub import db
from hub.access.read import Reader
from hub.resolve.resolver import Resolver
from hub.settings import schedule_seconds
from hub.work import cycle

log = structlog.get_logger()

PUSH_SECONDS = 10
TICK_SECONDS = 60


def schedule(resolver: Resolver, reader: Reader) -> BackgroundScheduler:
    """The hub's jobs, started: pulls by each source's schedule, write-back, effective dates."""

    def job(name: str, work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            try:
                with db.leased(resolver.database, name, wait=False) as lease:
                    if lease is not None:
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
