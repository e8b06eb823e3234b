"""The database: SQLite embedded or PostgreSQL by URL, one writer at a time, and the clock.

`Database.unit()` is the only way to write: one transaction whose first statement takes the
writer's lock. `Database.read()` is a snapshot. Rooms get the connection and never commit.
"""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hub.db.crashing import fail_point
from hub.db.replica import Replica, reading, system, written, wrote
from hub.db.room import FULL_LATELY, is_full, room_in
from hub.db.statements import driver
from hub.db.turns import PATIENCE, Convoy, Turnstile
from hub.errors import ConfigError, DiskFull, Fault, RetryLater

WRITER_LOCK = 0x4855420001  # any constant: the key of PostgreSQL's advisory lock
BUSY_SECONDS = 30
LATELY = 1.0  # seconds that a request counts as recent
WAL_PAGES = 32_000  # of SQLite's log, from which a commit itself moves them into the file
CHECKPOINT_AFTER = 32  # units, from which a thread does so instead: who commits need not wait for it
CHECKPOINT_EVERY = 0.5  # seconds
LOCK_SECONDS = 5  # that PostgreSQL waits for a table that somebody reads, to write it anew
LOCK_NOT_AVAILABLE = "55P03"
CUTS = 100  # tries to cut the log, while others are at it
# KiB of pages that SQLite keeps: for any connection, and while a unit writes very much
CACHE, LARGE_CACHE = 16_384, 524_288

T = TypeVar("T")


class Clock(Protocol):
    def now(self) -> int:
        """Microseconds since 1970 UTC."""


class SystemClock:
    def now(self) -> int:
        return time.time_ns() // 1000


class Units(Protocol):
    """Where rooms read and write: a database, or a rehearsal on one."""

    @property
    def url(self) -> URL: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def sqlite(self) -> bool: ...
    @property
    def shared(self) -> bool:
        """Can other processes see what is committed here?"""

    @property
    def requested_lately(self) -> bool: ...
    def unit(self, *, urgent: bool = True) -> AbstractContextManager[Connection]: ...
    def large_unit(self) -> AbstractContextManager[Connection]: ...
    def read(self) -> AbstractContextManager[Connection]: ...
    def together(self, work: Callable[[Connection], T], *, size: int = 1) -> T: ...
    def giving_way(self, steps: Iterable[T]) -> Iterator[T]: ...
    def shorten_log(self) -> None: ...
    def compact(self) -> bool: ...


