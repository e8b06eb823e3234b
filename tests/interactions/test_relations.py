"""How customers belong together: ends follow merges, circles are told and not followed, figures add up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from hub.access.authentication.principals import Principal
from hub.app import create_app
from hub.db import Database
from hub.open import Hub
from hub.quality.verify import Verify
from hub.settings import load
from hub.stewardship.acts import Merge
from hub.stewardship.run import Acts
from tests.access.population import CONFIG, key_for, new_database, open_hub, write_config
from tests.conftest import empty

SHOP = """
connector: {kind: file, path: shop}
streams:
  people:
    customer: person
    key: id
    map: {given_name: first, family_name: last, email: mail, phone: phone, address: {line1: street, postcode: zip, city: town}}
  companies: {customer: organisation, key: id, map: {company_name: name}}
  contacts:
    relation: contact_person
    key: id
    of: {key: person, stream: people}
    to: {key: company, stream: companies}
    map: {function: role, until: until}
  parents:
    relation: parent
    key: id
    deleted: gone
    of: {key: child, stream: companies}
    to: {key: parent, stream: companies}
  orders:
    interaction: order
    key: id
    of: {key: owner, stream: companies}
    map: {ordered_at: at, total: total}
"""
ROLES = """
  plain: {may: [read], views: {person: {"*": show}, organisation: {"*": show}}}
  masked: {may: [read], views: {person: {family_name: show, address: mask}, household: {"*": show}}}
  companies_only: {may: [read], views: {organisation: {"*": show}, contact_person: {"*": show}}}
