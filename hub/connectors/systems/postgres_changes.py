"""PostgreSQL, by what it says has changed: a logical replication slot, or a table that triggers fill.

Either names rows by their keys, in the order of commits; the rows themselves are then read as they are now. So nothing is
read twice in an older state, a delete is a row that is not there, and late commits are not lost. What a row was between
two pulls is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import orjson
import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.exc import DBAPIError

from hub.connectors.base import (
    JSON,
    PAGE_ROWS,
    BadRow,
    Cursor,
    Discovered,
    FieldWrite,
    Page,
    SourceRow,
    WriteResult,
    schema_notes,
)
from hub.connectors.mapping.paths import path
from hub.connectors.pgoutput import RowChange, changes_of
from hub.connectors.systems.sql import DatabaseConnection, DatabaseSource, SqlStream, Tables, sql_row
from hub.errors import ConfigError, Fault, RetryLater
from hub.model import digest
from hub.settings import source_of_kind

DELETED = "_deleted"  # marks the row of a delete: its key, and this
FAR = 1 << 20  # bytes of the log that others may write before the slot moves on
WAIT = "60s"  # for open transactions, when a slot is made

Key = str  # JSON: column -> value, as the database wrote it


class PostgresConnection(DatabaseConnection):
    kind: Literal["postgres_changes"]
    capture: Literal["slot", "trigger"] = "slot"  # trigger: for databases that allow no slot
    name: str = Field(default="hub", pattern="^[a-z][a-z0-9_]{0,30}$")  # what the hub makes there begins with it
    create: bool = True  # make what is missing: slot and publication, or table and triggers; false: you make it


class PostgresStream(SqlStream):
    """A table of which changes are captured."""

    deleted: str | None = DELETED

    def faults(self, where: str) -> Iterator[Fault]:
        if self.children:
            remedy = "connect the source by kind: sql, or write the children as streams of their own"
            yield Fault(f"{where}.children", "are not captured", remedy)
        if self.table is None or self.query is not None:
            yield Fault(where, "changes are captured of tables", "write table: NAME")
        if not key_columns(self):
            yield Fault(f"{where}.key", "must be columns: rows are looked up by them", "write key: COLUMN, or a list")


@source_of_kind
class PostgresSource(DatabaseSource):
    connector: PostgresConnection
    streams: dict[str, PostgresStream]

    def connect(self, *, env: Mapping[str, str], base_folder: Path, now: Callable[[], int]) -> PostgresChanges:
        return PostgresChanges(self, env=env, now=now)


def key_columns(stream: SqlStream) -> tuple[str, ...]:
    """The columns that tell a row; empty where the key is an expression."""
    compiled = path(stream.key)
    parts = compiled.items or (compiled,)
    return tuple(p.names[0] for p in parts) if all(len(p.names) == 1 for p in parts) else ()


class Log(Protocol):
    """Where a database says which rows changed. A position is the log's own text."""

    def ready(self) -> bool:
        """Is it there, from the last position on? Makes it when it is not: False, and all rows must be read."""

    def forget(self, position: str) -> None:
        """What came up to here is kept by the hub."""

    def batches(self, position: str | None) -> Iterator[tuple[list[Key], str]]:
        """Keys of rows that changed after a position, in order of commits, and the position after them."""

    notes: list[str]


class PostgresChanges:
    """The `postgres_changes` connector of one source."""

    def __init__(self, source: PostgresSource, *, env: Mapping[str, str], now: Callable[[], int]) -> None:
        self._source = source
        whole = {
            name: s.model_copy(update={"version": None, "listing": "complete", "deleted": None})
            for name, s in source.streams.items()
        }
        self._tables = Tables(source.model_copy(update={"streams": whole}), env=env, now=now)

    def discover(self) -> list[Discovered]:
        return self._tables.discover()

    def write(self, stream: str, writes: Sequence[FieldWrite]) -> list[WriteResult]:
        return self._tables.write(stream, writes)

    def close(self) -> None:
        self._tables.close()

    def unmarked(self) -> Tables:
        """The tables alone: no slot or trigger is made, and none moves on."""
        return self._tables

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """All rows when nothing is known of the table, then what changed."""
        cursor, whole = cursor or {}, False
        if self._source.streams[stream].listing == "complete" and "snapshot" not in cursor:
            cursor = {}
        with self._tables.connection() as connection:
            quick = connection.execution_options(isolation_level="AUTOCOMMIT")
            reading = _Reading(quick, self._tables, self._source, stream)
            with reading.explained():
                known = reading.log.ready()
            if "log" not in cursor or not known:
                notes = _forgotten(stream) if "log" in cursor else ()
                start = cursor.get("snapshot")
                for page in self._tables.read(stream, start):
                    cursor = {"snapshot": page.cursor}
                    if page.complete:
                        whole = page.listed_all and start is None
                        cursor = {"log": None, "columns": page.cursor.get("columns", [])}
                    notes = (*notes, *page.notes)
                    if page.rows:
                        yield Page(page.rows, cursor, notes=notes)
                        notes = ()
                reading.notes = notes
            yield from reading.pages(cursor, whole)


