"""Who writes when: requests pass before pulls, and those that come together share a commit. Threads only."""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

PATIENCE = 0.25  # seconds that a pull lets requests pass
CONVOY = 64  # rows of requests that share a commit: the lock is held some hundred milliseconds at most

T = TypeVar("T")


class Turnstile:
    """A lock that lets requests pass before pulls: SQLite's own lock knows no order.

    A pull counts as if it had come some time later than it did, so that requests do not starve it either.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._condition = threading.Condition()
        self._waiting: list[tuple[float, int]] = []
        self._tickets = itertools.count()
        self._held = False
        self._patience = patience
        self.urgent_at = -math.inf  # when somebody last came who is in a hurry
        self._hurried = 0  # those who hold or await a turn in a hurry

    @contextmanager
    def turn(self, urgent: bool) -> Iterator[None]:
        with self._condition:
            now = time.monotonic()
            if urgent:
                self.urgent_at = now
                self._hurried += 1
            ticket = (now + (0.0 if urgent else self._patience), next(self._tickets))
            heapq.heappush(self._waiting, ticket)
            try:
                while self._held or self._waiting[0] != ticket:
                    self._condition.wait()
            except BaseException:  # an interrupted waiter must not stay in the way
                self._hurried -= urgent
                self._waiting.remove(ticket)
                heapq.heapify(self._waiting)
                self._condition.notify_all()
                raise
            heapq.heappop(self._waiting)
            self._held = True
        try:
            yield
        finally:
            with self._condition:
                self._held = False
                self._hurried -= urgent
                self._condition.notify_all()

    def give_way(self, until: float) -> None:
        """Wait while somebody in a hurry has or awaits a turn, at most until a time of the monotonic clock."""
        if self._hurried:
            with self._condition:
                self._condition.wait_for(lambda: not self._hurried, max(0.0, until - time.monotonic()))


@dataclass(eq=False)
class _Job:
    """Work that waits to be done in somebody's transaction."""

    work: Callable[[Connection], Any]
    size: int
    done: bool = False
    answer: Any = None
    error: BaseException | None = None


class Convoy:
    """Work of many threads, done in few transactions: a commit waits for the disk, whatever it holds.

    Whoever finds nobody leading leads: it takes the writer's turn, does all that waits by then, each in a savepoint of
    its own so that one failure harms no other, commits once, and answers all. Nobody is answered before the commit.
    """

    def __init__(self, unit: Callable[[], AbstractContextManager[Connection]], bound: int = CONVOY) -> None:
        self._unit, self._bound = unit, bound
        self._condition = threading.Condition()
        self._queue: deque[_Job] = deque()
        self._leading = False

    def run(self, work: Callable[[Connection], T], size: int = 1) -> T:
        """The answer of `work`, committed; its error, with nothing of it done. `size`: about how many rows it brings."""
        job = _Job(work, size)
        with self._condition:
            self._queue.append(job)
        while not job.done:
            with self._condition:
                while self._leading and not job.done:
                    self._condition.wait()
                if job.done:
                    break
                self._leading = True
            try:
                self._lead(job)
            finally:
                with self._condition:
                    self._leading = False
                    self._condition.notify_all()
        if job.error is not None:
            raise job.error
        return job.answer  # type: ignore[no-any-return]

    def _lead(self, own: _Job) -> None:
        taken: list[_Job] = []
        try:
            with self._unit() as connection:
                taken = self._take()
                if len(taken) == 1:
                    taken[0].answer = taken[0].work(
                        connection
                    )  # its failure rolls the transaction back: nothing else is in it
                else:
                    for job in taken:
                        _in_savepoint(connection, job)
        except BaseException as error:
            if not taken:
                with self._condition:
                    self._queue.remove(own)
                taken = [own]
            for job in taken:
                job.error = job.error or error
            if not isinstance(error, Exception):
                raise
        finally:
            for job in taken:
                job.done = True

    def _take(self) -> list[_Job]:
        """What waits, in the order of coming, up to the bound."""
        with self._condition:
            taken = [self._queue.popleft()]
            size = taken[0].size
            while self._queue and size + self._queue[0].size <= self._bound:
                taken.append(self._queue.popleft())
                size += taken[-1].size
            return taken


def _in_savepoint(connection: Connection, job: _Job) -> None:
    connection.exec_driver_sql("SAVEPOINT job")
    try:
        job.answer = job.work(connection)
        connection.exec_driver_sql("RELEASE SAVEPOINT job")
    except Exception as error:  # noqa: BLE001 (whatever it is, it is this job's own)
        job.error = error
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT job")
        connection.exec_driver_sql("RELEASE SAVEPOINT job")
