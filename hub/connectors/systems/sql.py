"""Tables and queries of any database that SQLAlchemy speaks to.

Reading is by key-set pages in (version, key) order, each page a short query of its own. Values are taken
as the driver gives them: one that is not in the spelling that a column's type expects must not stop the rest.
"""

from __future__ import annotations

import re
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from pydantic import Field, model_validator
from sqlalchemy import event
from sqlalchemy.exc import (
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.sql.selectable import FromClause

from hub.connectors.base import (
    KEPT,
    PAGE_ROWS,
    ROW_BYTES,
    BadRow,
    Cursor,
    Discovered,
    FieldWrite,
    Foreign,
    Page,
    SourceRow,
    WriteResult,
    jsonable,
    known_columns,
    schema_notes,
    too_deep,
)
from hub.connectors.mapping.columns import missing_columns, written_fields
from hub.connectors.mapping.paths import path
from hub.connectors.mapping.times import instant, repeated, version_text
from hub.connectors.sql_children import CHANGED, Child, Children, ChildTable, tables
from hub.connectors.sql_versions import after, earlier, encoded, from_version, has_offset, in_order, is_plain, read_back
from hub.connectors.sql_writes import RAW, Target, bound, error_kind, refusal, write_row
from hub.errors import ConfigError, Fault, RetryLater
from hub.settings import ADDED, Connection, Source, Stream, secret, source_of_kind

AHEAD = 300_000_000  # a source's clock may be five minutes ahead of the hub's
warnings.filterwarnings(
    "ignore", "Did not recognize type", sa.exc.SAWarning
)  # values are taken as the driver gives them
_PLAIN = (str, int, type(None), bool)


@dataclass(frozen=True)
class Readable:
    """A table or query, its columns, and the two that pages are ordered by."""

    rows: FromClause
    name: str
    columns: tuple[str, ...]
    key: str | None  # None: the key is an expression, and pages go by version alone
    version: str | None

    def column(self, name: str) -> sa.ColumnElement[Foreign]:
        return sa.type_coerce(self.rows.c[name], RAW)


class DatabaseConnection(Connection):
    url_env: str  # variable that holds the SQLAlchemy URL


class SqlConnection(DatabaseConnection):
    kind: Literal["sql"]


class SqlStream(Stream):
    """A stream that is read from a table or a query."""

    table: str | None = None  # name of the table or view
    query: str | None = None  # SQL, instead of table
    children: dict[str, Child] = Field(
        default_factory=dict, json_schema_extra=ADDED
    )  # name -> a table whose rows belong to this stream's: each row gets a list of them, under that name

    @model_validator(mode="before")
    @classmethod
    def _dated_with_its_children(cls, given: object) -> object:
        """Of when a row is, its child rows have a say."""
        if isinstance(given, Mapping) and given.get("children") and "observed" not in given:
            return {**given, "observed": CHANGED}
        return given

    @property
    def ordered(self) -> str | None:
        """A row's own version says nothing of its child rows: versions of it are in the order of their reading."""
        return None if self.children else self.version

    def faults(self, where: str) -> Iterator[Fault]:
        if self.children and not path(self.key).names:
            yield Fault(f"{where}.children", "need a key that is one column", "write key: COLUMN")
        for attribute, name in written_fields(self):
            if (root := name.partition(".")[0]) in self.children:
                what = f"'{root}' is a table of its own: the hub does not write there"
                yield Fault(
                    f"{where}.write_back.attributes.{attribute}", what, "remove it, or name a column of the table"
                )
        if (self.table is None) == (self.query is None):
            what = "an SQL stream reads either a table or a query"
            yield Fault(where, what, "add table: NAME, or query: SELECT ...")
        if self.write_back and self.table is None:
            yield Fault(f"{where}.write_back", "a query cannot be written to", "read the stream from a table")


class DatabaseSource(Source):
    """Tables, whatever tells which of their rows changed."""

    connector: DatabaseConnection
    streams: Mapping[str, SqlStream]


@source_of_kind
class SqlSource(DatabaseSource):
    connector: SqlConnection
    streams: dict[str, SqlStream]

    def connect(self, *, env: Mapping[str, str], base_folder: Path, now: Callable[[], int]) -> Tables:
        return Tables(self, env=env, now=now)


class Tables:
    """The `sql` connector of one source."""

    def __init__(self, source: DatabaseSource, *, env: Mapping[str, str], now: Callable[[], int]) -> None:
        self._source, self._now = source, now
        self._where = f"sources/{source.name}.yaml"
        self._variable = source.connector.url_env
        self._engine = self._make_engine(secret(self._variable, env))

    def _make_engine(self, url: str) -> sa.Engine:
        try:
            parsed = sa.make_url(url)
            engine = sa.create_engine(parsed, poolclass=sa.NullPool, hide_parameters=True)
        except (SQLAlchemyError, ModuleNotFoundError, ValueError) as error:
            what = (
                "names a database that no installed driver speaks to"
                if isinstance(error, NoSuchModuleError | ModuleNotFoundError)
                else "is not a database URL"
            )
            remedy = "such as postgresql+psycopg://user:password@host/name or sqlite:////path/to/file.db"
            raise ConfigError(
                [Fault(f"{self._where}: connector.url_env", f"{self._variable} {what}", remedy)]
            ) from None
        if (
            parsed.get_backend_name() == "sqlite"
            and parsed.database
            and parsed.database != ":memory:"
            and "mode=memory" not in url
        ):
            self._file = Path(parsed.database.removeprefix("file:").partition("?")[0])
        event.listen(engine, "connect", _read_anything)
        return engine

    _file: Path | None = None

    def discover(self) -> list[Discovered]:
        """Each table and view with its columns and first rows."""
        with self.connection() as connection:
            inspector = sa.inspect(connection)
            found = []
            for name in sorted([*inspector.get_table_names(), *inspector.get_view_names()]):
                columns = tuple(column["name"] for column in inspector.get_columns(name))
                table = sa.table(name, *map(sa.column, columns))
                rows = connection.execute(sa.select(*[table.c[c] for c in columns]).limit(3)) if columns else ()
                found.append(
                    Discovered(
                        name,
                        columns,
                        tuple({c: jsonable(v) for c, v in zip(columns, row, strict=True)} for row in rows),
                    )
                )
            return found

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        config = self._source.streams[stream]
        with self.connection() as connection:
            readable = self.readable(connection, stream)
            children = tables(
                f"{self._where}: streams.{stream}",
                config.children,
                readable.key or "",
                readable.columns,
                lambda where, name: self._child(connection, where, name),
            )
            connection.rollback()
            reading = _Reading(connection, readable, config, cursor or {}, self._now(), children)
            yield from reading.pages()

    def write(self, stream: str, writes: Sequence[FieldWrite]) -> list[WriteResult]:
        config = self._source.streams[stream]
        results: list[WriteResult] = []
        try:
            with self.connection() as connection:
                target = self._target(connection, stream, config)
                connection.rollback()
                for write in writes:
                    results.append(write_row(connection, target, write, config))
        except (RetryLater, ConfigError) as error:
            results += [WriteResult(w.key or "", "retry", str(error), untouched=True) for w in writes[len(results) :]]
        return results

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def connection(self) -> Iterator[sa.Connection]:
        """A connection; the database's own failures are RetryLater. Its messages may hold values: left out."""
        if self._file is not None and not self._file.exists():  # SQLite would make an empty database of a wrong path
            raise ConfigError(
                [
                    Fault(
                        f"{self._where}: connector.url_env",
                        f"there is no database file {self._file}",
                        f"correct {self._variable}",
                    )
                ]
            )
        try:
            with self._engine.connect() as connection:
                yield connection
        except (OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
            if said := refusal(error):
                where = f"{self._where}: connector.url_env"
                raise ConfigError(
                    [Fault(where, f"the database refuses us: {said}", f"correct {self._variable}")]
                ) from None
            raise RetryLater(
                f"source '{self._source.name}': the database does not answer ({error_kind(error)})"
            ) from None
        except DBAPIError as error:
            if str(getattr(error.orig, "sqlstate", "")).startswith(
                ("28", "42")
            ):  # not authorised, or not there any more
                where = f"{self._where}: connector.url_env"
                raise ConfigError(
                    [
                        Fault(
                            where,
                            f"the database refuses to read ({error_kind(error)})",
                            "grant its user SELECT on what the stream reads",
                        )
                    ]
                ) from None
            raise RetryLater(f"source '{self._source.name}': the database failed ({error_kind(error)})") from None

    # --- what a stream reads ---

    def readable(self, connection: sa.Connection, stream: str) -> Readable:
        """The stream's table or query with its columns. ConfigError when it lacks what the stream needs."""
        config, where = self._source.streams[stream], f"{self._where}: streams.{stream}"
        rows, name, columns = (
            self._query(connection, where, config)
            if config.query
            else self._table(connection, f"{where}.table", config.table or "")
        )
        there = {*columns, *config.children, *((CHANGED,) if config.children else ())}
        if missing := missing_columns(config, there):
            raise ConfigError(
                [
                    Fault(f"{where}.{key}", f"{name} has no column '{column}'", known_columns(columns))
                    for column, key in missing.items()
                ]
            )
        key, version = path(config.key), path(config.version) if config.version else None
        if version is not None and version.field not in columns:
            raise ConfigError(
                [
                    Fault(
                        f"{where}.version",
                        "must be a column, because the database orders by it",
                        known_columns(columns),
                    )
                ]
            )
        return Readable(
            rows, name, columns, key.field if key.field in columns else None, version.field if version else None
        )

    def _child(self, connection: sa.Connection, where: str, name: str) -> tuple[sa.TableClause, tuple[str, ...]]:
        table, _, columns = self._table(connection, where, name)
        return table, columns

    def _table(self, connection: sa.Connection, where: str, given: str) -> tuple[sa.TableClause, str, tuple[str, ...]]:
        """`where` in the file this name stands."""
        inspector = sa.inspect(connection)
        schema, _, name = given.rpartition(".")
        for schema_, name_ in ((None, given), (schema or None, name)):
            if inspector.has_table(name_, schema=schema_):
                columns = tuple(column["name"] for column in inspector.get_columns(name_, schema=schema_))
                table = sa.table(name_, *[sa.column(c) for c in columns], schema=schema_)
                return table, f"table '{given}'", columns
        known = ", ".join(sorted([*inspector.get_table_names(), *inspector.get_view_names()])[:40])
        raise ConfigError([Fault(where, f"there is no table '{given}'", f"tables there: {known or 'none'}")])

    def _query(
        self, connection: sa.Connection, where: str, config: SqlStream
    ) -> tuple[FromClause, str, tuple[str, ...]]:
        text = (config.query or "").strip().rstrip(";").replace(":", r"\:")
        try:
            columns = tuple(
                connection.execute(sa.select(sa.text("*")).select_from(sa.text(f"({text}) q")).limit(0)).keys()
            )
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            problem = str(error.orig).splitlines()[0][:300] if error.orig else type(error).__name__
            raise ConfigError(
                [Fault(f"{where}.query", f"the database refuses it: {problem}", "try it in the database's own shell")]
            ) from None
        twice = sorted({c for c in columns if columns.count(c) > 1})
        if twice:
            raise ConfigError(
                [Fault(f"{where}.query", f"gives a column twice: {', '.join(twice)}", "name them apart with AS")]
            )
        rows = sa.text(text).columns(*[sa.column(c) for c in columns]).subquery("q")
        return rows, "the query", columns

    def _target(self, connection: sa.Connection, stream: str, config: SqlStream) -> Target:
        """The table to write to, with its real column types: a driver may need them."""
        where = f"{self._where}: streams.{stream}"
        if config.table is None:
            raise ConfigError(
                [Fault(f"{where}.write_back", "a query cannot be written to", "read the stream from a table")]
            )
        table, _, columns = self._table(connection, f"{where}.table", config.table)
        key = path(config.key).field
        if key not in columns:
            raise ConfigError([Fault(f"{where}.key", "must be a column, to write back by it", known_columns(columns))])
        inspector = sa.inspect(connection)
        types = {c["name"]: c["type"] for c in inspector.get_columns(table.name, schema=table.schema)}
        return Target(table, key, columns, types)


def _read_anything(connection: object, _record: Foreign) -> None:
    """What the driver has no word for is read as text: one value that cannot be read must not stop a stream."""
    if isinstance(connection, sqlite3.Connection):
        connection.text_factory = _any_text
    elif type(connection).__module__.partition(".")[0] == "psycopg":
        from hub.connectors.postgres import read_anything  # here: other databases need no psycopg

        read_anything(connection)


def _any_text(data: bytes) -> str:
    """Bytes that are no UTF-8 become what no row can hold: the row is set aside, and named."""
    return data.decode("utf-8", "surrogateescape")


_BEYOND = re.compile(r"-?infinity|\d{5,}-.*|.* BC", re.IGNORECASE)  # how PostgreSQL writes times that Python cannot


class _Reading:
    """One read of a stream.

    The cursor: `version` the last version seen, and while a read is under way `key` too. A finished
    read starts the next one at the version itself, inclusive: rows that share it come again. `unordered`: as text, the
    versions are not in their order, so that each read reads all; `offsets`: they are local times of some zone.
    """

    def __init__(
        self,
        connection: sa.Connection,
        readable: Readable,
        stream: SqlStream,
        cursor: Cursor,
        now: int,
        children: Sequence[ChildTable] = (),
    ) -> None:
        self.connection, self.readable, self.stream, self.now = connection, readable, stream, now
        local = stream.zone is not None
        self.children = Children(
            connection, children, lambda v: _plain(v, local), self._in_future, self._in_order, stream.lookback_micros
        )
        self.known = cursor.get("columns", [])
        whole = readable.version is None or stream.listing == "complete" or not self.children.tell
        again = bool(cursor.get("unordered")) or not self._in_order(cursor.get("version"))
        self.start = cursor if cursor.get("under_way") or not (whole or again) else {}
        self.whole = (whole or again or not cursor) and not self.start.get("under_way")
        self.by_version = None if whole else readable.version
        self.version = self.start.get("version")
        self.unordered = bool(self.start.get("unordered"))  # later versions may stand before earlier ones
        self.offsets = bool(self.start.get("offsets"))
        self.since: sa.ColumnElement[bool] | None = None  # what this read begins with
        self.bad = False
        self.count = 0

    def pages(self) -> Iterator[Page]:
        self.columns = [*self.readable.columns, *self.children.columns]
        notes = schema_notes(self.readable.name, self.known, self.columns)
        since = self.start.get("children") or self.start.get("marks")
        self.marks = self.children.marks(since or {})
        for rows, cursor in self._batches():
            yield Page(rows, cursor, notes=notes)
            notes = ()
        finished: Cursor = {"columns": self.columns}
        if self.by_version is not None and self.version is not None:
            finished |= {"version": self.version, **self._flags()}
        if self.unordered:
            notes = (*notes, self._unordered_note())
        if self.by_version is not None and since is not None:
            for rows in self._by_children(since):
                yield Page(rows, {**finished, "children": since})
        if self.marks:
            finished["children"] = self.marks
        yield Page((), finished, complete=True, listed_all=self.whole and not self.bad, notes=notes)

    def _batches(self) -> Iterator[tuple[tuple[SourceRow | BadRow, ...], Cursor]]:
        """Rows that the order does not reach (no version, no key) first, then the others in order."""
        order = [c for c in (self.by_version, self.readable.key) if c is not None]
        if not self.start.get("under_way"):
            yield from self._unordered([c for c in order])
        if not order:
            return
        last, limit = self._first(order), PAGE_ROWS
        while True:
            query = self._select().where(*[self.readable.column(c).is_not(None) for c in order])
            if self.since is not None:
                query = query.where(self.since)
            if last:
                query = query.where(after([self.readable.column(c) for c in order], last))
            found = self._fetch(query.order_by(*[self.readable.rows.c[c] for c in order]).limit(limit))
            if not found:
                return
            names = self.readable.columns
            at = [found[-1][names.index(c)] for c in order]
            versions = [row[names.index(order[0])] for row in found] if self.by_version is not None else []
            yield self._rows(found), self._cursor(order, at, versions)
            if len(found) < limit:
                return
            if str(at) == str([found[0][names.index(c)] for c in order]):
                limit *= 2  # more rows than a page share version and key
            last = at

    def _by_children(self, since: Cursor) -> Iterator[tuple[SourceRow | BadRow, ...]]:
        """Rows of which a child row changed: their own version may be as it was."""
        for column, keys in self.children.changed(since):
            among = self.readable.column(column).in_([bound(key) for key in keys])
            yield self._rows(self._fetch(self._select().where(among)))

    def _first(self, order: list[str]) -> list[Foreign]:
        """Where a broken read goes on: at its last row. A new one begins at the last version less the lookback."""
        at: list[Foreign] = [read_back(v) for v in self.start.get("at", ())] if self.start.get("under_way") else []
        if at and len(at) == len(order):
            return at
        version = read_back(self.start.get("version")) if self.by_version is not None else None
        if version is None or self.by_version is None:
            return []
        again = repeated(version, self.stream.zone) if self.stream.zone is not None else None
        micros = self.stream.lookback_micros + (again // timedelta(microseconds=1) if again else 0)
        self.since = from_version(self.readable.column(self.by_version), earlier(version, micros), self.offsets)
        return []

    def _unordered(self, order: list[str]) -> Iterator[tuple[tuple[SourceRow | BadRow, ...], Cursor]]:
        query = self._select()
        if order:
            query = query.where(sa.or_(*[self.readable.column(c).is_(None) for c in order]))
        result = self.connection.execute(query.execution_options(stream_results=True, max_row_buffer=PAGE_ROWS))
        while found := result.fetchmany(PAGE_ROWS):
            yield self._rows([tuple(row) for row in found]), {**self.start, "columns": self.columns}
        self.connection.rollback()

    def _select(self) -> sa.Select[Foreign]:
        return sa.select(*[self.readable.column(c).label(c) for c in self.readable.columns])

    def _fetch(self, query: sa.Select[Foreign]) -> list[tuple[Any, ...]]:
        found = [tuple(row) for row in self.connection.execute(query)]
        self.connection.rollback()  # nothing of the source stays locked while the page is landed
        return found

    def _rows(self, found: list[tuple[Any, ...]]) -> tuple[SourceRow | BadRow, ...]:
        rows = []
        for values in found:
            self.count += 1
            line = f"{self.readable.name} row {self.count}"
            rows.append(sql_row(self.readable.columns, values, line, self.stream.zone is not None))
        if self.stream.children:
            version = self.readable.version
            rows = list(self.children.joined(rows, lambda row: row.raw.get(version) if version else None))
        self.bad = self.bad or any(isinstance(row, BadRow) for row in rows)
        return tuple(rows)

    def _cursor(self, order: list[str], at: list[Foreign], versions: list[Foreign]) -> Cursor:
        cursor: Cursor = {"columns": self.columns, "under_way": True, "at": [encoded(v) for v in at], **self._flags()}
        if since := self.start.get("children") or self.start.get("marks") or self.marks:
            cursor["marks"] = since
        if self.by_version is not None:
            if self._in_future(at[0]):
                cursor.pop("at")
            elif not isinstance(at[0], str):
                self.version = encoded(at[0])
            self._take_texts(version for version in versions if isinstance(version, str))
            if self.version is not None:
                cursor["version"] = self.version
        return cursor

    def _take_texts(self, versions: Iterable[str]) -> None:
        """The latest version seen, of those that are text: compared as times and numbers, which their order as text may
        not be; what is neither is in the database's order."""
        for version in versions:
            if self._in_future(version):
                continue
            self.unordered = self.unordered or not self._in_order(version)
            self.offsets = self.offsets or has_offset(version)
            if is_plain(version, *self._reading) or self._text_order(version) > self._text_order(self.version):
                self.version = version

    @property
    def _reading(self) -> tuple[bool | None, ZoneInfo | None]:
        return self.stream.day_first, self.stream.zone

    def _in_order(self, version: Foreign) -> bool:
        return in_order(version, *self._reading)

    def _flags(self) -> Cursor:
        return {name: True for name in ("unordered", "offsets") if getattr(self, name)}

    def _unordered_note(self) -> str:
        return (
            f"{self.readable.name}: '{self.readable.version}' is text of which the order is not that of what it says: all rows"
            " are read each time; name a column of times or numbers, or a query that makes it one"
        )

    def _text_order(self, version: Foreign) -> str:
        return version_text(version, *self._reading)[0] or ""

    def _in_future(self, version: Foreign) -> bool:
        """A row dated in the future must not carry the cursor past the changes of today."""
        if isinstance(version, str) and _BEYOND.fullmatch(version):
            return not version.startswith("-") and not version.upper().endswith(" BC")
        plain = version if isinstance(version, str) else _plain(version, self.stream.zone is not None)
        moment = instant(plain, zone=self.stream.zone) if isinstance(version, datetime | date | str) else None
        return moment is not None and moment > self.now + AHEAD


def _plain(value: object, local: bool) -> Foreign:
    """A value as JSON knows it; `local`: a time without a zone stays as it is, for the stream's zone to read."""
    return value.isoformat() if local and isinstance(value, datetime) and value.tzinfo is None else jsonable(value)


def sql_row(columns: tuple[str, ...], values: tuple[Any, ...], line: str, local: bool) -> SourceRow | BadRow:
    """A row of these columns. `local`: times without a zone stay as they are."""
    raw = {
        column: value if type(value) in _PLAIN else _plain(value, local)
        for column, value in zip(columns, values, strict=True)
    }
    long = sum(len(v) for v in raw.values() if isinstance(v, str))
    if long > ROW_BYTES:
        return BadRow("longer than 1 MiB", line, str(raw)[:KEPT])
    if any(isinstance(v, dict | list) for v in raw.values()):
        if too_deep(raw):
            return BadRow("nested too deeply", line, "")
        if len(str(raw)) > ROW_BYTES:
            return BadRow("longer than 1 MiB", line, str(raw)[:KEPT])
    return SourceRow(raw, line)