def _forgotten(stream: str) -> tuple[str, ...]:
    said = f"{stream}: the database no longer knows what the hub has read: all rows are read again"
    return (f"{said}; a full reconcile finds the deletes between",)


class _Reading:
    """One read of a stream's log."""

    def __init__(self, connection: sa.Connection, tables: Tables, source: PostgresSource, stream: str) -> None:
        self.connection, self.config, self.stream = connection, source.streams[stream], stream
        self.where = f"sources/{source.name}.yaml"
        self.readable = tables.readable(connection, stream)
        self.table = self._quoted(self.config.table or "")
        made = _Made(
            connection,
            f"{source.connector.name}_{capture_name(stream, source.streams)}",
            self.table,
            key_columns(self.config),
            source.connector.create,
        )
        self.log: Log = _Slot(made) if source.connector.capture == "slot" else _Outbox(made, source.connector.name)
        self.count, self.bad = 0, False
        self.notes: tuple[str, ...] = ()  # of what was read before

    def _quoted(self, table: str) -> str:
        quote = self.connection.dialect.identifier_preparer.quote_identifier
        return ".".join(quote(part) for part in table.split("."))

    def explained(self) -> _Explained:
        return _Explained(self.where)

    def pages(self, cursor: Cursor, whole: bool) -> Iterator[Page]:
        columns = list(self.readable.columns)
        notes = (*self.notes, *schema_notes(self.readable.name, cursor.get("columns", []), columns))
        position: str | None = cursor.get("log")
        with self.explained():
            if position:
                self.log.forget(position)
            for keys, after in self.log.batches(position):
                if keys:
                    page = Page(
                        self._rows(keys), {"log": after, "columns": columns}, notes=(*notes, *self._taken_notes())
                    )
                    yield page
                    notes = ()
                    self.log.forget(after)  # the page is kept by now
                position = after
        last = {"log": position, "columns": columns}
        yield Page((), last, complete=True, listed_all=whole and not self.bad, notes=(*notes, *self._taken_notes()))

    def _taken_notes(self) -> tuple[str, ...]:
        notes, self.log.notes = tuple(dict.fromkeys(self.log.notes)), []
        return notes

    def _rows(self, keys: Sequence[Key]) -> tuple[SourceRow | BadRow, ...]:
        """The rows of these keys as they are now; a row that is not there is a delete."""
        names, columns = key_columns(self.config), self.readable.columns
        quote = self.connection.dialect.identifier_preparer.quote_identifier
        shown = ", ".join([*(f"r.{quote(n)}" for n in names), *(f"t.{quote(c)}" for c in columns)])
        same = " AND ".join(f"t.{quote(n)} = r.{quote(n)}" for n in names)
        query = (
            f"SELECT {shown} FROM jsonb_array_elements(%(keys)s::jsonb) k CROSS JOIN LATERAL"
            f" jsonb_populate_record(NULL::{self.table}, k) r LEFT JOIN {self.table} t ON {same}"
        )
        found = self.connection.exec_driver_sql(query, {"keys": f"[{','.join(dict.fromkeys(keys))}]"}).all()
        rows = [self._row(names, columns, tuple(values)) for values in found]
        self.bad = self.bad or any(isinstance(row, BadRow) for row in rows)
        return tuple(rows)

    def _row(self, names: tuple[str, ...], columns: tuple[str, ...], values: tuple[JSON, ...]) -> SourceRow | BadRow:
        self.count += 1
        line = f"{self.readable.name} change {self.count}"
        key, row = values[: len(names)], values[len(names) :]
        if row[columns.index(names[0])] is None:
            return sql_row((*names, DELETED), (*key, True), line, self.config.zone is not None)
        return sql_row(columns, row, line, self.config.zone is not None)


@dataclass(frozen=True)
class _Explained:
    """What the database refuses, with the remedy. Its own messages may hold values: left out."""

    where: str

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        state = str(getattr(getattr(error, "orig", None), "sqlstate", "")) if isinstance(error, DBAPIError) else ""
        if state in ("42501", "42704", "42P01", "0A000"):
            what = f"the database does not let its user capture changes ({state})"
            remedy = "grant it REPLICATION and ownership of the table, or make what docs/connect-a-source.md lists, with create: false"
            raise ConfigError([Fault(f"{self.where}: connector.capture", what, remedy)]) from None
        if state == "55000":
            what = "the database writes no logical log, or has no slot left (55000)"
            remedy = "set wal_level = logical and max_replication_slots there, or write capture: trigger"
            raise ConfigError([Fault(f"{self.where}: connector.capture", what, remedy)]) from None
        if state in ("55006", "57014"):
            raise RetryLater(f"{self.where}: the slot is in use, or waits for an open transaction ({state})") from None


