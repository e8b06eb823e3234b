"""A company asks, a customer grants: the company has that and nothing else, hears of changes, and loses it when it is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.app import create_app
from hub.db import Database
from hub.open import Hub
from hub.settings import load
from tests.access.population import PEOPLE, ROLES, TestClock, fill, key_for, open_hub, write_config
from tests.access.test_codes import signed_in

COMPANY = """
  energy:
    may: [read, ask, subscribe]
    purposes: [tariffs]
    views: {person: {given_name: show, family_name: show, address: show}}
"""
ASK = {
    "kind": "email",
    "to": "ana@silva.pt",
    "purpose": "tariffs",
    "attributes": ["given_name", "address"],
    "ongoing": True,
}


@pytest.fixture
def hub(tmp_path: Path, database: Database) -> Iterator[Hub]:
    before, database.clock = database.clock, TestClock()
    folder = write_config(tmp_path / "config", roles=ROLES).folder
    with (folder / "purposes.yaml").open("a") as file:
        file.write("\n  tariffs: {title: Find a tariff, basis: consent}\n")
    with (folder / "access.yaml").open("a") as file:
        file.write(COMPANY + PEOPLE)
    made = open_hub(database, load(folder, {}), tmp_path / "data")
    yield made
    made.close()
    database.clock = before


def test_a_company_has_what_is_granted_hears_of_changes_and_loses_it(hub: Hub) -> None:
    id = fill(hub)["ana"]
    company, key, here = TestClient(create_app(hub)), key_for(hub, "energy"), signed_in(hub, "ana@silva.pt")
    ask = company.post("/v1/asks", headers=key, json=ASK).json()
    assert (ask["state"], ask["values"]) == ("asked", None)
    assert company.get(f"/v1/customers/{id}", headers=key).status_code == 404
    [seen] = here.get("/v1/me/asks").json()["data"]
    assert (seen["state"], seen["attributes"], seen["had"]) == ("asked", ["given_name", "address"], 0)
    granted = here.post(f"/v1/me/asks/{ask['id']}/grant", json={"attributes": ["address", "given_name", "tax_id"]})
    assert granted.json()["granted"] == ["given_name", "address"]
    has = company.get(f"/v1/asks/{ask['id']}", headers=key).json()
    assert has["state"] == "granted" and has["values"].keys() == {"given_name", "address"}
    assert company.get(f"/v1/customers/{id}", headers=key).status_code == 200  # and so it is told of changes
    here.patch("/v1/me/data", json={"values": {"address": {"line1": "Rua Nova 1", "city": "Porto"}}})
    assert company.get(f"/v1/asks/{ask['id']}", headers=key).json()["values"]["address"]["city"] == "Porto"
    changes = company.get("/v1/changes", headers=key).json()["data"]
    assert [c["type"] for c in changes] == ["entered", "updated"]
    assert here.get("/v1/me/asks").json()["data"][0]["had"] == 2
    assert here.post(f"/v1/me/asks/{ask['id']}/withdraw").json()["state"] == "withdrawn"
    gone = company.get(f"/v1/asks/{ask['id']}", headers=key).json()
    assert (gone["state"], gone["values"]) == ("withdrawn", None)
    assert company.get(f"/v1/customers/{id}", headers=key).status_code == 404
    assert company.get("/v1/changes", headers=key).json()["data"][-1]["type"] == "left"


def test_what_is_granted_in_part_or_once_is_no_subscription(hub: Hub) -> None:
    id = fill(hub)["ana"]
    company, key, here = TestClient(create_app(hub)), key_for(hub, "energy"), signed_in(hub, "ana@silva.pt")
    once = company.post("/v1/asks", headers=key, json={**ASK, "ongoing": False}).json()["id"]
    part = company.post("/v1/asks", headers=key, json=ASK).json()["id"]
    here.post(f"/v1/me/asks/{once}/grant", json={"attributes": ["given_name", "address"]})
    here.post(f"/v1/me/asks/{part}/grant", json={"attributes": ["given_name"]})
    assert company.get(f"/v1/asks/{part}", headers=key).json()["values"] == {"given_name": "Ana"}
    assert company.get(f"/v1/asks/{once}", headers=key).json()["values"]["given_name"] == "Ana"
    assert company.get(f"/v1/asks/{once}", headers=key).json() == {"id": once, "state": "delivered", "values": None}
    assert company.get(f"/v1/customers/{id}", headers=key).status_code == 404
    hub.requests.restrict(id, by="o")
    assert company.get(f"/v1/asks/{part}", headers=key).json()["values"] is None


def test_nobody_learns_whether_somebody_is_there_or_said_no(hub: Hub) -> None:
    fill(hub)
    company, key = TestClient(create_app(hub)), key_for(hub, "energy")
    here, other = signed_in(hub, "ana@silva.pt"), signed_in(hub, "bo@mueller.de")
    asks = [company.post("/v1/asks", headers=key, json={**ASK, "to": to}) for to in ("ana@silva.pt", "nobody@x.pt")]
    assert {(a.status_code, a.json()["state"]) for a in asks} == {(201, "asked")}
    first = asks[0].json()["id"]
    assert other.get("/v1/me/asks").json()["data"] == []
    assert other.post(f"/v1/me/asks/{first}/grant", json={"attributes": ["address"]}).status_code == 404
    assert here.post(f"/v1/me/asks/{first}/refuse").json()["state"] == "refused"
    assert [company.get(f"/v1/asks/{a.json()['id']}", headers=key).json()["state"] for a in asks] == ["asked", "asked"]
    assert here.post(f"/v1/me/asks/{first}/grant", json={"attributes": ["address"]}).status_code == 409
    assert company.get(f"/v1/asks/{first}", headers=key_for(hub, "energy")).status_code == 404  # another key's
    for wrong in ({"attributes": ["tax_id"]}, {"purpose": "marketing"}, {"to": "x"}):
        assert company.post("/v1/asks", headers=key, json={**ASK, **wrong}).status_code == 422
