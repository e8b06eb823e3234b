"""Where sources read: does one read already where another would? Of rows that landed the hub knows whose they are, of others not."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from hub.connectors.http import HttpConnection
from hub.connectors.systems.file import FileConnection
from hub.connectors.systems.sql import DatabaseConnection
from hub.errors import ConfigError
from hub.settings import Config, Source, secret

Place = Path | tuple[str, ...]  # a folder; a database or a service by its name


def reader_of(config: Config, source: Source, env: Mapping[str, str]) -> str:
    """The configured source that reads a folder, database or service already; empty where none does.

    Of a database any table counts, of a service any path: another view of them may hold the same rows.
    """
    place = _place(config, source, env)
    for name, other in config.sources.items():
        if place is not None and _meet(place, _place(config, other, env)):
            return name
    return ""


def _meet(one: Place, other: Place | None) -> bool:
    if isinstance(one, Path) and isinstance(other, Path):
        return one.is_relative_to(other) or other.is_relative_to(one)
    return one == other


def _place(config: Config, source: Source, env: Mapping[str, str]) -> Place | None:
    """None: it cannot be told, or its system is none that a form reaches."""
    given = source.connector
    try:
        if isinstance(given, FileConnection):
            path = config.folder / Path(given.path or secret(given.path_env or "", env)).expanduser()
            return Path(*takewhile(lambda part: not any(c in part for c in "*?["), path.parts)).resolve()
        if isinstance(given, DatabaseConnection):
            url = make_url(secret(given.url_env, env))
            here = str(Path(url.database or "").resolve()) if url.get_backend_name() == "sqlite" else url.database
            return ("database", url.host or "", here or "")
        if isinstance(given, HttpConnection):
            return ("service", urlsplit(given.base_url or secret(given.base_url_env or "", env)).hostname or "")
    except (ConfigError, ArgumentError, OSError, RuntimeError, ValueError):
        return None
    return None
