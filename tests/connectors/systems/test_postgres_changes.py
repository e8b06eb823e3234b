"""PostgreSQL's changes by slot and by trigger: the shared suite, and what only a log of changes can get wrong."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from hub.connectors.base import PAGE_ROWS, Connector, Marking
from hub.connectors.registry import connect
from hub.connectors.systems.postgres_changes import capture_name
from hub.errors import ConfigError
from hub.settings import Source
from tests.connectors.conformance import MAP, Conformance, World, pages, person, raws

NUMBERS = itertools.count(1)
COLUMNS = ("id", "first", "last", "mail", "street", "town", "updated_at")


class Postgres(World):
    many = PAGE_ROWS + 250

    def __init__(self, server: str, capture: str) -> None:
        self.name, self.capture, self.server = f"hub{next(NUMBERS)}", capture, server
        self._on_server(f"CREATE DATABASE {self.name}")
        self.url = server.replace("/postgres?", f"/{self.name}?")
        self.sql(f"CREATE TABLE people ({', '.join(f'{c} text' for c in COLUMNS)}, PRIMARY KEY (id))")

    def _on_server(self, statement: str) -> None:
        with psycopg.connect(self.server.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement)

    def open(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url.replace("+psycopg", ""))

    def sql(self, statement: str, *values: Any) -> list[Any]:
        with self.open() as connection:
            found = connection.execute(statement, values or None)
            return found.fetchall() if found.description else []

    def source(self, **stream: Any) -> Source:
        connector = {"kind": "postgres_changes", "url_env": "URL", "capture": self.capture, "name": self.name}
        connector |= stream.pop("connector", {})
        people = {"customer": "person", "key": "id", "version": "updated_at", "map": MAP, "table": "people", **stream}
        return Source.model_validate({"name": "billing", "connector": connector, "streams": {"people": people}})

    def connector(self, **stream: Any) -> Connector:
        return connect(self.source(**stream), env={"URL": self.url}, base_folder=Path())

    def put(self, *rows: dict[str, Any]) -> None:
        names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
        holes = sql.SQL(", ").join(sql.Placeholder(c) for c in COLUMNS)
        changed = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(c)) for c in COLUMNS[1:])
        statement = sql.SQL("INSERT INTO people ({}) VALUES ({}) ON CONFLICT (id) DO UPDATE SET {}")
        with self.open() as connection:
            connection.cursor().executemany(statement.format(names, holes, changed), rows)

    def put_bad(self) -> None:
        self.put(person(99_999, mail="x" * (1 << 20)))

    def add_field(self, name: str) -> None:
        self.sql(f"ALTER TABLE people ADD COLUMN {name} text DEFAULT 'gold'")

    def drop_field(self, name: str) -> None:
        self.sql(f"ALTER TABLE people DROP COLUMN {name}")

    def break_down(self) -> None:
        self._on_server(f"ALTER DATABASE {self.name} WITH ALLOW_CONNECTIONS false")

    def held(self, key: str) -> dict[str, Any]:
        (row,) = self.sql("SELECT to_jsonb(people) FROM people WHERE id = %s", key)
        return dict(row[0])

    def end(self) -> None:
        self._on_server(
            f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '{self.name}'"
        )
        self._on_server(f"DROP DATABASE {self.name} WITH (FORCE)")


@pytest.fixture(params=["slot", "trigger"])
def world(request: pytest.FixtureRequest, logical_url: str) -> Iterator[Postgres]:
    made = Postgres(logical_url, request.param)
    yield made
    made.end()


class TestPostgresChanges(Conformance):
    @pytest.fixture
    def world(self, world: Postgres) -> Postgres:
        return world


def cursor_of(world: Postgres, *rows: dict[str, Any]) -> dict[str, Any]:
    world.put(*rows)
    return pages(world.connector())[-1].cursor


def changed(world: Postgres, cursor: dict[str, Any]) -> list[dict[str, Any]]:
    """Only the rows that the log named."""
    return list(raws(pages(world.connector(), cursor)).values())


def test_only_what_changed_is_read_whatever_its_version(world: Postgres) -> None:
    cursor = cursor_of(world, person(1), person(2), person(3))
    world.put(person(2, first="Beate"))
    assert [row["first"] for row in changed(world, cursor)] == ["Beate"]


def test_a_deleted_row_is_a_tombstone(world: Postgres) -> None:
    cursor = cursor_of(world, person(1), person(2))
    world.sql("DELETE FROM people WHERE id = '00001'")
    assert changed(world, cursor) == [{"id": "00001", "_deleted": True}]


def test_a_row_that_was_deleted_and_came_back_is_there(world: Postgres) -> None:
    cursor = cursor_of(world, person(1))
    world.sql("DELETE FROM people")
    world.put(person(1, first="Beate"))
    assert [row.get("first") for row in changed(world, cursor)] == ["Beate"]


def test_a_key_that_changed_ends_the_old_record(world: Postgres) -> None:
    cursor = cursor_of(world, person(1))
    world.sql("UPDATE people SET id = '00009'")
    found = {row["id"]: row.get("_deleted", False) for row in changed(world, cursor)}
    assert found == {"00001": True, "00009": False}


def test_a_transaction_that_commits_late_is_not_lost(world: Postgres) -> None:
    cursor = cursor_of(world, person(1), person(2))
    with world.open() as late:
        late.execute("UPDATE people SET first = 'Late' WHERE id = '00001'")
        world.put(person(2, first="Soon"))
        found = pages(world.connector(), cursor)
    rest = pages(world.connector(), found[-1].cursor)
    assert {row["first"] for part in (found, rest) for row in raws(part).values()} == {"Late", "Soon"}


def test_what_was_read_but_not_kept_comes_again(world: Postgres) -> None:
    cursor = cursor_of(world, person(1))
    world.put(*[person(n) for n in range(2 * PAGE_ROWS)])
    reading = world.connector().read("people", cursor)
    first = next(reading)
    del reading  # the process died before the page was kept
    assert len(first.rows) <= PAGE_ROWS
    again = raws(pages(world.connector(), first.cursor))
    assert len({row.raw["id"] for row in first.rows} | again.keys()) == 2 * PAGE_ROWS  # type: ignore[union-attr]


def test_when_the_log_is_gone_all_is_read_again_and_said(world: Postgres) -> None:
    cursor = cursor_of(world, person(1))
    if world.capture == "slot":
        world.sql("SELECT pg_drop_replication_slot(%s)", f"{world.name}_people")
    else:
        world.sql(f"DROP TRIGGER {world.name}_people ON people")
    found = pages(world.connector(), cursor)
    assert raws(found).keys() == {"00001"}
    assert any("all rows are read again" in note for page in found for note in page.notes)


def test_streams_whose_names_are_alike_capture_apart() -> None:
    names = [
        "people-de",
        "people_de",
        "People_DE",
        *(f"customers_of_the_northern_region_{n}" for n in "ab"),
        "web-shop",
    ]
    found = [capture_name(name, names) for name in names]
    assert (found[1], found[-1]) == ("people_de", "web_shop")  # those that nobody else is called by stay as they are
    assert len(set(found)) == len(names)
    assert all(re.fullmatch("[a-z0-9_]{1,30}", name) for name in found)


def test_a_key_of_two_columns(world: Postgres) -> None:
    world.sql("CREATE TABLE staff (company int, no numeric, id text, PRIMARY KEY (company, no))")
    world.sql("INSERT INTO staff VALUES (1, 1, 'a'), (1, 2.50, 'b')")
    given = {"table": "staff", "key": ["company", "no"], "version": None, "map": {"given_name": "id"}}
    cursor = pages(world.connector(**given))[-1].cursor
    world.sql("DELETE FROM staff WHERE no = 2.5")
    (page, *_) = pages(world.connector(**given), cursor)
    assert [row.raw for row in page.rows] == [{"company": 1, "no": "2.50", "_deleted": True}]  # type: ignore[union-attr]


def test_a_user_without_the_right_is_told_what_to_grant(world: Postgres) -> None:
    world.sql(f"CREATE ROLE {world.name}_reader LOGIN; GRANT SELECT ON people TO {world.name}_reader")
    source = world.source()
    url = world.url.replace("postgres:@", f"{world.name}_reader:@")
    with pytest.raises(ConfigError) as told:
        list(connect(source, env={"URL": url}, base_folder=Path()).read("people", None))
    world.sql(f"DROP OWNED BY {world.name}_reader; DROP ROLE {world.name}_reader")
    assert "grant it" in str(told.value)


def test_what_is_not_made_and_may_not_be_is_named(world: Postgres) -> None:
    with pytest.raises(ConfigError) as told:
        pages(world.connector(connector={"create": False}))
    assert "connector.create" in str(told.value)


def test_a_database_without_a_logical_log_is_told_the_way_out(postgres_url: str) -> None:
    world = Postgres(postgres_url, "slot")
    try:
        with pytest.raises(ConfigError) as told:
            pages(world.connector())
        assert "wal_level" in str(told.value)
        assert "capture: trigger" in str(told.value)
    finally:
        world.end()


def test_a_table_that_is_emptied_at_once_is_told(logical_url: str) -> None:
    world = Postgres(logical_url, "slot")
    cursor = cursor_of(world, person(1))
    world.sql("TRUNCATE people")
    notes = [note for page in pages(world.connector(), cursor) for note in page.notes]
    world.end()
    assert any("emptied at once" in note for note in notes)


def test_who_only_looks_leaves_no_mark_and_loses_nothing(world: Postgres) -> None:
    connector = world.connector()
    assert isinstance(connector, Marking)
    world.put(person(1))
    assert raws(pages(connector.unmarked())).keys() == {"00001"}
    slots = world.sql("SELECT 1 FROM pg_replication_slots WHERE database = %s", world.name)
    assert slots + world.sql("SELECT 1 FROM pg_trigger WHERE NOT tgisinternal") == []
    cursor = cursor_of(world)
    world.put(person(2))
    pages(connector.unmarked())
    assert [row["id"] for row in changed(world, cursor)] == ["00002"]
