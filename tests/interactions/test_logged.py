"""What staff write down, versions and their causes, filters, what a role is told; rows on no page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.app import create_app
from hub.db import Database
from hub.landing import store as landing
from hub.model import RecordId
from hub.open import Hub
from hub.stewardship.acts import Merge, Split
from hub.stewardship.run import Acts
from tests.access.population import key_for, open_hub, write_config
from tests.conftest import empty

SHOP = """
connector: {kind: file, path: shop}
streams:
  people:
    customer: person
    key: id
    map: {given_name: first, family_name: last, email: mail, phone: phone}
  mails:
    interaction: mail
    key: id
    of: owner
    map: {sent_at: at, subject: subject, text: text}
  orders:
    interaction: order
    key: id
    version: v
    of: owner
    caused_by: {stream: mails, key: by_mail}
    map: {ordered_at: at, state: state, channel: channel, total: total, number: id}
"""
ROLES = """
  nosy: {may: [read, log], views: {person: {given_name: show, email: mask}, call: {"*": show}, mail: {"*": show}}}
  seller: {may: [read, crosswalk], views: {person: {"*": show}, order: {ordered_at: show, total: show}}}
"""
ANN = {"id": "ann", "first": "Ann", "last": "Lee", "mail": "ann@lee.example"}
BOB = {"id": "bob", "first": "Bob", "last": "Ray", "mail": "bob@ray.example"}


class Desk:
    def __init__(self, hub: Hub):
        self.hub, self.client = hub, TestClient(create_app(hub), raise_server_exceptions=False)
        hub.resolver.reread()
        self.ann, self.bob = (str(self.land("people", p)[0].customer) for p in (ANN, BOB))

    def land(self, stream: str, *rows: dict[str, Any]) -> Any:
        return self.hub.resolver.upsert("shop", stream, list(rows))

    def ask(self, method: str, path: str, role: str = "steward", **more: Any) -> Any:
        return self.client.request(method, f"/v1{path}", headers=key_for(self.hub, role), **more)

    def page(self, id: str, role: str = "steward", **params: Any) -> list[dict[str, Any]]:
        found = self.ask("GET", f"/customers/{id}/interactions", role, params=params)
        assert found.status_code == 200, found.text
        return list(found.json()["data"])

    def log(self, id: str, role: str = "steward", status: int = 201, **body: Any) -> dict[str, Any]:
        found = self.ask("POST", f"/customers/{id}/interactions", role, json={"type": "call", **body})
        assert found.status_code == status, found.text
        return dict(found.json())


@pytest.fixture
def desk(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    empty(database)
    folder = tmp_path_factory.mktemp("desk")
    hub = open_hub(database, write_config(folder, {"shop": SHOP}, ROLES), folder)
    yield Desk(hub)
    hub.close()


def test_a_call_note_follows_the_record_that_it_belongs_to(desk: Desk) -> None:
    made = desk.log(desk.ann, values={"note": "asks for the meter", "spent": "7 min", "outcome": "answered"})
    assert made["interaction"]["values"]["spent"] == "PT7M"
    assert made["versions"][0]["by"] == "steward of a test"
    acts = Acts(desk.hub.resolver)
    act = acts.do(Merge(desk.ann, desk.bob), by="ann", reason="one")
    named = {"source": "shop", "stream": "people", "key": "bob"}
    other = desk.log(desk.ann, values={"note": "of bob"}, record=named)
    assert len(desk.page(desk.ann)) == len(desk.page(desk.bob)) == 2
    acts.undo(act.id, by="ann", why="two")
    assert [i["values"]["note"] for i in desk.page(desk.ann)] == ["asks for the meter"]
    assert [i["id"] for i in desk.page(desk.bob)] == [other["interaction"]["id"]]
    elsewhere = f"/customers/{desk.ann}/interactions/{other['interaction']['id']}"
    assert desk.ask("GET", elsewhere).status_code == 404


def test_it_is_changed_by_versions_and_refused_with_the_attribute(desk: Desk) -> None:
    made = desk.log(desk.ann, values={"note": "long", "spent": "7 min"})["interaction"]
    where = f"/customers/{desk.ann}/interactions/{made['id']}"
    changed = desk.ask("PATCH", where, json={"values": {"spent": "9 min", "note": None}})
    assert changed.status_code == 200, changed.text
    assert [v["values"].get("spent") for v in changed.json()["versions"]] == ["PT7M", "PT9M"]
    assert "note" not in changed.json()["interaction"]["values"]
    for values in ({"spent": "-1 min"}, {"outcome": "gone fishing"}, {"nothing": "x"}, {"called_at": "soon"}):
        refused = desk.log(desk.ann, status=422, values=values)
        assert next(iter(values)) in str(refused["errors"]), refused
    desk.land("orders", {"id": "1", "v": 1, "owner": "ann", "at": "2024-05-01"})
    order = desk.page(desk.ann, type="order")[0]
    found = desk.ask("PATCH", f"/customers/{desk.ann}/interactions/{order['id']}", json={"values": {}})
    assert found.status_code == 409
    assert desk.log(desk.ann, "seller", 403, values={})
    assert desk.log("cus_none", "steward", 404, values={})


def test_the_same_key_logs_once(desk: Desk) -> None:
    body = {"type": "call", "values": {"note": "once"}}
    head = {**key_for(desk.hub, "steward"), "Idempotency-Key": "k1"}
    first, again = (
        desk.client.post(f"/v1/customers/{desk.ann}/interactions", json=body, headers=head) for _ in range(2)
    )
    assert first.json() == again.json()
    assert len(desk.page(desk.ann)) == 1


def test_versions_say_what_brought_them_about(desk: Desk) -> None:
    desk.land("mails", {"id": "m1", "owner": "ann", "at": "2024-05-02", "subject": "cancel it"})
    order = {"id": "1", "owner": "ann", "at": "2024-05-01"}
    desk.land("orders", {**order, "v": 1, "state": "placed"})
    desk.land("orders", {**order, "v": 2, "state": "cancelled", "by_mail": "m1"})
    (found,) = desk.page(desk.ann, type="order")
    whole = desk.ask("GET", f"/customers/{desk.ann}/interactions/{found['id']}").json()
    assert [v["values"]["state"] for v in whole["versions"]] == ["placed", "cancelled"]
    assert whole["versions"][0]["caused_by"] is None
    assert whole["versions"][1]["caused_by"]["values"]["subject"] == "cancel it"
    seller = desk.ask("GET", f"/customers/{desk.ann}/interactions/{found['id']}", "seller").json()
    assert seller["versions"][1]["caused_by"] is None and "state" not in seller["interaction"]["values"]


def test_filters(desk: Desk) -> None:
    for n, channel in ((1, "shop"), (2, "phone"), (3, "shop")):
        at = f"2024-05-0{n}T00:00:00Z"
        desk.land("orders", {"id": str(n), "v": at, "owner": "ann", "at": at, "channel": channel, "state": "placed"})
    desk.land("mails", {"id": "m1", "owner": "ann", "at": "2024-05-02", "subject": "The Meter", "text": "reading"})

    def numbers(**asked: Any) -> list[str | None]:
        return [i["values"].get("number") for i in desk.page(desk.ann, **asked)]

    assert numbers(type=["order"], channel="shop") == ["3", "1"]
    assert numbers(type=["order", "mail"], since="2024-05-02T00:00:00Z") in (["3", None, "2"], ["3", "2", None])
    assert [i["type"] for i in desk.page(desk.ann, q="meter READING")] == ["mail"]
    assert desk.page(desk.ann, "seller", channel="shop") == []
    change = {"id": "2", "v": "2024-06-01T00:00:00Z", "owner": "bob", "at": "2024-05-02", "state": "cancelled"}
    desk.land("orders", change)
    assert numbers(type=["order"]) == ["3", "1"]
    assert numbers(type=["order"], as_of="2024-05-02T12:00:00Z") == ["1"]
    (later,) = desk.page(desk.bob, type="order")
    assert later["values"]["state"] == "cancelled"
    assert desk.page(desk.bob, type="order", as_of="2024-05-03T00:00:00Z") == []


def test_contact_details_inside_rows_are_seen_no_further_than_on_customers(desk: Desk) -> None:
    text = "call 0171 234 5678 or write to ann@lee.example, order of 2024-05-01 for 12.50"
    desk.land("mails", {"id": "m1", "owner": "ann", "at": "2024-05-02", "text": text})
    assert desk.page(desk.ann)[0]["values"]["text"] == text
    seen = desk.page(desk.ann, "nosy")[0]["values"]["text"]
    assert seen == "call *** or write to ***, order of 2024-05-01 for 12.50"
    assert desk.page(desk.ann, "nosy", q="5678") == []


def test_rows_on_no_page_are_listed_and_counted(desk: Desk) -> None:
    desk.land("orders", {"id": "1", "v": 1, "owner": "nobody", "at": "2024-05-01"})
    found = desk.ask("GET", "/interactions/waiting", params={"why": "unowned"}).json()
    assert found["counts"] == {"unowned": 1, "ambiguous": 0, "unread": 0}
    assert found["data"][0]["owner"] == {"source": "shop", "stream": "people", "key": "nobody"}
    assert desk.ask("GET", "/interactions/waiting", "nosy").status_code == 403
    desk.land("people", {**BOB, "id": "nobody", "mail": "x@y.example"})
    assert desk.ask("GET", "/interactions/waiting").json()["counts"]["unowned"] == 0


def test_a_split_takes_along_what_belongs_to_the_record(desk: Desk) -> None:
    desk.land("people", {**ANN, "id": "ann2", "phone": "+351 21 790 4000"}, {**ANN, "phone": "+351 21 790 4000"})
    named = {"source": "shop", "stream": "people", "key": "ann2"}
    desk.log(desk.ann, values={"note": "of the second"}, record=named)
    Acts(desk.hub.resolver).do(Split(desk.ann, (RecordId(*named.values()),)), by="ann", reason="two")
    assert desk.page(desk.ann) == []
    with desk.hub.database.read() as connection:
        second = landing.record_named(connection, RecordId(*named.values()))
    assert second is not None
    assert [i["values"]["note"] for i in desk.page(second.mint)] == ["of the second"]
