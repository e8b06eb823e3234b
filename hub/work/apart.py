"""Clusters of a folder of Parquet files, without a hub: the records of one stream in, which of them are one customer out.

Rows land and are standardised in a hub of their own that is thrown away, so nothing is done in another way than a hub would do it.
On one machine that is one such hub; on Spark each executor has one for the rows that it was given, all rows of a record together.
"""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from hub.connectors.base import (
    PAGE_ROWS,
    BadRow,
    Cursor,
    Discovered,
    FieldWrite,
    Page,
    SourceRow,
    WriteResult,
    known_columns,
)
from hub.connectors.formats.opened import FileFault
from hub.connectors.formats.parquet import open_parquet
from hub.connectors.mapping.columns import fatal_columns
from hub.db import Database
from hub.errors import BadRecord, ConfigError, Fault
from hub.matching import store
from hub.matching.clusters.whole_type import Clusters
from hub.matching.compare.model import Model
from hub.matching.pairs import type_salt
from hub.matching.recipe import Recipe, default_of
from hub.matching.spark.apart import Steps, Written, write_clusters
from hub.matching.spark.run_folder import uri
from hub.matching.training import batch
from hub.migrations import upgrade
from hub.resolve.backlog import LEAST_TO_TRAIN
from hub.resolve.bulk import Bulk
from hub.resolve.resolver import Resolver
from hub.settings import Config, Stream
from hub.work.pull import Pull, Pulled

SAMPLED = 1_000_000  # records that a model is trained on at most
ROWS = pa.schema([("at", pa.int64()), ("key", pa.string()), ("line", pa.string()), ("raw", pa.string()), ("reason", pa.string())])  # fmt: skip
RECORDS = pa.schema([("at", pa.int64()), ("key", pa.string()), ("cells", pa.string()), ("forms", pa.string()), ("reason", pa.string()), ("rows", pa.int64())])  # fmt: skip
CLUSTERS = pa.schema([("key", pa.string()), ("cluster", pa.string())])
FILE = 40  # bits of a row's place that say where in its file it is


@dataclass(frozen=True)
class Extract:
    """Whose records: a stream of the configuration, and the files that have its rows, in their order."""

    config: Config
    source: str
    stream: str
    folder: str
    files: tuple[str, ...]

    @property
    def given(self) -> Stream:
        found = self.config.stream(self.source, self.stream)
        assert found is not None
        return found

    @property
    def type_name(self) -> str:
        return self.given.customer

    def recipe(self, model: Model | None = None) -> Recipe:
        models = {name: default_of(self.config, name) for name in self.config.customers}
        return Recipe(self.config, {**models, **({self.type_name: model} if model is not None else {})})


# --- what is asked ---------------------------------------------------------------------------------


def extract(config: Config, stream: str, records: str, out: str) -> Extract:
    """ConfigError, a line each: no such stream, no such folder, no file in it, a column that is missing, a folder that is not empty."""
    source, name = _stream(config, stream)
    records = records if "://" in records else str(Path(records).resolve())  # it is read in other processes, too
    found = Extract(config, source, name, records, _files(records))
    _check_columns(found)
    _check_empty(out)
    return found


def _stream(config: Config, named: str) -> tuple[str, str]:
    known = [(s, n) for (s, n), given in config.streams.items() if given.customer and s in config.sources]
    words = f"known: {', '.join(f'{s}.{n}' for s, n in known) or 'none'}"
    chosen = [x for x in known if named in ("", ".".join(x))]
    if len(chosen) != 1:
        what = f"there is no stream '{named}' of customers" if named else "which stream's rows are they?"
        raise ConfigError([Fault("--stream", what, words)])
    return chosen[0]


def _files(folder: str) -> tuple[str, ...]:
    try:
        system, root = fs.FileSystem.from_uri(uri(folder))
        there = system.get_file_info(root).type is fs.FileType.Directory
        listed = system.get_file_info(fs.FileSelector(root, recursive=True)) if there else []
    except (OSError, pa.ArrowException) as error:
        raise ConfigError([Fault("--records", f"{folder} cannot be read: {str(error).splitlines()[0]}")]) from None
    if not there:
        raise ConfigError([Fault("--records", f"there is no folder {folder}", "name a folder of Parquet files")])
    files = sorted(posixpath.relpath(f.path, root) for f in listed if f.is_file and f.base_name.endswith(".parquet"))
    files = [f for f in files if not any(part.startswith((".", "_")) for part in f.split("/"))]
    if not files:
        raise ConfigError([Fault("--records", f"no file of {folder} ends in .parquet", "name a folder that has some")])
    return tuple(files)


