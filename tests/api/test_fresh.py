"""Reading what was written, over HTTP: a hub whose requests read from a real standby."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from hub.access.authentication.accounts import add_account
from hub.access.authentication.keys import create_key, revoke_key
from hub.app import create_app
from hub.db import Database, replica
from hub.migrations import upgrade
from hub.open import Hub
from tests.access.population import ANA, fill, key_for, open_hub, write_config
from tests.access.test_accounts import PASSWORD
from tests.conftest import empty
from tests.standby import Pair, followed


@pytest.fixture
def hub(pair: Pair, tmp_path: Path) -> Iterator[Hub]:
    database = Database(pair.primary, replica=pair.standby)
    upgrade(database)
    empty(database)
    made = open_hub(database, write_config(tmp_path / "config"), tmp_path / "data")
    yield made
    made.close()
    database.close()


@pytest.fixture
def client(hub: Hub) -> Iterator[TestClient]:
    yield TestClient(create_app(hub), base_url="https://hub.test", raise_server_exceptions=False)


@contextmanager
def standing_still(pair: Pair, hub: Hub) -> Iterator[None]:
    """The replica has all that was, and nothing that comes."""
    followed(hub.database)
    pair.psql("SELECT pg_wal_replay_pause()")
    try:
        yield
    finally:
        pair.psql("SELECT pg_wal_replay_resume()")


def moved(client: TestClient, key: dict[str, str], town: str, month: int = 5) -> str:
    """Ana moves; how far the hub is then."""
    body = {**ANA, "town": town, "updated": f"2026-{month:02}-01T00:00:00Z"}
    answer = client.put("/v1/sources/billing/customers/records/1", json=body, headers=key)
    assert answer.status_code < 300, answer.text
    return str(answer.headers["x-hub-position"])


def town(client: TestClient, id: str, key: dict[str, str], position: str = "") -> Any:
    answer = client.get(f"/v1/customers/{id}", headers={**key, **({"x-hub-position": position} if position else {})})
    return answer.json()["values"]["address"]["city"]


def test_who_shows_the_position_of_a_write_sees_it(
    hub: Hub, client: TestClient, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "PAUSE", 3600)
    id, reads, writes = fill(hub)["ana"], key_for(hub, "shipping"), key_for(hub, "billing", "billing")
    with standing_still(pair, hub):
        before = town(client, id, reads)
        position = moved(client, writes, "Faro")
        assert before != "Faro" == town(client, id, reads, position)
        assert town(client, id, reads) == "Faro"  # for some seconds nobody waits for it again: all ask the primary
        hub.database.replica._out_until = 0.0  # type: ignore[union-attr]
        assert town(client, id, reads) == before
    position = moved(client, writes, "Lagos", 6)
    assert town(client, id, reads, position) == "Lagos"


def test_a_position_that_nobody_told_is_refused(hub: Hub, client: TestClient) -> None:
    key = key_for(hub, "shipping")
    answer = client.get("/v1/customers", headers={**key, "x-hub-position": "x"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "X-Hub-Position"


def test_a_snapshot_is_read_from_it_and_holds_what_it_must(hub: Hub, client: TestClient, pair: Pair) -> None:
    id, reads, writes = fill(hub)["ana"], key_for(hub, "shipping"), key_for(hub, "billing", "billing")

    def taken(**more: str) -> Any:
        answer = client.post("/v1/snapshots", json={"ids": [id], **more}, headers=reads)
        return orjson.loads(answer.text.splitlines()[0])["customer"]["values"]["address"]["city"]

    with standing_still(pair, hub):
        before = taken()
        position = moved(client, writes, "Faro")
        assert taken() == before
        assert taken(at_least=position) == "Faro"


def test_a_key_that_was_taken_back_is_so_at_once_and_the_feed_misses_nothing(
    hub: Hub, client: TestClient, pair: Pair
) -> None:
    fill(hub)
    token, key = create_key(hub.database, hub.config, "a reader", "shipping")
    reads, writes = {"authorization": f"Bearer {token}"}, key_for(hub, "billing", "billing")
    with standing_still(pair, hub):
        cursor = client.get("/v1/changes", headers=reads).json()["next_cursor"]
        moved(client, writes, "Faro")
        hub.database.replica._out_until = 0.0  # type: ignore[union-attr]
        assert len(client.get(f"/v1/changes?cursor={cursor}", headers=reads).json()["data"]) == 1
        revoke_key(hub.database, key.id)
        assert client.get("/v1/customers", headers=reads).status_code == 401


def test_a_browser_carries_it_by_itself(hub: Hub, client: TestClient, pair: Pair) -> None:
    fill(hub)
    token, _ = add_account(hub.database, hub.config, "ann", ["steward"])
    client.post("/v1/session/set-up", json={"token": token, "password": PASSWORD})
    client.post("/v1/session", json={"name": "ann", "password": PASSWORD})
    with standing_still(pair, hub):
        answer = client.put("/v1/session/password", json={"password": PASSWORD, "new": PASSWORD + " anew"})
        assert answer.status_code == 204, answer.text
        kept = answer.headers["set-cookie"]
        assert kept.startswith("__Host-hub-position=") and "Max-Age=60" in kept and "HttpOnly" in kept
        client.cookies.set("__Host-hub-position", "of before another secret")
        assert client.get("/v1/session").status_code == 200
