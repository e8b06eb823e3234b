"""Reading files that others drop into a folder, here or on another machine: which are new, in which order, page by page.

The cursor knows each file by name and a print of its size, time and ends; a file that changed is read
again from its start, which changes nothing for rows that are the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from hub.connectors import manifests
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
    schema_notes,
    visible,
)
from hub.connectors.formats import FileFault, Opened, open_rows
from hub.connectors.formats.options import FileRead
from hub.connectors.manifests import IncomingFile, NamedFile
from hub.connectors.mapping.columns import fatal_columns, used_columns
from hub.errors import ConfigError, Fault
from hub.model import digest
from hub.settings import Stream

PAGE_BYTES = 16 << 20
_DAY_FIRST = re.compile(r"(?<!\d)(\d{1,2})([-._])(\d{1,2})\2(\d{4})(?!\d)", re.ASCII)
_NUMBER = re.compile(r"[0-9]+")
ENDS = 1 << 16  # bytes of a file's start and end that its print is made of


class FileStream(Stream):
    """A stream that is read from files."""

    file: FileRead = FileRead()  # how to read files

    def faults(self, where: str) -> Iterator[Fault]:
        if self.write_back:
            yield Fault(f"{where}.write_back", "files are read only", "remove it")


class IncomingFiles:
    """What all connectors have that read files, wherever these are: they write none, and keep nothing open."""

    def write(self, stream: str, writes: Sequence[FieldWrite]) -> list[WriteResult]:
        return [WriteResult(write.key or "", "rejected", "files are read only") for write in writes]

    def close(self) -> None:
        """Nothing is kept open."""


def read_files(
    config: FileStream, cursor: Cursor | None, where: str, folder: str, files: Callable[[str], Sequence[IncomingFile]]
) -> Iterator[Page]:
    """What is new in a folder. `where`: the stream, and `folder`: the folder, as messages name them; `files`: those whose
    names match a pattern, in any order."""
    reading = _Reading(config, cursor or {}, where)
    there = oldest_first(files(config.file.pattern))
    if config.file.manifest is not None:
        reading.named = manifests.read(oldest_first(files(config.file.manifest)))
        there = [file for file in there if file.name in reading.named]
    if not there:
        note = f"no file matches '{config.file.pattern}' in {folder}"
        yield Page((), reading.cursor(), complete=True, notes=(note,))
        return
    prints = [(file, print_of(file, config)) for file in there]
    if config.listing == "complete":
        reading.files = {}  # always from the beginning: only a whole listing proves an absence
        yield from reading.pages(prints, listing=True)
        return
    reading.forget_all_but(file.name for file in there)
    yield from reading.pages(prints)


def discover_files(files: Sequence[IncomingFile], streams: Mapping[str, FileStream]) -> list[Discovered]:
    """A stream for each file that can be read, with its first rows; read as the first of these streams is, where there is one."""
    found, how = [], next((stream.file for stream in streams.values()), FileRead())
    for file in oldest_first([f for f in files if not f.leads_out]):
        try:
            with file.here() as path:
                opened = open_rows(path, file.name, how)
                rows = [row.raw for row, _ in _first(opened, 3) if isinstance(row, SourceRow)]
        except FileFault:
            continue
        columns = opened.columns or tuple(dict.fromkeys(column for row in rows for column in row))
        found.append(Discovered(file.name.split(".")[0], columns, tuple(rows)))
    return found


def oldest_first(files: Sequence[IncomingFile]) -> list[IncomingFile]:
    """Files in the order in which they were made: by the numbers and dates in their names where these alone differ
    (2026-9 before 2026-10, 31.12.2025 before 01.01.2026), else by their time, then by name."""
    numbered = len({_NUMBER.sub("#", file.name) for file in files}) <= 1

    def order(file: IncomingFile) -> tuple[Any, ...]:
        turned = _DAY_FIRST.sub(r"\4\2\3\2\1", file.name)
        numbers = tuple(int(number) for number in _NUMBER.findall(turned))
        return (numbers, file.name) if numbered else (file.changed, file.name)

    return sorted(files, key=order)


def is_taken(name: str, *patterns: str) -> bool:
    """Does a file's name below its folder match every pattern? Hidden files and those still being written never do."""
    return _visible(name) and all(_matches(name, pattern) for pattern in patterns)


def looks_below(*patterns: str) -> bool:
    """Does one of these patterns ask for folders in the folder?"""
    return any("/" in pattern or "**" in pattern for pattern in patterns)


def _visible(name: str) -> bool:
    last = name.rpartition("/")[2]
    return not any(part.startswith(".") for part in name.split("/")) and not last.endswith(
        ("~", ".tmp", ".part", ".crdownload")
    )


def _matches(name: str, pattern: str) -> bool:
    """Like a shell; `*.csv` also finds `x.csv.gz`, and `**/` may stand for no folder."""
    names = {name, name.removesuffix(".gz")}
    if "/" not in pattern:
        names |= {n.rpartition("/")[2] for n in names} if pattern == "**" else set()
    patterns = {pattern, pattern.replace("**/", "")}
    return any(fnmatchcase(n, p) for n in names for p in patterns)


def print_of(file: IncomingFile, stream: FileStream) -> str:
    """Changes when the file does, or how it is to be read. Same size and time are not enough: copies keep them."""
    try:
        ends = file.ends()
    except OSError as error:
        return f"unreadable: {error.errno}"
    how = digest([stream.file.model_dump(mode="json"), stream.key], 4)
    return f"{file.size}-{file.changed}-{hashlib.blake2b(ends, digest_size=8).hexdigest()}-{how}"