def _check_columns(given: Extract) -> None:
    """Each file has the columns that the stream cannot do without."""
    system, root = fs.FileSystem.from_uri(uri(given.folder))
    where = f"sources/{given.source}.yaml: streams.{given.stream}"
    for name in given.files:
        try:
            there = pq.read_schema(f"{root}/{name}", filesystem=system).names
        except (OSError, pa.ArrowException):
            raise ConfigError([Fault(f"{given.folder}/{name}", "is not a sound Parquet file")]) from None
        if fatal := fatal_columns(given.given, there):
            raise ConfigError(
                [
                    Fault(f"{where}.{key}", f"{name} has no column '{c}'", known_columns(there))
                    for c, key in fatal.items()
                ]
            )


def _check_empty(out: str) -> None:
    """It can be made, and nothing is there, or what a run that was killed had not finished."""
    try:
        system, root = fs.FileSystem.from_uri(uri(out))
        if system.get_file_info(root).type is fs.FileType.File:
            raise ConfigError([Fault("--out", f"{out} is a file", "name a folder")])
        system.create_dir(root, recursive=True)
        held = system.get_file_info(fs.FileSelector(root))
    except (OSError, pa.ArrowException) as error:
        what = f"{out} cannot be made: {str(error).splitlines()[0]}"
        raise ConfigError([Fault("--out", what, "name a folder that you may write to")]) from None
    if any(not f.base_name.startswith("_temporary") for f in held):
        raise ConfigError([Fault("--out", f"{out} is not empty", "name a new folder, or empty this one")])


# --- rows -> standardised records ------------------------------------------------------------------


def read(given: Extract, number: int) -> Iterator[pa.RecordBatch]:
    """The rows of a file, as the hub's own reader has them: their place among all rows, the key of their record where it can be told, and JSON."""
    system, root = fs.FileSystem.from_uri(uri(given.folder))
    name = given.files[number]
    identify = given.recipe().identifiers[given.source, given.stream].identify
    local = given.given.zone is not None

    def described(place: int, row: SourceRow | BadRow) -> tuple[int, str | None, str, str, str | None]:
        at = number << FILE | place
        if isinstance(row, BadRow):
            return at, None, row.line, row.raw, row.reason
        try:
            key: str | None = identify(row.raw).key
        except Exception:  # noqa: BLE001 - it is told why where it lands
            key = None
        return at, key, row.line, orjson.dumps(row.raw).decode(), None

    with system.open_input_file(f"{root}/{name}") as opened:
        try:
            rows = open_parquet(opened, name, local).rows
        except FileFault as fault:
            raise ConfigError([Fault(f"{given.folder}/{name}", str(fault))]) from None
        numbered = enumerate(row for row, _ in rows)
        while part := list(islice(numbered, PAGE_ROWS)):
            columns = zip(*(described(place, row) for place, row in part), strict=True)
            yield pa.RecordBatch.from_arrays(
                [pa.array(c, f.type) for c, f in zip(columns, ROWS, strict=True)], schema=ROWS
            )


class _Given:
    """Rows that are here already, as a source."""

    def __init__(self, rows: Iterable[pa.RecordBatch]) -> None:
        self._rows = rows

    def discover(self) -> list[Discovered]:
        return []

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        for part in self._rows:
            yield Page(tuple(map(_row, part.to_pylist())), {})
        yield Page((), {}, complete=True)

    def write(self, stream: str, writes: Iterable[FieldWrite]) -> list[WriteResult]:
        return []

    def close(self) -> None: ...


def _row(given: dict[str, str]) -> SourceRow | BadRow:
    if given["reason"] is not None:
        return BadRow(given["reason"], given["line"], given["raw"])
    return SourceRow(orjson.loads(given["raw"]), given["line"])


@lru_cache(1)
def _empty() -> bytes:
    """A migrated database without a row: written out anew, which is many times as fast as migrating."""
    with tempfile.TemporaryDirectory(prefix="hub-empty-") as folder:
        made = Database(f"sqlite:///{folder}/hub.sqlite")
        upgrade(made)
        made.close()
        return Path(folder, "hub.sqlite").read_bytes()


@contextmanager
def _thrown_away(config: Config) -> Iterator[Resolver]:
    with tempfile.TemporaryDirectory(prefix="hub-apart-") as folder:
        Path(folder, "hub.sqlite").write_bytes(_empty())
        database = Database(f"sqlite:///{folder}/hub.sqlite")
        try:
            yield Resolver(database, config)
        finally:
            database.close()


