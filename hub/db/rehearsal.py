"""Everything done for real, in one transaction that is rolled back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection

from hub.db.database import Units

T = TypeVar("T")


class Rehearsal:
    """Units that are all one transaction, which will be rolled back."""

    shared = False
    requested_lately = False  # who writes now waits for the end of the rehearsal

    def __init__(self, stage: Units, connection: Connection):
        self.url, self.clock, self.sqlite = stage.url, stage.clock, stage.sqlite
        self._connection = connection

    @contextmanager
    def unit(self, *, urgent: bool = True) -> Iterator[Connection]:
        yield self._connection

    @contextmanager
    def large_unit(self) -> Iterator[Connection]:
        yield self._connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        yield self._connection

    def together(self, work: Callable[[Connection], T], *, size: int = 1) -> T:
        return work(self._connection)

    def giving_way(self, steps: Iterable[T]) -> Iterator[T]:
        yield from steps

    def compact(self) -> bool:
        """Nothing was committed."""
        return True

    def shorten_log(self) -> None:
        """Nothing was committed."""


class _RolledBack(Exception):
    """Ends a rehearsal."""


@contextmanager
def rehearsal(database: Units) -> Iterator[Rehearsal]:
    """A stage to try an act on. Holds the writer's lock until it is over; nothing of it stays."""
    try:
        with database.unit(urgent=False) as connection:
            yield Rehearsal(database, connection)
            raise _RolledBack
    except _RolledBack:
        pass
