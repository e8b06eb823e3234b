"""What write-back does not do by itself: write very much at once, or into a field that the source owns."""

from __future__ import annotations

from typing import Any

import pytest

from hub.delivery.dead_writes import DeadWrites
from hub.errors import NotFound
from hub.work.status import status
from tests.delivery.test_push import ANNA, joined
from tests.delivery.world import Make, X, Y


def person(number: int) -> dict[str, Any]:
    return {**ANNA, "last": f"Maier{number}", "mail": f"p{number}@x.example", "born": f"19{60 + number}-01-01"}


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
        world.bill(str(number), **person(number))
    assert world.round() == 0  # a confirmation is of what waited then


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