@dataclass
class _Made:
    """What the hub makes in the database, and of what."""

    connection: sa.Connection
    name: str
    table: str  # quoted
    keys: tuple[str, ...]
    create: bool

    def sql(self, statement: str, **values: JSON) -> list[tuple[Any, ...]]:
        found = self.connection.exec_driver_sql(statement, values or None)
        return [tuple(row) for row in found] if found.returns_rows else []

    def missing(self, what: str) -> ConfigError:
        fault = Fault(
            "connector.create", f"is false, and there is no {what}", "make it as docs/connect-a-source.md says"
        )
        return ConfigError([fault])

    def of_another(self, what: str, statement: str) -> ConfigError:
        fault = Fault(
            "streams",
            f"the {what} {self.name} there captures another table than {self.table}",
            f"{statement}, or call the stream otherwise",
        )
        return ConfigError([fault])


def capture_name(stream: str, streams: Iterable[str]) -> str:
    """What a stream's slot or trigger is called in the database: as the stream, where no other one of its source is called so there."""
    plain = _plain_name(stream)
    if stream == plain or all(_plain_name(other) != plain for other in streams if other != stream):
        return plain
    return f"{plain[:21]}_{digest(stream, 4)}"


def _plain_name(stream: str) -> str:
    return re.sub("[^a-z0-9_]", "_", stream.lower())[:30]


@dataclass
class _Slot:
    """A logical slot with PostgreSQL's own output. Changes are looked at, and let go of once the hub keeps them."""

    made: _Made
    notes: list[str] = field(default_factory=list)

    def ready(self) -> bool:
        made = self.made
        if not made.sql("SELECT 1 FROM pg_publication WHERE pubname = %(name)s", name=made.name):
            if not made.create:
                raise made.missing(f"publication {made.name}")
            made.sql(f"CREATE PUBLICATION {made.name} FOR TABLE {made.table}")
        of = made.sql(
            "SELECT r.prrelid = to_regclass(%(table)s) FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid"
            " WHERE p.pubname = %(name)s",
            name=made.name,
            table=made.table,
        )
        if of and not any(ours for (ours,) in of):  # of a stream that was called so before
            raise made.of_another("publication", f"DROP PUBLICATION {made.name}; and drop its slot")
        found = made.sql(
            "SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = %(name)s", name=made.name
        )
        if found and not found[0][0]:
            return True
        if not made.create:
            raise made.missing(f"slot {made.name}")
        if found:
            made.sql("SELECT pg_drop_replication_slot(%(name)s)", name=made.name)
        made.sql(f"SET statement_timeout = '{WAIT}'")
        made.sql("SELECT pg_create_logical_replication_slot(%(name)s, 'pgoutput')", name=made.name)
        made.sql("SET statement_timeout = 0")
        return False

    def forget(self, position: str) -> None:
        self.made.sql(
            "SELECT pg_replication_slot_advance(slot_name, %(at)s::pg_lsn) FROM pg_replication_slots"
            " WHERE slot_name = %(name)s AND confirmed_flush_lsn < %(at)s::pg_lsn",
            name=self.made.name,
            at=position,
        )

    def batches(self, position: str | None) -> Iterator[tuple[list[Key], str]]:
        while True:
            ((now, far),) = self.made.sql(
                "SELECT pg_current_wal_lsn()::text, pg_current_wal_lsn() - %(at)s::pg_lsn > %(far)s",
                at=position or "0/0",
                far=FAR,
            )
            keys: list[Key] = []
            after = ""
            for changes, end in changes_of(self._messages()):
                keys += [key for change in changes for key in self._keys(change)]
                after = f"{end >> 32:X}/{end & 0xFFFFFFFF:X}"
            if not after:
                if far:
                    yield [], str(now)  # nothing of ours: what others wrote need not be kept for us
                return
            if not keys:
                self.forget(after)  # nothing to keep: else it would be looked at for ever
                continue
            for start in range(0, len(keys) - PAGE_ROWS, PAGE_ROWS):
                yield keys[start : start + PAGE_ROWS], position or "0/0"
            yield keys[-(len(keys) % PAGE_ROWS or PAGE_ROWS) :], after
            position = after

    def _messages(self) -> Iterator[bytes]:
        query = "SELECT data FROM pg_logical_slot_peek_binary_changes(%(name)s::text::name, NULL, %(most)s, 'proto_version', '1', 'publication_names', %(name)s::text)"
        for (data,) in self.made.sql(query, name=self.made.name, most=PAGE_ROWS):
            yield bytes(data)

    def _keys(self, change: RowChange) -> Iterator[Key]:
        """The keys of rows that a change may have changed: the new one, and the old one where it was another."""
        if change.kind == "truncate":
            self.notes.append(f"{change.relation.name} was emptied at once: a full reconcile finds what is gone")
            return
        names = [column.name for column in change.relation.columns]
        for values in (change.old, change.new):
            if values:
                row = dict(zip(names, values, strict=True))
                found = {n: row[n].decode() for n in self.made.keys if row.get(n) is not None}  # type: ignore[union-attr]
                if len(found) == len(self.made.keys):
                    yield orjson.dumps(found).decode()
                elif change.kind == "delete":
                    self.notes.append(
                        f"{change.relation.name}: deletes do not tell {', '.join(self.made.keys)}: set its REPLICA IDENTITY to FULL"
                    )


