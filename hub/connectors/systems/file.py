"""Files in a folder as a source. Read only.

The cursor knows each file by name and a print of its size, time and ends; a file that changed is read
again from its start, which changes nothing for rows that are the same.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator

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
from hub.connectors.manifests import NamedFile
from hub.connectors.mapping.columns import needed_columns, used_columns
from hub.errors import ConfigError, Fault, RetryLater
from hub.model import digest
from hub.settings import Connection, Source, Stream, secret, source_of_kind

PAGE_BYTES = 16 << 20
_DAY_FIRST = re.compile(r"(?<!\d)(\d{1,2})([-._])(\d{1,2})\2(\d{4})(?!\d)", re.ASCII)
_NUMBER = re.compile(r"[0-9]+")
ENDS = 1 << 16  # bytes of a file's start and end that its print is made of


class FileConnection(Connection):
    kind: Literal["file"]
    path: str | None = None  # folder or glob, relative to the configuration folder
    path_env: str | None = None  # variable that holds it; one of the two

    @model_validator(mode="after")
    def _one(self) -> FileConnection:
        if (self.path is None) == (self.path_env is None):
            raise ValueError("give path or path_env, the folder of the files")
        return self


class FileStream(Stream):
    """A stream that is read from files."""

    file: FileRead = FileRead()  # how to read files

    def faults(self, where: str) -> Iterator[Fault]:
        if self.write_back:
            yield Fault(f"{where}.write_back", "files are read only", "remove it")


@source_of_kind
class FileSource(Source):
    connector: FileConnection
    streams: dict[str, FileStream]

    def connect(self, *, env: Mapping[str, str], base_folder: Path, now: Callable[[], int]) -> Files:
        return Files(self, env=env, base_folder=base_folder)


class Files:
    """The `file` connector of one source."""

    def __init__(self, source: FileSource, *, env: Mapping[str, str], base_folder: Path) -> None:
        self._source = source
        given = source.connector.path or secret(source.connector.path_env or "", env)
        self._path = base_folder / Path(given).expanduser()

    def discover(self) -> list[Discovered]:
        """A stream for each file that can be read, with its first rows."""
        found = []
        for name, file in self._files("*"):
            if self._leads_out(file):
                continue
            try:
                opened = open_rows(
                    file, name, next(iter(self._source.streams.values())).file if self._source.streams else FileRead()
                )
            except FileFault:
                continue
            rows = [row.raw for row, _ in _first(opened, 3) if isinstance(row, SourceRow)]
            columns = opened.columns or tuple(dict.fromkeys(column for row in rows for column in row))
            found.append(Discovered(name.split(".")[0], columns, tuple(rows)))
        return found

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        config = self._source.streams[stream]
        where = f"sources/{self._source.name}.yaml: streams.{stream}"
        reading = _Reading(config, cursor or {}, where, self._leads_out)
        there = self._files(config.file.pattern)
        if config.file.manifest is not None:
            named = manifests.read(self._files(config.file.manifest), self._leads_out)
            reading.named, there = named, [(name, file) for name, file in there if name in named]
        files = [(name, file, _print(file, config)) for name, file in there]
        if not files:
            note = f"no file matches '{config.file.pattern}' in {self._path}"
            yield Page((), reading.cursor(), complete=True, notes=(note,))
            return
        if config.listing == "complete":
            reading.files = {}  # always from the beginning: only a whole listing proves an absence
            yield from reading.pages(files, listing=True)
            return
        reading.forget_all_but(name for name, _, _ in files)
        yield from reading.pages(files)

    def write(self, stream: str, writes: Sequence[FieldWrite]) -> list[WriteResult]:
        return [WriteResult(write.key or "", "rejected", "files are read only") for write in writes]

    def close(self) -> None:
        """Nothing is kept open."""

    def _folder(self) -> tuple[Path, str]:
        """The folder, and what names below it must match where the path is a glob."""
        if not any(c in str(self._path) for c in "*?["):
            return self._path, ""
        parts = self._path.parts
        cut = next(i for i, part in enumerate(parts) if any(c in part for c in "*?["))
        return Path(*parts[:cut]), "/".join(parts[cut:])

    def _leads_out(self, file: Path) -> bool:
        """Is it a link out of the folder? Who may put files there must not read others with the hub's rights."""
        return file != self._path and not file.resolve().is_relative_to(self._folder()[0].resolve())

    def _files(self, pattern: str) -> list[tuple[str, Path]]:
        """(name below the folder, path), by name. Hidden files and those still being written are left out."""
        if self._path.is_file():
            return [(self._path.name, self._path)]
        folder, matching = self._folder()
        if not folder.is_dir():
            where = f"sources/{self._source.name}.yaml: connector.path"
            raise ConfigError(
                [
                    Fault(
                        where,
                        f"there is no folder {folder}",
                        "create it, or correct the path (relative to the configuration)",
                    )
                ]
            )
        try:
            return oldest_first(self._below(folder, pattern, matching))
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise RetryLater(f"source '{self._source.name}': the folder {folder} cannot be read ({why})") from None

    def _below(self, folder: Path, pattern: str, matching: str) -> list[tuple[str, Path]]:
        found = []
        for file in folder.rglob("*") if "/" in pattern or "**" in pattern or "/" in matching else folder.iterdir():
            name = os.fsencode(file.relative_to(folder).as_posix()).decode("utf-8", "replace")
            if (
                _visible(name)
                and _matches(name, pattern)
                and (not matching or _matches(name, matching))
                and file.is_file()
            ):
                found.append((name, file))
        return found


