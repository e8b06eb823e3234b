"""One serving process on a SQLite file: each keeps figures and pages of its own in memory, and jobs would run twice."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.db.database import Database
from hub.errors import ConfigError, Fault


@contextmanager
def serving_alone(database: Database, at: str) -> Iterator[None]:
    """While serving `at` an address. ConfigError, saying who has it, when another process serves the same file.

    The mark is a lock on a file beside the database: it ends with its process, however that ends.
    """
    if not (database.sqlite and database.shared):
        yield
        return
    path = Path(f"{database.url.database}.serving")
    mark = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            has_it = os.pread(mark, 500, 0).decode(errors="replace") or "another process"
            what = f"{database.url.database} is served already, by {has_it}"
            remedy = "end that one first, or keep the hub on PostgreSQL, which any number may serve"
            raise ConfigError([Fault("HUB_DATABASE_URL", what, remedy)]) from None
        os.ftruncate(mark, 0)
        os.pwrite(mark, f"process {os.getpid()} at {at}".encode(), 0)
        yield
    finally:
        os.close(mark)
