"""Records whose customer left: cleared, deleted or archived there, once; nothing where nobody asked; never a fight."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
import stamina
from hypothesis import given
from hypothesis import strategies as st

from hub.db import Database
from hub.delivery.dead_writes import DeadWrites
from hub.delivery.erasing import erase_there
from hub.delivery.run import LEASE, RETRY, Push
from hub.errors import NotFound
from hub.model import RecordId
from hub.settings.sources import WriteBack
from tests import tiny
from tests.conftest import empty
from tests.delivery.test_creating import NAMES, kill
from tests.delivery.test_push import ANNA, ANNA_IN_CRM, HANNA_IN_CRM, some
from tests.delivery.world import BILL, CRM, Make, World, X, Y

MAIER = {"where": {"family_name": ["Maier"]}}


def made(deletes: str = "delete", **more: Any) -> dict[str, Any]:
    return {"mode": "upsert", "creates": NAMES, "when": MAIER, "deletes": deletes, **more}


def mirror(deletes: str = "delete", **more: Any) -> dict[str, Any]:
    return made(deletes, **{"mode": "mirror", **more})


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=1):
        yield


def rests(world: World) -> None:
    assert [world.round(), world.round()] == [0, 0]
    world.verify()


def leave_bill(world: World) -> None:
    """Anna is deleted in billing, which tells the hub so."""
    with closing(sqlite3.connect(world.table)) as c, c:
        c.execute("DELETE FROM people")
    with suppress(NotFound):
        world.resolver.delete("bill", "people", "1")


def with_anna(world: World) -> World:
    """Anna in billing, and the record that the hub made of her in the CRM."""
    world.bill(**ANNA, phone=X)
    world.round()
    world.pull()
    assert world.crm.store.count("people") == 1
    return world


def test_who_left_is_deleted_where_the_hub_made_a_record_and_comes_back_as_another_one(make: Make) -> None:
    world = with_anna(make(**made()))
    world.bill(last="Schulz")
    world.pull()
    found = world.push()
    assert (found.outcomes["deleted"], world.crm.store.count("people")) == (1, 0)
    rests(world)
    world.bill(last="Maier")
    world.round()
    assert world.crm.store.count("people") == 1
    rests(world)
    assert frozenset((BILL, RecordId("crm", "people", "P-N000002"))) in tiny.partition(world.database)


def test_who_no_other_system_has_any_more_is_deleted_and_a_page_read_before_brings_nobody_back(make: Make) -> None:
    world = with_anna(make(**made()))
    before = world.in_crm()
    leave_bill(world)
    world.push()
    assert world.crm.store.count("people") == 0
    assert tiny.partition(world.database) == set()
    world.resolver.upsert("crm", "people", [before])
    assert tiny.partition(world.database) == set()
    rests(world)


def test_cleared_is_what_the_hub_writes_and_it_is_filled_again(make: Make) -> None:
    world = with_anna(make(**made("clear")))
    world.bill(last="Schulz")
    world.pull()
    assert world.push().outcomes["cleared"] == 1
    there = world.in_crm()
    assert not {k: v for k, v in there.items() if k in ("name", "birthDate", "emails", "phones") and v not in ([], {})}
    rests(world)
    world.bill(last="Maier", phone=Y)
    world.round()
    assert world.in_crm()["phones"] == [Y]
    rests(world)


def test_archived_is_marked_as_the_source_marks_it_and_keeps_its_values(make: Make) -> None:
    world = with_anna(make(**made("archive", archive={"name.suffix": "archived"})))
    world.bill(last="Schulz")
    world.pull()
    assert world.push().outcomes["archived"] == 1
    assert world.in_crm()["name"] == {"given": "Anna", "family": "Maier", "suffix": "archived"}
    assert world.in_crm()["phones"] == [X]
    rests(world)
    world.bill(last="Maier", phone=Y)
    world.round()
    assert (world.in_crm()["name"], world.in_crm()["phones"]) == ({"given": "Anna", "family": "Maier"}, [Y])
    rests(world)
    world.bill(last="Schulz")
    world.round()
    assert world.in_crm()["name"]["suffix"] == "archived"
    rests(world)


def test_who_comes_back_gets_another_record_where_archived_counts_as_deleted(make: Make) -> None:
    world = make(**made("archive", archive={"name.suffix": "archived"}))
    crm = world.config.sources["crm"]
    stream = crm.streams["people"].model_copy(update={"deleted": "deleted || name.suffix == 'archived'"})
    world.config.sources["crm"] = crm.model_copy(update={"streams": {"people": stream}})
    world.open()
    with_anna(world)
    world.bill(last="Schulz")
    world.round()
    rests(world)
    world.bill(last="Maier")
    world.round()
    assert "suffix" not in world.in_crm("P-N000002")["name"]
    rests(world)


def test_without_mirror_what_others_made_stays(make: Make) -> None:
    world = make(**made())
    world.new_in_crm(**HANNA_IN_CRM)
    rests(world)
    assert world.crm.store.count("people") == 1


def test_a_mirror_holds_nobody_else_from_its_first_push_on(make: Make) -> None:
    world = make(**mirror(guard_deletes={"number": 9}))
    world.bill(**ANNA, phone=X)
    world.new_in_crm(**HANNA_IN_CRM)
    world.pull()
    found = world.push()
    assert (found.outcomes["deleted"], found.outcomes["created"]) == (1, 1)
    assert world.crm.store.count("people") == 1
    rests(world)


def test_a_mirror_of_customers_that_were_there_before_is_whole(make: Make) -> None:
    world = make()
    world.bill(**ANNA, phone=X)
    world.bill("2", first="Otto", last="Schulz", born="1970-01-01", mail="otto@x.example")
    world.new_in_crm(**HANNA_IN_CRM)
    world.round()
    world.config = world.config.model_copy(update={"sources": _mirrored(world)})
    world.open()
    found = world.push()
    assert (found.outcomes["deleted"], found.outcomes["created"]) == (1, 1)
    rests(world)


def _mirrored(world: World) -> dict[str, Any]:
    crm = world.config.sources["crm"]
    back = WriteBack.model_validate({"attributes": ["phone", "email"], **mirror()})
    stream = crm.streams["people"].model_copy(update={"write_back": back})
    return {**world.config.sources, "crm": crm.model_copy(update={"streams": {"people": stream}})}


def test_more_deletes_than_the_guard_lets_through_wait_for_somebody(make: Make) -> None:
    world = make(**mirror(guard_deletes={"number": 2, "share": 0.1}))
    for number in range(3):
        name = {"given": "Anna", "family": f"Schulz{number}"}
        world.new_in_crm(name=name, birthDate=f"19{60 + number}-01-01", emails=[f"p{number}@x.example"])
    world.pull()
    assert [world.push().written, world.push().written] == [0, 0]
    assert world.crm.store.count("people") == 3
    DeadWrites(world.database).confirm("crm", "people", by="ann")
    world.push()
    assert world.crm.store.count("people") == 0
    rests(world)


def test_a_record_that_somebody_just_changed_is_not_deleted_before_the_hub_saw_that(make: Make) -> None:
    world = with_anna(make(**made()))
    world.bill(last="Schulz")
    world.pull()
    world.edit_in_crm(phones=[Y])
    assert world.push().outcomes["conflict"] == 1
    assert world.crm.store.count("people") == 1
    world.later(RETRY[0] + 1)
    world.round()  # billing gets what was typed there, and its own number back when the record is gone
    assert world.crm.store.count("people") == 0
    world.round()
    rests(world)


def test_a_system_that_brings_the_record_back_is_not_fought_with(make: Make) -> None:
    world = with_anna(make(**made("archive", archive={"name.suffix": "archived"})))
    world.bill(last="Schulz")
    written = []
    for _ in range(5):
        written.append(world.round())
        world.edit_in_crm(name={"given": "Anna", "family": "Maier", "suffix": None})
    assert written == [1, 1, 0, 0, 0]
    (letter,) = DeadWrites(world.database).all()
    assert (letter.record, letter.status) == (CRM, "tripped")


def test_a_dry_run_says_who_would_go_and_writes_nothing(make: Make) -> None:
    world = with_anna(make(**made()))
    world.bill(last="Schulz")
    world.pull()
    ((record, plan),) = list(Push(world.resolver, world.reader, env=world.env).planned())
    assert (record, plan.removal, plan.writes) == (CRM, "delete", True)
    assert "write_back.when" in plan.why
    assert world.crm.store.count("people") == 1


@pytest.mark.parametrize("point", ["pre-send", "post-send", "attempt saved"])
def test_a_sender_that_dies_leaves_nobody_behind(make: Make, point: str) -> None:
    world = with_anna(make(**made()))
    world.bill(last="Schulz")
    world.pull()
    kill(world, point, made())
    world.later(LEASE // 1_000_000 + 1)
    world.push()
    assert world.crm.store.count("people") == 0
    rests(world)
    world.bill(last="Maier")
    world.round()
    assert world.crm.store.count("people") == 1
    rests(world)


@pytest.mark.parametrize(
    "given_",
    [
        {"mode": "mirror"},
        {"deletes": "archive"},
        {"archive": {"active": False}},
        {"deletes": "delete", "archive": {"active": False}},
    ],
)
def test_settings_that_contradict_each_other_are_refused(given_: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="deletes"):
        WriteBack.model_validate({"attributes": ["phone"], **given_})


steps = st.lists(
    st.one_of(
        st.sampled_from(["pull", "push", "gone"]),
        st.tuples(st.just("name"), st.sampled_from(["Maier", "Schulz"])),
        st.tuples(st.just("phones"), st.sampled_from([X, Y])),
    ),
    max_size=8,
)


@some
@given(steps, st.sampled_from(["delete", "clear"]), st.sampled_from(["upsert", "mirror"]))
def test_whatever_happens_it_rests_with_those_who_are_to_be_there(
    make: Make, database: Database, given_: list[Any], deletes: str, mode: str
) -> None:
    empty(database)
    world = make(**made(deletes, mode=mode))
    world.bill(**ANNA, phone=X)
    name, there = "Maier", True
    for step in given_:
        match step:
            case "pull":
                world.pull()
            case "push":
                world.push()
                world.later(RETRY[0] + 1)
            case "gone":
                leave_bill(world)
                there = False
            case ("name", last) if there:
                name = last
                world.bill(last=last)
            case ("phones", phone) if CRM.key in _keys(world):
                world.edit_in_crm(phones=[phone])
            case _:
                pass
    rounds = []
    for _ in range(5):
        rounds.append(world.round())
        world.later(RETRY[0] + 1)
    assert rounds[3:] == [0, 0], rounds
    living = [key for key in _keys(world) if deletes == "delete" or world.in_crm(key).get("birthDate")]
    assert len(living) <= 1
    if there:
        assert len(living) == (name == "Maier")
    world.verify()


def _keys(world: World) -> list[str]:
    found, _ = world.crm.store.page("people", limit=9, after=("", ""), since=None)
    return [json.loads(row)["id"] for row in found]


@pytest.mark.parametrize(("deletes", "first"), [("delete", "deleted"), ("clear", "cleared")])
def test_an_erased_person_is_gone_from_the_system_too_and_may_be_asked_for_again(
    make: Make, deletes: str, first: str
) -> None:
    world = make(mode="update", deletes=deletes)
    world.new_in_crm(**ANNA_IN_CRM, phones=[X])
    records = [CRM, BILL]
    by_hand, there = erase_there(world.config, records, env=world.env)
    assert (by_hand.record, by_hand.outcome) == (BILL, "by hand")
    assert (there.record, there.outcome) == (CRM, first)
    assert erase_there(world.config, [CRM], env=world.env)[0].outcome == ("gone" if deletes == "delete" else "cleared")
    if deletes == "clear":
        assert "Anna" not in json.dumps(world.in_crm())
    world.crm.stop()
    assert erase_there(world.config, [CRM], env=world.env)[0].outcome == "away"


def test_another_one_under_the_key_of_a_deleted_record_is_not_taken_for_who_was_there(make: Make) -> None:
    world = make(bill=made())
    world.new_in_crm(**ANNA_IN_CRM, phones=[X])
    world.round()
    world.pull()
    (key,) = [row["id"] for row in world.in_bills()]
    world.edit_in_crm(name={"given": "Anna", "family": "Schulz"})
    world.round()
    assert world.in_bills() == []
    world.bill(key, first="Otto", last="Maier", born="1951-02-03", phone=X, v=9)
    world.pull()
    assert tiny.partition(world.database) == {frozenset([CRM]), frozenset([RecordId("bill", "people", key)])}
    assert world.golden(RecordId("bill", "people", key), "phone") == [X]
    assert world.golden(RecordId("bill", "people", key), "family_name") == ["Maier"]
    rests(world)
