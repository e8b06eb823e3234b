"""One Alembic history for SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from hub.db import Database


def upgrade(database: Database) -> None:
    """Run the migrations that this database lacks, one process at a time."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    with database.unit() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
