"""What write-back could not do, and how the hub is, over HTTP."""

from __future__ import annotations

from starlette.testclient import TestClient

from hub.app import create_app
from hub.delivery import store
from hub.landing import store as landing
from hub.model import RecordId
from hub.open import Hub
from tests.access.population import key_for

BILLED = RecordId("billing", "customers", "w1")


def refused(hub: Hub) -> None:
    """A record that its source refuses, one that it refuses to make, and a stream that is held."""
    hub.resolver.upsert("billing", "customers", [{"id": "w1", "given_name": "Ana", "family_name": "Silva"}])
    with hub.database.unit() as c:
        info = landing.record_named(c, BILLED)
        assert info is not None
        store.wait(c, [(info.rid, "billing", "customers", 1)], 0)
        (waiting,) = store.claim(c, "billing", "customers", 1, 1, 1)
        store.settle(c, waiting, "rejected", detail="a constraint forbids it", at=1)
        landing.want(c, "crm", "people", [info.rid], 0)
        (new,) = landing.claim_creations(c, "crm", "people", 1, 1, 1)
        landing.settle_creation(c, new.id, "rejected", detail="the service answers 422", at=2, unsure=False)
        store.hold(c, "crm", "people", 4000, 3)


def test_dead_letters_are_listed_tried_again_and_given_up(hub: Hub) -> None:
    refused(hub)
    key = key_for(hub, "lead_steward")
    with TestClient(create_app(hub)) as client:
        found = client.get("/v1/write-back", headers=key).json()
        new, old = found["data"]
        assert (old["record"], old["why"], old["made_for"]) == (
            {"source": "billing", "stream": "customers", "key": "w1"},
            "a constraint forbids it",
            None,
        )
        assert (new["record"]["source"], new["made_for"]["key"]) == ("crm", "w1")
        assert [(h["stream"], h["waiting"]) for h in found["held"]] == [("people", 4000)]
        again = client.post("/v1/write-back/retry", json={"record": old["record"]}, headers=key)
        assert again.json() == {"records": 1}
        drop = {"record": new["record"], "reason": "no"}
        assert client.post("/v1/write-back/drop", json=drop, headers=key).status_code == 204
        assert client.get("/v1/write-back", headers=key).json()["data"] == []
        assert client.post("/v1/write-back/drop", json=drop, headers=key).status_code == 404
        assert client.post("/v1/write-back/crm/people/confirm", headers=key).status_code == 204
        assert client.get("/v1/write-back", headers=key).json()["held"] == []
        assert client.post("/v1/write-back/crm/none/confirm", headers=key).status_code == 404


def test_the_status_is_told_to_who_runs_the_hub(hub: Hub) -> None:
    refused(hub)
    with TestClient(create_app(hub)) as client:
        found = client.get("/v1/status", headers=key_for(hub, "lead_steward")).json()
        assert found["write_back"]["rejected"] == 2
        assert found["held"] == ["crm.people"]
        metrics = client.get("/metrics", headers=key_for(hub, "monitoring")).text
        assert "hub_outbox_lag_seconds" in metrics
        for path in ("/v1/status", "/v1/write-back"):
            assert client.get(path, headers=key_for(hub, "crm", "crm")).status_code == 403


def test_a_dispute_is_in_the_queue_looked_at_and_settled(hub: Hub) -> None:
    hub.resolver.upsert("billing", "customers", [{"id": "w1", "first": "Ana", "last": "Silva"}])
    with hub.database.unit() as c:
        info = landing.record_named(c, BILLED)
        assert info is not None
        store.wait(c, [(info.rid, "billing", "customers", 1)], 0)
        (waiting,) = store.claim(c, "billing", "customers", 1, 1, 1)
        store.settle(c, waiting, "tripped", detail=store.TRIPPED + "given_name", at=1)
    key = key_for(hub, "lead_steward")
    record = {"source": "billing", "stream": "customers", "key": "w1"}
    with TestClient(create_app(hub)) as client:
        (item,) = client.get("/v1/reviews/queue?kind=disputed", headers=key).json()["data"]
        assert (item["left"], item["words"]) == (record, "billing keeps changing back what is written: given_name")
        seen = client.get("/v1/write-back/dispute", params=record, headers=key).json()
        assert seen["fields"] == [{"attribute": "given_name", "hub": ["Ana"], "there": ["Ana"]}]
        given = {"record": record, "answer": "leave", "reason": "they shorten it"}
        assert client.post("/v1/write-back/settle", json=given, headers=key).status_code == 204
        assert client.post("/v1/write-back/settle", json=given, headers=key).status_code == 404
        assert (
            client.get("/v1/write-back/dispute", params=record, headers=key_for(hub, "crm", "crm")).status_code == 403
        )
