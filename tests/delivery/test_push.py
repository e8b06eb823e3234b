"""Write-back to a real table and a real service: what is sent, what is not, and that it comes to rest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hub.db import Database
from hub.delivery.run import LEASE, RETRY, Push
from hub.demo.crm import CrmServer
from hub.model import Verdict
from tests import tiny
from tests.conftest import empty
from tests.delivery.world import ALL, BILL, CRM, WEB, Make, World, X, Y, Z
from tests.steward import Steward

COUNT = max(2, int(os.environ.get("HUB_EXAMPLES", "12")) // 4)  # each example is some rounds over HTTP
some = settings(
    max_examples=COUNT, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)

ANNA: dict[str, Any] = {"first": "Anna", "last": "Maier", "born": "1980-02-03", "mail": "anna@maier.example"}
ANNA_IN_CRM: dict[str, Any] = {
    "name": {"given": "Anna", "family": "Maier"},
    "birthDate": "1980-02-03",
    "emails": ["anna@maier.example"],
}
HANNA_IN_CRM: dict[str, Any] = {
    "name": {"given": "Johanna", "family": "Schulz"},
    "birthDate": "1991-05-06",
    "emails": ["johanna@schulz.example"],
}


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=1):
        yield


def joined(world: World, **in_crm: Any) -> World:
    """Anna in both sources, with another phone in each."""
    world.bill(**ANNA, phone=X)
    world.new_in_crm(**{**ANNA_IN_CRM, "phones": [Y], **in_crm})
    world.pull()
    assert frozenset((BILL, CRM)) in tiny.partition(world.database)
    return world


# --- what is sent -----------------------------------------------------------------------------------------


def test_only_the_field_that_differs_is_written(make: Make) -> None:
    world = joined(make())
    found = world.push()
    assert world.patches() == [(200, ("phones",))]
    assert world.in_crm()["phones"] == [X]
    assert world.in_crm()["emails"] == ANNA_IN_CRM["emails"]
    assert (found.written, dict(found.fields)) == (1, {"phone": 1})
    assert world.in_bill()["phone"] == X


def test_what_is_not_subscribed_to_is_not_touched(make: Make) -> None:
    world = joined(make(), name={"given": "Ana", "family": "Maier"})
    world.push()
    assert world.in_crm()["name"]["given"] == "Ana"
    assert world.golden(CRM, "given_name") == ["Anna"]


def test_a_list_keeps_the_order_of_what_it_holds_and_gets_what_it_lacks(make: Make) -> None:
    world = make()
    world.bill(**{**ANNA, "mail": "new@maier.example"}, phone=X)
    world.new_in_crm(**{**ANNA_IN_CRM, "phones": [X], "emails": ["anna@maier.example", "old@maier.example"]})
    world.pull()
    assert frozenset((BILL, CRM)) in tiny.partition(world.database)
    world.push()
    assert world.in_crm()["emails"] == ["anna@maier.example", "old@maier.example", "new@maier.example"]


def test_a_change_in_one_source_reaches_the_other_in_one_round_and_then_there_is_rest(make: Make) -> None:
    world = joined(make())
    world.push()
    assert world.round() == 0
    world.bill(phone=Z)
    assert world.round() == 1
    assert world.in_crm()["phones"] == [Z]
    changes = world.count("change")
    assert [world.round(), world.round()] == [0, 0]
    assert world.count("change") == changes
    assert world.patches() == [(200, ("phones",))] * 2
    world.verify()


def test_a_table_gets_what_a_steward_set(make: Make, database: Database) -> None:
    world = joined(make())
    world.push()
    number = Steward(world.resolver).override(mint(world, BILL), "occupation", ("baker",), by="ann", reason="by phone")
    assert world.push().written == 1
    assert world.in_bill()["job"] == "baker"
    assert world.round() == 0
    Steward(world.resolver).undo(number, by="ann")
    world.push()
    assert world.in_bill()["job"] is None
    assert world.round() == 0
    world.verify()


def mint(world: World, record: Any) -> str:
    from hub.landing import store as landing

    with world.database.read() as c:
        info = landing.record_named(c, record)
    assert info is not None
    return info.mint


# --- what is not sent ---------------------------------------------------------------------------------------


def test_a_claimed_value_is_never_written_back_until_somebody_verifies_it(make: Make) -> None:
    world = make()
    world.bill(**ANNA)
    world.new_in_crm(**ANNA_IN_CRM)
    world.pull()
    world.from_web(v=1, phone=Z, first="Anna", last="Maier", born="1980-02-03", mail="anna@maier.example")
    assert frozenset((BILL, CRM, WEB)) in tiny.partition(world.database)
    assert world.golden(CRM, "phone") == [Z]
    assert world.push().written == 0
    assert world.patches() == []
    world.bill(phone=Z)
    assert world.round() == 1
    assert world.in_crm()["phones"] == [Z]


def test_of_a_union_only_the_verified_values_go_back(make: Make) -> None:
    world = make()
    world.bill(**{**ANNA, "mail": "second@maier.example"})
    world.new_in_crm(**ANNA_IN_CRM)
    world.pull()
    world.from_web(v=1, first="Anna", last="Maier", born="1980-02-03", mail="claimed@maier.example")
    assert set(world.golden(CRM, "email") or ()) == {
        "anna@maier.example",
        "second@maier.example",
        "claimed@maier.example",
    }
    world.push()
    assert world.in_crm()["emails"] == ["anna@maier.example", "second@maier.example"]


def test_an_attribute_that_the_sources_role_is_not_shown_never_goes_there(make: Make) -> None:
    world = joined(
        make(views={"bill": ALL, "crm": {"email": "show", "phone": "mask"}}),
        emails=["anna@maier.example", "a2@maier.example"],
    )
    world.push()
    assert world.patches() == []
    world.bill(mail="a3@maier.example")
    world.round()
    assert world.patches() == [(200, ("emails",))]
    assert world.in_crm()["phones"] == [Y]


def test_a_source_without_a_role_gets_nothing(make: Make) -> None:
    world = joined(make(views={"bill": ALL}))
    assert world.push().written == 0
    assert world.patches() == []


def test_a_dry_run_sends_and_logs_nothing(make: Make) -> None:
    world = joined(make(dry_run=True))
    found = world.push()
    assert found.outcomes["dry run"] == 1
    assert world.patches() == []
    assert world.count("write_log") == 0
    assert world.states()["crm/P-N000001"] == "dry"
    assert world.push().looked_at == 0  # worked out once, until something changes
    planned = [record for record, _ in Push(world.resolver, world.reader, env=world.env).planned()]
    assert planned == [CRM]


def test_what_a_dry_run_kept_back_goes_once_none_is_asked_for(make: Make) -> None:
    world = joined(make(dry_run=True))
    world.push()
    world.bill(phone=Z)
    assert world.round() == 0
    crm = world.config.sources["crm"]
    back = crm.streams["people"].write_back
    assert back is not None
    wet = crm.streams["people"].model_copy(update={"write_back": back.model_copy(update={"dry_run": False})})
    world.config.sources["crm"] = crm.model_copy(update={"streams": {"people": wet}})
    world.open()
    assert world.push().written == 1
    assert world.in_crm()["phones"] == [Z]
    assert world.states()["crm/P-N000001"] == "done"
    assert [world.round(), world.round()] == [0, 0]


# --- conditions ---------------------------------------------------------------------------------------------


def test_an_edit_between_pull_and_push_is_a_conflict_and_the_write_follows_the_next_pull(make: Make) -> None:
    world = joined(make())
    world.edit_in_crm(phones=[Z])
    found = world.push()
    assert found.outcomes["conflict"] == 1
    assert world.patches() == []
    assert world.in_crm()["phones"] == [Z]
    assert world.states()["crm/P-N000001"] == "pending"
    assert world.count("write_log") == 0
    world.later(RETRY[0] + 1)
    assert world.round() == 1
    assert world.in_crm()["phones"] == [X]
    assert world.round() == 0


def test_an_edit_of_another_field_is_no_conflict_and_is_kept(make: Make) -> None:
    world = joined(make())
    world.edit_in_crm(address={"city": "Berlin"})
    assert world.push().written == 1
    assert world.in_crm()["address"] == {"city": "Berlin"}
    assert world.in_crm()["phones"] == [X]


def test_a_conflict_in_a_table_leaves_the_row_alone(make: Make) -> None:
    world = joined(make())
    world.push()
    Steward(world.resolver).override(mint(world, BILL), "occupation", ("baker",), by="ann", reason="by phone")
    world.bill(job="smith")
    found = world.push()
    assert found.outcomes["conflict"] == 1
    assert world.in_bill()["job"] == "smith"
    world.later(RETRY[0] + 1)
    assert world.round() == 1
    assert world.in_bill()["job"] == "baker"


def test_a_record_that_is_gone_there_is_left_to_the_next_pull(make: Make) -> None:
    world = joined(make())
    world.crm.store.delete("people", CRM.key, match=None)
    found = world.push()
    assert found.outcomes["gone"] == 1
    assert world.round() == 0
    assert frozenset((BILL,)) in tiny.partition(world.database)
    world.verify()


# --- echoes and undo ------------------------------------------------------------------------------------------


def test_what_comes_back_is_an_echo_neither_evidence_nor_vote_nor_change(make: Make, database: Database) -> None:
    world = joined(make())
    before = tiny.held(database, CRM)["phone"]
    world.push()
    changes, answer = world.count("change"), tiny.answer(database)
    landed = sum(p.landed for p in world.pull())
    assert landed == 1
    assert tiny.held(database, CRM)["phone"] == before
    assert (world.count("change"), tiny.answer(database)) == (changes, answer)
    world.verify()


def test_a_withdrawn_match_sends_the_compensating_write_and_nothing_glues_the_two_together(
    make: Make, database: Database
) -> None:
    world = make()
    world.bill(**ANNA, phone=X)
    world.new_in_crm(**HANNA_IN_CRM, phones=[Y])
    world.pull()
    alone = tiny.answer(database)
    assert frozenset((BILL,)) in alone
    number = Steward(world.resolver).decide(BILL, CRM, Verdict.MATCH, by="ann", reason="she said so")
    assert world.push().written == 1
    assert world.in_crm()["phones"] == [X]
    assert set(world.in_crm()["emails"]) == {"johanna@schulz.example", "anna@maier.example"}
    assert world.round() == 0
    Steward(world.resolver).withdraw(number, by="ann", why="a mistake")
    assert tiny.answer(database) == alone
    assert world.push().written == 1
    assert world.in_crm()["phones"] == [Y]
    assert world.in_crm()["emails"] == ["johanna@schulz.example"]
    assert [world.round(), world.round()] == [0, 0]
    assert tiny.answer(database) == alone
    world.verify()


def test_after_an_undo_a_field_that_somebody_changed_meanwhile_stays(make: Make, database: Database) -> None:
    world = make()
    world.bill(**ANNA, phone=X)
    world.new_in_crm(**HANNA_IN_CRM, phones=[Y])
    world.pull()
    number = Steward(world.resolver).decide(BILL, CRM, Verdict.MATCH, by="ann", reason="she said so")
    world.push()
    world.pull()
    world.edit_in_crm(phones=[Z])
    Steward(world.resolver).withdraw(number, by="ann", why="a mistake")
    world.push()
    world.later(RETRY[0] + 1)
    world.round()
    assert world.in_crm()["phones"] == [Z]
    assert world.in_crm()["emails"] == ["johanna@schulz.example"]
    world.verify()


def test_the_source_that_types_the_value_itself_later_has_said_it(make: Make, database: Database) -> None:
    world = joined(make())
    world.push()
    world.pull()
    world.edit_in_crm(phones=[Z])
    world.pull()
    world.edit_in_crm(phones=[X])
    world.pull()
    assert tiny.held(database, CRM)["phone"].cell.values == (X,)
    world.verify()


# --- sources that are away, senders that die ----------------------------------------------------------------------


def test_a_source_that_is_away_for_hours_gets_its_write_when_it_is_back(make: Make) -> None:
    world = joined(make())
    port = world.crm.server_address[1]
    world.crm.stop()
    for wait in RETRY[:4]:
        found = world.push()
        assert found.outcomes["retry"] == 1
        assert world.states()["crm/P-N000001"] == "pending"
        assert world.push().looked_at == 0  # not due yet
        world.later(wait + 1)
    world.crm = CrmServer(world.folder / "crm.sqlite", "t0ken", port=port).start()
    assert world.push().written == 1
    assert world.in_crm()["phones"] == [X]
    assert world.round() == 0
    world.verify()


def test_a_write_that_never_reached_the_source_leaves_no_mark_of_an_echo(make: Make, database: Database) -> None:
    world = joined(make())
    port = world.crm.server_address[1]
    world.crm.stop()
    assert world.push().outcomes["retry"] == 1
    assert world.count("write_log") == 0
    world.crm = CrmServer(world.folder / "crm.sqlite", "t0ken", port=port).start()
    world.edit_in_crm(phones=[X])  # somebody there types it
    world.pull()
    assert tiny.held(database, CRM)["phone"].cell.values == (X,)
    world.verify()


KILLED = """
import sys
from pathlib import Path
import tests.tables  # noqa: F401  (fills the metadata)
from hub.db import Database
from hub.delivery.run import Push
from tests.conftest import Ticking
from tests.delivery.world import World, ALL, config
url, folder, crm, at = sys.argv[1:]
world = World.__new__(World)
world.database, world.folder = Database(url, Ticking(int(at))), Path(folder)
world.config = config(world.folder, {"bill": ALL, "crm": ALL})
world.env = {"BILL": f"sqlite:///{folder}/bill.sqlite", "CRM": crm, "TOKEN": "t0ken"}
world.open()
world.push()
"""


@pytest.mark.parametrize("point", ["pre-send", "post-send", "attempt saved"])
def test_a_sender_that_dies_leaves_nothing_undone_and_nothing_done_twice(
    make: Make, database: Database, point: str
) -> None:
    world = joined(make())
    own = tiny.held(database, CRM)["phone"]
    url = database.url.render_as_string(hide_password=False)
    arguments = [url, str(world.folder), world.crm.url, str(database.clock.now())]
    second = f"{point}:2"  # the table comes first, with nothing to write; the service second
    died = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments],
        env={**os.environ, "HUB_FAIL": second},
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert died.returncode == -9
    assert len(world.patches()) == (0 if point == "pre-send" else 1)
    world.later(LEASE // 1_000_000 + 10)
    world.push()
    assert world.in_crm()["phones"] == [X]
    assert world.patches() == [(200, ("phones",))]
    assert world.states()["crm/P-N000001"] == "done"
    assert world.round() == 0
    assert tiny.held(database, CRM)["phone"] == own
    world.verify()


# --- rest ------------------------------------------------------------------------------------------------------


def test_a_target_that_renormalises_trips_the_breaker_by_the_third_write(make: Make) -> None:
    world = joined(make(trigger=", job = CASE WHEN new.job IS NULL THEN NULL ELSE 'clerk ' || old.v END"))
    world.push()
    Steward(world.resolver).override(mint(world, BILL), "occupation", ("baker",), by="ann", reason="by phone")
    written = [world.push().written, *(world.round() for _ in range(5))]
    assert written == [1, 1, 0, 0, 0, 0]
    assert world.states()["bill/1"] == "tripped"


phones = st.sampled_from([X, Y, Z])
edits = st.lists(
    st.one_of(
        st.tuples(st.just("bill"), st.fixed_dictionaries({"phone": st.one_of(phones, st.none())})),
        st.tuples(
            st.just("bill"),
            st.fixed_dictionaries({"mail": st.sampled_from(["anna@maier.example", "b@maier.example", None])}),
        ),
        st.tuples(st.just("crm"), st.fixed_dictionaries({"phones": st.lists(phones, max_size=2, unique=True)})),
        st.tuples(
            st.just("crm"),
            st.fixed_dictionaries(
                {
                    "emails": st.lists(
                        st.sampled_from(["anna@maier.example", "c@maier.example"]), max_size=2, unique=True
                    )
                }
            ),
        ),
        st.tuples(st.just("round"), st.just({})),
    ),
    max_size=8,
)


@some
@given(edits)
def test_when_edits_stop_writes_stop_within_two_rounds(
    make: Make, database: Database, given_: list[tuple[str, dict[str, Any]]]
) -> None:
    empty(database)
    world = joined(make())
    for where, fields in given_:
        if where == "bill":
            world.bill(**fields)
        elif where == "crm":
            world.edit_in_crm(**fields)
        else:
            world.round()
            world.later(RETRY[0] + 1)
    rounds = []
    for _ in range(4):
        rounds.append(world.round())
        world.later(RETRY[0] + 1)
    assert rounds[2:] == [0, 0], rounds
    assert "tripped" not in world.states().values()
    world.verify()
