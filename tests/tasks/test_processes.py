"""Processes: what starts one, once; its steps one after another; it keeps its version and goes where its record goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.db import Database
from hub.errors import ConfigError
from hub.figures.segments import count_segments
from hub.settings import load
from hub.stewardship.acts import Merge
from hub.stewardship.run import Acts
from hub.tasks.starts import start
from tests.access.population import CONFIG, open_hub, write_config
from tests.conftest import empty
from tests.tasks.test_lists import ROLES, Desk

SOURCES = {
    "shop": """
connector: {kind: file, path: shop}
streams:
  people: {customer: person, key: id, map: {given_name: first, family_name: last, email: mail}, verified: all}
  moves: {interaction: move, key: id, of: owner, map: {moves_at: at, state: state}}
  calls: {interaction: call, key: id, of: owner, map: {called_at: at, outcome: outcome}}
  complaints: {interaction: complaint, key: id, of: owner, map: {received_at: at, state: state}}
  quotations: {interaction: quotation, key: id, of: owner, map: {quoted_at: at, state: state, valid_until: until}}
"""
}
STEPS = "steps: [{name: first, role: customer_service}, {name: second}]\n"


def write(folder: Path, name: str, starts: str, steps: str = STEPS) -> None:
    (folder / "config/processes" / f"{name}.yaml").write_text(f"starts: {starts}\n{steps}", encoding="utf-8")


class Office(Desk):
    def __init__(self, database: Database, folder: Path):
        self.database, self.folder = database, folder
        super().__init__(open_hub(database, load(folder / "config", {}), folder / "data"))

    def again(self) -> Office:
        """With the configuration as it is now."""
        self.hub.close()
        clock = self.database.clock
        made = Office(self.database, self.folder)
        self.database.clock = clock
        return made

    def start(self) -> int:
        return start(self.hub.logbook)

    def todo(self, name: str) -> list[tuple[str, str | None, str]]:
        return [(t["on"], t["customer"], t["state"]) for t in self.on(name)]


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Iterator[Office]:
    empty(database)
    write_config(tmp_path / "config", SOURCES, ROLES)
    (tmp_path / "config/figures.yaml").write_text((CONFIG / "figures.yaml").read_text(encoding="utf-8"))
    made = Office(database, tmp_path)
    yield made
    made.hub.close()


def test_a_move_starts_its_steps_once_one_after_another(office: Office) -> None:
    ann = office.person("Ann")
    office.land("moves", "m1", owner="Ann", state="announced", at="2027-02-01")
    office.land("moves", "old", owner="Ann", state="announced", at="2026-02-01")
    office.land("moves", "off", owner="Ann", state="cancelled", at="2027-02-01")
    assert (office.start(), office.start()) == (1, 0)
    (task,) = office.on("move")
    assert (task["on"], task["customer"], task["title"]) == (
        "move.confirm_address",
        ann,
        "Confirm the delivery address",
    )
    assert task["due"] == "2027-01-19T17:00:00Z" and task["role"] == "customer_service"
    done = office.ask("patch", f"/tasks/{task['id']}", "customer_service", json={"state": "done"})
    assert done["done"] and office.todo("move") == [("move.send_confirmation", ann, "open")]
    second = office.on("move")[0]["id"]
    office.ask("patch", f"/tasks/{second}", json={"state": "not needed", "assigned_to": "lead_steward of a test"})
    assert office.todo("move") == []
    assert {t["on"] for t in office.ask("get", f"/customers/{ann}/tasks")["data"]} == {
        "move.confirm_address",
        "move.send_confirmation",
    }
    office.ask("get", f"/tasks/move.unheard_of.{second.rpartition('.')[2]}", status=404)


def test_what_happens_later_ends_a_step_and_merges_and_undo_move_the_process(office: Office) -> None:
    ann, bob = office.person("Ann"), office.person("Bob")
    office.land("moves", "m1", owner="Ann", state="announced", at="2027-02-01")
    office.start()
    office.land("calls", "c1", owner="Bob", outcome="answered", at="2027-01-16")
    assert office.todo("move") == [("move.confirm_address", ann, "open")]
    act = Acts(office.hub.resolver).do(Merge(ann, bob), by="ann", reason="one").id
    assert [t[0] for t in office.todo("move")] == ["move.send_confirmation"]
    Acts(office.hub.resolver).undo(act, by="ann", why="two")
    assert office.todo("move") == [("move.confirm_address", ann, "open")]
    assert office.ask("get", f"/customers/{bob}/tasks")["data"] == []


def test_a_running_process_keeps_its_steps_and_a_new_one_takes_the_new(office: Office) -> None:
    office.person("Ann")
    office.land("moves", "m1", owner="Ann", state="announced", at="2027-02-01")
    office.start()
    write(office.folder, "move", "{interaction: move}", "steps: [{name: other, role: customer_service}]\n")
    later = office.again()
    later.land("moves", "m2", owner="Ann", state="announced", at="2027-02-02")
    assert later.start() == 1
    assert sorted(t[0] for t in later.todo("move")) == ["move.confirm_address", "move.other"]
    later.hub.close()


def test_a_change_a_segment_and_a_date_start_one(office: Office) -> None:
    write(office.folder, "renamed", "{change: family_name}")
    write(office.folder, "angry", "{segment: serial_complainer, again: 90d}")
    write(office.folder, "offer", "{date: quotation.valid_until, before: 3 days}")
    desk = office.again()
    ann = desk.person("Ann")
    assert desk.start() == 0
    desk.person("Ann", last="Newname")
    assert desk.start() == 1 and desk.todo("renamed") == [("renamed.first", ann, "open")]
    for n in range(3):
        desk.land("complaints", f"c{n}", owner="Ann", state="open")
    count_segments(desk.hub.database, desk.hub.config)
    desk.land("quotations", "soon", owner="Ann", state="sent", until="2027-01-17")
    desk.land("quotations", "later", owner="Ann", state="sent", until="2027-03-01")
    assert (desk.start(), desk.start()) == (2, 0)
    assert desk.todo("angry") == [("angry.first", ann, "open")]
    assert desk.todo("offer") == [("offer.first", ann, "open")]
    kept = desk.ask("get", f"/customers/{ann}/interactions", params={"type": "process"})["data"]
    assert {i["values"]["process"].lower() for i in kept} == {"renamed", "angry", "offer"}
    desk.hub.close()


@pytest.mark.parametrize(
    ("starts", "steps", "told"),
    [
        ("{interaction: trip}", STEPS, "unknown interaction type 'trip'"),
        ("{interaction: move, states: [lost]}", STEPS, "'lost' is no state of move"),
        ("{change: colour}", STEPS, "unknown attribute 'colour'"),
        ("{segment: rich}", STEPS, "unknown segment 'rich'"),
        ("{date: move.colour}", STEPS, "is no time of an interaction"),
        ("{interaction: move, change: email}", STEPS, "names one of"),
        ("{interaction: move}", "steps: []\n", "at least 1 item"),
        ("{interaction: move}", "steps: [{name: a}, {name: a}]\n", "stands twice"),
        ("{interaction: move}", "steps: [{name: a, role: nobody}]\n", "unknown role 'nobody'"),
        ("{interaction: move}", "steps: [{name: a, due: soon}]\n", "is no term"),
        ("{interaction: move}", "steps: [{name: a, ended_by: [trip]}]\n", "unknown interaction type 'trip'"),
    ],
)
def test_a_process_that_cannot_run_is_named(tmp_path: Path, starts: str, steps: str, told: str) -> None:
    write_config(tmp_path / "config")
    write(tmp_path, "bad", starts, steps)
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "config", {})
    assert any(told in f.what and "bad.yaml" in f.where for f in refused.value.faults), refused.value.faults
