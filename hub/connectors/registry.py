"""A source's configuration -> its connector."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from hub.connectors.base import Connector
from hub.connectors.systems.file import Files
from hub.settings import FileConnector, Source, SqlConnector


def now_micros() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def connect(
    source: Source, *, env: Mapping[str, str], base_folder: Path, now: Callable[[], int] = now_micros
) -> Connector:
    """The connector of a source; `base_folder` is what relative paths start from: the configuration's folder.

    Opens nothing yet, except that secrets are looked up: ConfigError when one is missing. `now` keeps a source's
    rows dated in the future from moving a cursor past today.
    """
    if isinstance(source.connector, FileConnector):
        return Files(source, env=env, base_folder=base_folder)
    if isinstance(source.connector, SqlConnector):
        from hub.connectors.systems.sql import Database

        return Database(source, env=env, now=now)
    from hub.connectors.systems.rest import Service

    return Service(source, env=env, now=now)
