"""Acts over HTTP: preview, do, list, undo; who may; stale ETags."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.app import create_app
from hub.open import Hub
from tests.access.population import fill, key_for


@pytest.fixture
def client(hub: Hub) -> TestClient:
    return TestClient(create_app(hub), raise_server_exceptions=False)


def etag(client: TestClient, key: dict[str, str], id: str) -> str:
    return str(client.get(f"/v1/customers/{id}", headers=key).headers["etag"])


def merge(client: TestClient, key: dict[str, str], a: str, b: str) -> dict[str, Any]:
    return {
        "act": {"kind": "merge", "a": a, "b": b},
        "reason": "one person",
        "etags": {a: etag(client, key, a), b: etag(client, key, b)},
    }


def test_a_merge_is_previewed_done_listed_and_undone(client: TestClient, hub: Hub) -> None:
    ids, key = fill(hub), key_for(hub, "steward")
    asked = merge(client, key, ids["ana"], ids["bo"])
    before = client.get(f"/v1/customers/{ids['bo']}", headers=key).json()
    seen = client.post("/v1/acts/preview", json=asked, headers=key)
    assert seen.status_code == 200, seen.text
    assert {s["id"] for s in seen.json()["before"]} == {ids["ana"], ids["bo"]} and len(seen.json()["after"]) == 1
    assert client.get(f"/v1/customers/{ids['bo']}", headers=key).json() == before
    done = client.post("/v1/acts", json=asked, headers={**key, "idempotency-key": "once"})
    assert done.status_code == 201 and client.get(f"/v1/customers/{ids['bo']}", headers=key).json()["id"] == ids["ana"]
    assert client.post("/v1/acts", json=asked, headers={**key, "idempotency-key": "once"}).json() == done.json()
    assert client.post("/v1/acts", json=asked, headers=key).status_code in (409, 412)
    (listed,) = client.get("/v1/acts", headers=key).json()["data"]
    assert listed == done.json() and not listed["undone"]
    undo = f"/v1/acts/{listed['id']}/undo"
    assert client.post(f"{undo}/preview", json={"reason": "no"}, headers=key).json()["counts"]
    assert client.post(undo, json={"reason": "no"}, headers=key).json()["undone"]
    again = client.get(f"/v1/customers/{ids['bo']}", headers=key).json()
    assert again["values"] == before["values"] and again["id"] == before["id"]
    assert client.post(undo, json={"reason": "no"}, headers=key).status_code == 409
    assert client.post("/v1/acts/act_none/undo", json={"reason": "no"}, headers=key).status_code == 404


def test_an_act_without_etags_or_with_stale_ones_is_refused(client: TestClient, hub: Hub) -> None:
    ids, key = fill(hub), key_for(hub, "steward")
    asked = merge(client, key, ids["ana"], ids["bo"])
    assert client.post("/v1/acts", json={**asked, "etags": {}}, headers=key).status_code == 428
    hub.resolver.upsert(
        "billing", "customers", [{"id": "2", "first": "Bo", "last": "Meier", "updated": "2026-06-01T00:00:00Z"}]
    )
    assert client.post("/v1/acts", json=asked, headers=key).status_code == 412
    assert client.get("/v1/acts", headers=key).json()["data"] == []


def test_records_are_split_off_and_values_set_by_hand(client: TestClient, hub: Hub) -> None:
    ids, key = fill(hub), key_for(hub, "steward")
    assert ids["ana"] == ids["crm"]
    crm = {"source": "crm", "stream": "people", "key": "p1"}
    split = {
        "act": {"kind": "split", "customer": ids["ana"], "records": [crm]},
        "reason": "two",
        "etags": {ids["ana"]: etag(client, key, ids["ana"])},
    }
    assert client.post("/v1/acts", json=split, headers=key).status_code == 201
    value = {
        "act": {"kind": "set_value", "customer": ids["ana"], "attribute": "occupation", "values": ["painter"]},
        "reason": "she said so",
        "etags": {ids["ana"]: etag(client, key, ids["ana"])},
    }
    seen = client.post("/v1/acts/preview", json=value, headers=key).json()
    assert seen["after"][0]["values"]["occupation"] == "painter"
    assert client.post("/v1/acts", json=value, headers=key).status_code == 201
    unmerge = {"act": {"kind": "unmerge", "record": crm}, "reason": "alone"}
    assert client.post("/v1/acts", json=unmerge, headers=key).status_code == 409


def test_bulk_acts_are_for_administrators_and_strangers_learn_nothing(client: TestClient, hub: Hub) -> None:
    ids, steward = fill(hub), key_for(hub, "steward")
    window = {"since": "2020-01-01T00:00:00Z", "until": "2090-01-01T00:00:00Z"}
    for act in ({"kind": "suspend", "source": "billing", **window}, {"kind": "withdraw_inputs", "by": "x", **window}):
        assert client.post("/v1/acts", json={"act": act, "reason": "r"}, headers=steward).status_code == 403
        assert client.post("/v1/acts/preview", json={"act": act, "reason": "r"}, headers=steward).status_code == 403
    stranger = key_for(hub, "stranger")
    asked = merge(client, steward, ids["ana"], ids["bo"])
    assert client.post("/v1/acts/preview", json=asked, headers=stranger).status_code == 403
    unknown = {**asked, "act": {"kind": "merge", "a": "cus_none", "b": ids["bo"]}}
    assert client.post("/v1/acts/preview", json=unknown, headers=steward).status_code == 404


def test_whatever_a_steward_does_is_an_act_that_is_listed_and_undone(client: TestClient, hub: Hub) -> None:
    """By the routes of decisions and overrides as by acts: one list, one undo."""
    ids, key = fill(hub), key_for(hub, "steward")
    left, right = ({"source": "billing", "stream": "customers", "key": k} for k in ("1", "2"))
    verdict = {"left": left, "right": right, "verdict": "match", "reason": "one person"}
    made = client.post("/v1/decisions", json=verdict, headers=key)
    assert made.status_code == 201, made.text
    override = f"/v1/customers/{ids['ana']}/overrides/occupation"
    first = {**key, "if-match": "*"}
    assert client.put(override, json={"values": ["painter"], "reason": "r"}, headers=first).status_code == 200
    assert client.delete(override, headers=first).status_code == 200
    assert client.delete(override, headers=first).status_code == 404
    assert client.delete(f"/v1/decisions/{made.json()['id']}?reason=slip", headers=key).status_code == 204
    acts = {a["kind"]: a for a in client.get("/v1/acts", headers=key).json()["data"]}
    assert acts.keys() == {"decide", "set_value", "drop_value", "withdraw"}
    assert made.json()["act"] == acts["decide"]["id"] and acts["withdraw"]["reason"] == "slip"
    for kind, shown in (("withdraw", ids["ana"]), ("drop_value", ids["ana"]), ("decide", ids["bo"])):
        undone = client.post(f"/v1/acts/{acts[kind]['id']}/undo", json={"reason": "r"}, headers=key)
        assert undone.status_code == 200, undone.text
        assert client.get(f"/v1/customers/{ids['bo']}", headers=key).json()["id"] == shown
    assert client.get(f"/v1/customers/{ids['ana']}", headers=key).json()["values"]["occupation"] == "painter"


def test_a_verdict_and_a_value_are_previewed_before_they_count(client: TestClient, hub: Hub) -> None:
    ids, key = fill(hub), key_for(hub, "steward")
    left, right = ({"source": "billing", "stream": "customers", "key": k} for k in ("1", "2"))
    verdict = {"act": {"kind": "decide", "left": left, "right": right, "verdict": "match"}, "reason": "one person"}
    seen = client.post("/v1/acts/preview", json=verdict, headers=key).json()
    assert len(seen["before"]) == 2 and len(seen["after"]) == 1
    assert client.post("/v1/acts", json=verdict, headers=key).status_code == 201
    drop = {
        "act": {"kind": "drop_value", "customer": ids["ana"], "attribute": "occupation"},
        "reason": "r",
        "etags": {ids["ana"]: etag(client, key, ids["ana"])},
    }
    assert client.post("/v1/acts/preview", json=drop, headers=key).status_code == 404  # none was set
    unknown = {"act": {"kind": "withdraw", "decision": 99}, "reason": "r"}
    assert client.post("/v1/acts", json=unknown, headers=key).status_code == 404