def _landed(resolver: Resolver, given: Extract, rows: Iterable[pa.RecordBatch], workers: int) -> Pulled:
    """The rows landed and standardised."""
    pulled = Pull(resolver, given.source, given.stream, complete=False).run(_Given(rows), live=False)
    if pulled.error:
        raise BadRecord(pulled.error)
    Bulk(resolver, workers=workers).standardise_pending()
    return pulled


def standardised(rows: pa.Table, given: Extract) -> pa.Table:
    """The living records of rows (`ROWS`), all of each, as `RECORDS`; and how many rows were set aside, by reason."""
    rows = rows.sort_by("at")
    first: dict[str, int] = {}
    for at, key in zip(rows["at"].to_pylist(), rows["key"].to_pylist(), strict=True):
        first.setdefault(key, at)
    with _thrown_away(given.config) as resolver:
        pulled = _landed(resolver, given, rows.to_batches(PAGE_ROWS), 1)
        with resolver.database.read() as connection:
            members = store.all_members(connection, given.type_name)
    keys = members["key"].to_pylist()
    columns = {
        "at": [*(first[k] for k in keys), *[None] * len(pulled.reasons)],
        "key": [*keys, *[None] * len(pulled.reasons)],
        "cells": [*members["cells"].to_pylist(), *[None] * len(pulled.reasons)],
        "forms": [*members["forms"].to_pylist(), *[None] * len(pulled.reasons)],
        "reason": [*[None] * len(keys), *pulled.reasons],
        "rows": [*[None] * len(keys), *pulled.reasons.values()],
    }
    return pa.table(columns, schema=RECORDS)


def trained(records: pa.Table, given: Extract) -> Model:
    """As a hub trains its first model, of these records (rid, forms)."""
    if records.num_rows < LEAST_TO_TRAIN:
        return default_of(given.config, given.type_name)
    return batch.train(records.sort_by("rid"), given.config.customers[given.type_name], seed=0)


# --- on one machine --------------------------------------------------------------------------------


def on_one_machine(given: Extract, out: str) -> Written:
    """The clusters, by DuckDB and this process: `key`, `cluster` (the least key of its records) as one Parquet file in `out`."""
    with _thrown_away(given.config) as resolver:
        rows = (part for number in range(len(given.files)) for part in read(given, number))
        pulled = _landed(resolver, given, rows, 2)
        with resolver.database.read() as connection:
            members = store.all_members(connection, given.type_name)
            records = members.select(["rid", "forms"])
            model = trained(records, given)
            recipe, cap = given.recipe(model), given.config.customers[given.type_name].matching.block_cap
            keys = batch.keys(records, model, salt=type_salt(given.type_name))
            pairs = batch.pairs(records, keys, model, floor=model.join, cap=cap)
            found = Clusters(connection, recipe, given.type_name, pairs, members["rid"].to_pylist()).find()
    names = dict(zip(members["rid"].to_pylist(), members["key"].to_pylist(), strict=True))
    listed = sorted((names[rid], min(names[r] for r in cluster)) for cluster in found for rid in cluster)
    table = pa.table({"key": [k for k, _ in listed], "cluster": [c for _, c in listed]}, schema=CLUSTERS)
    system, root = fs.FileSystem.from_uri(uri(out))
    pq.write_table(table, f"{root}/part-00000.parquet", filesystem=system)
    return Written(members.num_rows, len(found), dict(pulled.reasons))


# --- on Spark --------------------------------------------------------------------------------------


def on_spark(given: Extract, out: str) -> Written:
    """The same clusters, by Spark, as Parquet files in `out`. ConfigError and RetryLater: one line each, and nothing in `out`."""
    from hub.matching.spark.session import Master, opened

    steps = Steps(
        len(given.files),
        partial(read, given),
        partial(standardised, given=given),
        partial(trained, given=given),
        given.recipe,
        SAMPLED,
    )
    place = out if "://" in out else str(Path(out).resolve())
    with opened(Master.given()) as spark:
        try:
            return write_clusters(spark, steps, given.source, given.stream, given.type_name, place)
        except BaseException:
            _emptied(out)
            raise


def _emptied(out: str) -> None:
    """As before the run: the folder was empty, or not there."""
    with suppress(OSError):
        system, root = fs.FileSystem.from_uri(uri(out))
        if system.get_file_info(root).type is fs.FileType.Directory:
            system.delete_dir_contents(root)
