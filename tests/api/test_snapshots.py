"""A snapshot over HTTP: lines of JSON, refusals before it begins, and the transaction that ends with its answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from hub.access import snapshots
from hub.app import create_app
from hub.open import Hub
from tests.access.population import ANA, fill, key_for


@pytest.fixture
def client(hub: Hub) -> Iterator[TestClient]:
    yield TestClient(create_app(hub), raise_server_exceptions=False)


def lines(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [orjson.loads(line) for line in answer.text.splitlines()]


def test_lines_end_with_the_cursor_that_the_feed_goes_on_from(hub: Hub, client: TestClient) -> None:
    ids = fill(hub)
    key = key_for(hub, "shipping")
    *customers, end = lines(client.post("/v1/snapshots", json={}, headers=key))
    assert {c["customer"]["id"] for c in customers} == set(ids.values())
    for line in customers:
        assert line["customer"] == client.get(f"/v1/customers/{line['customer']['id']}", headers=key).json()
    assert end["end"]["customers"] == len(set(ids.values()))
    feed = f"/v1/changes?cursor={end['end']['cursor']}"
    page = client.get(feed, headers=key).json()
    assert (page["data"], page["next_cursor"]) == ([], end["end"]["cursor"])
    moved = client.put(
        "/v1/sources/billing/customers/records/1",
        json={**ANA, "town": "Faro", "updated": "2026-05-01T00:00:00Z"},
        headers=key_for(hub, "billing", "billing"),
    )
    asked = {"ids": [ids["ana"], "cus_nobody"], "at_least": moved.headers["x-hub-position"]}
    first, missing, end = lines(client.post("/v1/snapshots", json=asked, headers=key))
    assert first["customer"]["values"]["address"]["city"] == "Faro"
    assert missing == {"missing": {"id": "cus_nobody"}}
    assert [c["customer"] for c in client.get(feed, headers=key).json()["data"]] == [ids["ana"]]
    assert client.get(f"/v1/changes?cursor={end['end']['cursor']}", headers=key).json()["data"] == []


def test_what_is_refused_is_a_problem_and_no_answer_that_breaks_off(hub: Hub, client: TestClient) -> None:
    fill(hub)
    key = key_for(hub, "marketing")
    for body in ({"types": ["x"]}, {"where": {"birth_date": ["1980-05-17"]}}, {"ids": "x"}, {"nothing": 1}):
        assert client.post("/v1/snapshots", json=body, headers=key).status_code == 422
    assert client.post("/v1/snapshots", json={"at_least": "x"}, headers=key).status_code == 400
    record = {"source": "billing", "stream": "customers", "key": "1"}
    assert client.post("/v1/snapshots", json={"records": [record]}, headers=key).status_code == 403


def test_no_transaction_outlives_its_answer(hub: Hub, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "PAGE", 1)
    fill(hub)
    key = key_for(hub, "steward")
    before = hub.database.engine.pool.checkedout()  # type: ignore[attr-defined]
    for _ in range(3):
        lines(client.post("/v1/snapshots", json={}, headers=key))
        client.post("/v1/snapshots", json={"at_least": "x"}, headers=key)
    assert hub.database.engine.pool.checkedout() == before  # type: ignore[attr-defined]
