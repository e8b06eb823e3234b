"""Rows with child tables: the shared suite on SQLite and PostgreSQL, and that a child row that changed changes its parent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.connectors.mapping.mapper import Mapper
from hub.connectors.sql_children import CHANGED
from hub.db import Database
from hub.errors import ConfigError
from hub.resolve.resolver import Resolver
from hub.settings import Access, Config
from hub.work import cycle
from tests.connectors.conformance import MAP, PERSON, Conformance, World, pages, person, raws
from tests.connectors.systems.test_sql import Table, postgres

__all__ = ["postgres"]

CHILDREN = {"phones": {"table": "phones", "key": "person_id", "version": "changed_at", "order": ["-rank"]}}


class WithPhones(Table):
    """Each person has two telephones in a table of their own."""

    many = 2100

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._run("drop table if exists phones")
        self._run("create table phones (person_id text, number text, rank integer, changed_at text)")

    def source(self, **stream: Any) -> Any:
        return super().source(**{"children": CHILDREN, **stream})

    def put(self, *rows: dict[str, Any]) -> None:
        super().put(*rows)
        table = sa.table("phones", *map(sa.column, ("person_id", "number", "rank", "changed_at")))
        ids = [row["id"] for row in rows]
        with self.engine.begin() as connection:
            for start in range(0, len(ids), 500):
                connection.execute(sa.delete(table).where(table.c.person_id.in_(ids[start : start + 500])))
            phones = [
                {"person_id": id, "number": f"0{rank}-{id}", "rank": rank, "changed_at": "2024-01-01T00:00:00Z"}
                for id in ids
                for rank in (1, 2)
            ]
            connection.execute(sa.insert(table), phones)

    def change(self, key: str, number: str, at: str = "2024-06-01T00:00:00Z") -> None:
        self._run(f"update phones set number = '{number}', changed_at = '{at}' where person_id = '{key}' and rank = 2")


class _WithChildren(Conformance):
    def test_the_mapper_reads_every_row(self, world: World) -> None:
        world.put(person(1))
        mapper = Mapper("people", world.source().streams["people"], PERSON)
        (raw,) = raws(pages(world.connector())).values()
        mapped = mapper.map(raw)
        assert (mapped.key, mapped.version) == ("00001", None)  # in the order of reading
        assert mapped.cells["email"].values == ("a1@example.com",)
        assert mapped.problems == ()

    def test_each_row_holds_its_own_child_rows_in_their_order(self, world: World) -> None:
        world.put(person(1), person(2))
        found = raws(pages(world.connector()))
        assert [p["number"] for p in found["00002"]["phones"]] == ["02-00002", "01-00002"]
        assert found["00001"][CHANGED] == "2024-03-01T10:00:00Z"

    def test_a_child_row_that_changed_brings_its_parent_again_and_only_it(self, world: World) -> None:
        assert isinstance(world, WithPhones)
        world.put(*[person(n, day=1 + n % 2) for n in range(10)])
        cursor = pages(world.connector())[-1].cursor
        world.change("00004", "new")  # of day 1: the increment of the parents begins at day 2
        found = pages(world.connector(), cursor)
        again = raws(found)
        assert again["00004"]["phones"][0]["number"] == "new"
        assert again["00004"][CHANGED] == "2024-06-01T00:00:00Z"
        rest = raws(pages(world.connector(), found[-1].cursor))
        assert "00002" not in rest
        assert "00004" in rest  # inclusive, as versions are

    def test_a_child_row_that_changed_while_a_read_broke_is_not_lost(self, world: World) -> None:
        assert isinstance(world, WithPhones)
        world.put(*[person(n, day=1 + n // 1000) for n in range(2100)])
        first = pages(world.connector())[0]
        world.change("00004", "new")
        rest = raws(pages(world.connector(), first.cursor))
        assert rest["00004"]["phones"][0]["number"] == "new"

    def test_a_child_dated_in_the_future_does_not_hide_the_changes_of_today(self, world: World) -> None:
        assert isinstance(world, WithPhones)
        world.put(person(1), person(2))
        world.change("00001", "later", at="2190-01-01T00:00:00Z")
        cursor = pages(world.connector())[-1].cursor
        world.change("00002", "now")
        assert raws(pages(world.connector(), cursor))["00002"]["phones"][0]["number"] == "now"

    def test_children_without_a_version_have_everything_read_each_time(self, world: World) -> None:
        world.put(*[person(n, day=1 + n % 3) for n in range(10)])
        children = {"phones": {"table": "phones", "key": "person_id"}}
        cursor = pages(world.connector(children=children))[-1].cursor
        again = pages(world.connector(children=children), cursor)
        assert len(raws(again)) == 10
        assert again[-1].listed_all


class TestSqlite(_WithChildren):
    @pytest.fixture
    def world(self, tmp_path: Path) -> WithPhones:
        return WithPhones(f"sqlite:///{tmp_path}/billing.db")


class TestPostgres(_WithChildren):
    @pytest.fixture
    def world(self, postgres: str) -> WithPhones:
        return WithPhones(postgres)


@pytest.fixture
def billing(tmp_path: Path) -> WithPhones:
    return WithPhones(f"sqlite:///{tmp_path}/billing.db")


@pytest.mark.parametrize(
    ("child", "told"),
    [
        ({"table": "numbers", "key": "person_id"}, "children.phones.table: there is no table 'numbers'"),
        ({"table": "phones", "key": "owner"}, "children.phones.key: table 'phones' has no column 'owner'"),
        ({"table": "phones", "key": "person_id", "version": "at"}, "has no column 'at'"),
        ({"table": "phones", "key": "person_id", "order": ["-at"]}, "has no column 'at'"),
        ({"table": "phones", "key": "person_id", "of": "no"}, "the stream has no column 'no'"),
    ],
)
def test_what_is_not_there_is_named(billing: WithPhones, child: dict[str, Any], told: str) -> None:
    billing.put(person(1))
    with pytest.raises(ConfigError, match="phones") as error:
        pages(billing.connector(children={"phones": child}))
    assert told in str(error.value)


def test_a_child_table_is_not_written_to(billing: WithPhones) -> None:
    back = {"attributes": ["email"], "map": {"email": "phones.number"}}
    stream = billing.source(write_back=back).streams["people"]
    assert ["write there" in f.what for f in stream.faults("s")] == [True]


def test_a_changed_telephone_changes_the_customer(database: Database, tmp_path: Path, billing: WithPhones) -> None:
    phone = {"attributes": {**PERSON.model_dump(mode="json")["attributes"], "phone": {"kind": "phone", "many": True}}}
    person_ = type(PERSON).model_validate({"name": "person", **phone})
    source = billing.source(map={**MAP, "phone": "phones[].number"}, country="DE")
    config = Config(folder=tmp_path, access=Access(), customers={"person": person_}, sources={"billing": source})
    resolver = Resolver(database, config)
    env = {"URL": billing.url}

    def phones() -> set[str]:
        cycle.pull(resolver, env=env)
        cycle.match(resolver)
        with database.read() as c:
            bodies = c.exec_driver_sql("SELECT body FROM customer").scalars().all()
        return {phone for body in bodies for phone in json.loads(body).get("phone", ())}

    billing.put(person(1), person(2, day=9, first="Otto", last="Kaiser"))
    billing.change("00001", "0151 1234567")
    assert "+491511234567" in phones()
    billing.change("00001", "0171 7654321", at="2024-07-01T00:00:00Z")
    now = phones()
    assert "+491717654321" in now
    assert "+491511234567" not in now
    billing._run("delete from phones where rank = 2")
    assert "+491717654321" in phones()  # an increment cannot see that a row is gone
    cycle.pull(resolver, env=env, reconcile=True)
    assert "+491717654321" not in phones()
