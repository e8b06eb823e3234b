"""The database: SQLite embedded or PostgreSQL by URL, one writer at a time, and the clock.

`Database.unit()` is the only way to write: one transaction whose first statement takes the
writer's lock. `Database.read()` is a snapshot. Rooms get the connection and never commit.
"""

from __future__ import annotations

import heapq
import itertools
import json
import math
import os
import re
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import orjson
import psycopg
import pyarrow as pa
from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, Table, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import Field, SQLModel

from hub.errors import ConfigError, Fault, RetryLater

WRITER_LOCK = 0x4855420001  # any constant: the key of PostgreSQL's advisory lock
BUSY_SECONDS = 30
CHUNK = 500  # ids inlined in one statement
PATIENCE = 0.25  # seconds that a pull lets requests pass
LATELY = 1.0  # seconds that a request counts as recent
WAL_PAGES = 32_000  # of SQLite's log, from which a commit itself moves them into the file
CHECKPOINT_AFTER = 32  # units, from which a thread does so instead: who commits need not wait for it
CHECKPOINT_EVERY = 0.5  # seconds
CACHE, LARGE_CACHE = (
    16_384,
    524_288,
)  # KiB of pages that SQLite keeps: for any connection, and while a unit writes very much
CONVOY = 64  # rows of requests that share a commit: the lock is held some hundred milliseconds at most

T = TypeVar("T")


class Clock(Protocol):
    def now(self) -> int:
        """Microseconds since 1970 UTC."""


class SystemClock:
    def now(self) -> int:
        return time.time_ns() // 1000


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


class Database:
    """One hub's store. `url` is `sqlite:///path`, or `postgresql://...`."""

    def __init__(self, url: str, clock: Clock | None = None):
        self.url = make_url(url)
        self.clock = clock or SystemClock()
        self.sqlite = self.url.get_backend_name() == "sqlite"
        if not self.sqlite and self.url.get_backend_name() != "postgresql":
            raise ConfigError(
                [
                    Fault(
                        "HUB_DATABASE_URL",
                        f"'{self.url.get_backend_name()}' is not supported",
                        "use sqlite:///path or postgresql://user@host/name",
                    )
                ]
            )
        if not self.sqlite:
            self.url = self.url.set(drivername="postgresql+psycopg")
        self.engine = _sqlite_engine(self.url) if self.sqlite else _postgres_engine(self.url)
        self._turnstile = Turnstile()
        self._convoy = Convoy(self.unit)
        self._units = 0
        self._closed = threading.Event()

    @contextmanager
    def unit(self, *, urgent: bool = True) -> Iterator[Connection]:
        """A writing transaction, alone. Commits at the end, rolls back on any error.

        The lock is taken by the first statement: on SQLite a later upgrade fails at once despite
        the busy timeout; on PostgreSQL a snapshot older than the lock lets two golden records be born.
        """
        with self._turnstile.turn(urgent), self.engine.connect() as connection:
            try:
                if self.sqlite:
                    connection.begin()  # so that what asks SQLAlchemy knows; itself it sends nothing
                    _driver(connection).execute("BEGIN IMMEDIATE")
                else:
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
            except (sqlite3.OperationalError, OperationalError) as error:
                raise RetryLater(f"the database is busy or away: {error}") from error
            try:
                yield connection
                fail_point("pre-commit")
                _driver(connection).execute("COMMIT") if self.sqlite else connection.commit()
            except BaseException as error:
                self._rollback(connection)
                if isinstance(error, sqlite3.OperationalError | psycopg.OperationalError):
                    raise RetryLater(f"the database is busy or away: {error}") from error
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
        return self._convoy.run(work, size)

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

    def _rollback(self, connection: Connection) -> None:
        if not self.sqlite:
            connection.rollback()
        elif _driver(connection).in_transaction:
            _driver(connection).execute("ROLLBACK")  # SQLite has rolled back itself when the disk was full

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot: several reads that agree with one another."""
        with self.engine.connect() as connection:
            if self.sqlite:
                _driver(connection).execute("BEGIN")
            else:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                yield connection
            except (sqlite3.OperationalError, psycopg.OperationalError) as error:
                raise RetryLater(f"the database is busy or away: {error}") from error
            finally:
                self._rollback(connection)

    def shorten_log(self) -> None:
        """After very many writes: move SQLite's log into the file and give its space back, unless somebody is busy just now."""
        if self.sqlite and self.url.database not in (None, "", ":memory:"):
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


