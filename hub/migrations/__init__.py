"""One Alembic history for SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect

from hub.db import Database
from hub.errors import ConfigError, Fault

FOLDER = Path(__file__).parent
REVISIONS = tuple(sorted(path.name[:4] for path in (FOLDER / "versions").glob("[0-9]*.py")))  # oldest first


def upgrade(database: Database) -> None:
    """Run the migrations that this database lacks, one process at a time. ConfigError: a newer hub made it."""
    with database.read() as connection:
        if _revision(connection) == REVISIONS[-1]:
            return
    with database.unit() as connection:
        stands = _revision(connection)
        if stands is not None and stands not in REVISIONS:
            raise ConfigError(
                [
                    Fault(
                        "HUB_DATABASE_URL",
                        f"this database is of another version of the hub: its tables are {stands}, "
                        f"this version knows them up to {REVISIONS[-1]}",
                        "run the version that was used on it last, or name another database",
                    )
                ]
            )
        from alembic import command  # here: it takes longer to load than most commands take to run
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    """The last migration that ran here; None before the first."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)
