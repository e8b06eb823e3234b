"""Who waits for changes is woken when the outbox grows: one look at a time per process, and only while somebody waits."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import suppress

from hub.db import Database
from hub.errors import RetryLater
from hub.golden_record.store import next_seq

LOOK_SECONDS = 0.05


class Watcher:
    """The outbox's end, watched by one thread for everybody. Works from any event loop."""

    def __init__(self, database: Database):
        self._database = database
        self._lock = threading.Lock()
        self._waiting: dict[Future[None], int] = {}  # who waits -> the end that it knows
        self._looking = False
        self.ended = threading.Event()  # the process is to end: nobody waits any longer

    def end(self) -> int:
        """The position of the newest change; 0 when there is none."""
        with self._database.read() as connection:
            return next_seq(connection) - 1

    async def grown(self, known: int, seconds: float) -> None:
        """Returns when there is a change beyond a known end, at the latest after so many seconds, or at shutdown."""
        waits: Future[None] = Future()
        with self._lock:
            if self.ended.is_set():
                return
            self._waiting[waits] = known
            if not self._looking:
                self._looking = True
                threading.Thread(target=self._look, name="hub watcher", daemon=True).start()
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.wrap_future(waits), seconds)
        finally:
            with self._lock:
                self._waiting.pop(waits, None)

    def close(self) -> None:
        """Everybody is woken; from now on nobody waits. Takes no lock: a signal may call this at any moment."""
        self.ended.set()

    def _look(self) -> None:
        while not self.ended.wait(LOOK_SECONDS):
            end = -1
            with suppress(RetryLater):  # busy or away: the next look comes soon
                end = self.end()
            if not self._wake(end):
                return
        self._wake(None)

    def _wake(self, end: int | None) -> bool:
        """Wake those who know less than this end; None: everybody. Does anybody wait still?"""
        with self._lock:
            for waits in [w for w, known in self._waiting.items() if end is None or known < end]:
                del self._waiting[waits]
                if waits.set_running_or_notify_cancel():  # False: who waited has gone
                    waits.set_result(None)
            self._looking = bool(self._waiting)
            return self._looking