@dataclass
class _Reading:
    """One read of a stream: where it stands, and the page being filled."""

    stream: FileStream
    start: Cursor
    where: str
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)
    rows: list[SourceRow | BadRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    bad: bool = False
    read_some: bool = False
    named: Mapping[str, NamedFile] | None = None  # what manifests say of the files

    def __post_init__(self) -> None:
        self.files = dict(self.start.get("files", {}))
        self.columns = dict(self.start.get("columns", {}))

    def cursor(self) -> Cursor:
        return {"files": dict(self.files), "columns": dict(self.columns)}

    def forget_all_but(self, names: Iterator[str]) -> None:
        there = set(names)
        self.files = {name: state for name, state in self.files.items() if name in there}

    def pages(self, files: Sequence[tuple[IncomingFile, str]], listing: bool = False) -> Iterator[Page]:
        for file, print_ in files:
            if self.read_some and self.stream.version is None:
                # An older file was read anew: of a key in both, the newer file's row holds.
                self.files.pop(file.name, None)
            yield from self._file(file, print_)
        if self.faults and not self.read_some and not any(state["done"] for state in self.files.values()):
            raise ConfigError(self.faults)
        if listing:
            self.files = {}
        yield self._page(complete=True, listed_all=listing and not self.bad)

    def _file(self, file: IncomingFile, print_: str) -> Iterator[Page]:
        name = file.name
        state = self.files.get(name, {})
        if state.get("print") == print_ and state.get("done"):
            return
        done = state.get("rows", 0) if state.get("print") == print_ else 0
        if file.leads_out:
            self._add(BadRow("a link that leads out of the folder: not read", name, ""))
            return
        try:
            with file.here() as path:
                opened = self._opened(name, path)
                self.read_some = True
                yield from self._file_rows(name, print_, opened, done)
        except FileFault as fault:  # not marked as done: it is tried again, also after the configuration was mended
            self.faults.extend(fault.args[1] if len(fault.args) > 1 else [Fault(name, str(fault), "correct the file")])
            self._add(BadRow(f"the file {fault.args[0]}", name, ""))

    def _opened(self, name: str, path: Path) -> Opened:
        if self.named is not None:
            manifests.check(path, self.named[name])
        opened = open_rows(path, name, self.stream.file, local=self.stream.zone is not None)
        self._check_columns(name, opened)
        return opened

    def _file_rows(self, name: str, print_: str, opened: Opened, done: int) -> Iterator[Page]:
        seen: dict[str, None] = dict.fromkeys(opened.columns)
        number = size = 0
        for row, length in opened.rows:
            number += 1
            if not opened.columns and isinstance(row, SourceRow) and len(seen) < 1000:
                seen.update(dict.fromkeys(row.raw))
            if number <= done:
                continue
            self._add(row)
            size += length
            if len(self.rows) >= PAGE_ROWS or size > PAGE_BYTES:
                size = 0
                self.files[name] = {"print": print_, "rows": number, "done": False}
                yield self._page()
        if not opened.columns and number:
            self._note_columns(name, opened.format, tuple(seen))
        self.files[name] = {"print": print_, "rows": number, "done": True}

    def _add(self, row: SourceRow | BadRow) -> None:
        self.rows.append(row)
        self.bad = self.bad or isinstance(row, BadRow)

    def _page(self, *, complete: bool = False, listed_all: bool = False) -> Page:
        page = Page(tuple(self.rows), self.cursor(), complete, listed_all, tuple(self.notes))
        self.rows, self.notes = [], []
        return page

    def _check_columns(self, name: str, opened: Opened) -> None:
        """A needed column that is missing stops the file: rows without it would empty the field everywhere."""
        if not opened.columns:
            return
        if twice := sorted(used_columns(self.stream) & set(opened.twice)):
            raise FileFault(f"names a column twice that the map uses: {', '.join(map(visible, twice))[:200]}")
        if opened.twice:
            unused = ", ".join(map(visible, opened.twice))
            self.notes.append(f"{name}: names columns twice that nothing uses: {unused[:200]}")
        there = {*opened.columns, *(c.partition(".")[0] for c in opened.columns)}
        if fatal := fatal_columns(self.stream, there):
            few = "; if lines stand before its header, set file.skip" if len(opened.columns) <= 2 else ""
            faults = [
                Fault(f"{self.where}.{key}", f"{name} has no column '{column}'", known_columns(opened.columns) + few)
                for column, key in fatal.items()
            ]
            columns = ", ".join(f"'{c}' ({key})" for c, key in fatal.items())
            raise FileFault(f"has no column {columns}; {known_columns(opened.columns)}{few}", faults)
        self._note_columns(name, opened.format, opened.columns)

    def _note_columns(self, name: str, format_: str, columns: tuple[str, ...]) -> None:
        known = self.columns.get(format_, [])
        if opened_json := format_ in ("json", "jsonl"):  # fields come and go from row to row: only what is used matters
            used = used_columns(self.stream)
            known, missed = [c for c in known if c in columns or c in used], [c for c in known if c not in columns]
        self.notes.extend(schema_notes(name, known, columns))
        self.columns[format_] = [*columns, *(missed if opened_json else ())]


def _first(opened: Opened, count: int) -> Iterator[tuple[SourceRow | BadRow, int]]:
    for _, row in zip(range(count), opened.rows, strict=False):
        yield row
