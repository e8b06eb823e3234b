"""Subscriptions over HTTP: made, told once of their secret, tried, seen by their holder alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from hub.app import create_app
from hub.delivery.addresses import VARIABLE, allowed_networks
from hub.open import Hub
from tests.access.population import key_for
from tests.delivery.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_a_subscription_from_its_making_to_its_end(hub: Hub, receiver: Receiver) -> None:
    client = TestClient(create_app(replace(hub, networks=allowed_networks({VARIABLE: "127.0.0.0/8"}))))
    mine, other = key_for(hub, "billing"), key_for(hub, "crm")
    wish = {"name": "x", "url": receiver.url, "types": ["person"]}
    made = client.post("/v1/subscriptions", json=wish, headers=mine)
    assert (made.status_code, made.json()["state"], made.json()["role"]) == (201, "active", "billing")
    assert made.json()["secret"].startswith("whsec_")
    at = f"/v1/subscriptions/{made.json()['id']}"
    assert client.get(at, headers=mine).json()["secret"] is None
    assert client.get(at, headers=other).status_code == 404
    assert client.get("/v1/subscriptions", headers=other).json()["data"] == []
    assert client.post(f"{at}/test", headers=mine).json()["code"] == 204
    assert receiver.events()[0]["type"] == "hub.test"
    assert client.post(f"{at}/pause", headers=mine).json()["state"] == "paused"
    assert client.post(f"{at}/resume", headers=mine).json()["state"] == "active"
    assert client.post(f"{at}/rotate", headers=mine).json()["secret"] != made.json()["secret"]
    assert client.post(f"{at}/rotate", headers=mine).status_code == 409
    assert client.get(f"{at}/deliveries", headers=mine).json()["data"] == []
    span = {"since": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}
    assert client.post(f"{at}/replay", json=span, headers=mine).json() == {"deliveries": 0}
    assert client.post(f"{at}/deliveries/evt_x/drop", json={"reason": "old"}, headers=mine).status_code == 404
    assert client.delete(at, headers=mine).status_code == 204
    assert client.get(at, headers=mine).status_code == 404


def test_faults_are_named_all_at_once(hub: Hub) -> None:
    client = TestClient(create_app(hub))
    wish = {"name": " ", "url": "http://169.254.169.254/latest", "types": ["ghost"], "attributes": ["ghost"]}
    refused = client.post("/v1/subscriptions", json=wish, headers=key_for(hub, "billing"))
    assert refused.status_code == 422
    assert [e["pointer"] for e in refused.json()["errors"]] == ["/name", "/types", "/attributes", "/url"]
