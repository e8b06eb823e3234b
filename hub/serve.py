"""A served hub: its application and its jobs, of one configuration at a time, which SIGHUP replaces while requests go on."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from hub.app import create_app
from hub.errors import ConfigError
from hub.open import Hub
from hub.settings import Config, differences
from hub.work.jobs import schedule

log = structlog.get_logger()


class Serving:
    """Start it, serve `app`, end it; in between the configuration may be another."""

    def __init__(self, hub: Hub, *, jobs: bool):
        self.app, self.hub, self.jobs = create_app(hub), hub, jobs
        self._scheduler: BackgroundScheduler | None = None
        self._turn = threading.Lock()  # of those who start and stop jobs
        self._over = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """The jobs run within."""
        self._start()
        try:
            yield
        finally:
            with self._turn:
                self._over = True
                self._stop()

    def _start(self) -> None:
        if self.jobs:
            self._scheduler = schedule(self.hub.resolver, self.hub.reader, self.hub.networks, self.hub.requests)

    def _stop(self) -> None:
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)

    def reload(self, read: Callable[[], Config]) -> None:
        """Go on with the configuration as it is now, or, when it has faults, with the one in force. Either is logged.

        Requests and jobs under way end with the one that they began with.
        """
        try:
            config = read()
            hub = self.hub.with_config(config)
        except ConfigError as error:
            log.error("configuration refused: the one in force stays", faults=[str(f) for f in error.faults])
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the server runs on
            log.error("configuration not read: the one in force stays", error=type(error).__name__)
            return
        changed, stale = differences(self.hub.config, config), config.hash != self.hub.config.hash
        if not changed:
            log.info("configuration is as it was")
            return
        with self._turn:
            if self._over:
                return
            self._stop()
            self.app.state.hub, former = hub, self.hub
            self.hub = hub
            former.watcher.close()  # streams end, and are asked for again in the views of now
            self._start()
        log.info("configuration reloaded", changed=changed)
        if stale:
            log.warning("stored rows were made by the former configuration: hub match --full makes them anew")


@contextmanager
def reloading(reload: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Within, SIGHUP and who calls what is given ask for a reload: one at a time, in a thread of its own, as a signal's
    handler must not wait."""
    asked: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def work() -> None:
        while asked.get():
            reload()

    before = signal.signal(signal.SIGHUP, lambda _number, _frame: asked.put(True))
    worker = threading.Thread(target=work, name="hub reload", daemon=True)
    worker.start()
    try:
        yield lambda: asked.put(True)
    finally:
        signal.signal(signal.SIGHUP, before)
        asked.put(False)
        worker.join()
