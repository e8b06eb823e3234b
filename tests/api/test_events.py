"""What Segment's clients send: kept once, by whose key it comes, whatever is wrong with one message."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from hub.app import create_app
from hub.db import Database
from hub.landing import store as landing
from hub.model import RecordId
from hub.open import Hub
from hub.quality.verify import Verify
from hub.settings import load
from tests.access.population import SECRET, key_for, write_config

KEY = "wk-0123456789"
SORTS = {"orders": "interaction"}
SOURCE = """
connector: {kind: segment, write_key_env: TEST_WRITE_KEY, alias: match}
streams:
  people:
    customer: person
    map: {given_name: traits.firstName, family_name: traits.lastName, email: traits.email, phone: traits.phone}
  companies:
    customer: organisation
    calls: [group]
    key: groupId
    map: {company_name: traits.name, domain: traits.website}
  orders:
    interaction: order
    calls: [track]
    events: [Order Completed]
    key: messageId
    of: {key: userId || anonymousId, stream: people}
    map: {number: properties.order_id, ordered_at: timestamp, total: {amount: properties.total, currency: properties.currency}}
"""
ANN = {"type": "identify", "userId": "u1", "messageId": "m1", "timestamp": "2023-03-01T10:00:00Z",
       "traits": {"firstName": "Ann", "lastName": "Lee", "email": "ann@example.com"}}  # fmt: skip
ORDER = {"type": "track", "event": "Order Completed", "userId": "u1", "messageId": "m2", "timestamp": "2023-03-02T10:00:00Z",
         "properties": {"order_id": "O-1", "total": 30.5, "currency": "EUR"}}  # fmt: skip


@pytest.fixture
def hub(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("TEST_WRITE_KEY", KEY)
    write_config(tmp_path / "config")
    (tmp_path / "config/sources/web_events.yaml").write_text(SOURCE)
    made = Hub.open(database, load(tmp_path / "config", {"TEST_WRITE_KEY": KEY}), tmp_path, {"HUB_SECRET": SECRET})
    yield made
    made.close()


@pytest.fixture
def client(hub: Hub) -> TestClient:
    return TestClient(create_app(hub), raise_server_exceptions=False)


def basic(key: str = KEY) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


def batch(client: TestClient, *messages: Any, **more: Any) -> None:
    answer = client.post("/v1/batch", json={"batch": list(messages), **more}, headers=basic())
    assert (answer.status_code, answer.json()) == (200, {"success": True})


def kept(hub: Hub, stream: str, key: str) -> list[Any]:
    with hub.database.read() as connection:
        found = landing.record_named(connection, RecordId("web_events", stream, key), SORTS.get(stream, "customer"))
        return [] if found is None else landing.versions_of(connection, [found.rid])[found.rid]


def customers(hub: Hub, client: TestClient) -> list[Any]:
    return list(client.get("/v1/customers", headers=key_for(hub, "steward")).json()["data"])


def test_a_message_sent_again_changes_nothing(hub: Hub, client: TestClient) -> None:
    batch(client, ANN, ORDER, sentAt="2023-03-02T10:00:01Z")
    batch(client, {**ANN, "sentAt": "2023-03-02T10:00:09Z"}, {**ORDER, "sentAt": "2023-03-02T10:00:09Z"})
    assert len(kept(hub, "people", "u1")) == 1
    assert len(kept(hub, "orders", "m2")) == 1
    assert Verify(hub.resolver).run().total == 0


def test_traits_that_are_absent_say_nothing(hub: Hub, client: TestClient) -> None:
    batch(client, ANN)
    later = {"type": "identify", "userId": "u1", "messageId": "m9", "timestamp": "2023-03-05T10:00:00Z", "traits": {"phone": "+49 30 901820"}}  # fmt: skip
    batch(client, later)
    assert len(kept(hub, "people", "u1")) == 2
    (ann,) = customers(hub, client)
    assert "ann@example.com" in str(ann)
    assert "+4930901820" in str(ann)


def test_an_alias_joins_two_records_once_in_either_order(hub: Hub, client: TestClient) -> None:
    alias = {
        "type": "alias",
        "previousId": "anon-1",
        "userId": "u1",
        "messageId": "a1",
        "timestamp": "2023-03-03T10:00:00Z",
    }
    visitor = {"type": "identify", "anonymousId": "anon-1", "messageId": "m3", "timestamp": "2023-03-01T09:00:00Z", "traits": {"email": "other@example.org"}}  # fmt: skip
    batch(client, alias)
    batch(client, ANN, visitor, alias)
    assert len(customers(hub, client)) == 1
    with hub.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM decision").scalar_one() == 1
    assert Verify(hub.resolver).run().total == 0


def test_what_cannot_be_kept_is_set_aside_and_the_rest_goes_on(hub: Hub, client: TestClient) -> None:
    nameless = {
        "type": "identify",
        "messageId": "m5",
        "timestamp": "2023-03-01T10:00:00Z",
        "traits": {"email": "x@example.com"},
    }
    batch(
        client, "no message", nameless, {**ORDER, "userId": None}, ANN, {"type": "page", "userId": "u1", "name": "Home"}
    )
    with hub.database.read() as connection:
        aside = landing.quarantined(connection, "web_events")
    assert len(aside) == 3
    assert kept(hub, "people", "u1")


def test_a_message_from_the_future_does_not_outlast_those_of_today(hub: Hub, client: TestClient) -> None:
    batch(client, {**ANN, "timestamp": "2099-01-01T00:00:00Z"})
    (version,) = kept(hub, "people", "u1")
    assert version.order[0] < "2099"
    assert version.raw["originalTimestamp"] == "2099-01-01T00:00:00Z"


@pytest.mark.parametrize("call", ["identify", "track", "page", "screen", "group", "alias"])
def test_each_call_has_an_address_of_its_own(client: TestClient, call: str) -> None:
    body = {"userId": "u1", "messageId": "m7", "timestamp": "2023-03-01T10:00:00Z", "groupId": "g", "traits": {}}
    assert client.post(f"/v1/{call}", json=body, headers=basic()).json() == {"success": True}
    in_the_body = client.post(f"/v1/{call}", json={**body, "writeKey": KEY})
    if call == "identify":  # the hub's own route has that path for all who show no write key as credentials
        assert in_the_body.status_code == 401
    else:
        assert in_the_body.json() == {"success": True}


def test_only_a_write_key_opens(hub: Hub, client: TestClient) -> None:
    for headers in ({}, basic("wrong"), {"authorization": "Basic ???"}, {"authorization": "Bearer " + KEY}):
        answer = client.post("/v1/batch", json={"batch": [ANN]}, headers=headers)
        assert answer.status_code == 401
    assert client.post("/v1/batch", json={"batch": [ANN], "writeKey": "wrong"}).status_code == 401
    assert kept(hub, "people", "u1") == []


def test_gzip_is_read_and_bounded(hub: Hub, client: TestClient) -> None:
    packed = {**basic(), "content-encoding": "gzip", "content-type": "application/json"}
    assert (
        client.post(
            "/v1/batch", content=gzip.compress(json.dumps({"batch": [ANN]}).encode()), headers=packed
        ).status_code
        == 200
    )
    assert len(kept(hub, "people", "u1")) == 1
    assert client.post("/v1/batch", content=gzip.compress(b"0" * (17 << 20)), headers=packed).status_code == 413
    assert client.post("/v1/batch", content=b"no gzip", headers=packed).status_code == 400
    for body in (b"[]", b"{", b'{"batch": 1}'):
        assert client.post("/v1/batch", content=body, headers=basic()).status_code == 400
