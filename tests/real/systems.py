"""Foreign systems: installed into .real/, started on a free loopback port, ended with the test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[2]
REAL = ROOT / ".real"
PATIENCE = 120  # seconds that a system has to answer


def installed(name: str, *packages: str) -> Path:
    """The `bin` of a virtual environment that holds these packages and nothing of the hub. Made once."""
    folder = REAL / f"{name}-{sha256(' '.join(packages).encode()).hexdigest()[:8]}"
    ready = folder / ".ready"
    if not ready.exists():
        uv = str(Path(sys.executable).parent / "uv")
        checked([uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)])
        checked([uv, "pip", "install", "-q", "--python", str(folder), *packages])
        ready.touch()
    return folder / "bin"


def checked(
    command: Sequence[str], env: Mapping[str, str] | None = None, folder: Path | None = None, *, timeout: float = 300
) -> str:
    """What a command prints. It fails with the end of what it said."""
    done = subprocess.run(
        command, env={**os.environ, **(env or {})}, cwd=folder, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(command: Sequence[str], answers: Callable[[], object], log: Path, **env: str) -> Iterator[None]:
    """A process, from the moment when `answers` no longer raises until the end of the block."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **env})
        try:
            _wait(process, answers, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], answers: Callable[[], object], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            answers()
            return
        except Exception as error:
            said = f"{type(error).__name__}: {error}\n{log.read_text(errors='replace')[-3000:]}"
            assert process.poll() is None, f"it ended with {process.returncode}\n{said}"
            assert time.monotonic() < until, f"it does not answer within {PATIENCE} s\n{said}"
            time.sleep(0.1)
