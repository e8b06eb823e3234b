"""How rooms ask: `ask`, `do`, `do_many` by name, and whole tables as Arrow. Straight to the driver.

SQLAlchemy's share of a look-up by key is ten times SQLite's. One text per statement, whatever the number of ids, so
that both drivers keep it prepared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

import orjson
from sqlalchemy import Connection, Table, text

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 500  # ids inlined in one statement
ARROW_ROWS = 500  # turned into columns at once: more leave the processor's cache, and cost three times as much
FETCHED_ROWS = 50_000  # in one round trip to PostgreSQL
COPY_FROM = 100  # rows from which PostgreSQL's COPY is worth its round trips

T = TypeVar("T")
Values = Mapping[str, object]
Row = tuple[Any, ...]  # as the driver gives it: columns in the order of the statement


def dump(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def dump_any(value: object) -> str:
    """For what was set aside: whatever it holds, as text that any database keeps."""
    try:
        return dump(value)
    except (TypeError, RecursionError):
        return repr(value).encode("ascii", "backslashreplace").decode()


def storable(text_: str) -> str:
    """Text that any database keeps: what no column takes (NUL, half of a character) is spelled."""
    return text_.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def load(text_: str | None) -> Any:
    return None if text_ is None else orjson.loads(text_)


def ints(ids: Iterable[int]) -> str:
    """Integers for an IN list. int() keeps anything else out of the statement."""
    return ",".join(str(int(i)) for i in ids) or "NULL"


def chunks(ids: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    listed = list(ids)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]


def select_in(connection: Connection, statement: str, ids: Iterable[int], **values: object) -> list[Any]:
    """Rows of a statement with `{ids}` in it, asked in chunks."""
    found: list[Any] = []
    for part in chunks(ids):
        found.extend(connection.execute(text(statement.replace("{ids}", ints(part))), values))
    return found


def execute_in(connection: Connection, statement: str, ids: Iterable[int], **values: object) -> None:
    for part in chunks(ids):
        connection.execute(text(statement.replace("{ids}", ints(part))), values)


def ask(connection: Connection, statement: str, **values: object) -> list[Row]:
    """Rows of a statement with `:name` marks; `IN {name}` takes a collection of integers, `IN {name:text}` of texts."""
    spelled = _bound(connection, statement, values)
    return [] if spelled is None else driver(connection).execute(spelled, values).fetchall()


def first(connection: Connection, statement: str, **values: object) -> Row | None:
    """The first row of an answer, as for `ask`."""
    found = ask(connection, statement, **values)
    return found[0] if found else None


def number(connection: Connection, statement: str, **values: object) -> int:
    """An answer that is one number, as for `ask`; 0 when there is none."""
    found = first(connection, statement, **values)
    return int(found[0] or 0) if found else 0


def do(connection: Connection, statement: str, **values: object) -> int:
    """A statement without an answer, as for `ask`; how many rows it touched. None when a collection is empty."""
    spelled = _bound(connection, statement, values)
    return 0 if spelled is None else int(driver(connection).execute(spelled, values).rowcount)


def _bound(connection: Connection, statement: str, values: dict[str, object]) -> str | None:
    """The driver's spelling, collections in `values` made fit for it; None when one is empty."""
    sqlite = connection.dialect.name == "sqlite"
    spelled, lists = _spelled(statement, sqlite)
    for name in lists:
        listed = list(cast(Iterable[object], values[name]))
        if not listed:
            return None
        values[name] = orjson.dumps(listed).decode() if sqlite else listed
    return spelled


def do_many(connection: Connection, statement: str, rows: Sequence[Values]) -> None:
    """One statement with `:name` marks, once for each row."""
    if rows:
        text_, _ = _spelled(statement, connection.dialect.name == "sqlite")
        driver(connection).cursor().executemany(text_, rows)


def driver(connection: Connection) -> Any:
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
    return re.sub(r"(?<!:):([a-z_]\w*)", r"%(\1)s", made), lists


def exists(connection: Connection, table_name: str) -> bool:
    """Has a table any row?"""
    return bool(driver(connection).execute(f'SELECT 1 FROM "{table_name}" LIMIT 1').fetchall())


def naming(
    connection: Connection, table_name: str, ends: Sequence[str], names: Iterable[tuple[str, str, str]]
) -> list[int]:
    """`rid` of the rows of a table that name one of these (source, stream, key) at one of its ends: in `<end>_source`,
    `<end>_stream`, `<end>_key`."""
    by_stream: dict[tuple[str, str], set[str]] = {}
    for source, stream, key in names:
        by_stream.setdefault((source, stream), set()).add(key)
    found: set[int] = set()
    for end in ends:
        here = f"{end}_source = :source AND {end}_stream = :stream AND {end}_key IN {{keys:text}}"
        for (source, stream), keys in by_stream.items():
            statement = f'SELECT rid FROM "{table_name}" WHERE {here}'
            found |= {rid for (rid,) in ask(connection, statement, source=source, stream=stream, keys=keys)}
    return sorted(found)


def insert_many(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Insert rows fast: executemany on SQLite, COPY of many on PostgreSQL."""
    if not rows:
        return
    names = ", ".join(f'"{c}"' for c in columns)
    sqlite = connection.dialect.name == "sqlite"
    cursor = driver(connection).cursor()
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


def upsert_many(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Insert or replace by primary key."""
    if rows:
        statement = _upsert(
            table.name,
            tuple(c.name for c in table.primary_key.columns),
            tuple(columns),
            connection.dialect.name == "sqlite",
        )
        driver(connection).cursor().executemany(statement, rows)


@lru_cache(maxsize=128)
def _upsert(table_name: str, keys: tuple[str, ...], columns: tuple[str, ...], sqlite: bool) -> str:
    names = ", ".join(f'"{c}"' for c in columns)
    changes = ", ".join(f'"{c}" = excluded."{c}"' for c in columns if c not in keys)
    target = ", ".join(f'"{k}"' for k in keys)
    marks = ", ".join(["?" if sqlite else "%s"] * len(columns))
    action = f"DO UPDATE SET {changes}" if changes else "DO NOTHING"
    return f'INSERT INTO "{table_name}" ({names}) VALUES ({marks}) ON CONFLICT ({target}) {action}'


def arrow(connection: Connection, query: str, columns: Mapping[str, str]) -> pa.Table:
    """A query's rows as Arrow, without holding all of them as Python objects. `columns`: name -> Arrow's name of its type.

    Not by ADBC: it brings a second SQLite into the process, whose closing of the file drops the first
    one's POSIX locks (sqlite.org/howtocorrupt.html, 2.2.1); tried here, it read a stale database.
    """
    import pyarrow as pa  # here: only bulk work reads tables whole

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns.items()])
    raw = connection.connection
    sqlite = connection.dialect.name == "sqlite"
    cursor, size = (raw.cursor(), ARROW_ROWS) if sqlite else (raw.cursor(name="hub_arrow"), FETCHED_ROWS)
    batches = []
    try:
        cursor.execute(query)
        while rows := cursor.fetchmany(size):
            arrays = [
                pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), schema.types, strict=True)
            ]
            batches.append(pa.record_batch(arrays, schema=schema))
    finally:
        cursor.close()
    return pa.Table.from_batches(batches, schema)
