"""Reads from a replica: a PostgreSQL standby that follows the hub's database.

A request that only reads may be answered by it. How far a write came, its answer says (`Position`); who shows that is answered by a
database that has come as far. Whoever writes reads from the primary from then on, within the request.
"""

from __future__ import annotations

import math
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
from sqlalchemy.exc import TimeoutError as PoolTimeout

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
    """A standby. `written`: how far the primary's log is; `system`: which cluster the primary's is. Thread-safe."""

    def __init__(
        self,
        url: URL,
        written: Callable[[], int],
        system: Callable[[], int | None] = lambda: None,
        *,
        patience: float = PATIENCE,
        stale: float = STALE,
    ):
        self.url, self._written, self._system, self._patience, self._stale = url, written, system, patience, stale
        self.engine: Engine = create_engine(
            url,
            isolation_level="READ COMMITTED",
            pool_size=10,
            max_overflow=20,
            pool_pre_ping=True,
            pool_timeout=CONNECT,
            connect_args={
                "connect_timeout": CONNECT,
                # For a host that vanished the kernel would wait a quarter of an hour.
                "tcp_user_timeout": CONNECT * 1000,
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 2,
            },
        )
        self._lock = threading.Lock()
        self._out_until = 0.0
        self._looked, self._marked = 0.0, 0.0  # when it was looked at; when the primary's log was at the mark
        self._mark: int | None = None
        self._as_of = -math.inf  # it has what the primary had then: at first not what was there when this began

    def check(self) -> None:
        """ConfigError when this is no standby. One that does not answer now may later."""
        try:
            with self.engine.connect() as connection:
                standby = bool(connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar())
                theirs = system(connection) if standby else None
        except DBAPIError:
            log.warning("the replica does not answer: reads go to the primary until it does")
            return
        ours = self._system()
        if standby and (theirs is None or ours is None or theirs == ours):
            return
        what = (
            "follows another database" if standby else "is no standby: it does not follow the hub's database by its log"
        )
        remedy = "name a standby made with pg_basebackup -R, or unset it"
        raise ConfigError([Fault("HUB_READ_URL", what, remedy)])

    def connection(self, wanted: Freshness) -> Connection | None:
        """An open connection that sees what is wanted. None: it is away, behind or not there in time: ask the primary."""
        if time.monotonic() < self._out_until:
            return None
        try:
            connection = self.engine.connect()
        except (DBAPIError, PoolTimeout):
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
        if now - self._looked >= LOOK and self._lock.acquire(blocking=False):
            try:
                self._look(connection)
            finally:
                self._lock.release()
        return time.monotonic() - self._as_of <= self._stale

    def _look(self, connection: Connection) -> None:
        was_fresh = time.monotonic() - self._as_of <= self._stale
        if self._mark is None:
            self._marked, self._mark = time.monotonic(), self._written()
        for _ in range(2):  # that it has come to an old mark proves little: one of now is looked at, too
            if _replayed(connection) < self._mark:
                break
            self._as_of = self._marked
            self._marked, self._mark = time.monotonic(), self._written()
        self._looked = time.monotonic()
        if was_fresh and self._looked - self._as_of > self._stale:
            log.warning("the replica is too far behind: reads go to the primary")

    def _out(self, why: str) -> None:
        self._out_until = time.monotonic() + PAUSE
        log.warning(why)


def written(connection: Connection) -> int:
    """How far the primary's log is: every commit that returned before is in it."""
    return _place(connection, "pg_current_wal_insert_lsn()")


def system(connection: Connection) -> int | None:
    """Which cluster it is: a standby's is its primary's. None where the role may not ask."""
    try:
        found = connection.exec_driver_sql("SELECT system_identifier FROM pg_control_system()").scalar()
    except DBAPIError:
        return None
    return None if found is None else int(found)


def _replayed(connection: Connection) -> int:
    """How far a standby is; -1 when it is none any more. In a transaction of its own: a snapshot taken before would be older."""
    found = _place(connection, "pg_last_wal_replay_lsn()")
    connection.rollback()
    return found


def _place(connection: Connection, sql: str) -> int:
    """A place in the log as a number."""
    found = connection.exec_driver_sql(f"SELECT coalesce(({sql} - '0/0')::bigint, -1)").scalar()
    return int(found or 0)
