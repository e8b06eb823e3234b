"""The folder of one run on Spark: its own alone, and gone when the run is.

A driver that is killed cannot remove what it put there (forms of records, so personal data). So a run says again and again that it
lives, and every run removes those that no longer do. Whether time has passed, the folder's own clock tells: machines may differ.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from pyarrow import ArrowException, fs

from hub.errors import ConfigError, Fault

PREFIX = "hub-spark-"
ALIVE = "alive"  # written again and again while its run goes on
BEAT = 10.0  # seconds
DEAD = timedelta(seconds=60)  # without a beat


@contextmanager
def run_folder(base: str = "", beat: float = BEAT) -> Iterator[str]:
    """A new folder in `base` (a path or a URL; "": where this machine keeps temporary files), readable by its owner alone,
    removed at the end, also when a command is told to end. ConfigError: it cannot be made."""
    base = base or tempfile.gettempdir()
    name = f"{PREFIX}{uuid4().hex[:12]}"
    try:
        system, root = fs.FileSystem.from_uri(uri(base))
        path = f"{root}/{name}"
        system.create_dir(path, recursive=True)
    except (OSError, ArrowException) as error:
        what = f"no folder can be made in {base}: {str(error).splitlines()[0]}"
        raise ConfigError([Fault("HUB_SPARK_FOLDER", what, "name one that you may write to")]) from None
    if "://" not in base:
        Path(path).chmod(0o700)
    ended = threading.Event()

    def say() -> None:
        while not ended.wait(beat):
            with suppress(OSError):
                _say(system, path)

    _say(system, path)
    clear(system, root, name)
    threading.Thread(target=say, name="hub spark folder", daemon=True).start()
    try:
        yield f"{base}/{name}"
    finally:
        ended.set()
        with suppress(OSError):
            _say(system, path)
            clear(system, root, name)
        _removed(system, path)


def clear(system: fs.FileSystem, root: str, mine: str) -> None:
    """Remove what dead runs left in a folder: those whose last beat is long before the one of `mine`."""
    beaten = _beat(system, f"{root}/{mine}")
    for found in system.get_file_info(fs.FileSelector(root)):
        if found.type is not fs.FileType.Directory or not found.base_name.startswith(PREFIX) or found.base_name == mine:
            continue
        with suppress(OSError):  # another's: who may look into it and remove it does, or another run did meanwhile
            last = _beat(system, found.path)  # none: it is no run's
            if beaten is not None and last is not None and beaten - last > DEAD:
                _removed(system, found.path)


def uri(folder: str) -> str:
    """As Arrow writes it: Spark's `s3a://` is its `s3://`."""
    return folder.replace("s3a://", "s3://", 1) if "://" in folder else Path(folder).resolve().as_uri()


def _say(system: fs.FileSystem, path: str) -> None:
    with system.open_output_stream(f"{path}/{ALIVE}") as out:
        out.write(b"")


def _beat(system: fs.FileSystem, path: str) -> datetime | None:
    found: datetime | None = system.get_file_info(f"{path}/{ALIVE}").mtime
    return found


def _removed(system: fs.FileSystem, path: str) -> None:
    if system.get_file_info(path).type is fs.FileType.Directory:
        system.delete_dir(path)
