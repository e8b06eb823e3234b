"""Reads from a replica: a PostgreSQL standby that follows the hub's database.

A request that only reads may be answered by it. How far a write came, its answer says (`Position`); who shows that is answered by a
database that has come as far. Whoever writes reads from the primary from then on, within the request.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from hub.errors import ConfigError, Fault

PATIENCE = 0.5  # seconds that a request waits for the replica to come as far as it must
NAP = 0.01  # seconds between two looks
PAUSE = 5.0  # seconds without it, after it did not answer or did not come
LOOK = 1.0  # seconds between two looks at how far behind it is
STALE = 10.0  # seconds: what is further behind answers nobody
CONNECT = 2  # seconds that it has to answer

log = structlog.get_logger()


@dataclass
class Freshness:
    """How a request reads. `at_least`: the place in the log that it must see; `primary`: nowhere else any more; `wrote`: it did."""

    at_least: int = 0
    primary: bool = False
    wrote: bool = False


READING: ContextVar[Freshness | None] = ContextVar("reading", default=None)


def reading() -> Freshness | None:
    """None: from the primary alone, as all that is no request does."""
    found = READING.get()
    return None if found is None or found.primary else found


def wrote() -> None:
    """From here on this request reads what it wrote."""
    if (found := READING.get()) is not None:
        found.primary = found.wrote = True


def primary() -> AbstractContextManager[None]:
    """Reads within are the primary's: of what must hold at once, as who may come in."""
    return reading_as(None)


@contextmanager
def reading_as(wanted: Freshness | None) -> Iterator[None]:
    """Reads within are as a request's that wants so much."""
    before = READING.set(wanted)
    try:
        yield
    finally:
        READING.reset(before)


class Replica:
    """A standby. `written`: how far the primary's log is. Thread-safe."""

    def __init__(self, url: URL, written: Callable[[], int], *, patience: float = PATIENCE, stale: float = STALE):
        self.url, self._written, self._patience, self._stale = url, written, patience, stale
        self.engine: Engine = create_engine(
            url,
            isolation_level="READ COMMITTED",
            pool_size=10,
            max_overflow=20,
            pool_pre_ping=True,
            connect_args={"connect_timeout": CONNECT},
        )
        self._lock = threading.Lock()
        self._out_until = 0.0
        self._looked, self._marked = 0.0, 0.0  # when it was looked at; when the primary's log was at the mark
        self._mark: int | None = None
        self._fresh = False  # until it has what was there when this began, the tables among it

    def check(self) -> None:
        """ConfigError when this is no standby. One that does not answer now may later."""
        try:
            with self.engine.connect() as connection:
                if connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar():
                    return
        except DBAPIError:
            log.warning("the replica does not answer: reads go to the primary until it does")
            return
        what = "is no standby: it does not follow the hub's database by its log"
        remedy = "name a standby made with pg_basebackup -R, or unset it"
        raise ConfigError([Fault("HUB_READ_URL", what, remedy)])

    def connection(self, wanted: Freshness) -> Connection | None:
        """An open connection that sees what is wanted. None: it is away, behind or not there in time: ask the primary."""
        if time.monotonic() < self._out_until:
            return None
        try:
            connection = self.engine.connect()
        except DBAPIError:
            self._out("the replica does not answer: reads go to the primary")
            return None
        try:
            if self._is_fresh(connection) and self._reaches(connection, wanted.at_least):
                return connection
        except DBAPIError:
            self._out("the replica went away: reads go to the primary")
        except BaseException:
            connection.close()
            raise
        connection.close()
        return None

    def close(self) -> None:
        self.engine.dispose()

    def _reaches(self, connection: Connection, at_least: int) -> bool:
        """Its snapshots, taken from now on, hold what was committed up to there."""
        if not at_least:
            return True
        until = time.monotonic() + self._patience
        while _replayed(connection) < at_least:
            if time.monotonic() >= until:
                self._out("the replica is behind what was written: reads go to the primary")
                return False
            time.sleep(NAP)
        return True

    def _is_fresh(self, connection: Connection) -> bool:
        """Has it what the primary had some seconds ago? Looked at now and then, by one of all who ask."""
        now = time.monotonic()
        if now - self._looked < LOOK or not self._lock.acquire(blocking=False):
            return self._fresh
        try:
            if self._mark is None:
                self._marked, self._mark = now, self._written()
            if _replayed(connection) >= self._mark:
                self._marked, self._mark = now, self._written()
                self._fresh = True
            elif now - self._marked > self._stale:
                if self._fresh:
                    log.warning("the replica is too far behind: reads go to the primary")
                self._fresh = False
            self._looked = now
            return self._fresh
        finally:
            self._lock.release()

    def _out(self, why: str) -> None:
        self._out_until = time.monotonic() + PAUSE
        log.warning(why)


def written(connection: Connection) -> int:
    """How far the primary's log is: every commit that returned before is in it."""
    return _place(connection, "pg_current_wal_insert_lsn()")


def _replayed(connection: Connection) -> int:
    """How far a standby is; -1 when it is none any more. In a transaction of its own: a snapshot taken before would be older."""
    found = _place(connection, "pg_last_wal_replay_lsn()")
    connection.rollback()
    return found


def _place(connection: Connection, sql: str) -> int:
    """A place in the log as a number."""
    found = connection.exec_driver_sql(f"SELECT coalesce(({sql} - '0/0')::bigint, -1)").scalar()
    return int(found or 0)
