"""For work on very many records: processes beside this one, and a collector that seldom looks."""

from __future__ import annotations

import atexit
import gc
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

T = TypeVar("T")

SELDOM = (300_000, 10, 10)  # new objects between two looks, and looks between two deeper ones
AHEAD = 2  # answers that may wait for whoever asked, beside those that are being made; unless told otherwise


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Fewer searches for cyclic garbage, of which bulk work makes none: else they take a large part of its time.

    Nothing changes where it is under way already, or a serving process has set its own pace.
    """
    if gc.get_freeze_count():
        yield
        return
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


class Processes:
    """Processes that do what they are told; `begin(*given)` once in each of them first. Started when first needed."""

    def __init__(self, count: int, begin: Callable[..., None], *given: object):
        self._count, self._begin, self._given = count, begin, given
        self._pool: ProcessPoolExecutor | None = None

    def map(self, work: Callable[..., T], jobs: Iterable[tuple[Any, ...]], ahead: int = AHEAD) -> Iterator[T]:
        """The answers in the order of the jobs, which are asked for as answers are taken."""
        if self._pool is None:
            from concurrent.futures import ProcessPoolExecutor  # here: most commands never need help
            from multiprocessing import get_context

            self._pool = ProcessPoolExecutor(
                self._count, get_context("spawn"), initializer=_begin, initargs=(self._begin, self._given)
            )
        running: deque[Future[T]] = deque()
        for job in jobs:
            with _held_back(signal.SIGINT):  # processes are started here: Ctrl-C is for whom they help, who ends them
                running.append(self._pool.submit(work, *job))
            if len(running) >= self._count + ahead:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()

    def close(self) -> None:
        """End them; what they were not asked to finish is left."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


@contextmanager
def _held_back(number: signal.Signals) -> Iterator[None]:
    """A signal waits until after; in processes that are started meanwhile for ever."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(begin: Callable[..., None], given: tuple[Any, ...]) -> None:
    begin(*given)
    gc.freeze()
    atexit.register(gc.unfreeze)  # else DuckDB, which looks at the end for what nobody collected, reports all of itself
    gc.set_threshold(*SELDOM)
