"""A database and a hub for the doors' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.api.hub import Hub
from hub.db import Database
from tests.access import population


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = population.new_database(f"sqlite:///{tmp_path / 'hub.sqlite'}")
    yield made
    made.close()


@pytest.fixture
def hub(tmp_path: Path, database: Database) -> Iterator[Hub]:
    made = population.open_hub(database, population.write_config(tmp_path / "config"), tmp_path / "data")
    yield made
    made.close()
