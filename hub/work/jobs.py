"""When each job runs, inside the serving process. One process of all runs a job at a time: a lease in the database."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from hub import db
from hub.access.audit.chain import checkpoint, keep
from hub.access.read import Reader
from hub.delivery.addresses import Network
from hub.delivery.disputes import disputed
from hub.delivery.file_drops import FileDrops
from hub.delivery.webhook_sending import Webhooks
from hub.errors import Conflict
from hub.figures.segments import count_segments
from hub.privacy.outliving import Outliving
from hub.privacy.requests import Requests
from hub.privacy.retention import Retention
from hub.quality import learning, wanted
from hub.resolve.logbook import Logbook
from hub.resolve.resolver import Resolver
from hub.settings import FileDrop
from hub.settings.schedule import passed
from hub.stewardship.queue import Queue
from hub.tasks.starts import start
from hub.work import cycle, performance, sources

log = structlog.get_logger()

PUSH_SECONDS = 10
DROP_SECONDS = 10  # between two looks whether a file drop is due
DUE_SECONDS = 5  # between two looks whether a source is to be pulled
TICK_SECONDS = 60
RANKED = 3_600_000_000  # microseconds after which the review queue is ranked though nobody looks: who does then waits for nothing
SEGMENT_SECONDS = 3600
RETENTION_SECONDS = 86_400  # between two times that what outlived its purposes is removed
LEARN_SECONDS = 600  # between two looks whether a customer type has records enough for a model
REQUEST_SECONDS = 3600  # between two times that open erasures are taken on
WEBHOOK_SECONDS = 10  # between two looks whether another process sends them
CHECKPOINTS = "HUB_AUDIT_CHECKPOINTS"  # the file that checkpoints of the audit chain are added to, each hour
CHECKPOINT_SECONDS = 3600
LOOK_SECONDS = 0.05  # between two looks for changes of who sends them


class _Scheduler(BackgroundScheduler):  # type: ignore[misc]  # has no types
    """Tells the job that lasts that it is over, before it waits for it."""

    def __init__(self, ended: threading.Event, **options: object):
        super().__init__(**options)
        self._ended = ended

    def shutdown(self, wait: bool = True) -> None:
        self._ended.set()
        super().shutdown(wait)


@dataclass(frozen=True, slots=True)
class Job:
    """Something done again and again, by one process of all: under a lease of its name, which `work` is given.

    seconds  between two looks whether another process is at it, or it is due
    due      looked at before the lease is taken, so that a look costs no write
    """

    name: str
    seconds: int
    work: Callable[[db.Lease], object]
    due: Callable[[], object] = lambda: True
    first: int | None = None  # seconds until the first time; None: as later
    jitter: int | None = None


def jobs_of(
    resolver: Resolver,
    reader: Reader,
    networks: Sequence[Network],
    ended: threading.Event,
    requests: Requests | None = None,
) -> Iterator[Job]:
    """The hub's jobs: pulls by each source's schedule, write-back, interactions, models, effective dates, webhooks, checkpoints."""
    for source in resolver.config.sources:  # each looks whether it is time: a nudge may come to any
        yield Job(
            cycle.pull_lease(source),
            DUE_SECONDS,
            partial(sources.pull_due, resolver, source),
            due=partial(sources.is_due, resolver, source),
            jitter=1,
        )
    # What a pull resolves itself, unless it was ended in between: then nobody else might for a day.
    yield Job(
        "resolve",
        TICK_SECONDS,
        lambda _lease: cycle.match(resolver),
        due=partial(cycle.is_waiting, resolver),
        first=TICK_SECONDS,
    )
    yield Job(cycle.PUSHES, PUSH_SECONDS, lambda lease: cycle.push(resolver, reader, lease=lease))
    yield Job("processes", TICK_SECONDS, lambda _lease: start(Logbook(resolver)), first=TICK_SECONDS)
    yield Job("interactions", TICK_SECONDS, lambda _lease: resolver.reread(), first=0)
    yield Job(
        "segments",
        SEGMENT_SECONDS,
        lambda _lease: count_segments(resolver.database, resolver.config),
        first=TICK_SECONDS,
    )
    yield Job(
        "performance",
        SEGMENT_SECONDS,
        lambda _lease: performance.keep(resolver.database, resolver.config),
        first=2 * TICK_SECONDS,
    )
    yield Job(
        "models",
        LEARN_SECONDS,
        partial(learning.learn, resolver),
        due=partial(learning.due, resolver.database, resolver.config),
    )
    yield Job(
        "models wanted",
        DUE_SECONDS,
        partial(wanted.work, resolver),
        due=partial(wanted.wanted, resolver.database),
    )
    queue = Queue(resolver, disputed=disputed)
    yield Job(
        "review queue",
        TICK_SECONDS,
        lambda _lease: queue.rank(),
        due=lambda: queue.older_than(RANKED),
        first=TICK_SECONDS,
    )
    yield Job("effective dates", TICK_SECONDS, resolver.tick)
    if requests is not None:
        retention = Retention(resolver)
        outliving = Outliving(requests)

        def outlived(lease: db.Lease) -> None:
            retention.remove(lease)
            try:
                outliving.remove(lease)
            except Conflict as error:  # more than the guard lets through: hub privacy retention tells of it
                log.warning("no customer was removed by age", why=str(error))

        yield Job("retention", RETENTION_SECONDS, outlived, first=TICK_SECONDS)
        yield Job("requests", REQUEST_SECONDS, lambda _lease: requests.go_on_with_all(), first=TICK_SECONDS)

    def webhooks(lease: db.Lease) -> None:
        """For as long as this process lives: a change is told some hundredths of a second after its commit."""
        sender = Webhooks(reader, networks, lease)
        try:
            while not ended.wait(LOOK_SECONDS):
                sender.start()
        finally:
            sender.close()

    yield Job("webhooks", WEBHOOK_SECONDS, webhooks, first=0)
    for drop in resolver.config.drops.values():
        yield Job(
            f"drop {drop.name}", DROP_SECONDS, partial(_drop, reader, drop), due=partial(_is_to_drop, reader, drop)
        )
    if kept := os.environ.get(CHECKPOINTS):

        def write_checkpoint(_lease: db.Lease) -> None:
            keep(Path(kept), checkpoint(reader.audit, reader.database.clock.now()))

        yield Job("audit checkpoint", CHECKPOINT_SECONDS, write_checkpoint)


def _is_to_drop(reader: Reader, drop: FileDrop) -> bool:
    return passed(drop.schedule, FileDrops(reader).last(drop), reader.database.clock.now())


def _drop(reader: Reader, drop: FileDrop, lease: db.Lease) -> None:
    """Looked at again under the lease: another process may have been at it."""
    if _is_to_drop(reader, drop) and (done := FileDrops(reader, lease).run(drop)) is not None:
        log.info("dropped", drop=drop.name, rows=sum(done.files.values()), whole=done.whole)


def schedule(
    resolver: Resolver, reader: Reader, networks: Sequence[Network] = (), requests: Requests | None = None
) -> BackgroundScheduler:
    """The hub's jobs, started. `networks`: beyond public ones, where webhooks may go."""
    ended = threading.Event()
    jobs = list(jobs_of(resolver, reader, networks, ended, requests))
    # Two at a time, of which the second leaves at once: APScheduler warns of each time that it has to leave one out. A
    # thread for each and more: sources that hang must not keep the others from what they do.
    scheduler = _Scheduler(
        ended,
        timezone="UTC",
        executors={"default": ThreadPoolExecutor(2 * len(jobs))},
        job_defaults={"coalesce": True, "max_instances": 2, "misfire_grace_time": 3600},
    )
    for job in jobs:
        first = {} if job.first is None else {"next_run_time": datetime.now(UTC) + timedelta(seconds=job.first)}
        run = _runner(resolver.database, job)
        scheduler.add_job(run, "interval", name=job.name, seconds=job.seconds, jitter=job.jitter, **first)
    scheduler.start()
    return scheduler


def _runner(database: db.Units, job: Job) -> Callable[[], None]:
    """Runs a job once if it is due and nobody is at it."""
    here = threading.Lock()

    def run() -> None:
        if not here.acquire(blocking=False):
            return
        try:
            if job.due():
                with db.leased(database, job.name, wait=False) as lease:
                    if lease is not None:
                        job.work(lease)
        except Exception as error:  # noqa: BLE001 - a job that fails is told and tried again; the others go on
            log.error("job failed", job=job.name, error=type(error).__name__)
        finally:
            here.release()

    return run
