"""The migrations make exactly the tables that the code declares, on both databases."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

import hub.tables  # noqa: F401
from hub.db import Database


def test_the_migrated_tables_are_the_declared_ones(database: Database) -> None:
    with database.unit() as connection:
        found = compare_metadata(MigrationContext.configure(connection), SQLModel.metadata)
    assert not found


def test_upgrading_again_changes_nothing(database: Database) -> None:
    database.upgrade()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
