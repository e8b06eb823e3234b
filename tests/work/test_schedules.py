"""When a source is pulled: schedules, nudges, patience after failures, pauses; and no storm after a downtime."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from hub.app import create_app
from hub.db import Database
from hub.errors import NotFound, RetryLater
from hub.open import Hub
from hub.settings import Config, Source
from hub.work import sources, store
from hub.work.schedules import MICROS, SourceState, after_pull, broken_off, due
from tests import tiny
from tests.access.population import SECRET, key_for

NOW = 1_700_000_000_000_000
MINUTE = 60 * MICROS
STREAM = {"customer": "person", "key": "id", "map": {"given_name": "given_name", "email": "email"}}


def source(**more: object) -> Source:
    return Source.model_validate(
        {"name": "list", "connector": {"kind": "file", "path": "drop"}, "streams": {"people": STREAM}, **more}
    )


def pulled(ago: int, **more: object) -> SourceState:
    at = NOW - ago
    return replace(SourceState("list", started=at, ended=at, reconciled=at), **more)  # type: ignore[arg-type]


def test_an_interval_counts_from_the_last_pull_whatever_restarted_meanwhile() -> None:
    given_ = source(schedule="every 5 minutes")
    assert due(SourceState("list"), given_, NOW) == "pull"
    assert due(pulled(4 * MINUTE), given_, NOW) is None
    assert due(pulled(6 * MINUTE), given_, NOW) == "pull"
    assert due(pulled(6 * MINUTE), source(), NOW) is None


def test_a_line_of_cron_is_kept_in_utc() -> None:
    nightly = source(schedule="30 3 * * *")  # NOW is 22:13:20
    assert due(pulled(18 * 60 * MINUTE), nightly, NOW) is None
    assert due(pulled(19 * 60 * MINUTE), nightly, NOW) == "pull"


def test_a_time_of_day_of_a_source_that_was_never_pulled_counts_from_when_it_is_looked_after() -> None:
    nightly, new = source(schedule="30 3 * * *"), SourceState("list", seen=NOW)
    assert due(new, nightly, NOW + 5 * 60 * MINUTE) is None
    assert due(new, nightly, NOW + 6 * 60 * MINUTE) == "pull"


@pytest.mark.parametrize("reconcile", ["every 1 day", "30 3 * * *"])
def test_a_reconcile_comes_however_often_its_source_is_pulled(reconcile: str) -> None:
    """The first pull was by hand: nothing was reconciled yet."""
    given_, state, found = source(schedule="every 1 hour", reconcile=reconcile), SourceState("list", seen=NOW), []
    for hour in range(1, 50):
        at = NOW + hour * 64 * MINUTE
        what = due(state, given_, at)
        found.append(what)
        state = after_pull(state, given_, started=at, ended=at, error="", wait=0, reconciled=what == "reconcile")
    assert found.count("reconcile") == 2 and found.count("pull") == 47


def test_a_nudged_source_without_a_schedule_that_fails_is_tried_again() -> None:
    state = after_pull(
        SourceState("list", nudged=NOW),
        source(),
        started=NOW + 1,
        ended=NOW + 1,
        error="away",
        wait=0,
        reconciled=False,
    )
    assert due(state, source(), NOW + MINUTE) == "pull"
    by_hand = after_pull(SourceState("list"), source(), started=NOW, ended=NOW, error="away", wait=0, reconciled=False)
    assert due(by_hand, source(), NOW + MINUTE) is None


def test_after_a_downtime_of_days_a_source_is_pulled_once() -> None:
    given_ = source(schedule="every 5 minutes")
    late = pulled(3 * 24 * 60 * MINUTE)
    assert due(late, given_, NOW) == "pull"
    after = after_pull(late, given_, started=NOW, ended=NOW, error="", wait=0, reconciled=False)
    assert due(after, given_, NOW + MINUTE) is None


@given(st.lists(st.text("abc", min_size=1), min_size=2, unique=True))
def test_sources_of_one_interval_do_not_come_all_at_once_and_never_early(names: list[str]) -> None:
    given_ = source(schedule="every 5 minutes")
    for name in names:
        state = SourceState(name, started=NOW, ended=NOW)
        assert due(state, given_, NOW + 5 * MINUTE - 1) is None
        assert due(state, given_, NOW + 5 * MINUTE + 15 * MICROS) == "pull"


def test_a_nudge_pulls_at_once_and_once() -> None:
    nudged = pulled(MINUTE, nudged=NOW)
    assert due(nudged, source(), NOW) == "pull"
    after = after_pull(nudged, source(), started=NOW + 1, ended=NOW + 2, error="", wait=0, reconciled=False)
    assert due(after, source(), NOW + MINUTE) is None


def test_a_source_that_fails_is_tried_again_later_and_later_then_pauses_itself() -> None:
    given_, state, waits = source(schedule="every 1 day", pause_after=4), SourceState("list"), []
    now = NOW
    for _ in range(4):
        state = after_pull(state, given_, started=now, ended=now, error="people: away", wait=0, reconciled=False)
        began = now
        while due(state, given_, now) is None and now < began + 60 * MINUTE:
            now += MICROS
        waits.append((now - began) // MICROS)
    assert waits[:3] == [10, 20, 40]
    assert state.paused_at is not None
    assert "4 pulls in a row failed: people: away" in state.paused_why


def test_a_pull_that_the_hub_broke_off_counts_for_nothing_and_comes_soon_again() -> None:
    given_, state = source(schedule="every 1 day", pause_after=1), SourceState("list", nudged=NOW)
    assert due(after := broken_off(state, NOW), given_, NOW) is None
    assert due(after, given_, NOW + MINUTE) == "pull"
    assert (after.failures, after.paused_at) == (0, None)


def test_what_the_source_asked_for_is_waited_for() -> None:
    state = after_pull(SourceState("list"), source(schedule="every 5 seconds"), started=NOW, ended=NOW, error="people: 429", wait=900, reconciled=False)  # fmt: skip
    state = replace(state, nudged=NOW + 1)
    assert due(state, source(schedule="every 5 seconds"), NOW + 899 * MICROS) is None
    assert due(state, source(schedule="every 5 seconds"), NOW + 901 * MICROS) == "pull"


def test_a_reconcile_has_a_schedule_of_its_own() -> None:
    given_ = source(schedule="every 5 minutes", reconcile="every 1 day")
    assert due(pulled(MINUTE, reconciled=NOW - 26 * 60 * MINUTE), given_, NOW) == "reconcile"
    assert due(pulled(6 * MINUTE), given_, NOW) == "pull"


def test_a_paused_source_is_left_alone() -> None:
    assert due(pulled(60 * MINUTE, paused_at=NOW, nudged=NOW), source(schedule="every 5 minutes"), NOW) is None


# --- with a database and a door ---


@pytest.fixture
def hub(database: Database, tmp_path: Path) -> Iterator[Hub]:
    (tmp_path / "drop").mkdir()
    people = [{"id": str(n), "given_name": "Anna", "email": f"a{n}@x.example"} for n in range(3)]
    (tmp_path / "drop/people.jsonl").write_text("".join(json.dumps(p) + "\n" for p in people))
    roles = {
        "keeper": {"may": ["admin", "write_records"], "views": {}},
        "list": {"may": ["write_records"], "views": {}},
    }
    access = tiny.CONFIG.access.model_copy(update={"roles": {**tiny.CONFIG.access.roles, **_roles(roles)}})
    config = Config(folder=tmp_path, customers={"person": tiny.customer_type()}, access=access, sources={"list": source(schedule="every 1 hour", pause_after=2)})  # fmt: skip
    made = Hub.open(database, config, tmp_path, {"HUB_SECRET": SECRET})
    yield made
    made.close()


def _roles(given: dict[str, object]) -> dict[str, object]:
    return dict(type(tiny.CONFIG.access).model_validate({"roles": given}).roles)


def state(hub: Hub) -> SourceState:
    with hub.database.read() as connection:
        return store.state(connection, "list")


def test_a_source_is_pulled_when_it_is_due_and_its_state_is_told(hub: Hub) -> None:
    assert sources.pull_due(hub.resolver, "list")
    assert not sources.pull_due(hub.resolver, "list")
    (found,) = sources.listed(hub.resolver)
    assert (found.pulls["people"].fetched, found.pulls["people"].landed) == (3, 3)
    sources.nudge(hub.resolver, "list")
    assert sources.pull_due(hub.resolver, "list")
    with pytest.raises(NotFound):
        sources.nudge(hub.resolver, "nobody")


def test_it_pauses_itself_and_is_resumed_by_hand(hub: Hub) -> None:
    (hub.config.folder / "drop").rename(hub.config.folder / "gone")
    for _ in range(2):
        sources.nudge(hub.resolver, "list")
        hub.database.clock.time += 3600 * MICROS  # type: ignore[attr-defined]
        assert sources.pull_due(hub.resolver, "list")
    assert state(hub).paused_by == "hub"
    sources.nudge(hub.resolver, "list")
    assert not sources.pull_due(hub.resolver, "list")
    (hub.config.folder / "gone").rename(hub.config.folder / "drop")
    sources.resume(hub.resolver, "list")
    assert sources.pull_due(hub.resolver, "list")
    assert (state(hub).failures, state(hub).error, state(hub).paused_at) == (0, "", None)


def test_a_database_of_the_hub_that_is_busy_pauses_no_source(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object, **__: object) -> None:
        raise RetryLater("the database is busy or away: locked")

    with monkeypatch.context() as patched:
        patched.setattr(type(hub.resolver), "land", busy)
        for _ in range(3):
            hub.database.clock.time += 3600 * MICROS  # type: ignore[attr-defined]
            assert sources.pull_due(hub.resolver, "list")
    assert (state(hub).failures, state(hub).paused_at) == (0, None)
    hub.database.clock.time += MINUTE  # type: ignore[attr-defined]
    assert sources.pull_due(hub.resolver, "list")
    assert sources.listed(hub.resolver)[0].pulls["people"].landed == 3


def test_the_doors_of_a_keeper_and_of_the_source_itself(hub: Hub) -> None:
    client = TestClient(create_app(hub), raise_server_exceptions=False)
    keeper, own = key_for(hub, "keeper"), key_for(hub, "list", "list")
    assert client.post("/v1/sources/list/nudge", headers=own).status_code == 202
    assert client.post("/v1/sources/other/nudge", headers=own).status_code == 403
    assert client.post("/v1/sources/other/nudge", headers=keeper).status_code == 404
    assert client.get("/v1/sources", headers=own).status_code == 403
    assert sources.pull_due(hub.resolver, "list")
    assert client.post("/v1/sources/list/pause", json={"why": "moving"}, headers=keeper).status_code == 204
    (told,) = client.get("/v1/sources", headers=keeper).json()["data"]
    assert (told["state"], told["paused_why"], told["streams"]["people"]["landed"]) == ("paused", "moving", 3)
    assert client.post("/v1/sources/list/resume", headers=keeper).status_code == 204
    assert client.get("/v1/sources", headers=keeper).json()["data"][0]["state"] == "active"
