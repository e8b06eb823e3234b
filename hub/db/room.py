"""Is there room to write? A disk that is full answers reads as if nothing were wrong."""

from __future__ import annotations

import errno
import sqlite3
import tempfile
from pathlib import Path

from hub.errors import DiskFull

PROBE = 1 << 16  # bytes: more than a small write takes, so that this fails first
FULL_LATELY = 10.0  # seconds that a refused write counts for, where only writing tells
_DISK_FULL = "53100"  # PostgreSQL's name for it
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_full(error: BaseException) -> bool:
    """Does this error, of the system or of a driver, say that there is no room?"""
    found = getattr(error, "orig", None) or error
    if isinstance(found, OSError):
        return found.errno in _NO_ROOM
    return getattr(found, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL or getattr(found, "sqlstate", "") == _DISK_FULL


def room_in(folder: Path) -> None:
    """DiskFull when a little file cannot be written to this folder."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            if file.write(bytes(PROBE)) < PROBE:
                raise DiskFull(f"the disk of {folder} is full")
    except OSError as error:
        if is_full(error):
            raise DiskFull(f"the disk of {folder} is full") from error
        raise
