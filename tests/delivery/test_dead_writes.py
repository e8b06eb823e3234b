"""What a push would write, what a source refused, and how the hub is doing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

from hub.db import Database
from hub.delivery.dead_writes import DeadWrites
from hub.delivery.run import Push
from hub.demo import crm
from hub.errors import NotFound
from hub.work.status import status
from tests.delivery.test_push import ANNA, ANNA_IN_CRM
from tests.delivery.world import BILL, CRM, World, X, Y


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=1):
        yield


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    made = World(database, tmp_path)
    yield made
    made.close()


def begun(world: World) -> None:
    """Billing knows a newer telephone number than the CRM."""
    world.bill(**ANNA, phone=Y)
    world.new_in_crm(**ANNA_IN_CRM, phones=[X])
    world.pull()


def test_a_dry_run_lists_every_write_and_makes_none(world: World) -> None:
    begun(world)
    planned = list(Push(world.resolver, world.reader, env={}).planned())  # no source needs to be reached
    assert [(r, dict(p.fields), dict(p.expected)) for r, p in planned] == [(CRM, {"phones": [Y]}, {"phones": [X]})]
    assert world.in_crm()["phones"] == [X]
    assert world.patches() == []
    assert len(list(Push(world.resolver, world.reader, env={}).planned())) == 1
    assert world.push().written == 1
    assert list(Push(world.resolver, world.reader, env={}).planned()) == []


def test_what_a_source_refuses_is_listed_tried_again_and_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(world)
    dead = DeadWrites(world.database)
    without = type(crm.FIELDS["people"])(f for f in crm.FIELDS["people"] if f != "phones")
    monkeypatch.setitem(crm.FIELDS, "people", without)  # the CRM answers 422 to telephone numbers now
    world.push()
    (letter,) = dead.all()
    assert (letter.record, letter.status) == (CRM, "rejected")
    assert status(world.database, world.config).write_back["rejected"] == 1
    assert dead.retry(CRM) == 1
    world.push()
    assert dead.retry() == 1
    world.push()
    dead.drop(CRM, "the CRM allows no such number")
    assert dead.all() == []
    assert world.push().looked_at == 0
    for refused in (lambda: dead.drop(CRM, "x"), lambda: dead.retry(BILL)):
        with pytest.raises(NotFound):
            refused()


def test_a_record_that_a_source_refuses_to_make_is_a_dead_letter_too(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(database, tmp_path, mode="upsert", creates=["family_name"])
    world.bill(**ANNA, phone=X)
    without = type(crm.FIELDS["people"])(f for f in crm.FIELDS["people"] if f != "phones")
    monkeypatch.setitem(crm.FIELDS, "people", without)
    assert world.round() == 0
    dead = DeadWrites(world.database)
    (letter,) = dead.all()
    assert (letter.record.source, letter.status, letter.made_for) == ("crm", "rejected", BILL)
    dead.drop(letter.record, "not one for the CRM")
    assert (dead.all(), dead.retry()) == ([], 0)
    monkeypatch.undo()
    world.bill(phone=Y)
    assert world.round() == 1
    assert world.in_crm()["phones"] == [Y]
    world.close()


def test_the_status_tells_what_waits(world: World) -> None:
    begun(world)
    found = status(world.database, world.config)
    assert {k for k, pull in found.pulls.items() if pull and pull.landed} == {("bill", "people"), ("crm", "people")}
    assert found.pulls["web", "people"] is None
    assert found.behind == found.changes > 0
    world.push()
    found = status(world.database, world.config)
    assert (found.behind, found.pending) == (0, 0)
    assert found.gauges()["hub_write_back_pending"] == 0
