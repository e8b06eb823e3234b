"""A hub on each database for the doors' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.db import Database
from hub.open import Hub
from tests.access import population


@pytest.fixture
def hub(tmp_path: Path, database: Database) -> Iterator[Hub]:
    before, database.clock = database.clock, population.TestClock()
    made = population.open_hub(database, population.write_config(tmp_path / "config"), tmp_path / "data")
    yield made
    made.close()
    database.clock = before