def oldest_first(files: Sequence[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Files in the order in which they were made: by the numbers and dates in their names where these alone differ
    (2026-9 before 2026-10, 31.12.2025 before 01.01.2026), else by their time, then by name."""
    numbered = len({_NUMBER.sub("#", name) for name, _ in files}) <= 1

    def order(file: tuple[str, Path]) -> tuple[Any, ...]:
        turned = _DAY_FIRST.sub(r"\4\2\3\2\1", file[0])
        numbers = tuple(int(number) for number in _NUMBER.findall(turned))
        return (numbers, file[0]) if numbered else (file[1].stat().st_mtime_ns, file[0])

    return sorted(files, key=order)


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


def _print(file: Path, stream: FileStream) -> str:
    """Changes when the file does, or how it is to be read. Same size and time are not enough: copies keep them."""
    try:
        stat = file.stat()
        with file.open("rb") as source:
            ends = source.read(ENDS)
            if stat.st_size > ENDS:
                source.seek(-ENDS, os.SEEK_END)
                ends += source.read(ENDS)
    except OSError as error:
        return f"unreadable: {error.errno}"
    how = digest([stream.file.model_dump(mode="json"), stream.key], 4)
    return f"{stat.st_size}-{stat.st_mtime_ns}-{hashlib.blake2b(ends, digest_size=8).hexdigest()}-{how}"


@dataclass
class _Reading:
    """One read of a stream: where it stands, and the page being filled."""

    stream: FileStream
    start: Cursor
    where: str
    leads_out: Callable[[Path], bool]
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

    def pages(self, files: Sequence[tuple[str, Path, str]], listing: bool = False) -> Iterator[Page]:
        for name, file, print_ in files:
            if self.read_some and self.stream.version is None:
                self.files.pop(name, None)  # an older file was read anew: of a key in both, the newer file's row holds
            yield from self._file(name, file, print_)
        if self.faults and not self.read_some and not any(state["done"] for state in self.files.values()):
            raise ConfigError(self.faults)
        if listing:
            self.files = {}
        yield self._page(complete=True, listed_all=listing and not self.bad)

    def _file(self, name: str, file: Path, print_: str) -> Iterator[Page]:
        state = self.files.get(name, {})
        done = state.get("rows", 0) if state.get("print") == print_ else 0
        if (done and state.get("done")) or (state.get("print") == print_ and state.get("done")):
            return
        if self.leads_out(file):
            self._add(BadRow("a link that leads out of the folder: not read", name, ""))
            return
        try:
            if self.named is not None:
                manifests.check(file, self.named[name])
            opened = open_rows(file, name, self.stream.file, local=self.stream.zone is not None)
            self._check_columns(name, opened)
        except FileFault as fault:  # not marked as done: it is tried again, also after the configuration was mended
            self.faults.extend(
                fault.args[1] if len(fault.args) > 1 else [Fault(str(file), str(fault), "correct the file")]
            )
            self._add(BadRow(f"the file {fault.args[0]}", name, ""))
            return
        self.read_some = True
        yield from self._file_rows(name, print_, opened, done)

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
        missing = {
            c: key
            for c, key in needed_columns(self.stream).items()
            if c not in there and c.partition(".")[0] not in there
        }
        fatal = {c: key for c, key in missing.items() if self.stream.records == "full" or key == "key"}
        if fatal:
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
