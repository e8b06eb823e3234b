"""What outlived its purposes goes, whatever it is counted in; an objection holds at once; a system that may be written to
answers an erasure by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.access.authentication.principals import Principal
from hub.app import create_app
from hub.db import Database
from hub.delivery.erasing import ErasedThere
from hub.model import RecordId
from hub.open import Hub
from hub.privacy.retention import Retention, kept_for
from hub.quality.verify import Verify
from hub.settings import Config
from hub.tasks.lists import TaskChange
from tests.access.population import ROLES, TestClock, fill, key_for, open_hub, write_config

STEWARD = Principal("s", "s", "staff", "steward")
DAY = 86_400_000_000


@pytest.fixture
def hub(tmp_path: Path, database: Database) -> Iterator[Hub]:
    before, database.clock = database.clock, TestClock()
    written = write_config(tmp_path / "config", roles=ROLES)
    known = dict(written.purposes)
    known["service"] = known["service"].model_copy(update={"keeps": {"call": "30d", "complaint": "30d"}})
    known["billing"] = known["billing"].model_copy(update={"keeps": {"call": "90d", "order": "10y"}})
    made = open_hub(database, written.model_copy(update={"purposes": known}), tmp_path / "data")
    yield made
    made.close()
    database.clock = before


def calls(hub: Hub, id: str) -> int:
    return len(hub.timeline.page(STEWARD, id).data)


def test_the_longest_time_of_all_purposes_counts(hub: Hub) -> None:
    found = kept_for(hub.config)
    assert found["call"] == (90 * DAY, ("service", "billing")) and found["order"][1] == ("billing",)
    assert found.keys() == {"call", "complaint", "order"}


def test_what_is_older_is_shown_and_then_gone_and_nothing_else(hub: Hub) -> None:
    id = fill(hub)["ana"]
    hub.logbook.add(id, "call", {"note": "old"}, by="s")
    hub.logbook.add(id, "visit", {}, by="s")
    hub.database.clock.at += 60 * DAY  # type: ignore[attr-defined]
    hub.logbook.add(id, "call", {"note": "new"}, by="s")
    retention = Retention(hub.resolver)
    assert [o.count for o in retention.preview()] == [0, 0, 0]
    hub.database.clock.at += 31 * DAY  # type: ignore[attr-defined]
    assert [(o.type, o.count) for o in retention.preview()] == [("call", 1), ("complaint", 0), ("order", 0)]
    assert calls(hub, id) == 3
    assert retention.remove() == {"call": 1} and retention.remove() == {}
    assert calls(hub, id) == 2 and Verify(hub.resolver).run().total == 0


def test_what_was_said_of_it_goes_along_and_never_stands_beside_something_new(hub: Hub) -> None:
    people, retention = fill(hub), Retention(hub.resolver)
    first = hub.logbook.add(people["ana"], "complaint", {}, by="s")
    _, task = hub.tasks.one(STEWARD, f"complaints.{first}")
    hub.worklists.comment(task, by="s", words="in hospital, call her mother")
    hub.worklists.change(task, TaskChange(state="closed", reason="paid"), by="s")
    hub.database.clock.at += 31 * DAY  # type: ignore[attr-defined]
    assert retention.remove() == {"complaint": 1}
    hub.logbook.add(people["bo"], "complaint", {}, by="s")
    (task_of_bo,) = hub.tasks.page(STEWARD, "complaints").data
    assert (task_of_bo.customer, task_of_bo.done, task_of_bo.notes) == (people["bo"], False, ())


def test_who_objects_to_what_needs_consent_is_left_alone_at_once_and_other_grounds_are_weighed(hub: Hub) -> None:
    id = fill(hub)["ana"]
    client, officer = TestClient(create_app(hub)), key_for(hub, "privacy_officer")
    asked = {"customer": id, "kind": "objection", "purpose": "marketing", "reason": "by letter"}
    made = client.post("/v1/requests", headers=officer, json=asked).json()
    assert (made["state"], made["reason"]) == ("closed", "marketing; by letter")
    assert client.get(f"/v1/customers/{id}", headers=key_for(hub, "marketing")).status_code == 404
    other = client.post("/v1/requests", headers=officer, json={**asked, "purpose": "statistics"}).json()
    assert other["state"] == "open"
    assert client.post("/v1/requests", headers=officer, json={**asked, "purpose": "hats"}).status_code == 422


def test_a_system_that_may_be_written_to_answers_by_itself_and_the_others_wait(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, asked = fill(hub)["ana"], []

    def answers(_config: Config, records: list[RecordId]) -> list[ErasedThere]:
        asked.append(sorted(records))
        away = len(asked) == 1
        by_source = {"billing": "by hand", "crm": "away" if away else "deleted"}
        return [ErasedThere(r, by_source[r.source]) for r in records]  # type: ignore[arg-type]

    monkeypatch.setattr("hub.privacy.requests.erase_there", answers)
    done = hub.requests.erase(id, by="o")
    assert {r.recipient: (r.state, r.note) for r in done.receipts} == {
        "source:billing": ("open", "by hand"), "source:crm": ("open", "away"),
    }  # fmt: skip
    hub.requests.go_on(done.request.id)
    assert {r.recipient: r.state for r in hub.requests.get(done.request.id).receipts}["source:crm"] == "done"
    last = hub.requests.answered(done.request.id, "source:billing", note="deleted there")
    assert last.request.state == "closed" and len(asked) == 2
