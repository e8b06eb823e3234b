"""The migrations make exactly the tables that the code declares, on both databases."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

import tests.tables  # noqa: F401  (fills the metadata)
from hub import migrations
from hub.db import Database
from hub.errors import ConfigError
from hub.migrations import upgrade
from hub.model import Verdict
from hub.resolve.bulk import Bulk
from hub.stewardship.acts import Decide
from hub.stewardship.run import Acts
from tests import tiny
from tests.promises.test_promises import Hub

VERSIONS = Path(migrations.__file__).parent / "versions"


def test_the_migrated_tables_are_the_declared_ones(database: Database) -> None:
    with database.unit() as connection:
        found = compare_metadata(MigrationContext.configure(connection), SQLModel.metadata)
    assert not found


def test_upgrading_again_changes_nothing(database: Database) -> None:
    upgrade(database)
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").fetchall() == [(newest(),)]


def newest() -> str:
    return max(path.name[:4] for path in VERSIONS.glob("0*.py"))


def test_a_database_of_a_newer_hub_is_refused_and_left_as_it_is(database: Database) -> None:
    with database.unit() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    try:
        with pytest.raises(ConfigError, match=f"its tables are 9999, this version knows them up to {newest()}"):
            upgrade(database)
    finally:
        with database.unit() as connection:
            was = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
            connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{newest()}'")
    assert was == "9999"


STANDARDISED_AT_FIRST = """CREATE TABLE standardised (rid BIGINT NOT NULL, type VARCHAR NOT NULL, recipe VARCHAR NOT NULL, landed BIGINT NOT NULL,
    alive INTEGER NOT NULL, cells TEXT NOT NULL, forms TEXT NOT NULL, problems TEXT, PRIMARY KEY (rid))"""


def at_first(connection: Connection) -> None:
    """The table of standardised records as the first version of the hub had it, with what is in it now."""
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    config.attributes["connection"] = connection
    command.downgrade(config, "0003")
    was = [dict(r._mapping) for r in connection.execute(text("SELECT * FROM standardised"))]
    for statement in (
        "UPDATE customer SET recipe = 'of old'",
        "ALTER TABLE record DROP COLUMN sort",
        "DROP TABLE standardised",
        STANDARDISED_AT_FIRST,
        "CREATE INDEX ix_standardised_recipe ON standardised (recipe)",
        "UPDATE alembic_version SET version_num = '0001'",
    ):
        connection.exec_driver_sql(statement)
    rows: list[dict[str, Any]] = [{**r, "alive": int(r["died"] is None), "recipe": "of old"} for r in was]
    connection.execute(
        text(
            "INSERT INTO standardised (rid, type, recipe, landed, alive, cells, forms, problems)"
            " VALUES (:rid, :type, :recipe, :landed, :alive, :cells, :forms, :problems)"
        ),
        rows,
    )


def test_a_hub_of_the_first_version_goes_on_with_what_it_knew(database: Database) -> None:
    hub, (a, b, c) = Hub(database), (tiny.IDS[0], tiny.IDS[3], tiny.IDS[6])
    for id in (a, b, c):
        hub.do(
            (
                "land",
                (
                    id,
                    {
                        "id": id.key,
                        "v": 1,
                        "given_name": "Anna",
                        "family_name": "Maier",
                        "birth_date": "1980-02-03",
                        "email": "a@x.example",
                    },
                ),
            )
        )
    hub.do(("land", (b, {"id": b.key, "v": 2, "gone": True})))
    before = tiny.answer(database)
    try:
        with database.unit() as connection:
            at_first(connection)
    finally:  # others use this database too
        upgrade(database)
    with database.read() as connection:
        assert not compare_metadata(MigrationContext.configure(connection), SQLModel.metadata)
        assert connection.exec_driver_sql("SELECT rid, born, died FROM standardised ORDER BY rid").fetchall() == [
            (1, 1, None),
            (2, 2, 4),
            (3, 3, None),
        ]
    assert tiny.answer(database) == before
    hub.do(("land", (c, {"id": c.key, "v": 2, "gone": True})))
    Bulk(hub.resolver, workers=1).run(full=True, train=False)
    assert len(tiny.answer(database)) == 1
    hub.check()


def test_decisions_that_an_unmerge_kept_the_other_way_round_read_right(database: Database) -> None:
    hub, (a, b) = Hub(database), tiny.IDS[:2]
    person = {"given_name": "Anna", "family_name": "Maier", "birth_date": "1980-02-03", "email": "a@x.example"}
    for id in (a, b):
        hub.do(("land", (id, {"id": id.key, "v": 1, **person})))
    Acts(hub.resolver).do(Decide(a, b, Verdict.NO_MATCH), by="ann", reason="twins")
    query = 'SELECT "left", "right", left_content, right_content, weight FROM decision'
    (path,) = VERSIONS.glob("*_decisions_in_order.py")
    with database.unit() as connection:
        right = connection.exec_driver_sql(query).fetchall()
        connection.exec_driver_sql(
            'UPDATE decision SET "left" = "right", "right" = "left", left_content = right_content,'
            " right_content = left_content, weight = NULL"
        )
        with Operations.context(MigrationContext.configure(connection)):
            run_path(str(path))["upgrade"]()
        assert connection.exec_driver_sql(query).fetchall() == right
