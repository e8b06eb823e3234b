"""Worlds and hubs on each database for the tests of what goes out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.db import Database
from tests.access.population import hub
from tests.delivery.world import Make, World

__all__ = ["hub", "make"]


@pytest.fixture
def make(database: Database, tmp_path: Path) -> Iterator[Make]:
    """Worlds of two sources each, closed at the end."""
    made: list[World] = []

    def one(**options: Any) -> World:
        folder = tmp_path / f"world{len(made)}"
        folder.mkdir()
        made.append(World(database, folder, **options))
        return made[-1]

    yield one
    for world in made:
        world.close()
