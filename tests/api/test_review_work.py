"""The review queue over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.app import create_app
from hub.open import Hub
from tests.access.population import ANA, fill, key_for


@pytest.fixture
def client(hub: Hub) -> TestClient:
    return TestClient(create_app(hub), raise_server_exceptions=False)


def part(client: TestClient, hub: Hub, key: dict[str, str]) -> dict[str, Any]:
    """Ana's two records agree in all but the national id: one item."""
    fill(hub, crm={"nid": "PT-99", "mail": ANA["mail"]})
    found = client.get("/v1/reviews/queue", headers=key)
    assert found.status_code == 200, found.text
    (item,) = found.json()["data"]
    return dict(item)


def test_an_item_is_seen_claimed_commented_and_gone_once_decided(client: TestClient, hub: Hub) -> None:
    key, other = key_for(hub, "steward"), key_for(hub, "steward", None)
    item = part(client, hub, key)
    pair = {"left": item["left"], "right": item["right"]}
    assert item["words"] and item["worth"] > 0
    assert client.post("/v1/reviews/claims", json=pair, headers=key).json()["claimed_by"]
    assert client.post("/v1/reviews/comments", json={**pair, "text": "same mail"}, headers=other).status_code == 201
    assert (
        client.post(
            "/v1/reviews/assignments", json={**pair, "to": "eve", "due": "2020-01-01T00:00:00Z"}, headers=key
        ).json()["assigned_to"]
        == "eve"
    )
    assert client.get("/v1/reviews/queue", headers=key).json()["data"][0]["comments"][0]["text"] == "same mail"
    assert (
        client.post("/v1/decisions", json={**pair, "verdict": "no_match", "reason": "seen"}, headers=key).status_code
        == 201
    )
    assert item not in client.get("/v1/reviews/queue", headers=key).json()["data"]
    assert client.get("/v1/reviews/proposals", headers=key).json()["data"][0]["labels"] >= 1


def test_who_may_not_decide_gets_nothing_and_unknown_records_are_not_found(client: TestClient, hub: Hub) -> None:
    fill(hub)
    nobody = {"source": "crm", "stream": "people", "key": "none"}
    assert client.get("/v1/reviews/queue", headers=key_for(hub, "stranger")).status_code == 403
    assert (
        client.post(
            "/v1/reviews/claims", json={"left": nobody, "right": nobody}, headers=key_for(hub, "steward")
        ).status_code
        == 404
    )
    assert client.get("/v1/reviews/queue?cursor=x", headers=key_for(hub, "steward")).status_code == 400
