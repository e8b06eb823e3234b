"""Files in a folder as a source. Read only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from hub.connectors.base import Cursor, Discovered, Page
from hub.connectors.incoming_files import (
    ENDS,
    FileStream,
    IncomingFiles,
    discover_files,
    is_taken,
    looks_below,
    read_files,
)
from hub.connectors.manifests import IncomingFile
from hub.errors import ConfigError, Fault, RetryLater
from hub.settings import Connection, Source, secret, source_of_kind


class FileConnection(Connection):
    kind: Literal["file"]
    path: str | None = None  # folder or glob, relative to the configuration folder
    path_env: str | None = None  # variable that holds it; one of the two

    @model_validator(mode="after")
    def _one(self) -> FileConnection:
        if (self.path is None) == (self.path_env is None):
            raise ValueError("give path or path_env, the folder of the files")
        return self


@source_of_kind
class FileSource(Source):
    connector: FileConnection
    streams: dict[str, FileStream]

    def connect(self, *, env: Mapping[str, str], base_folder: Path, now: Callable[[], int]) -> Files:
        return Files(self, env=env, base_folder=base_folder)


class Files(IncomingFiles):
    """The `file` connector of one source."""

    def __init__(self, source: FileSource, *, env: Mapping[str, str], base_folder: Path) -> None:
        self._source = source
        given = source.connector.path or secret(source.connector.path_env or "", env)
        self._path = base_folder / Path(given).expanduser()

    def discover(self) -> list[Discovered]:
        """A stream for each file that can be read, with its first rows."""
        return discover_files(self._files("*"), self._source.streams)

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        where = f"sources/{self._source.name}.yaml: streams.{stream}"
        yield from read_files(self._source.streams[stream], cursor, where, str(self._path), self._files)

    def _folder(self) -> tuple[Path, str]:
        """The folder, and what names below it must match where the path is a glob."""
        if not any(c in str(self._path) for c in "*?["):
            return self._path, ""
        parts = self._path.parts
        cut = next(i for i, part in enumerate(parts) if any(c in part for c in "*?["))
        return Path(*parts[:cut]), "/".join(parts[cut:])

    def _files(self, pattern: str) -> list[IncomingFile]:
        if self._path.is_file():
            return [_Local.listed(self._path.name, self._path, None)]
        folder, matching = self._folder()
        if not folder.is_dir():
            where = f"sources/{self._source.name}.yaml: connector.path"
            remedy = "create it, or correct the path (relative to the configuration)"
            raise ConfigError([Fault(where, f"there is no folder {folder}", remedy)])
        try:
            return self._below(folder, pattern, matching)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise RetryLater(f"source '{self._source.name}': the folder {folder} cannot be read ({why})") from None

    def _below(self, folder: Path, pattern: str, matching: str) -> list[IncomingFile]:
        found: list[IncomingFile] = []
        patterns = (pattern, matching) if matching else (pattern,)
        for file in folder.rglob("*") if looks_below(*patterns) else folder.iterdir():
            name = os.fsencode(file.relative_to(folder).as_posix()).decode("utf-8", "replace")
            if is_taken(name, *patterns) and file.is_file():
                found.append(_Local.listed(name, file, folder))
        return found


@dataclass(frozen=True, slots=True)
class _Local:
    """A file of a folder of this machine; `folder` None: the source is this one file."""

    name: str
    path: Path
    folder: Path | None
    size: int
    changed: int

    @classmethod
    def listed(cls, name: str, path: Path, folder: Path | None) -> _Local:
        """As it is now: it may be gone before it is read. OSError when it is gone already."""
        found = path.stat()
        return cls(name, path, folder, found.st_size, found.st_mtime_ns)

    @property
    def leads_out(self) -> bool:
        return self.folder is not None and not self.path.resolve().is_relative_to(self.folder.resolve())

    def ends(self) -> bytes:
        with self.path.open("rb") as source:
            ends = source.read(ENDS)
            if self.size > ENDS:
                source.seek(-ENDS, os.SEEK_END)
                ends += source.read(ENDS)
        return ends

    def here(self) -> AbstractContextManager[Path]:
        return nullcontext(self.path)
