"""What a system keeps changing back becomes a question to a steward, with both values; the answer settles it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import stamina

from hub.access.authentication.principals import Principal
from hub.db import Database
from hub.delivery.dead_writes import DeadWrites
from hub.delivery.disputes import Answer, Disputes, disputed
from hub.delivery.run import RETRY
from hub.errors import Conflict, NotFound
from hub.settings import Access
from hub.stewardship.queue import Queue
from tests.delivery.test_push import joined, mint
from tests.delivery.world import ALL, BILL, CRM, World, Y, Z
from tests.steward import Steward

MENDED = """DROP TRIGGER changed; CREATE TRIGGER changed AFTER UPDATE ON people
    BEGIN UPDATE people SET v = old.v + 1 WHERE id = old.id; END"""
SHORTENS = ", job = CASE WHEN new.job IS NULL THEN NULL ELSE 'clerk ' || old.v END"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """Billing makes something else of every occupation; the hub has given up by now."""
    with stamina.set_testing(True, attempts=1):
        found = World(database, tmp_path, trigger=SHORTENS)
        roles = {name: {"views": {"person": ALL}} for name in ("bill", "crm")}
        stewards = {"views": {"person": ALL}, "may": ["decide", "override", "crosswalk"]}
        blind = {"views": {"person": {**ALL, "occupation": "hide"}}, "may": ["decide"]}
        access = Access.model_validate({"roles": {**roles, "steward": stewards, "blind": blind}})
        found.config = found.config.model_copy(update={"access": access})
        found.open()
        joined(found)
        found.push()
        Steward(found.resolver).override(mint(found, BILL), "occupation", ("baker",), by="ann", reason="by phone")
        for _ in range(4):
            found.round()
        assert found.states()["bill/1"] == "tripped"
        yield found
        found.close()


def steward(role: str = "steward") -> Principal:
    return Principal(id="key:1", name="Ann", kind="staff", role=role)


def items(world: World) -> list[tuple[str, str]]:
    page = Queue(world.resolver, disputed=disputed, kept=0).page(kinds=["disputed"])
    return [(str(s.left), s.words) for s in page.items]


def test_it_is_an_item_of_the_queue_that_names_system_and_field(world: World) -> None:
    assert items(world) == [(str(BILL), "bill keeps changing back what is written: occupation")]


def test_both_values_are_told_to_who_is_shown_them(world: World) -> None:
    door = Disputes(world.resolver, world.reader)
    (field,) = door.get(steward(), BILL).fields
    assert (field.attribute, field.hub) == ("occupation", ("baker",))
    assert str(field.there[0]).startswith("clerk ")
    seen = door.get(steward("blind"), BILL)
    assert (seen.fields, seen.hidden) == ((), 1)
    with pytest.raises(Conflict):
        door.settle(steward("blind"), BILL, "take", "so")
    with pytest.raises(NotFound):
        door.get(steward(), CRM)


@pytest.mark.parametrize("answer", ["leave", "take", "again"])
def test_an_answer_settles_it(world: World, answer: Answer) -> None:
    there = world.in_bill()["job"]
    if answer == "again":
        with closing(sqlite3.connect(world.table)) as c, c:
            c.executescript(MENDED)
    Disputes(world.resolver, world.reader).settle(steward(), BILL, answer, "asked them")
    written = [world.round() for _ in range(4)]
    assert items(world) == []
    assert written == [int(answer == "again"), 0, 0, 0]
    golden = {"leave": ["baker"], "take": [there], "again": ["baker"]}[answer]
    assert world.golden(BILL, "occupation") == golden
    assert world.in_bill()["job"] == ("baker" if answer == "again" else there)
    world.verify()


def test_who_is_not_shown_the_field_may_say_that_the_system_was_mended(world: World) -> None:
    with closing(sqlite3.connect(world.table)) as c, c:
        c.executescript(MENDED)
    Disputes(world.resolver, world.reader).settle(steward("blind"), BILL, "again", "asked them")
    assert [world.round() for _ in range(3)] == [1, 0, 0]
    assert world.in_bill()["job"] == "baker"


# --- the record's other fields ------------------------------------------------------------------------------------


def test_a_field_that_is_given_up_hides_no_conflict_of_another(world: World) -> None:
    Steward(world.resolver).override(mint(world, BILL), "phone", (Z,), by="ann", reason="by phone")
    world.bill(phone=Y)  # there, meanwhile
    assert world.push().outcomes["conflict"] == 1
    assert world.states()["bill/1"] == "pending"
    world.later(RETRY[0] + 1)
    world.round()
    assert world.in_bill()["phone"] == Z
    assert world.states()["bill/1"] == "tripped"  # what is left is for a steward


def test_a_field_that_is_given_up_hides_no_refusal_of_another(world: World) -> None:
    with closing(sqlite3.connect(world.table)) as c, c:
        c.execute(
            "CREATE TRIGGER refused BEFORE UPDATE OF phone ON people BEGIN SELECT RAISE(ABORT, 'no such number'); END"
        )
    Steward(world.resolver).override(mint(world, BILL), "phone", (Z,), by="ann", reason="by phone")
    assert world.push().outcomes["rejected"] == 1
    assert [d.status for d in DeadWrites(world.database).all()] == ["rejected"]