@dataclass
class _Outbox:
    """A table of keys that triggers fill. Read up to the oldest transaction that is still open: later commits come later."""

    made: _Made
    prefix: str
    notes: list[str] = field(default_factory=list)

    def ready(self) -> bool:
        made = self.made
        there = made.sql(
            "SELECT 1 FROM pg_trigger WHERE tgname = %(name)s AND tgrelid = %(table)s::regclass",
            name=made.name,
            table=made.table,
        )
        if there:
            return True
        if made.sql(
            "SELECT 1 FROM pg_trigger WHERE tgname = %(name)s", name=made.name
        ):  # of a stream that was called so before
            raise made.of_another("trigger", f"DROP TRIGGER {made.name} there")
        if not made.create:
            raise made.missing(f"trigger {made.name} on {made.table}")
        for statement in self.statements():
            made.sql(statement)
        return False

    def statements(self) -> list[str]:
        """What makes the table, its function and the triggers."""
        table, name, on = f"{self.prefix}_changes", self.made.name, self.made.table
        names = ", ".join("'" + key.replace("'", "''") + "'" for key in self.made.keys)
        return [
            f"CREATE TABLE IF NOT EXISTS {table} (id bigserial PRIMARY KEY, xid xid8 NOT NULL DEFAULT pg_current_xact_id(),"
            " capture text NOT NULL, key jsonb NOT NULL)",
            f"CREATE INDEX IF NOT EXISTS {table}_order ON {table} (capture, xid, id)",
            f"CREATE OR REPLACE FUNCTION {table}_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ DECLARE given jsonb; BEGIN"
            "  FOREACH given IN ARRAY CASE TG_OP WHEN 'INSERT' THEN ARRAY[to_jsonb(NEW)] WHEN 'DELETE' THEN ARRAY[to_jsonb(OLD)]"
            "   ELSE ARRAY[to_jsonb(OLD), to_jsonb(NEW)] END LOOP"
            f"   INSERT INTO {table} (capture, key) SELECT TG_NAME, jsonb_object_agg(n, given -> n) FROM unnest(TG_ARGV) n;"
            "  END LOOP; RETURN NULL; END $$",
            f"CREATE OR REPLACE TRIGGER {name} AFTER INSERT OR UPDATE OR DELETE ON {on} FOR EACH ROW EXECUTE FUNCTION {table}_note({names})",
        ]

    def forget(self, position: str) -> None:
        xid, number = position.split("/")
        try:
            self.made.sql(
                f"DELETE FROM {self.prefix}_changes WHERE capture = %(name)s AND (xid, id) <= (%(xid)s::xid8, %(id)s)",
                name=self.made.name,
                xid=xid,
                id=int(number),
            )
        except DBAPIError:
            self.notes.append(f"{self.prefix}_changes grows: grant the hub's user DELETE on it")

    def batches(self, position: str | None) -> Iterator[tuple[list[Key], str]]:
        while True:
            xid, number = (position or "0/0").split("/")
            found = self.made.sql(
                f"SELECT xid::text, id, key::text FROM {self.prefix}_changes WHERE capture = %(name)s"
                " AND xid < pg_snapshot_xmin(pg_current_snapshot()) AND (xid, id) > (%(xid)s::xid8, %(id)s)"
                f" ORDER BY xid, id LIMIT {PAGE_ROWS}",
                name=self.made.name,
                xid=xid,
                id=int(number),
            )
            if not found:
                return
            position = f"{found[-1][0]}/{found[-1][1]}"
            yield [key for _, _, key in found], position
