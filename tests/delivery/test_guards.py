"""What write-back does not do by itself: write very much at once, or into a field that the source owns."""

from __future__ import annotations

from typing import Any

import pytest
import stamina

from hub.delivery.dead_writes import DeadWrites
from hub.demo.crm import CrmServer
from hub.errors import NotFound
from hub.work.status import status
from tests.delivery.test_push import ANNA, joined
from tests.delivery.world import Make, World, X, Y


def person(number: int) -> dict[str, Any]:
    return {**ANNA, "last": f"Maier{number}", "mail": f"p{number}@x.example", "born": f"19{60 + number}-01-01"}


def later(world: World, number: int) -> None:
    """Somebody comes to billing after others, as its column of versions says."""
    for _ in range(4):
        world.bill(str(number), **person(number))


def test_more_than_the_guard_lets_through_waits_until_somebody_confirms_it(make: Make) -> None:
    world = make(mode="upsert", guard={"number": 2, "share": 0.5})
    for number in range(4):
        world.bill(str(number), **person(number))
    world.pull()
    for _ in range(2):
        found = world.push()
        assert found.written == 0
        assert "hub write-back confirm crm people" in found.unreached["crm.people"]
    assert world.crm.store.count("people") == 0
    assert status(world.database, world.config).held == ["crm.people"]
    dead = DeadWrites(world.database)
    assert [h.stream for h in dead.held()] == ["people"]
    with pytest.raises(NotFound):
        dead.confirm("bill", "people", by="ann")
    dead.confirm("crm", "people", by="ann")
    assert world.push().written == 4
    assert [world.round(), world.round()] == [0, 0]
    assert status(world.database, world.config).held == []
    for number in range(4, 8):
        later(world, number)
    assert world.round() == 0  # a confirmation is of what waited then
    assert status(world.database, world.config).held == ["crm.people"]


def test_what_waits_and_has_nothing_to_write_is_not_counted(make: Make) -> None:
    world = make(guard={"number": 1, "share": 0.1})
    for number in range(4):
        world.bill(str(number), **person(number), phone=X)
        name = {"given": "Anna", "family": f"Maier{number}"}
        mail = [f"p{number}@x.example"]
        world.new_in_crm(name=name, birthDate=f"19{60 + number}-01-01", emails=mail, phones=[Y if number == 2 else X])
    world.pull()
    found = world.push()
    assert (found.written, found.unreached) == (1, {})


def test_a_field_that_its_source_owns_is_never_written(make: Make) -> None:
    world = make()
    stream = world.config.sources["crm"].streams["people"]
    owning = stream.model_copy(update={"owns": ("phone",)})
    crm = world.config.sources["crm"].model_copy(update={"streams": {"people": owning}})
    world.config.sources["crm"] = crm
    world.open()
    joined(world, emails=[ANNA["mail"], "second@maier.example"])
    assert world.push().fields["phone"] <= 1  # billing may take the CRM's
    assert world.in_crm()["phones"] == [Y]
    assert world.patches() == []


def test_a_confirmation_is_used_up_however_busy_the_stream_is(make: Make) -> None:
    world = make(mode="upsert", guard={"number": 2, "share": 0.1})
    for number in range(4):
        world.bill(str(number), **person(number))
    assert world.round() == 0
    DeadWrites(world.database).confirm("crm", "people", by="ann")
    assert world.push().written == 4
    for number in range(3):  # each push finds something to do
        world.bill(str(number), phone=X)
        assert world.round() == 1
    for number in range(4, 9):
        later(world, number)
    assert world.round() == 0
    assert status(world.database, world.config).held == ["crm.people"]


def test_a_confirmation_outlives_a_source_that_is_away_and_is_of_nothing_that_came_after(make: Make) -> None:
    world = make(mode="upsert", guard={"number": 2, "share": 0.1})
    for number in range(4):
        world.bill(str(number), **person(number))
    assert world.round() == 0
    world.later(1)
    DeadWrites(world.database).confirm("crm", "people", by="ann")
    world.crm.stop()
    with stamina.set_testing(True, attempts=1):
        assert world.push().written == 0
    world.later(3600)
    world.crm = CrmServer(world.folder / "crm.sqlite", "t0ken").start()
    world.env["CRM"] = world.crm.url
    for number in range(4, 6):  # not too many by themselves
        later(world, number)
    assert world.round() == 6
    for number in range(6, 9):
        later(world, number)
    assert world.round() == 0
    assert status(world.database, world.config).held == ["crm.people"]
