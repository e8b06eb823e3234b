"""File drops: files of customers in a role's view, whole ones only, each set named by a manifest; all first, then what changed.
A Singer target in the place of the folder is told the same.

A file appears under its name when it is complete (written aside, flushed to disk, renamed), the manifest after its files, and
what was told is noted after the manifest: who dies in between tells some customers again, and loses none.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Protocol

import orjson

from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.access.seen import SeenCustomer
from hub.access.snapshots import Selection, Snapshots
from hub.connectors.base import JSON
from hub.connectors.singer_program import Program
from hub.db import Connection, Lease, fail_point
from hub.delivery import singer_target, store
from hub.golden_record.store import next_seq
from hub.model import from_micros
from hub.settings import CustomerType, FileDrop

PAGE = 500  # changes of one look
ROWS = 1000  # of a Parquet file that are in memory
MANIFEST = ".manifest.json"
MADE = "[0-9]" * 8 + "T" + "[0-9]" * 12 + "Z"  # after the drop's name: when; another drop's name may begin alike
Row = dict[str, JSON]


@dataclass(frozen=True, slots=True)
class DropDone:
    """What one drop put there. `whole`: all customers of the view, not only those that changed."""

    manifest: str  # empty where a Singer target took them
    files: Mapping[str, int]  # name, or the target's stream -> rows
    whole: bool


class FileDrops:
    """The drops of a hub."""

    def __init__(self, reader: Reader, lease: Lease | None = None, *, env: Mapping[str, str] | None = None):
        self.reader, self.database, self.lease = reader, reader.database, lease
        self.env = os.environ if env is None else env

    def last(self, drop: FileDrop) -> int:
        """When it was done last, microseconds; 0: never."""
        with self.database.read() as connection:
            return store.position(connection, _at(drop))

    def run(self, drop: FileDrop) -> DropDone | None:
        """Put there what changed since the last time; in a view that is new, or is another one now, all. None: nothing did."""
        principal = Principal(f"drop:{drop.name}", drop.name, "system", drop.role)
        view, now = self.reader.view(principal), self.database.clock.now()
        with self.database.read() as connection:
            known = store.positions_in(connection, view.version).get(consumer_of(drop))
            old = store.positions(connection).get(consumer_of(drop))
            end = next_seq(connection) - 1
        rows = self._all(principal, drop) if known is None else self._changed(principal, drop, known)
        if drop.target is not None and known is None and old is not None:  # it keeps what it was told in the old view
            rows = chain(rows, self._gone(principal, drop, old))
        put = self._into_folder if drop.target is None else self._into_target
        found = put(drop, rows, now, whole=known is None)
        fail_point("drop told")
        with self.database.unit(urgent=False) as connection:
            self._check(connection)
            store.move(connection, consumer_of(drop), view.version, end)
            store.move(connection, _at(drop), "", now)
        return found

    def _into_folder(
        self, drop: FileDrop, rows: Iterable[tuple[str, Row]], now: int, *, whole: bool
    ) -> DropDone | None:
        folder = self.reader.config.folder / Path(drop.folder).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        made = _Set(folder, drop, now, self.reader.config.customers, whole=whole)
        try:
            for row_type, row in rows:
                made.add(row_type, row)
            return made.finish()
        except BaseException:
            made.abandon()
            raise

    def _into_target(
        self, drop: FileDrop, rows: Iterator[tuple[str, Row]], now: int, *, whole: bool
    ) -> DropDone | None:
        """All of it, or RetryLater: the target knows the STATE that it says back."""
        assert drop.target is not None
        first = next(rows, None)
        if first is None:
            return None
        config, told = self.reader.config, Counter[str]()
        view = self.reader.view_of_role(drop.role)
        where, folder = f"drops/{drop.name}.yaml: target", config.folder / ".targets" / drop.name
        program = Program(drop.target, word="target", where=where, folder=folder, env=self.env)

        def messages() -> Iterator[Row]:
            for name, row in chain([first], rows):
                type_ = config.customers[name]
                shown = [a for a in type_.attributes if a in view.shown(name)]
                if name not in told:
                    yield singer_target.schema(name, type_, shown)
                told[name] += 1
                yield singer_target.record(name, type_, shown, row, _time(now))

        singer_target.tell(program, messages(), {"drop": drop.name, "at": _time(now)})
        return DropDone("", dict(told), whole)

    def _check(self, connection: Connection) -> None:
        if self.lease is not None:
            self.lease.check(connection)

    def _all(self, principal: Principal, drop: FileDrop) -> Iterator[tuple[str, Row]]:
        for page in Snapshots(self.reader).take(principal, Selection(types=drop.types)):
            yield from ((c.type, _row(c.id, c)) for c in page.customers)

    def _gone(self, principal: Principal, drop: FileDrop, since: int) -> Iterator[tuple[str, Row]]:
        """Who is not there any more: a snapshot does not speak of them."""
        return (told for told in self._changed(principal, drop, since) if told[1]["gone"])

    def _changed(self, principal: Principal, drop: FileDrop, since: int) -> Iterator[tuple[str, Row]]:
        """Each customer once, as it is now; its id alone where it is not in the view any more."""
        view, done = self.reader.view(principal), set()
        cursor: str | None = self.reader.cursor_at(view, since)
        while True:
            page = self.reader.changes(principal, cursor=cursor, limit=PAGE)
            for change in page.data:
                wanted = not drop.types or change.customer_type in drop.types
                if wanted and change.customer not in done:
                    done.add(change.customer)
                    yield change.customer_type, _row(change.customer, change.data)
            cursor = page.next_cursor
            if not page.more:
                return


def consumer_of(drop: FileDrop) -> str:
    """The name under which a drop reads the outbox."""
    return f"drop {drop.name}"


def _at(drop: FileDrop) -> str:
    return f"drop {drop.name}, at"


def _row(id: str, seen: SeenCustomer | None) -> Row:
    if seen is None or seen.id != id:
        return {"id": id, "gone": True, "part_of": None if seen is None else seen.id}
    return {
        "id": id,
        "gone": False,
        "version": seen.version,
        "updated_at": _time(seen.updated_at),
        "values": seen.values,
    }


def _time(micros: int) -> str:
    return from_micros(micros).isoformat().replace("+00:00", "Z")


# --- files -----------------------------------------------------------------------------------------------------


class _File(Protocol):
    def add(self, row: Row) -> None: ...
    def close(self) -> None: ...


@dataclass
class _Set:
    """The files of one drop, a file for each customer type, and their manifest."""

    folder: Path
    drop: FileDrop
    now: int
    types: Mapping[str, CustomerType]
    whole: bool
    files: dict[str, _File] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.drop.name}-{from_micros(self.now):%Y%m%dT%H%M%S%fZ}"

    def add(self, type_name: str, row: Row) -> None:
        name = f"{self.name}-{type_name}.{self.drop.format}"
        if name not in self.files:
            self.files[name] = self._opened(self._aside(name), type_name)
            self.rows[name] = 0
        self.files[name].add(row)
        self.rows[name] += 1

    def _opened(self, path: Path, type_name: str) -> _File:
        return _Lines(path) if self.drop.format == "jsonl" else _Parquet(path, self.types[type_name])

    def _aside(self, name: str) -> Path:
        return self.folder / f".{name}.part"

    def finish(self) -> DropDone | None:
        """Every file under its name, then the manifest under its own. Without rows there is none of either."""
        for file in self.files.values():
            file.close()
        self._clear()
        if not self.files:
            return None
        listed = []
        for name in self.files:
            path = self._aside(name)
            listed.append({"name": name, "rows": self.rows[name], "bytes": path.stat().st_size, "sha256": sha256(path)})
            _settle(path, self.folder / name)
        fail_point("drop written")
        told = {"drop": self.drop.name, "made_at": _time(self.now), "whole": self.whole, "files": listed}
        aside = self._aside(self.name + MANIFEST)
        aside.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        _settle(aside, self.folder / (self.name + MANIFEST))
        return DropDone(self.name + MANIFEST, dict(self.rows), self.whole)

    def abandon(self) -> None:
        for file in self.files.values():
            file.close()
        for name in self.files:
            self._aside(name).unlink(missing_ok=True)

    def _clear(self) -> None:
        """What a drop that died left behind: parts, and files that no manifest names."""
        mine = {self._aside(name).name for name in self.files}
        named = {
            f["name"]
            for m in self.folder.glob(f"{self.drop.name}-{MADE}{MANIFEST}")
            for f in orjson.loads(m.read_bytes())["files"]
        }
        for path in [
            *self.folder.glob(f".{self.drop.name}-{MADE}*.part"),
            *self.folder.glob(f"{self.drop.name}-{MADE}-*.{self.drop.format}"),
        ]:
            if path.name not in mine and path.name not in named:
                path.unlink(missing_ok=True)


class _Lines:
    """A JSON object a line."""

    def __init__(self, path: Path):
        self.target = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "wb")

    def add(self, row: Row) -> None:
        self.target.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        if not self.target.closed:
            self.target.close()


class _Parquet:
    """A column for each attribute of the type: text, a list of texts, or JSON where a value has parts."""

    def __init__(self, path: Path, of: CustomerType):
        import pyarrow as pa  # here: who drops lines waits for none of it
        import pyarrow.parquet

        text = pa.string()
        self.shapes = {name: text if not a.many else pa.list_(text) for name, a in of.attributes.items()}
        own = [("id", text), ("gone", pa.bool_()), ("part_of", text), ("version", pa.int64()), ("updated_at", text)]
        self.schema = pa.schema([*own, *self.shapes.items()])
        self.table, self.rows = pa.Table, list[Row]()
        path.touch(mode=0o640)
        self.writer = pyarrow.parquet.ParquetWriter(path, self.schema)
        self.closed = False

    def add(self, row: Row) -> None:
        values = row.get("values")
        flat = (
            {n: self._cell(n, v) for n, v in values.items() if n in self.shapes} if isinstance(values, Mapping) else {}
        )
        self.rows.append({**row, **flat})
        if len(self.rows) >= ROWS:
            self._write()

    def _cell(self, name: str, value: JSON) -> JSON:
        listed = value if isinstance(value, list) else [] if value is None else [value]
        texts = [v if isinstance(v, str) else orjson.dumps(v).decode() for v in listed]
        return texts if self.schema.field(name).type != self.schema.field("id").type else next(iter(texts), None)

    def _write(self) -> None:
        self.writer.write_table(self.table.from_pylist(self.rows, self.schema))
        self.rows.clear()

    def close(self) -> None:
        if not self.closed:
            self._write()
            self.writer.close()
            self.closed = True


def sha256(path: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _settle(aside: Path, path: Path) -> None:
    """To its name, once its bytes are on disk: nobody ever sees a part of it."""
    _flush(aside)
    aside.rename(path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
