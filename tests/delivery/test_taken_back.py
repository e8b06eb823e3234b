"""A telephone that changed in one system replaces the old one in all of them, once, and then there is rest."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import stamina
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hub.db import Database
from hub.delivery import store
from hub.settings import Config, CustomerType, Source
from tests import tiny
from tests.conftest import empty
from tests.delivery.test_push import ANNA, ANNA_IN_CRM
from tests.delivery.world import BILL, CRM, PERSON, World, X, Y, Z

COUNT = max(2, int(os.environ.get("HUB_EXAMPLES", "12")) // 4)
some = settings(
    max_examples=COUNT, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)


class Dated(World):
    """Its table says when a row changed; a customer has all telephone numbers that anybody gives."""

    day = 0

    def __init__(self, *given: Any, column: str = "phone", **options: Any):
        self.column = column
        super().__init__(*given, **options)
        with closing(sqlite3.connect(self.table)) as c, c:
            c.execute("ALTER TABLE people ADD COLUMN at TEXT")

    def open(self) -> None:
        self.config = dated(self.config, self.column)
        super().open()

    def bill(self, key: str = "1", **fields: Any) -> None:
        Dated.day += 1
        super().bill(
            key,
            **fields,
            at=f"20{20 + Dated.day // 300:02}-{1 + Dated.day % 300 // 28:02}-{1 + Dated.day % 28:02}T00:00:00Z",
        )


def dated(config: Config, column: str) -> Config:
    person = PERSON.model_dump(mode="json")
    person["attributes"]["phone"] = {"kind": "phone", "many": True, "survivorship": "union"}
    bill = config.sources["bill"].model_dump(mode="json", exclude_defaults=True)
    bill["streams"]["people"] |= {"observed": "at", "customer": "person", "key": "id"}
    bill["streams"]["people"]["map"]["phone"] = column
    return config.model_copy(
        update={
            "customers": {"person": CustomerType.model_validate(person)},
            "sources": {**config.sources, "bill": Source.model_validate({"name": "bill", **bill})},
        }
    )


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=1):
        yield


@pytest.mark.parametrize("column", ["phone", "[phone, job]"])
def test_a_telephone_changed_in_the_crm_is_golden_and_in_billing_and_the_old_one_is_gone(
    database: Database, tmp_path: Path, column: str
) -> None:
    world = Dated(database, tmp_path, column=column)
    try:
        world.bill(**ANNA, phone=X)
        world.new_in_crm(**ANNA_IN_CRM, phones=[X])
        world.pull()
        assert frozenset((BILL, CRM)) in tiny.partition(database)
        assert world.push().written == 0
        world.edit_in_crm(phones=[Y])
        assert world.round() == 1
        assert world.golden(CRM, "phone") == [Y]
        assert [world.in_bill()[c] for c in ("phone", "job")] == [Y, None]
        changes = world.count("change")
        assert [world.round(), world.round()] == [0, 0]
        assert world.count("change") == changes
        world.verify()
        world.edit_in_crm(phones=[Y, Z])  # one more, nothing taken back
        world.round()
        assert sorted(world.golden(CRM, "phone")) == sorted([Y, Z])
        assert [world.round(), world.round()] == [0, 0]
        world.verify()
    finally:
        world.close()


def test_what_the_hub_wrote_is_taken_back_by_the_source_that_changes_it(database: Database, tmp_path: Path) -> None:
    world = Dated(database, tmp_path)
    try:
        world.bill(**ANNA, phone=X)
        world.new_in_crm(**ANNA_IN_CRM)
        world.round()
        assert world.in_crm()["phones"] == [X]  # the hub's own write
        world.edit_in_crm(phones=[Y])
        world.round()
        assert world.golden(CRM, "phone") == [Y]
        assert world.in_bill()["phone"] == Y
        assert [world.round(), world.round()] == [0, 0]
        world.verify()
    finally:
        world.close()


def tripped(world: World) -> bool:
    with world.database.read() as connection:
        return store.counts(connection).get("tripped", 0) > 0


edits = st.lists(
    st.tuples(st.sampled_from(["bill", "crm", "round", "pull"]), st.sampled_from([X, Y, Z])), min_size=1, max_size=6
)


@some
@given(edits)
def test_whatever_is_edited_the_hub_comes_to_rest_and_every_system_holds_something_golden(
    database: Database, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    empty(database)
    world = Dated(database, tmp_path_factory.mktemp("world"))
    try:
        world.bill(**ANNA, phone=X)
        world.new_in_crm(**ANNA_IN_CRM, phones=[Y])
        for what, phone in steps:
            if what == "bill":
                world.bill(phone=phone)
            elif what == "crm":
                world.edit_in_crm(phones=[phone])
            elif what == "pull":
                world.pull()
            else:
                world.round()
        for _ in range(3):
            world.round()
        assert world.round() == 0
        if not tripped(world):  # what a source keeps undoing is not written for ever
            golden = world.golden(CRM, "phone")
            assert set(world.in_crm()["phones"]) == set(golden)
            assert world.in_bill()["phone"] in golden
        world.verify()
    finally:
        world.close()