class Database:
    """One hub's store. `url` is `sqlite:///path`, or `postgresql://...`; `replica`: a standby of the latter, for requests that only read."""

    def __init__(self, url: str, clock: Clock | None = None, *, replica: str = ""):
        self.url = _address(url, "HUB_DATABASE_URL")
        self.clock = clock or SystemClock()
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.sqlite else _postgres_engine(self.url)
        # What a driver raises when the database is away, with and without SQLAlchemy around it.
        self._away = (OperationalError, self.engine.dialect.loaded_dbapi.OperationalError)
        self._full_at = -math.inf
        self._turnstile = Turnstile()
        self._convoy = Convoy(self.unit)
        self._units = 0
        self._closed = threading.Event()
        self.replica = self._replica(replica) if replica else None

    def _replica(self, url: str) -> Replica:
        found = _address(url, "HUB_READ_URL")
        if self.sqlite or found.get_backend_name() == "sqlite":
            what, remedy = "only a database in PostgreSQL has replicas", "unset it, or keep the hub in PostgreSQL"
            raise ConfigError([Fault("HUB_READ_URL", what, remedy)])
        return Replica(found, self.written, self._system)

    def _system(self) -> int | None:
        with self._connection() as connection:
            return system(connection)

    def written(self, connection: Connection | None = None) -> int:
        """The place in the log up to which a replica must be, to see all that is committed now; 0 where there is none.
        `connection`: one to the primary that the asker holds already."""
        if self.sqlite:
            return 0
        with nullcontext(connection) if connection else self._connection() as reading_:
            return written(reading_)

    @contextmanager
    def unit(self, *, urgent: bool = True) -> Iterator[Connection]:
        """A writing transaction, alone. Commits at the end, rolls back on any error.

        The lock is taken by the first statement: on SQLite a later upgrade fails at once despite
        the busy timeout; on PostgreSQL a snapshot older than the lock lets two golden records be born.
        """
        wrote()
        with self._turnstile.turn(urgent), self._connection() as connection:
            try:
                if self.sqlite:
                    connection.begin()  # so that what asks SQLAlchemy knows; itself it sends nothing
                    driver(connection).execute("BEGIN IMMEDIATE")
                else:
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
            except self._away as error:
                raise self._later(error) from error
            try:
                yield connection
                fail_point("pre-commit")
                driver(connection).execute("COMMIT") if self.sqlite else connection.commit()
            except BaseException as error:
                self._rollback(connection)
                if isinstance(error, self._away):
                    raise self._later(error) from error
                raise
            fail_point("post-commit")
            self._units += 1
            if self._units == CHECKPOINT_AFTER and self.sqlite and self.url.database:
                threading.Thread(
                    target=_checkpoints, args=(self.url.database, self._closed), name="hub checkpoints", daemon=True
                ).start()

    @contextmanager
    def large_unit(self) -> Iterator[Connection]:
        """A unit that writes very much: its pages stay in memory until it commits, else they go to the log and come back many times."""
        with self.unit(urgent=False) as connection:
            if not self.sqlite:
                yield connection
                return
            connection.exec_driver_sql(f"PRAGMA cache_size=-{LARGE_CACHE}")
            try:
                yield connection
            finally:
                connection.exec_driver_sql(f"PRAGMA cache_size=-{CACHE}")

    def together(self, work: Callable[[Connection], T], *, size: int = 1) -> T:
        """Do work of a request in a writing transaction that may be shared with others; returns after the commit."""
        wrote()
        return self._convoy.run(work, size)

    @property
    def shared(self) -> bool:
        """Can other processes see what is committed here?"""
        return self.url.database not in (None, "", ":memory:")

    @property
    def requested_lately(self) -> bool:
        """Do requests write at this time? Then who is not in a hurry keeps its units short."""
        return time.monotonic() - self._turnstile.urgent_at < LATELY

    def giving_way(self, steps: Iterable[T]) -> Iterator[T]:
        """Steps of work outside any unit, for who is not in a hurry: requests that write meanwhile go first, as Python
        computes for one thread at a time. Patience is for all the steps together."""
        until = time.monotonic() + PATIENCE
        for step in steps:
            self._turnstile.give_way(until)
            yield step

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            connection = self.engine.connect()
        except PoolTimeout as error:
            raise RetryLater("all connections to the database are in use: ask again") from error
        except (DBAPIError, sqlite3.DatabaseError) as error:
            raise RetryLater(
                f"the database at {self.url.render_as_string()} cannot be opened: {_first_line(error)}; "
                "start it, or correct HUB_DATABASE_URL"
            ) from error
        with connection:
            yield connection

    def _later(self, error: BaseException) -> RetryLater:
        """What a driver's error means to who asked."""
        if is_full(error):
            self._full_at = time.monotonic()
            return DiskFull(f"the disk of the database is full: {_first_line(error)}")
        return RetryLater(f"the database is busy or away: {_first_line(error)}")

    def room(self) -> None:
        """DiskFull when there is no room to write. Of PostgreSQL's disk only its last refusals tell."""
        if time.monotonic() - self._full_at < FULL_LATELY:
            raise DiskFull("the disk of the database is full")
        if self.sqlite and self.shared:
            room_in(Path(str(self.url.database)).parent)

    def _rollback(self, connection: Connection) -> None:
        if not self.sqlite:
            with suppress(*self._away):  # who is away has rolled back
                connection.rollback()
        elif driver(connection).in_transaction:
            driver(connection).execute("ROLLBACK")  # SQLite has rolled back itself when the disk was full

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot: several reads that agree with one another. Of a request that only reads: the replica's, where there is one."""
        with self._to_read() as connection:
            if self.sqlite:
                driver(connection).execute("BEGIN")
            else:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                yield connection
            except self._away as error:
                raise self._later(error) from error
            finally:
                self._rollback(connection)

    @contextmanager
    def _to_read(self) -> Iterator[Connection]:
        wanted = reading() if self.replica is not None else None
        if self.replica is not None and wanted is not None:
            found = self.replica.connection(wanted)
            if found is not None:
                with found:
                    yield found
                return
            wanted.primary = True  # as all else that this request reads: it would go back in time
        with self._connection() as connection:
            yield connection

    def compact(self) -> bool:
        """What was deleted leaves the database's files too: pages are written anew, the log is cut. False: somebody reads
        what was there before, so the log still holds it: try again later."""
        if self.sqlite:
            with closing(sqlite3.connect(str(self.url.database), isolation_level=None, timeout=BUSY_SECONDS)) as raw:
                raw.execute("PRAGMA secure_delete=ON")
                raw.execute("VACUUM")
                raw.execute("PRAGMA busy_timeout=50")  # ms: else each try would wait for who reads, and all that write
                for _ in range(CUTS):
                    if not raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                        return True
                    time.sleep(0.05)
            return False
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_SECONDS}s'")  # else all that comes waits behind it
            try:
                connection.exec_driver_sql("VACUUM FULL")
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                    raise
                return False
            finally:
                connection.exec_driver_sql("RESET lock_timeout")
        return True

    def shorten_log(self) -> None:
        """After very many writes: move SQLite's log into the file and give its space back, unless somebody is busy just now."""
        if self.sqlite and self.shared:
            connection = sqlite3.connect(str(self.url.database), isolation_level=None, timeout=0.2)
            try:
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.OperationalError:
                pass  # the commits' own checkpoints remain
            finally:
                connection.close()

    def close(self) -> None:
        self._closed.set()
        self.engine.dispose()
        if self.replica is not None:
            self.replica.close()


