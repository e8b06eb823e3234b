"""A new connector is one file: its settings, its checks and what it reads. This one lists what Python holds in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from hub.connectors.base import (
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
from hub.connectors.registry import connect
from hub.errors import ConfigError, Fault, RetryLater
from hub.settings import SOURCES, Connection, Source, Stream, load, source_of_kind
from tests.connectors.conformance import MAP, Conformance, World
from tests.settings.test_settings import faults, write

SHELVES: dict[str, list[Any]] = {}


class ShelfConnection(Connection):
    kind: Literal["shelf"]
    shelf: str


class ShelfStream(Stream):
    page: int = PAGE_ROWS

    def faults(self, where: str) -> Iterator[Fault]:
        if self.write_back:
            yield Fault(f"{where}.write_back", "a shelf is read only", "remove it")


class ShelfSource(Source):
    connector: ShelfConnection
    streams: dict[str, ShelfStream]

    def connect(self, *, env: Mapping[str, str], base_folder: Path, now: Callable[[], int]) -> Shelf:
        return Shelf(self)


class Shelf:
    def __init__(self, source: ShelfSource) -> None:
        self._source = source

    def _rows(self) -> list[Any]:
        try:
            return SHELVES[self._source.connector.shelf]
        except KeyError:
            raise RetryLater("the shelf is away") from None

    def discover(self) -> list[Discovered]:
        rows = [row for row in self._rows() if isinstance(row, dict)]
        return [Discovered("people", tuple(dict.fromkeys(name for row in rows for name in row)), tuple(rows[:3]))]

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        rows, size = self._rows(), self._source.streams[stream].page
        known = (cursor or {}).get("columns", [])
        columns = list(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row))
        notes = schema_notes("shelf", known, columns)
        bad = any(not isinstance(row, dict) for row in rows)
        for start in range(0, max(len(rows), 1), size):
            last = start + size >= len(rows)
            yield Page(
                tuple(
                    SourceRow(row, f"place {n}") if isinstance(row, dict) else BadRow("no row", f"place {n}", "")
                    for n, row in enumerate(rows[start : start + size], start + 1)
                ),
                {"columns": columns},
                complete=last,
                listed_all=last and not bad,
                notes=notes if start == 0 else (),
            )

    def write(self, stream: str, writes: Sequence[FieldWrite]) -> list[WriteResult]:
        return [WriteResult(write.key or "", "rejected", "a shelf is read only") for write in writes]

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _known() -> Iterator[None]:
    source_of_kind(ShelfSource)
    yield
    del SOURCES["shelf"]
    SHELVES.clear()


class ShelfWorld(World):
    writable = False
    defaults: ClassVar[dict[str, Any]] = {"customer": "person", "key": "id", "version": "updated_at", "map": MAP}

    def __init__(self) -> None:
        SHELVES["one"] = []

    def source(self, **stream: Any) -> Source:
        return Source.model_validate(
            {
                "name": "shelf",
                "connector": {"kind": "shelf", "shelf": "one"},
                "streams": {"people": {**self.defaults, "page": 100, **stream}},
            }
        )

    def connector(self, **stream: Any) -> Any:
        return connect(self.source(**stream), env={}, base_folder=Path())

    def put(self, *rows: dict[str, Any]) -> None:
        new = {row["id"] for row in rows}
        kept = [row for row in SHELVES["one"] if not isinstance(row, dict) or row["id"] not in new]
        SHELVES["one"] = [*kept, *map(dict, rows)]

    def put_bad(self) -> None:
        SHELVES["one"].append("no row")

    def add_field(self, name: str) -> None:
        SHELVES["one"] = [{**row, name: "x"} for row in SHELVES["one"]]

    def drop_field(self, name: str) -> None:
        SHELVES["one"] = [{k: v for k, v in row.items() if k != name} for row in SHELVES["one"]]

    def break_down(self) -> None:
        del SHELVES["one"]


class TestAnotherConnector(Conformance):
    @pytest.fixture
    def world(self) -> World:
        return ShelfWorld()


SOURCE = """
connector: {kind: shelf, shelf: one}
streams:
  people: {customer: person, key: id, map: {given_name: first}, page: 3}
"""


def test_its_settings_are_read_and_checked_with_all_others(tmp_path: Path) -> None:
    found = load(write(tmp_path / "good", sources__shelf=SOURCE), {}).sources["shelf"]
    assert isinstance(found, ShelfSource)
    assert found.streams["people"].page == 3
    wrong = SOURCE.replace("page: 3", "page: 3, write_back: {attributes: [given_name]}")
    told = faults(write(tmp_path / "bad", sources__shelf=wrong))
    assert any("read only" in fault.what for fault in told)
    told = faults(write(tmp_path / "worse", sources__shelf=SOURCE.replace("page: 3", "table: t")))
    assert any("a shelf connector does not use this" in fault.what for fault in told)


def test_a_kind_that_nobody_knows_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as told:
        load(write(tmp_path, sources__shelf=SOURCE.replace("kind: shelf", "kind: shelve")), {})
    (fault,) = told.value.faults
    assert fault.where.endswith("sources/shelf.yaml: connector.kind")
    known = fault.what.rpartition("known kinds: ")[2].split(", ")
    assert known == sorted(known) and {"file", "rest", "shelf", "sql"} <= set(known)