class Rehearsal(Database):
    """A database on which everything is done for real, in one transaction that will be rolled back."""

    def __init__(self, database: Database, connection: Connection):
        self.url, self.clock, self.sqlite, self.engine = database.url, database.clock, database.sqlite, database.engine
        self._connection = connection

    @contextmanager
    def unit(self, *, urgent: bool = True) -> Iterator[Connection]:
        yield self._connection

    def together(self, work: Callable[[Connection], T], *, size: int = 1) -> T:
        return work(self._connection)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        yield self._connection


class _RolledBack(Exception):
    """Ends a rehearsal."""


@contextmanager
def rehearsal(database: Database) -> Iterator[Rehearsal]:
    """A stage to try an act on. Holds the writer's lock until it is over; nothing of it stays."""
    try:
        with database.unit(urgent=False) as connection:
            yield Rehearsal(database, connection)
            raise _RolledBack
    except _RolledBack:
        pass


def _sqlite_engine(url: Any) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
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


def _postgres_engine(url: Any) -> Engine:
    return create_engine(url, isolation_level="READ COMMITTED", pool_size=10, max_overflow=20, pool_pre_ping=True)


# --- small tools of every store -------------------------------------------------------------


def big(**kwargs: Any) -> Any:
    """A 64-bit integer column: SQLModel's int is 32 bits on PostgreSQL. SQLite's own are 64 bits, and as INTEGER a primary key is the row's place."""
    nullable = kwargs.pop("nullable", False)
    primary = kwargs.pop("primary_key", False)
    index = kwargs.pop("index", False)
    default = kwargs.pop("default", ...)
    column = Column(
        BigInteger().with_variant(Integer(), "sqlite"),
        nullable=nullable,
        primary_key=primary,
        index=index,
        autoincrement=False,
    )
    return Field(default, sa_column=column)


def table(row: type[SQLModel]) -> Any:
    return row.__table__  # type: ignore[attr-defined]


