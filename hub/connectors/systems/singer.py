"""Any Singer tap as a source: a process in a virtual environment of its own, which speaks JSON lines.

Rows are landed together with the STATE that follows them. A tap sees of the hub's environment only what its source names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from hub.connectors.base import (
    JSON,
    KEPT,
    PAGE_ROWS,
    BadRow,
    Cursor,
    Discovered,
    FieldWrite,
    Page,
    SourceRow,
    WriteResult,
)
from hub.connectors.formats import checked_row
from hub.connectors.mapping.columns import field_notes
from hub.connectors.rows import parse_json
from hub.connectors.singer_program import Program, write_json
from hub.errors import ConfigError, Fault, RetryLater
from hub.settings import Connection, Source, Stream, source_of_kind
from hub.settings.singer import SingerProgram

RUBBISH = 1000  # lines that are no messages, of one read: then the tap is ended


class SingerConnection(Connection, SingerProgram):
    kind: Literal["singer"]
    catalog: bool = True  # false: the tap knows no --discover and gives all it has


class SingerStream(Stream):
    """Records of one stream of the tap."""

    stream: str | None = None  # what the tap calls it; default: the name here
    metadata: dict[str, JSON] = Field(default_factory=dict)  # further metadata of its catalog, such as its replication

    def faults(self, where: str) -> Iterator[Fault]:
        if self.write_back:
            yield Fault(f"{where}.write_back", "a tap is read only", "remove it")


@source_of_kind
class SingerSource(Source):
    connector: SingerConnection
    streams: dict[str, SingerStream]

    def connect(self, *, env: Mapping[str, str], base_folder: Path, now: Callable[[], int]) -> Tap:
        return Tap(self, env=env, base_folder=base_folder)


class Tap:
    """The `singer` connector of one source."""

    def __init__(self, source: SingerSource, *, env: Mapping[str, str], base_folder: Path) -> None:
        self._source, self._where = source, f"sources/{source.name}.yaml"
        where, folder = f"{self._where}: connector", base_folder / ".taps" / source.name
        self._program = Program(source.connector, word="tap", where=where, folder=folder, env=env)

    def discover(self) -> list[Discovered]:
        with self._program.files() as folder:
            found = self._catalog(folder).get("streams", [])
        return [Discovered(_name(s), tuple((s.get("schema") or {}).get("properties") or ())) for s in found]

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        config = self._source.streams[stream]
        start = {} if config.listing == "complete" else cursor or {}
        with self._program.files() as folder:
            command = [*self._program.command(), "--config", str(folder / "config.json")]
            if self._source.connector.catalog:
                command += ["--catalog", self._selected(folder, stream, config)]
            if start.get("state") is not None:
                command += ["--state", write_json(folder / "state.json", start["state"])]
            with self._program.running(command) as lines:
                yield from _Reading(self._where, stream, config, cursor or {}, start.get("state")).pages(lines)

    def write(self, stream: str, writes: Sequence[FieldWrite]) -> list[WriteResult]:
        return [WriteResult(write.key or "", "rejected", "a tap is read only") for write in writes]

    def close(self) -> None:
        """A tap lives as long as one read."""

    def _catalog(self, folder: Path) -> dict[str, Any]:
        command = [*self._program.command(), "--config", str(folder / "config.json"), "--discover"]
        with self._program.running(command) as lines:
            text = b"".join(lines)
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict) or not isinstance(found.get("streams"), list):
            what = "the tap's --discover gives no catalog"
            raise ConfigError(
                [Fault(f"{self._where}: connector.catalog", what, "write catalog: false for a tap that has none")]
            )
        return found

    def _selected(self, folder: Path, stream: str, config: SingerStream) -> str:
        """The tap's catalog with this stream alone selected; its path."""
        catalog, wanted = self._catalog(folder), config.stream or stream
        known = [_name(s) for s in catalog["streams"]]
        if wanted not in known:
            what = f"the tap has no stream '{wanted}'"
            raise ConfigError(
                [Fault(f"{self._where}: streams.{stream}.stream", what, f"streams there: {', '.join(known[:40])}")]
            )
        for found in catalog["streams"]:
            selected = _name(found) == wanted
            found["selected"] = selected
            whole = [m for m in found.setdefault("metadata", []) if m.get("breadcrumb") == []]
            if not whole:
                whole = [{"breadcrumb": [], "metadata": {}}]
                found["metadata"] += whole
            whole[0]["metadata"]["selected"] = selected
            if selected:
                whole[0]["metadata"].update(config.metadata)
                found.update({key.replace("-", "_"): value for key, value in config.metadata.items()})
        return write_json(folder / "catalog.json", catalog)


def _name(stream: Mapping[str, Any]) -> str:
    return str(stream.get("stream") or stream.get("tap_stream_id") or "")


# --- reading --------------------------------------------------------------------------------


@dataclass
class _Reading:
    """One read. The cursor is the last STATE that came after all the rows before it."""

    where: str
    stream: str
    config: SingerStream
    start: Cursor
    state: JSON
    number: int = 0
    rubbish: int = 0
    bad: bool = False
    fields: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def pages(self, lines: Iterator[bytes]) -> Iterator[Page]:
        rows: list[SourceRow | BadRow] = []
        whole = self.state is None
        for line in lines:
            self.number += 1
            message = self._message(line, rows)
            kind = message.get("type")
            if kind == "RECORD" and message.get("stream") == (self.config.stream or self.stream):
                rows.append(self._row(message, line))
            elif kind == "STATE":
                self.state = message.get("value")
            elif kind == "SCHEMA" and message.get("stream") == (self.config.stream or self.stream):
                self.fields.update(dict.fromkeys((message.get("schema") or {}).get("properties") or ()))
            if len(rows) >= PAGE_ROWS:
                yield Page(tuple(rows), self._cursor(), notes=self._taken_notes())
                rows = []
        self.notes += field_notes(
            f"{self.where}: streams.{self.stream}",
            self.stream,
            self.config,
            self.start.get("fields", []),
            list(self.fields),
        )
        last = {**self._cursor(), "fields": list(dict.fromkeys([*self.start.get("fields", []), *self.fields]))}
        yield Page(tuple(rows), last, complete=True, listed_all=whole and not self.bad, notes=self._taken_notes())

    def _message(self, line: bytes, rows: list[SourceRow | BadRow]) -> dict[str, Any]:
        """A message; what is none is told with its line, and the rest goes on, up to a point."""
        try:
            found = parse_json(line)
        except ValueError:
            found = None
        if isinstance(found, dict) and isinstance(found.get("type"), str):
            return found
        if line.strip():
            self.bad, self.rubbish = True, self.rubbish + 1
            if self.rubbish > RUBBISH:
                raise RetryLater(
                    f"{self.where}: the tap says things that are no Singer messages: ended at line {self.number}"
                )
            rows.append(BadRow("no Singer message", f"tap line {self.number}", line[:KEPT].decode("utf-8", "replace")))
        return {}

    def _row(self, message: Mapping[str, Any], line: bytes) -> SourceRow | BadRow:
        record = message.get("record")
        if isinstance(record, dict):
            self.fields.update(dict.fromkeys(record))
        found = checked_row(record, f"tap line {self.number}", line[:KEPT].decode("utf-8", "replace"), len(line))
        self.bad = self.bad or isinstance(found, BadRow)
        return found

    def _cursor(self) -> Cursor:
        return {"state": self.state, "fields": self.start.get("fields", [])}

    def _taken_notes(self) -> tuple[str, ...]:
        notes, self.notes = tuple(self.notes), []
        return notes
