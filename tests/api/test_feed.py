"""The feed waited for and streamed, over HTTP from a running server: every change once, nobody busy, an end when asked."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import orjson
import pytest

from hub.access.authentication.keys import create_key, revoke_key
from hub.api import changes
from hub.api.schemas import ChangeOut
from hub.app import Listening, create_app, served
from hub.open import Hub
from tests.access.population import ANA, fill, key_for

LONG = 30  # seconds: nothing here waits for so long


@contextmanager
def serving(hub: Hub) -> Iterator[tuple[str, Any]]:
    server = served(create_app(hub), Listening("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.handle_exit(signal.SIGTERM, None)
        thread.join(LONG)
        assert not thread.is_alive()


def events(answer: httpx2.Response) -> Iterator[dict[str, Any]]:
    """Events with their id, heartbeats as None."""
    id = ""
    for line in answer.iter_lines():
        if line.startswith("id: "):
            id = line[4:]
        elif line.startswith("data: "):
            yield {"id": id, **{"change": orjson.loads(line[6:])}}
        elif line == ":":
            yield {"id": None}


def move(hub: Hub, version: int, **more: Any) -> None:
    hub.resolver.upsert("billing", "customers", [{**ANA, "updated": f"2026-02-0{version}T00:00:00Z", **more}])


def test_who_waits_is_answered_by_the_next_change_that_its_view_shows(hub: Hub) -> None:
    fill(hub)
    key = key_for(hub, "shipping")
    with serving(hub) as (url, _), httpx2.Client(base_url=url, headers=key, timeout=LONG) as client:
        cursor = client.get("/v1/changes?limit=200").json()["next_cursor"]
        got: list[Any] = []
        waits = threading.Thread(
            target=lambda: got.append(client.get(f"/v1/changes?wait=20&cursor={cursor}").json()), daemon=True
        )
        waits.start()
        move(hub, 1, job="cook")  # shipping sees no occupation: none for it
        move(hub, 2, job="cook", town="Porto")
        waits.join(LONG)
        assert [c["attributes"] for c in got[0]["data"]] == [["address"]]
        assert client.get(f"/v1/changes?wait=0&cursor={cursor}").json()["data"] == got[0]["data"]
        assert client.get("/v1/changes?wait=61").status_code == 422


def test_one_thread_looks_for_all_who_wait_and_only_then(hub: Hub) -> None:
    fill(hub)
    key = key_for(hub, "shipping")
    with serving(hub) as (url, _), httpx2.Client(base_url=url, headers=key, timeout=LONG) as client:
        cursor = client.get("/v1/changes?limit=200").json()["next_cursor"]
        looks = lambda: [t for t in threading.enumerate() if t.name == "hub watcher"]  # noqa: E731
        assert not looks()
        waits = [
            threading.Thread(target=lambda: client.get(f"/v1/changes?wait=20&cursor={cursor}"), daemon=True)
            for _ in range(8)
        ]
        for one in waits:
            one.start()
        while len(hub.watcher._waiting) < len(waits):
            threading.Event().wait(0.01)
        assert len(looks()) == 1
        move(hub, 1, town="Porto")
        for one in waits:
            one.join(LONG)
            assert not one.is_alive()
        (look,) = looks() or [threading.Thread()]
        if look.ident:
            look.join(LONG)
        assert not looks()


def test_a_stream_goes_on_from_the_last_event_that_was_seen(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "HEARTBEAT", 0.2)
    ids = fill(hub)
    key = key_for(hub, "shipping")
    with serving(hub) as (url, _), httpx2.Client(base_url=url, headers=key, timeout=LONG) as client:
        page = client.get("/v1/changes?limit=200").json()
        with client.stream("GET", "/v1/changes/events") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            told = events(answer)
            seen = [next(told) for _ in page["data"]]
            assert [e["change"] for e in seen] == page["data"]
            while next(told)["id"] is not None:  # then it waits
                pass
            move(hub, 1, town="Porto")
            last = next(e for e in told if e["id"])
            assert last["change"]["data"]["values"]["address"]["city"] == "Porto"
        for place, event in enumerate(seen):
            with client.stream("GET", "/v1/changes/events", headers={"last-event-id": event["id"]}) as answer:
                again = events(answer)
                rest = [next(again)["id"] for _ in [*seen[place + 1 :], last]]
                assert rest == [e["id"] for e in [*seen[place + 1 :], last]]
        assert client.get("/v1/changes/events?cursor=none").status_code == 400
    assert ids


def test_the_feed_its_stream_and_a_snapshot_tell_what_the_description_says(hub: Hub) -> None:
    ids = fill(hub)
    for role in ("steward", "shipping"):
        with serving(hub) as (url, _), httpx2.Client(base_url=url, headers=key_for(hub, role), timeout=LONG) as client:
            told = client.get("/v1/changes?limit=200").json()["data"]
            assert told and [ChangeOut.model_validate(c).model_dump(mode="json") for c in told] == told
            assert [list(c) for c in told] == [list(ChangeOut.model_fields)] * len(told)
            with client.stream("GET", "/v1/changes/events") as answer:
                seen = events(answer)
                assert [next(seen)["change"] for _ in told] == told
            one = client.get(f"/v1/customers/{ids['ana']}").json()
            lines = client.post("/v1/snapshots", json={"ids": [ids["ana"]]}).text.splitlines()
            assert orjson.loads(lines[0])["customer"] == one == {c["customer"]: c["data"] for c in told}[ids["ana"]]


def test_a_revoked_key_and_the_end_of_the_process_end_a_stream(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "HEARTBEAT", 0.05)
    fill(hub)
    token, kept = create_key(hub.database, hub.config, "x", "shipping")
    headers = {"authorization": f"Bearer {token}"}
    with serving(hub) as (url, server), httpx2.Client(base_url=url, timeout=LONG) as client:
        with client.stream("GET", "/v1/changes/events", headers=headers) as answer:
            told = events(answer)
            assert next(e for e in told if e["id"] is None)
            revoke_key(hub.database, kept.id)
            move(hub, 1, town="Porto")
            assert not [e for e in told if e["id"]]  # the stream ends, and what came after the key is not told
        assert client.get("/v1/changes/events", headers=headers).status_code == 401
        with client.stream("GET", "/v1/changes/events", headers=key_for(hub, "shipping")) as answer:
            told = events(answer)
            assert next(told)
            server.handle_exit(signal.SIGTERM, None)
            list(told)  # ends by itself