"""


class Desk:
    def __init__(self, hub: Hub):
        self.hub, self.client = hub, TestClient(create_app(hub), raise_server_exceptions=False)
        hub.resolver.reread()

    def land(self, stream: str, **row: Any) -> str:
        found = self.hub.resolver.upsert("shop", stream, [row])[0]
        assert found.happened != "quarantined", found
        return str(found.customer)

    def get(self, path: str, role: str = "steward", status: int = 200, **params: Any) -> Any:
        found = self.client.get(f"/v1{path}", headers=key_for(self.hub, role), params=params)
        assert found.status_code == status, found.text
        return found.json()

    def told(self, id: str, role: str = "steward") -> list[tuple[str, str]]:
        return [(r["title"], r["customer"]) for r in self.get(f"/customers/{id}/relations", role)["data"]]

    def check(self) -> None:
        found = Verify(self.hub.resolver).run()
        assert not found.total, found.samples


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    empty(database)
    write_config(tmp_path / "config", {"shop": SHOP}, ROLES)
    (tmp_path / "config/figures.yaml").write_text((CONFIG / "figures.yaml").read_text(encoding="utf-8"))
    hub = open_hub(database, load(tmp_path / "config", {}), tmp_path / "data")
    yield Desk(hub)
    hub.close()


def test_the_ends_of_a_relation_go_where_their_records_go(desk: Desk) -> None:
    desk.land("contacts", id="1", person="ann", company="acme", role="buyer")
    ann, bob = (desk.land("people", id=n, first=n, last=f"{n}son", mail=f"{n}@x.example") for n in ("ann", "bob"))
    acme = desk.land("companies", id="acme", name="Acme Logistics")
    assert desk.told(ann) == [("Contact person of", acme)]
    assert desk.told(acme) == [("Contact person", ann)]
    assert desk.get(f"/customers/{acme}/relations")["data"][0]["values"] == {"function": "buyer"}
    acts = Acts(desk.hub.resolver)
    act = acts.do(Merge(ann, bob), by="ann", reason="one")
    assert desk.told(bob) == [("Contact person of", acme)]
    acts.undo(act.id, by="ann", why="two")
    assert desk.told(bob) == []
    assert desk.told(acme, "plain") == desk.told(acme, "companies_only") == []
    desk.land("contacts", id="1", person="ann", company="acme", role="buyer", until="2015-01-01")
    assert desk.told(ann) == []
    desk.check()


def test_figures_add_up_over_subsidiaries_and_a_circle_is_told_and_ends(desk: Desk) -> None:
    top, mid, low = (desk.land("companies", id=n, name=f"{n} Works of {n}") for n in ("Aaron", "Zeppelin", "Quist"))
    desk.land("parents", id="1", child="Zeppelin", parent="Aaron")
    desk.land("parents", id="2", child="Quist", parent="Zeppelin")
    for n, owner in enumerate(("Aaron", "Zeppelin", "Quist"), start=1):
        desk.land("orders", id=str(n), owner=owner, at="2024-05-01", total=f"{n} EUR")
    whole = desk.get(f"/customers/{top}/figures", along="parent")
    assert whole["figures"]["revenue"]["value"] == "6.00" and whole["below"] == [mid, low]
    assert desk.get(f"/customers/{top}/figures")["figures"]["revenue"]["value"] == "1.00"
    assert not any(r["circle"] for r in desk.get(f"/customers/{mid}/relations")["data"])
    desk.land("parents", id="3", child="Aaron", parent="Quist")
    assert desk.get(f"/customers/{top}/figures", along="parent")["figures"]["revenue"]["value"] == "6.00"
    assert all(r["circle"] for r in desk.get(f"/customers/{mid}/relations")["data"])
    desk.land("parents", id="3", gone=True)
    assert not any(r["circle"] for r in desk.get(f"/customers/{mid}/relations")["data"])
    desk.get(f"/customers/{top}/figures", status=422, along="contact_person")
    desk.check()


def test_a_company_of_many_contacts_takes_no_more_statements_than_one_of_few(tmp_path: Path) -> None:
    write_config(tmp_path / "config", {"shop": SHOP}, ROLES)
    desk = Desk(open_hub(new_database(f"sqlite:///{tmp_path}/hub.sqlite"), load(tmp_path / "config", {}), tmp_path))
    acme = desk.land("companies", id="acme", name="Acme Logistics")
    asking, said = Principal("s", "s", "staff", "steward"), list[str]()
    event.listen(desk.hub.database.engine, "checkout", lambda c, *_: c.set_trace_callback(said.append))
    event.listen(desk.hub.database.engine, "checkin", lambda c, *_: c.set_trace_callback(None))

    def statements(contacts: int) -> int:
        for n in range(contacts):
            desk.land("people", id=f"{n}", first=f"P{n}", last=f"Son{n}", mail=f"p{n}@x.example")
            desk.land("contacts", id=f"{n}", person=f"{n}", company="acme", role="buyer")
        said.clear()
        assert len(desk.hub.relations.of_customer(asking, acme)) == contacts
        return len(said)

    assert 0 < statements(2) == statements(9)
    desk.hub.close()


def test_a_household_is_told_with_the_reason_and_no_further_than_the_role_sees(desk: Desk) -> None:
    home = {"street": "Hauptstr. 1", "zip": "10115", "town": "Berlin"}
    ann = desk.land("people", id="1", first="Ann", last="Lee", mail="ann@x.example", **home)
    tom = desk.land(
        "people", id="2", first="Thomas", last="Lee", mail="tom@y.example", **{**home, "street": "Hauptstraße 1"}
    )
    ida = desk.land("people", id="3", first="Ida", last="Berg", phone="+49 30 90254321", **home)
    joe = desk.land("people", id="4", first="Joe", last="Kraft", phone="+49 30 90254321", **home)
    found = {r["customer"]: r["reason"] for r in desk.get(f"/customers/{ann}/relations")["data"]}
    assert found == {tom: "same address and surname"}
    found = {r["customer"]: r["reason"] for r in desk.get(f"/customers/{ida}/relations")["data"]}
    assert found == {joe: "same address and landline"}
    assert desk.told(ann, "masked") == desk.told(ann, "plain") == []


@pytest.mark.parametrize(
    ("row", "told"),
    [({"person": None, "company": "c"}, "of"), ({"person": "a", "company": ""}, "to"),
     ({"person": "a", "company": "c", "until": "03/04/2024"}, "until")],
)  # fmt: skip
def test_a_row_without_two_ends_or_with_a_doubtful_term_is_set_aside(
    desk: Desk, row: dict[str, Any], told: str
) -> None:
    found = desk.hub.resolver.upsert("shop", "contacts", [{"id": "1", **row}])[0]
    assert found.happened == "quarantined" and found.reason.startswith(told)
