"""Running a Singer program, a tap or a target: in a virtual environment of its own, seeing of the hub's environment only
what it is given; what it says beside its messages is kept, and with whoever called it, it ends."""

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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Literal

from hub.connectors.base import JSON, ROW_BYTES
from hub.errors import ConfigError, Fault, RetryLater
from hub.model import digest
from hub.settings import secret
from hub.settings.singer import SingerProgram

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
LINES_AHEAD = 2000  # that a tap may be ahead of the hub
INSTALL_SECONDS = 900
SAID = "what it said is in"


class Program:
    """A tap or a target. `where`: the keys of its file that name it; `folder`: where it is installed and its log is."""

    def __init__(self, given: SingerProgram, *, word: str, where: str, folder: Path, env: Mapping[str, str]) -> None:
        self.given, self.word, self.where, self._folder, self._env = given, word, where, folder, env
        self._config = {**given.config, **{k: secret(v, env) for k, v in given.config_env.items()}}

    @contextmanager
    def files(self) -> Iterator[Path]:
        """A private folder with the program's settings, for as long as it runs."""
        with tempfile.TemporaryDirectory(prefix=f"hub-{self.word}-") as name:
            folder = Path(name)
            write_json(folder / "config.json", self._config)
            yield folder

    def command(self) -> list[str]:
        """What runs, installed. ConfigError when there is no such command."""
        name, *arguments = [self.given.command] if isinstance(self.given.command, str) else self.given.command
        if self.given.packages:
            name = str(self._installed(self.given.packages) / name)
        if shutil.which(name) is None:
            remedy = f"name the {self.word}'s packages, or its path"
            raise ConfigError([Fault(f"{self.where}.command", f"there is no command '{name}'", remedy)])
        return [name, *arguments]

    def _installed(self, packages: tuple[str, ...]) -> Path:
        """Where its commands are. Installed once for these packages."""
        folder = self._folder / f"venv-{digest(list(packages))[:12]}"
        if not (folder / ".ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            self._private()
            pip = [str(folder / "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages]
            for command in ([sys.executable, "-m", "venv", str(folder)], pip):
                with self._said("ab") as log:
                    done = subprocess.run(command, stdout=log, stderr=log, timeout=INSTALL_SECONDS, check=False)  # noqa: S603
                if done.returncode:
                    what = f"could not be installed ({done.returncode}); {SAID} {self.log()}"
                    raise ConfigError([Fault(f"{self.where}.packages", what, "correct names and versions")])
            (folder / ".ready").touch()
        return folder / "bin"

    def log(self) -> Path:
        """What it says beside its messages. It may hold values: only its owner reads it."""
        return self._folder / "stderr.log"

    def _private(self) -> None:
        """Its folder, closed to others: also one that was made while it was open to them."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)

    @contextmanager
    def _said(self, mode: Literal["ab", "wb"]) -> Iterator[IO[bytes]]:
        self._private()
        with open(self.log(), mode, opener=partial(os.open, mode=0o600)) as log:
            os.fchmod(log.fileno(), 0o600)  # one that was there kept its mode
            yield log

    @contextmanager
    def started(self, command: list[str], *, told: bool = False) -> Iterator[subprocess.Popen[bytes]]:
        """The program, ended with the block, with all that it started. `told`: it is written to."""
        env = {name: self._env.get(name, os.environ.get(name, "")) for name in PASSED_ON if name in os.environ}
        with self._said("wb") as log:
            try:
                process = subprocess.Popen(  # noqa: S603 - the source's file says what runs
                    command,
                    stdin=subprocess.PIPE if told else subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=env,
                    start_new_session=True,
                )
            except OSError as error:
                what = f"cannot be started ({error.strerror})"
                raise ConfigError([Fault(f"{self.where}.command", what, "correct it")]) from None
        try:
            yield process
        finally:
            _end(process)
            if process.stdin is not None:
                with suppress(OSError):  # what it did not take is lost with it
                    process.stdin.close()

    @contextmanager
    def running(self, command: list[str]) -> Iterator[Iterator[bytes]]:
        """The lines that it says, unasked. It is ended with the block."""
        said: queue.Queue[bytes | None] = queue.Queue(LINES_AHEAD)
        with self.started(command) as process:
            assert process.stdout is not None
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
        while True:
            try:
                line = said.get(timeout=self.given.silent_seconds)
            except queue.Empty:
                raise self.silent("said") from None
            if line is None:
                break
            yield line
        self.finished(process)

    def finished(self, process: subprocess.Popen[bytes]) -> None:
        """It ended, and well. RetryLater when not."""
        try:
            code = process.wait(self.given.silent_seconds)
        except subprocess.TimeoutExpired:
            raise RetryLater(f"{self._name}: the {self.word} did not end, and was ended") from None
        if code:
            raise RetryLater(f"{self._name}: the {self.word} failed ({code}); {SAID} {self.log()}")

    def silent(self, what: str) -> RetryLater:
        """It said, or took, nothing for too long."""
        seconds = f"{self.given.silent_seconds:g} s"
        return RetryLater(
            f"{self._name}: the {self.word} {what} nothing for {seconds}, and was ended; {SAID} {self.log()}"
        )

    @property
    def _name(self) -> str:
        """Its file."""
        return self.where.partition(":")[0]


def write_json(file: Path, value: JSON) -> str:
    """A file that its owner alone reads; its path."""
    file.touch(mode=0o600)
    file.write_text(json.dumps(value), encoding="utf-8")
    return str(file)


def _pump(stream: IO[bytes], said: queue.Queue[bytes | None]) -> None:
    """Lines to the queue, cut where they are longer than any row may be; None at the end."""
    try:
        while line := stream.readline(2 * ROW_BYTES):
            said.put(line)
    except ValueError:  # closed while it was read
        pass
    said.put(None)


def _end(process: subprocess.Popen[bytes]) -> None:
    """The program and what it started, gone."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, how)
        try:
            process.wait(2)
            if how is signal.SIGKILL:
                return
        except subprocess.TimeoutExpired:
            continue
