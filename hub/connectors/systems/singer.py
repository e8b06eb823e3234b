"""Any Singer tap as a source: a process in a virtual environment of its own, which speaks JSON lines.

Rows are landed together with the STATE that follows them. A tap sees of the hub's environment only what its source names.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import Field

from hub.connectors.base import (
    JSON,
    KEPT,
    PAGE_ROWS,
    ROW_BYTES,
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
from hub.errors import ConfigError, Fault, RetryLater
from hub.model import digest
from hub.settings import Connection, Source, Stream, secret, source_of_kind

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
RUBBISH = 1000  # lines that are no messages, of one read: then the tap is ended
LINES_AHEAD = 2000  # that a tap may be ahead of the hub
INSTALL_SECONDS = 900
SAID = "what it said is in"


class SingerConnection(Connection):
    kind: Literal["singer"]
    command: str | tuple[str, ...]  # the tap: its name in its environment, or a path; with arguments, a list
    packages: tuple[str, ...] = ()  # installed into an environment of its own, pinned: ["tap-github==1.2.0"]
    config: dict[str, JSON] = Field(default_factory=dict)  # the tap's own settings; no secrets here
    config_env: dict[str, str] = Field(default_factory=dict)  # a setting of the tap -> the variable that holds it
    catalog: bool = True  # false: the tap knows no --discover and gives all it has
    silent_seconds: float = Field(default=300, gt=0)  # a tap that says nothing for so long is ended


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
        self._source, self._env = source, env
        self._where = f"sources/{source.name}.yaml"
        self._config = {
            **source.connector.config,
            **{k: secret(v, env) for k, v in source.connector.config_env.items()},
        }
        self._folder = base_folder / ".taps" / source.name

    def discover(self) -> list[Discovered]:
        with self._files() as folder:
            found = self._catalog(folder).get("streams", [])
        return [Discovered(_name(s), tuple((s.get("schema") or {}).get("properties") or ())) for s in found]

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        config = self._source.streams[stream]
        start = {} if config.listing == "complete" else cursor or {}
        with self._files() as folder:
            command = [*self._command(), "--config", str(folder / "config.json")]
            if self._source.connector.catalog:
                command += ["--catalog", self._selected(folder, stream, config)]
            if start.get("state") is not None:
                command += ["--state", _write(folder / "state.json", start["state"])]
            with self._running(command) as lines:
                yield from _Reading(self._where, stream, config, cursor or {}, start.get("state")).pages(lines)

    def write(self, stream: str, writes: Sequence[FieldWrite]) -> list[WriteResult]:
        return [WriteResult(write.key or "", "rejected", "a tap is read only") for write in writes]

    def close(self) -> None:
        """A tap lives as long as one read."""

    # --- the tap ---

    @contextmanager
    def _files(self) -> Iterator[Path]:
        """A private folder with the tap's settings, for as long as it runs."""
        with tempfile.TemporaryDirectory(prefix="hub-tap-") as name:
            folder = Path(name)
            _write(folder / "config.json", self._config)
            yield folder

    def _command(self) -> list[str]:
        given = self._source.connector.command
        name, *arguments = [given] if isinstance(given, str) else given
        if packages := self._source.connector.packages:
            name = str(self._installed(packages) / name)
        if shutil.which(name) is None:
            fault = Fault(
                f"{self._where}: connector.command",
                f"there is no command '{name}'",
                "name the tap's packages, or its path",
            )
            raise ConfigError([fault])
        return [name, *arguments]

    def _installed(self, packages: tuple[str, ...]) -> Path:
        """Where the tap's commands are. Installed once for these packages."""
        folder = self._folder / f"venv-{digest(list(packages))[:12]}"
        if not (folder / ".ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            pip = [str(folder / "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages]
            for command in ([sys.executable, "-m", "venv", str(folder)], pip):
                with self._log().open("ab") as log:
                    done = subprocess.run(command, stdout=log, stderr=log, timeout=INSTALL_SECONDS, check=False)  # noqa: S603
                if done.returncode:
                    what = f"could not be installed ({done.returncode}); {SAID} {self._log()}"
                    raise ConfigError([Fault(f"{self._where}: connector.packages", what, "correct names and versions")])
            (folder / ".ready").touch()
        return folder / "bin"

    def _log(self) -> Path:
        """What the tap says beside its messages. It may hold values: only its owner reads it."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._folder / "stderr.log"

    def _catalog(self, folder: Path) -> dict[str, Any]:
        command = [*self._command(), "--config", str(folder / "config.json"), "--discover"]
        with self._running(command) as lines:
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
        return _write(folder / "catalog.json", catalog)

    @contextmanager
    def _running(self, command: list[str]) -> Iterator[Iterator[bytes]]:
        """The lines that a tap says. It is ended with the block, with all that it started."""
        env = {name: self._env.get(name, os.environ.get(name, "")) for name in PASSED_ON if name in os.environ}
        with self._log().open("wb") as log:
            try:
                process = subprocess.Popen(  # noqa: S603 - the source's file says what runs
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=env,
                    start_new_session=True,
                )
            except OSError as error:
                fault = Fault(
                    f"{self._where}: connector.command", f"cannot be started ({error.strerror})", "correct it"
                )
                raise ConfigError([fault]) from None
        assert process.stdout is not None
        said: queue.Queue[bytes | None] = queue.Queue(LINES_AHEAD)
        reader = threading.Thread(target=_pump, args=(process.stdout, said), daemon=True)
        reader.start()
        try:
            yield self._lines(process, said)
        finally:
            _end(process)
            while reader.is_alive():  # it may wait for room
                with suppress(queue.Empty):
                    said.get(timeout=0.05)
            process.stdout.close()

    def _lines(self, process: subprocess.Popen[bytes], said: queue.Queue[bytes | None]) -> Iterator[bytes]:
        silent = self._source.connector.silent_seconds
        while True:
            try:
                line = said.get(timeout=silent)
            except queue.Empty:
                raise RetryLater(
                    f"{self._where}: the tap said nothing for {silent:g} s, and was ended; {SAID} {self._log()}"
                ) from None
            if line is None:
                break
            yield line
        try:
            code = process.wait(silent)
        except subprocess.TimeoutExpired:
            raise RetryLater(f"{self._where}: the tap did not end, and was ended") from None
        if code:
            raise RetryLater(f"{self._where}: the tap failed ({code}); {SAID} {self._log()}")


def _pump(stream: IO[bytes], said: queue.Queue[bytes | None]) -> None:
    """Lines to the queue, cut where they are longer than any row may be; None at the end."""
    try:
        while line := stream.readline(2 * ROW_BYTES):
            said.put(line)
    except ValueError:  # closed while it was read
        pass
    said.put(None)


def _end(process: subprocess.Popen[bytes]) -> None:
    """The tap and what it started, gone."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, how)
        try:
            process.wait(2)
            if how is signal.SIGKILL:
                return
        except subprocess.TimeoutExpired:
            continue


def _name(stream: Mapping[str, Any]) -> str:
    return str(stream.get("stream") or stream.get("tap_stream_id") or "")


def _write(file: Path, value: JSON) -> str:
    file.write_text(json.dumps(value), encoding="utf-8")
    file.chmod(0o600)
    return str(file)


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