def _address(url: str, variable: str) -> URL:
    try:
        found = make_url(url)
    except ArgumentError:
        what, remedy = "is no address of a database", "write sqlite:///path or postgresql://user@host/name"
        raise ConfigError([Fault(variable, what, remedy)]) from None
    name = found.get_backend_name()
    if name not in ("sqlite", "postgresql"):
        what, remedy = f"'{name}' is not supported", "use sqlite:///path or postgresql://user@host/name"
        raise ConfigError([Fault(variable, what, remedy)])
    return found if name == "sqlite" else found.set(drivername="postgresql+psycopg")


def _first_line(error: BaseException) -> str:
    """What the driver says, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


def _sqlite_engine(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = f"the folder of {url.database} cannot be made: {error.strerror}"
            raise ConfigError([Fault("HUB_DATABASE_URL", what, "name a place that you may write to")]) from None
        with suppress(OSError, ValueError):  # readable by its owner alone; its log takes the same mode
            os.close(os.open(url.database, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS, "cached_statements": 512},
        pool_use_lifo=True,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN and COMMIT are ours
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "secure_delete=ON",
            "foreign_keys=ON",
            f"cache_size=-{CACHE}",
            "temp_store=MEMORY",
            "mmap_size=268435456",
            f"wal_autocheckpoint={WAL_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _checkpoints(path: str, closed: threading.Event, every: float = CHECKPOINT_EVERY) -> None:
    """Move SQLite's log into the file from time to time, in passing: neither readers nor the writer wait for it."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        while not closed.wait(every):
            with suppress(
                sqlite3.OperationalError
            ):  # busy or locked, its first look at the file too: next time, or by the commits' own
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _postgres_engine(url: URL) -> Engine:
    return create_engine(url, isolation_level="READ COMMITTED", pool_size=10, max_overflow=20, pool_pre_ping=True)
