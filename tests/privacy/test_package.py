"""A package holds all of one person, and nothing of another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.access.principals import Principal
from hub.app import create_app
from hub.db import Database
from hub.errors import Conflict
from hub.model import from_micros, to_micros
from hub.open import Hub
from hub.privacy.clock import extended_due, first_due
from hub.privacy.package import as_csv, as_page
from tests.access.population import ANA, ANA_IN_CRM, BO, TestClock, fill, key_for, open_hub, write_config

OFFICER = Principal("o", "o", "staff", "privacy_officer")


@pytest.fixture
def hub(tmp_path: Path, database: Database) -> Iterator[Hub]:
    before, database.clock = database.clock, TestClock()
    made = open_hub(database, write_config(tmp_path / "config"), tmp_path / "data")
    made.resolver.reread()
    yield made
    made.close()
    database.clock = before


def test_it_holds_all_of_one_person_and_nothing_of_another(hub: Hub) -> None:
    ids = fill(hub)
    hub.logbook.add(ids["ana"], "call", {"note": "asks for a loaf"}, by="s")
    hub.logbook.add(ids["bo"], "call", {"note": "quite another matter"}, by="s")
    for text in (as_page(hub.packages.access(OFFICER, ids["ana"])), str(hub.packages.portable(OFFICER, ids["ana"]))):
        for row in (ANA, ANA_IN_CRM):
            assert {row[k] for k in ("last", "mail", "job") if row[k] not in text} == set()
        assert "asks for a loaf" in text and "another matter" not in text
        assert not any(BO[k] in text for k in ("last", "mail", "nid", "tax", "street"))
    flat = as_csv(hub.packages.portable(OFFICER, ids["ana"]))
    assert "billing,customers,1,email,ana@silva.pt" in flat.splitlines()
    assert {"marketing", "Write to customers who agreed to it"} & set(
        str(hub.packages.access(OFFICER, ids["ana"])).split("'")
    )


def test_by_http_it_runs_from_its_opening_to_its_end_for_officers_alone(hub: Hub) -> None:
    id = fill(hub)["ana"]
    client, officer, steward = TestClient(create_app(hub)), key_for(hub, "privacy_officer"), key_for(hub, "steward")
    asked = {"customer": id, "kind": "access", "reason": "letter"}
    assert client.post("/v1/requests", json=asked, headers=steward).status_code == 403
    made = client.post("/v1/requests", json=asked, headers=officer)
    assert made.status_code == 201 and made.json()["state"] == "open"
    assert client.post("/v1/requests", json=asked, headers=officer).status_code == 409
    path = f"/v1/requests/{made.json()['id']}"
    assert client.get(f"{path}/package", headers=officer).json()["customer"] == id
    assert client.post(f"{path}/extend", json={"reason": "much"}, headers=officer).json()["due"] > made.json()["due"]
    assert client.post(f"{path}/extend", json={"reason": "more"}, headers=officer).status_code == 409
    assert client.post(f"{path}/close", headers=officer).json()["state"] == "closed"
    assert client.get(f"{path}/package", headers=officer).status_code == 409
    refused = client.post("/v1/requests", json={**asked, "kind": "erasure"}, headers=officer).json()
    assert refused["state"] == "removed" and client.get(f"/v1/customers/{id}", headers=steward).status_code == 410


def test_a_doubtful_customers_data_are_nobodys_to_give_away(hub: Hub) -> None:
    fill(hub)
    bare = {"mail": "", "phone": "", "nid": "", "tax": "", "born": "", "job": ""}
    held = hub.resolver.upsert("billing", "customers", [{**BO, **bare, "id": "9", "first": "B."}])[0]
    assert held.customer is not None
    request = hub.requests.open(held.customer, "access", by="o")
    with pytest.raises(Conflict, match="wait for review"):
        hub.requests.running(request.id)


@pytest.mark.parametrize(
    ("opened", "due", "extended"),
    [
        ("2027-01-31", "2027-02-28", "2027-04-30"),
        ("2026-11-29", "2026-12-29", "2027-02-28"),
        ("2028-01-30", "2028-02-29", "2028-04-30"),
    ],
)
def test_a_month_ends_where_months_are_shorter_too(opened: str, due: str, extended: str) -> None:
    at = to_micros(datetime.fromisoformat(opened).replace(tzinfo=UTC))
    assert [from_micros(f(at)).date().isoformat() for f in (first_due, extended_due)] == [due, extended]
