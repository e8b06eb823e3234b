"""What a person says of themselves survives every pull, goes to the systems, and is no evidence of who anybody is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.access.authentication.principals import Principal
from hub.app import create_app
from hub.db import Database
from hub.open import Hub
from hub.quality.verify import Verify
from hub.resolve.own_side import OwnWord
from tests.access.population import ANA, ANA_IN_CRM, BO, TestClock, fill, key_for, open_hub, write_config

STEWARD = Principal("s", "s", "staff", "steward")
LATER, LATEST = "2027-03-01T00:00:00Z", "2027-06-01T00:00:00Z"  # after the clock's beginning, in January 2027
DAY = 86_400_000_000


@pytest.fixture
def hub(tmp_path: Path, database: Database) -> Iterator[Hub]:
    before, database.clock = database.clock, TestClock()
    made = open_hub(database, write_config(tmp_path / "config"), tmp_path / "data")
    yield made
    made.close()
    database.clock = before


def values(hub: Hub, id: str) -> dict[str, object]:
    return dict(hub.reader.get_customer(STEWARD, id).values)


def test_a_correction_wins_over_what_was_said_before_and_survives_every_pull(hub: Hub) -> None:
    id = fill(hub)["ana"]
    hub.own_side.state(
        id, OwnWord({"given_name": "Anna", "occupation": None, "email": ["ana@silva.pt"]}, "letter"), by="o"
    )
    seen = values(hub, id)
    assert (seen["given_name"], seen["occupation"], seen["email"]) == ("Anna", None, ["ana@silva.pt"])
    hub.resolver.upsert("billing", "customers", [{**ANA, "phone": "+351 21 790 4001", "updated": LATER}])
    hub.resolver.upsert("crm", "people", [{**ANA_IN_CRM, "phone": "+351 21 790 4001", "updated": LATER}])
    seen = values(hub, id)
    assert (seen["given_name"], seen["occupation"], seen["email"]) == ("Anna", None, ["ana@silva.pt"])
    hub.resolver.upsert("crm", "people", [{**ANA_IN_CRM, "job": "mayor", "mail": "mayor@lisboa.pt", "updated": LATEST}])
    seen = values(hub, id)
    assert (seen["occupation"], seen["email"]) == ("mayor", ["ana@silva.pt", "mayor@lisboa.pt"])
    assert Verify(hub.resolver).run().total == 0


def test_it_outweighs_a_value_by_hand_of_before_and_not_one_of_after(hub: Hub) -> None:
    from tests.steward import Steward

    id, steward = fill(hub)["ana"], Steward(hub.resolver)
    steward.override(id, "occupation", ("miller",), by="s", reason="")
    hub.own_side.state(id, OwnWord({"occupation": "poet"}, "letter"), by="o")
    assert values(hub, id)["occupation"] == "poet"
    steward.override(id, "occupation", ("miller",), by="s", reason="")
    assert values(hub, id)["occupation"] == "miller"


def test_what_holds_from_a_day_on_changes_nothing_before(hub: Hub) -> None:
    id = fill(hub)["ana"]
    now, then = {"line1": "Rua Nova 1", "city": "Porto"}, {"line1": "Am Markt 7", "postcode": "99084", "city": "Erfurt"}
    hub.own_side.state(id, OwnWord({"address": then}, "signed in", "2027-02-01"), by="o")
    hub.own_side.state(id, OwnWord({"address": now}, "signed in"), by="o")
    assert values(hub, id)["address"]["city"] == "Porto"
    hub.database.clock.at += 60 * DAY
    hub.resolver.tick()
    assert values(hub, id)["address"]["city"] == "Erfurt"


def test_nobody_joins_by_what_they_say_of_themselves(hub: Hub) -> None:
    ids = fill(hub)
    bo = {
        "email": [BO["mail"]],
        "phone": [BO["phone"]],
        "national_id": BO["nid"],
        "family_name": "Müller",
        "given_name": "Bo",
    }
    hub.own_side.state(ids["ana"], OwnWord(bo, "signed in"), by="o")
    assert hub.reader.get_customer(STEWARD, ids["bo"]).id != hub.reader.get_customer(STEWARD, ids["ana"]).id


def test_the_order_in_which_it_comes_does_not_matter(tmp_path: Path, hub: Hub) -> None:
    """Pulls before and after, restated and corrected: the same in every order."""
    id = fill(hub)["ana"]
    steps = [
        lambda: hub.own_side.state(id, OwnWord({"occupation": "poet"}, "letter"), by="o"),
        lambda: hub.resolver.upsert("billing", "customers", [{**ANA, "updated": "2026-05-01T00:00:00Z"}]),
        lambda: hub.resolver.upsert(
            "crm", "people", [{**ANA_IN_CRM, "job": "smith", "updated": "2026-06-01T00:00:00Z"}]
        ),
    ]
    for order in permutations(steps):
        for step in order:
            step()
        assert values(hub, id)["occupation"] == "poet"
    assert Verify(hub.resolver).run().total == 0


def test_a_request_of_rectification_is_answered_by_it(hub: Hub) -> None:
    id = fill(hub)["ana"]
    client, officer = TestClient(create_app(hub)), key_for(hub, "privacy_officer")
    made = client.post("/v1/requests", headers=officer, json={"customer": id, "kind": "rectification"}).json()
    bad = client.post(
        f"/v1/requests/{made['id']}/rectify", headers=officer, json={"values": {"birth_date": "x", "hat": "y"}}
    )
    assert bad.status_code == 422 and "/values/hat" in bad.text
    bad = client.post(
        f"/v1/requests/{made['id']}/rectify", headers=officer, json={"values": {"birth_date": "31.31.1980"}}
    )
    assert bad.status_code == 422 and "/values/birth_date" in bad.text
    said = {"values": {"family_name": "Sousa", "email": ["a@sousa.pt"]}, "how": "letter"}
    done = client.post(f"/v1/requests/{made['id']}/rectify", headers=officer, json=said)
    assert (done.status_code, done.json()["state"]) == (200, "closed"), done.text
    seen = client.get(f"/v1/customers/{id}", headers=key_for(hub, "steward")).json()
    assert (seen["values"]["family_name"], seen["values"]["email"]) == ("Sousa", ["a@sousa.pt"])
    row = {"id": "1", "at": LATER, "values": {"family_name": "Mallory"}}
    refused = client.put("/v1/records/self/person/1", headers=key_for(hub, "steward"), json=row)
    assert refused.status_code in (403, 404), refused.text
