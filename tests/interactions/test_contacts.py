"""Mails and calls that name no record: whose they are is told by who alone holds the contact point, verified."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.app import create_app
from hub.db import Database
from hub.open import Hub
from hub.quality.verify import Verify
from hub.settings import load
from hub.stewardship.acts import Merge
from hub.stewardship.run import Acts
from tests.access.population import CONFIG, key_for, open_hub, write_config
from tests.conftest import empty

PEOPLE = (
    "customer: person, key: id, deleted: gone, map: {given_name: first, family_name: last, email: mail, phone: phone}"
)
SOURCES = {
    "shop": f"connector: {{kind: file, path: shop}}\nstreams: {{people: {{{PEOPLE}, verified: all, country: DE}}}}\n",
    "web": f"connector: {{kind: file, path: web}}\nstreams: {{people: {{{PEOPLE}}}}}\n",
    "desk": """
connector: {kind: file, path: desk}
streams:
  mails:
    interaction: mail
    key: id
    country: DE
    of: {contact: {email: from, phone: caller}}
    map: {sent_at: at, text: text, spent: spent, channel: channel}
""",
}


class Desk:
    def __init__(self, hub: Hub):
        self.hub, self.client = hub, TestClient(create_app(hub), raise_server_exceptions=False)
        hub.resolver.reread()

    def person(self, name: str, source: str = "shop", **more: Any) -> str:
        row = {"id": name, "first": name, "last": f"{name}son", **more}
        return str(self.hub.resolver.upsert(source, "people", [row])[0].customer)

    def mail(self, id: str, **more: Any) -> str:
        row = {"id": id, "at": "2024-05-01", "text": "hello", "channel": "chat", **more}
        return self.hub.resolver.upsert("desk", "mails", [row])[0].happened

    def get(self, path: str, **params: Any) -> Any:
        found = self.client.get(f"/v1{path}", headers=key_for(self.hub, "steward"), params=params)
        assert found.status_code == 200, found.text
        return found.json()

    def page(self, id: str) -> list[tuple[str, str]]:
        return [(i["record"]["key"], i["attributed"]) for i in self.get(f"/customers/{id}/interactions")["data"]]

    def waits(self, why: str) -> list[str]:
        found = self.get("/interactions/waiting", why=why, limit=1)
        data, cursor = found["data"], found["next_cursor"]
        while cursor:
            page = self.get("/interactions/waiting", why=why, limit=1, cursor=cursor)
            data, cursor = [*data, *page["data"]], page["next_cursor"]
        assert found["counts"][why] == len(data)
        return [w["record"]["key"] for w in data]


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    empty(database)
    write_config(tmp_path / "config", SOURCES, "")
    (tmp_path / "config/figures.yaml").write_text((CONFIG / "figures.yaml").read_text(encoding="utf-8"))
    hub = open_hub(database, load(tmp_path / "config", {}), tmp_path / "data")
    yield Desk(hub)
    hub.close()


def test_it_is_shown_on_the_one_customer_that_holds_the_contact_point(desk: Desk) -> None:
    ann = desk.person("Ann", mail="Ann@x.example", phone="+49 30 90254321")
    bob = desk.person("Bob", mail="bob@x.example")
    desk.mail("1", **{"from": "ann@X.example", "spent": "10"})
    desk.mail("2", caller="030 / 90254321")
    assert desk.page(ann) == [("2", "phone"), ("1", "email")]
    assert desk.page(bob) == []
    figures = desk.get(f"/customers/{ann}/figures")["figures"]
    assert (figures["cost_to_serve"]["value"], figures["cost_to_serve"]["counted"][0]["rows"]) == ("7.00", 2)
    assert desk.waits("unowned") == desk.waits("ambiguous") == []


def test_a_contact_point_of_two_is_shown_on_neither_and_listed_with_both(desk: Desk) -> None:
    ann, bob = desk.person("Ann", mail="family@x.example"), desk.person("Bob", mail="family@x.example")
    if ann == bob:
        pytest.fail("two people of one mailbox were joined")
    desk.mail("1", **{"from": "family@x.example"})
    assert desk.page(ann) == desk.page(bob) == []
    assert desk.waits("ambiguous") == ["1"]
    assert desk.get("/interactions/waiting", why="ambiguous")["data"][0]["customers"] == sorted([ann, bob])
    act = Acts(desk.hub.resolver).do(Merge(ann, bob), by="ann", reason="one")
    assert desk.page(ann) == desk.page(bob) == [("1", "email")]
    Acts(desk.hub.resolver).undo(act.id, by="ann", why="two")
    assert desk.page(ann) == desk.page(bob) == []
    desk.person("Bob", mail="other@x.example")
    assert desk.page(ann) == [("1", "email")]
    found = Verify(desk.hub.resolver).run()
    assert not found.total, found.samples


def test_what_was_only_claimed_attributes_nothing_and_takes_nothing_from_who_holds_it(desk: Desk) -> None:
    eve = desk.person("Eve", "web", mail="ann@x.example")
    desk.mail("1", **{"from": "ann@x.example"})
    desk.mail("2", **{"from": "nobody@x.example"})
    assert desk.page(eve) == []
    assert desk.waits("unowned") == ["1", "2"]
    ann = desk.person("Ann", mail="ann@x.example", phone="+49 30 90254321")
    if ann != eve:
        assert desk.page(ann) == [("1", "email")]
        assert desk.page(eve) == []
    assert desk.waits("unowned") == ["2"]
    desk.person("Ann", gone=True)
    assert "1" in desk.waits("unowned")


def test_whoever_writes_in_somebodys_name_learns_nothing_and_joins_nothing(desk: Desk) -> None:
    ann = desk.person("Ann", mail="ann@x.example", phone="+49 30 90254321")
    shared = [desk.person(n, mail="family@x.example") for n in ("Bob", "Cid")]
    before = [desk.get(f"/customers/{id}") for id in (ann, *shared)]
    sender, told = key_for(desk.hub, "web", "desk"), list[dict[str, Any]]()
    for n, address in enumerate(["ann@x.example", "family@x.example", "nobody@x.example"]):
        row = {"at": "2024-05-01", "text": "it is me", "from": address, "channel": "chat"}
        found = desk.client.put(f"/v1/sources/desk/mails/records/{n}", headers=sender, json=row)
        assert found.status_code == 200, found.text
        told.append({k: v for k, v in found.json().items() if k != "key"})
    assert told[0] == told[1] == told[2]  # whose it is, and whether anybody's, is not told
    assert desk.client.get(f"/v1/customers/{ann}/interactions", headers=sender).json()["data"] == []
    assert [desk.get(f"/customers/{id}") for id in (ann, *shared)] == before
    assert desk.get("/reviews")["data"] == []
    assert [desk.page(id) for id in (ann, *shared)] == [[("0", "email")], [], []]


def test_a_row_without_a_contact_point_is_set_aside(desk: Desk) -> None:
    assert desk.mail("1", **{"from": "not an address"}) == "quarantined"
    assert desk.mail("2") == "quarantined"
