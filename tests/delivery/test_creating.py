"""Records that the hub makes in a source that lacks a customer: once, whatever dies; theirs by decision; never evidence."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import stamina

from hub.db import Database
from hub.delivery.run import LEASE
from hub.demo.crm import CrmServer
from hub.landing import store as landing
from hub.model import RecordId
from tests import tiny
from tests.delivery.test_push import ANNA, ANNA_IN_CRM
from tests.delivery.world import ALL, BILL, CRM, Make, World, X, Y, Z
from tests.steward import Steward

NAMES = ["given_name", "family_name", "birth_date"]
UPSERT: dict[str, Any] = {"mode": "upsert", "creates": NAMES}
IN_BILL: dict[str, Any] = {"mode": "upsert", "creates": [*NAMES, "email"]}


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=1):
        yield


def posts(world: World) -> int:
    return sum(w.method == "POST" and w.status == 201 for w in world.crm.writes())


def tied(world: World, *records: RecordId) -> bool:
    return frozenset(records) in tiny.partition(world.database)


def test_a_customer_that_a_service_lacks_is_made_there_once_and_then_there_is_rest(make: Make) -> None:
    world = make(**UPSERT)
    world.bill(**ANNA, phone=X)
    assert world.round() == 1
    made = world.in_crm()
    assert (made["name"], made["birthDate"]) == ({"given": "Anna", "family": "Maier"}, "1980-02-03")
    assert (made["emails"], made["phones"]) == ([ANNA["mail"]], [X])
    assert [world.round(), world.round()] == [0, 0]
    assert posts(world) == 1
    assert tied(world, BILL, CRM)
    world.verify()


def test_a_customer_that_a_table_lacks_is_made_there_once(make: Make) -> None:
    world = make(bill=IN_BILL)
    world.new_in_crm(**ANNA_IN_CRM, phones=[Y])
    assert world.round() == 1
    (row,) = world.in_bills()
    assert (row["first"], row["last"], row["mail"], row["phone"]) == ("Anna", "Maier", ANNA["mail"], Y)
    assert [world.round(), world.round()] == [0, 0]
    assert tied(world, CRM, RecordId("bill", "people", row["id"]))
    world.verify()


def test_what_was_made_says_nothing_of_its_own(make: Make, database: Database) -> None:
    world = make(**UPSERT)
    world.bill(**ANNA, phone=X)
    world.round()
    changes = world.count("change")
    world.pull()
    assert tiny.held(database, CRM) == {}
    assert world.count("decision") == 1
    assert world.count("change") == changes + 1  # it is among the customer's records; no value changed
    world.bill(phone=Z)
    assert world.round() == 1
    assert world.golden(BILL, "phone") == [Z]
    assert world.in_crm()["phones"] == [Z]
    world.verify()


def test_what_somebody_types_into_it_is_the_sources_own_word(make: Make) -> None:
    world = make(**UPSERT)
    world.bill(**ANNA)
    world.round()
    world.pull()
    world.edit_in_crm(phones=[Y])
    world.round()
    assert world.in_bill()["phone"] == Y
    assert [world.round(), world.round()] == [0, 0]
    world.verify()


def test_a_decision_that_is_withdrawn_leaves_a_record_that_says_nothing(make: Make, database: Database) -> None:
    world = make(**UPSERT)
    world.bill(**ANNA, phone=X)
    world.round()
    world.pull()
    with database.read() as c:
        number = int(c.exec_driver_sql("SELECT id FROM decision").scalar() or 0)
    Steward(world.resolver).withdraw(number, by="ann", why="not him")
    assert tied(world, CRM)
    assert tied(world, BILL)
    world.round()
    assert [world.round(), world.round()] == [0, 0]
    assert posts(world) == 1  # a second one is not made
    world.verify()


def test_a_record_that_was_deleted_there_is_not_made_again(make: Make) -> None:
    world = make(**UPSERT)
    world.bill(**ANNA, phone=X)
    world.round()
    world.pull()
    world.crm.store.delete("people", CRM.key, match=None)
    world.round()
    world.bill(phone=Z)
    assert [world.round(), world.round()] == [0, 0]
    assert posts(world) == 1
    assert tied(world, BILL)


@pytest.mark.parametrize(
    ("when", "made"),
    [
        ({"has": ["phone"]}, 0),
        ({"has": ["email"]}, 1),
        ({"sources": ["web"]}, 0),
        ({"sources": ["bill"]}, 1),
        ({"where": {"family_name": ["Maier"]}}, 1),
        ({"where": {"family_name": ["Schulz"]}}, 0),
    ],
)
def test_only_customers_that_meet_the_conditions_get_one(make: Make, when: dict[str, Any], made: int) -> None:
    world = make(**UPSERT, when=when)
    world.bill(**ANNA)
    assert world.round() == made
    assert posts(world) == made


def test_who_meets_the_conditions_later_gets_one_then(make: Make) -> None:
    world = make(**UPSERT, when={"has": ["phone"]})
    world.bill(**ANNA)
    assert world.round() == 0
    world.bill(phone=X)
    assert world.round() == 1
    assert posts(world) == 1


def test_what_the_role_does_not_see_and_what_nobody_verified_is_not_in_it(make: Make) -> None:
    world = make(**UPSERT, views={"bill": ALL, "crm": {"*": "show", "birth_date": "hide"}})
    world.bill(**ANNA)
    world.from_web(v=1, phone=Z, first="Anna", last="Maier", born="1980-02-03", mail="anna@maier.example")
    world.round()
    made = world.in_crm()
    assert "birthDate" not in made
    assert "phones" not in made


def test_two_customers_of_one_name_get_one_each(make: Make) -> None:
    world = make(**UPSERT)
    world.bill("1", **{**ANNA, "mail": None, "born": None})
    world.bill("2", **{**ANNA, "mail": None, "born": None})
    world.pull()
    assert not tied(world, BILL, RecordId("bill", "people", "2"))
    assert world.push().written == 2
    assert [world.round(), world.round()] == [0, 0]
    assert posts(world) == 2


def test_a_service_that_is_away_has_it_once_it_is_back(make: Make) -> None:
    world = make(**UPSERT)
    world.bill(**ANNA, phone=X)
    world.pull()
    port = world.crm.server_address[1]
    world.crm.stop()
    assert world.push().outcomes["retry"] == 1
    world.bill(phone=Y)
    world.crm = CrmServer(world.folder / "crm.sqlite", "t0ken", port=port).start()
    world.later(600)
    rounds = [world.round() for _ in range(4)]
    assert rounds[2:] == [0, 0]
    assert world.in_crm()["phones"] == [Y]
    assert posts(world) == 1
    world.verify()


KILLED = """
import json, sys
from pathlib import Path
import tests.tables  # noqa: F401  (fills the metadata)
from hub.db import Database
from tests.conftest import Ticking
from tests.delivery.world import World, ALL, config
url, folder, crm, at, options = sys.argv[1:]
world = World.__new__(World)
world.database, world.folder = Database(url, Ticking(int(at))), Path(folder)
world.config = config(world.folder, {"bill": ALL, "crm": ALL}, **json.loads(options))
world.env = {"BILL": f"sqlite:///{folder}/bill.sqlite", "CRM": crm, "TOKEN": "t0ken"}
world.open()
world.push()
"""
POINTS = ["pre-create", "post-create", "creation told"]


def kill(world: World, point: str, options: dict[str, Any]) -> None:
    url = world.database.url.render_as_string(hide_password=False)
    arguments = [url, str(world.folder), world.crm.url, str(world.database.clock.now()), json.dumps(options)]
    died = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments],
        env={**os.environ, "HUB_FAIL": f"{point}:1"},
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert died.returncode == -9


@pytest.mark.parametrize("pull_first", [True, False])
@pytest.mark.parametrize("point", POINTS)
def test_a_sender_that_dies_leaves_one_record_in_a_service(make: Make, point: str, pull_first: bool) -> None:
    world = make(**UPSERT)
    world.bill(**ANNA, phone=X)
    world.pull()
    kill(world, point, UPSERT)
    _after_the_kill(world, pull_first)
    assert world.crm.store.count("people") == 1
    assert tied(world, BILL, CRM)
    assert tiny.held(world.database, CRM) == {}


@pytest.mark.parametrize("pull_first", [True, False])
@pytest.mark.parametrize("point", POINTS)
def test_a_sender_that_dies_leaves_one_row_in_a_table(make: Make, point: str, pull_first: bool) -> None:
    world = make(bill=IN_BILL)
    world.new_in_crm(**ANNA_IN_CRM, phones=[Y])
    world.pull()
    kill(world, point, {"bill": IN_BILL})
    _after_the_kill(world, pull_first)
    (row,) = world.in_bills()
    record = RecordId("bill", "people", row["id"])
    assert tied(world, CRM, record)
    assert tiny.held(world.database, record) == {}


def test_a_row_that_was_made_unseen_is_tied_though_the_next_try_is_refused(make: Make) -> None:
    world = make(bill=IN_BILL)
    world.new_in_crm(**ANNA_IN_CRM, phones=[Y])
    world.pull()
    kill(world, "post-create", {"bill": IN_BILL})
    with closing(sqlite3.connect(world.table)) as c, c:  # the table writes it its own way, and takes it once
        c.execute("UPDATE people SET mail = replace(mail, 'maier', 'MAIER')")
        c.execute("CREATE UNIQUE INDEX one ON people (lower(mail))")
    world.later(LEASE // 1_000_000 + 10)
    assert world.push().outcomes["rejected"] == 1
    with world.database.unit() as c:
        assert landing.retry_creations(c, world.database.clock.now()) == 1
    assert world.push().outcomes["rejected"] == 1  # it is still looked for by what was sent
    world.pull()
    (row,) = world.in_bills()
    record = RecordId("bill", "people", row["id"])
    assert tied(world, CRM, record)
    assert tiny.held(world.database, record) == {}
    world.verify()


def _after_the_kill(world: World, pull_first: bool) -> None:
    if pull_first:
        world.pull()
    world.later(LEASE // 1_000_000 + 10)
    world.push()
    world.pull()
    assert [world.round(), world.round()] == [0, 0]
    with world.database.read() as c:
        assert landing.creation_counts(c) == {"made": 1}
    world.verify()