def dump(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def load(text_: str | None) -> Any:
    return None if text_ is None else orjson.loads(text_)


def ints(ids: Iterable[int]) -> str:
    """Integers for an IN list. int() keeps anything else out of the statement."""
    return ",".join(str(int(i)) for i in ids) or "NULL"


def chunks(ids: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    listed = list(ids)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]


def select_in(connection: Connection, statement: str, ids: Iterable[int], **values: Any) -> list[Any]:
    """Rows of a statement with `{ids}` in it, asked in chunks."""
    found: list[Any] = []
    for part in chunks(ids):
        found.extend(connection.execute(text(statement.replace("{ids}", ints(part))), values))
    return found


def execute_in(connection: Connection, statement: str, ids: Iterable[int], **values: Any) -> None:
    for part in chunks(ids):
        connection.execute(text(statement.replace("{ids}", ints(part))), values)


# Hot paths go straight to the driver: SQLAlchemy's share of a look-up by key is ten times SQLite's. One text per
# statement, whatever the number of ids, so that both drivers keep it prepared.

Values = Mapping[str, Any]


def ask(connection: Connection, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    """Rows of a statement with `:name` marks; `IN {name}` takes a collection of integers, `IN {name:text}` of texts."""
    spelled = _bound(connection, statement, values)
    return [] if spelled is None else _driver(connection).execute(spelled, values).fetchall()


def do(connection: Connection, statement: str, **values: Any) -> None:
    """A statement without an answer, as for `ask`. Nothing happens when a collection is empty."""
    spelled = _bound(connection, statement, values)
    if spelled is not None:
        _driver(connection).execute(spelled, values)


def _bound(connection: Connection, statement: str, values: dict[str, Any]) -> str | None:
    """The driver's spelling, collections in `values` made fit for it; None when one is empty."""
    sqlite = connection.dialect.name == "sqlite"
    spelled, lists = _spelled(statement, sqlite)
    for name in lists:
        listed = list(values[name])
        if not listed:
            return None
        values[name] = orjson.dumps(listed).decode() if sqlite else listed
    return spelled


def do_many(connection: Connection, statement: str, rows: Sequence[Values]) -> None:
    """One statement with `:name` marks, once for each row."""
    if rows:
        text_, _ = _spelled(statement, connection.dialect.name == "sqlite")
        _driver(connection).cursor().executemany(text_, rows)


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


@lru_cache(maxsize=512)
def _spelled(statement: str, sqlite: bool) -> tuple[str, tuple[str, ...]]:
    """A statement as a driver spells it, and the names of its collections."""
    lists = tuple(dict.fromkeys(re.findall(r"IN \{(\w+)(?::text)?\}", statement)))
    if sqlite:
        return re.sub(r"IN \{(\w+)(?::text)?\}", r"IN (SELECT value FROM json_each(:\1))", statement), lists
    made = re.sub(
        r"IN \{(\w+):text\}", r"= ANY(:\1::text[])", re.sub(r"IN \{(\w+)\}", r"= ANY(:\1::bigint[])", statement)
    )
    return re.sub(r"(?<!:):([a-z_]+)", r"%(\1)s", made), lists


def exists(connection: Connection, table_name: str) -> bool:
    """Has a table any row?"""
    return bool(_driver(connection).execute(f'SELECT 1 FROM "{table_name}" LIMIT 1').fetchall())


ARROW_ROWS = 500  # turned into columns at once: more leave the processor's cache, and cost three times as much
FETCHED_ROWS = 50_000  # in one round trip to PostgreSQL
COPY_FROM = 100  # rows from which PostgreSQL's COPY is worth its round trips


def insert_many(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows fast: executemany on SQLite, COPY of many on PostgreSQL."""
    if not rows:
        return
    names = ", ".join(f'"{c}"' for c in columns)
    sqlite = connection.dialect.name == "sqlite"
    cursor = _driver(connection).cursor()
    if sqlite or len(rows) < COPY_FROM:
        marks = ", ".join(["?" if sqlite else "%s"] * len(columns))
        cursor.executemany(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', rows)
        return
    with cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)


@contextmanager
def indexed_afterwards(connection: Connection, table: Table) -> Iterator[None]:
    """Fill an empty table, its indexes made at the end: half the time on SQLite. On PostgreSQL they stay, as dropping one keeps readers waiting."""
    indexes = sorted(table.indexes, key=lambda i: str(i.name)) if connection.dialect.name == "sqlite" else []
    for index in indexes:
        index.drop(connection)
    yield
    for index in indexes:
        index.create(connection)


def upsert_many(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert or replace by primary key."""
    if rows:
        statement = _upsert(
            table.name,
            tuple(c.name for c in table.primary_key.columns),
            tuple(columns),
            connection.dialect.name == "sqlite",
        )
        _driver(connection).cursor().executemany(statement, rows)


@lru_cache(maxsize=128)
def _upsert(table_name: str, keys: tuple[str, ...], columns: tuple[str, ...], sqlite: bool) -> str:
    names = ", ".join(f'"{c}"' for c in columns)
    changes = ", ".join(f'"{c}" = excluded."{c}"' for c in columns if c not in keys)
    target = ", ".join(f'"{k}"' for k in keys)
    marks = ", ".join(["?" if sqlite else "%s"] * len(columns))
    action = f"DO UPDATE SET {changes}" if changes else "DO NOTHING"
    return f'INSERT INTO "{table_name}" ({names}) VALUES ({marks}) ON CONFLICT ({target}) {action}'


def arrow(connection: Connection, query: str, columns: Mapping[str, pa.DataType]) -> pa.Table:
    """A query's rows as Arrow, without holding all of them as Python objects.

    Not by ADBC: it brings a second SQLite into the process, whose closing of the file drops the first
    one's POSIX locks (sqlite.org/howtocorrupt.html, 2.2.1); tried here, it read a stale database.
    """
    schema = pa.schema(list(columns.items()))
    raw = connection.connection
    sqlite = connection.dialect.name == "sqlite"
    cursor, size = (raw.cursor(), ARROW_ROWS) if sqlite else (raw.cursor(name="hub_arrow"), FETCHED_ROWS)
    batches = []
    try:
        cursor.execute(query)
        while rows := cursor.fetchmany(size):
            arrays = [
                pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), columns.values(), strict=True)
            ]
            batches.append(pa.record_batch(arrays, schema=schema))
    finally:
        cursor.close()
    return pa.Table.from_batches(batches, schema)


def next_number(connection: Connection, table: Table, column: str) -> int:
    """The next number of a column; safe because writers are alone."""
    found = _driver(connection).execute(f'SELECT max("{column}") FROM "{table.name}"').fetchone()[0]
    return int(found or 0) + 1


def fail_point(name: str) -> None:
    """Die here when `HUB_FAIL=name:n` asks for it, at the n-th pass. For crash tests only."""
    wanted = os.environ.get("HUB_FAIL")
    if not wanted:
        return
    point, _, count = wanted.partition(":")
    if point == name:
        left = int(count or 1) - 1
        if left <= 0:
            os.kill(os.getpid(), 9)
        os.environ["HUB_FAIL"] = f"{point}:{left}"


__all__ = [
    "Clock",
    "Connection",
    "Database",
    "SystemClock",
    "ask",
    "chunks",
    "do",
    "do_many",
    "dump",
    "execute_in",
    "exists",
    "fail_point",
    "insert_many",
    "ints",
    "json",
    "load",
    "next_number",
    "select_in",
    "upsert_many",
]
