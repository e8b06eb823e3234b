"""Campaigns: what leads to an offer, who is new, what it brought and cost; through merges, and what leads nowhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.db import Database
from hub.errors import ConfigError
from hub.settings import load
from hub.settings.campaigns import folded
from hub.stewardship.acts import Merge
from hub.stewardship.run import Acts
from tests.access.population import CONFIG, open_hub, write_config
from tests.conftest import empty
from tests.tasks.test_lists import ROLES, Desk

WINTER = """
since: 2027-01-01
until: 2027-01-31
within: 60d
cost: 100
offers:
  letter: {codes: [W-26], cost: 20}
  radio: {numbers: ["+49 30 1234567"], addresses: [https://shop.example/winter]}
"""
SOURCES = {
    "shop": """
connector: {kind: file, path: shop}
streams:
  people: {customer: person, key: id, map: {given_name: first, family_name: last, email: mail}, verified: all}
  orders: {interaction: order, key: id, of: owner, map: {ordered_at: at, state: state, total: total, campaign: code}}
  calls: {interaction: call, key: id, of: owner, map: {called_at: at, outcome: outcome, dialled: to}, country: DE}
  visits: {interaction: web_session, key: id, of: {contact: {email: from}}, map: {began_at: at, campaign: url}}
"""
}


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    empty(database)
    write_config(tmp_path / "config", SOURCES, ROLES)
    shutil.copy(CONFIG / "figures.yaml", tmp_path / "config")
    (tmp_path / "config/campaigns").mkdir()
    (tmp_path / "config/campaigns/winter.yaml").write_text(WINTER, encoding="utf-8")
    hub = open_hub(database, load(tmp_path / "config", {}), tmp_path / "data")
    yield Desk(hub)
    hub.close()


def brought(desk: Desk) -> dict[str, tuple[int, int, int, int, int]]:
    found = desk.ask("get", "/campaigns/winter")
    return {
        o["name"]: (o["responses"], o["respondents"], o["nobodys"], o["new"], o["converted"])
        for o in (found["whole"], *found["offers"])
    }


def test_codes_numbers_and_addresses_lead_to_their_offers_also_of_who_is_new(desk: Desk) -> None:
    desk.person("Ann")
    desk.land("orders", "old", owner="Ann", at="2026-05-01", total="5 EUR", state="placed")
    desk.land("calls", "1", owner="Ann", at="2027-01-05", to="030 1234567", outcome="answered")
    desk.land("visits", "1", **{"from": "new@x.example"}, at="2027-01-06", url="http://shop.example/winter/?utm=x")
    assert brought(desk) == {"": (2, 1, 1, 0, 0), "letter": (0, 0, 0, 0, 0), "radio": (2, 1, 1, 0, 0)}
    desk.person("New")
    assert brought(desk)["radio"] == (2, 2, 0, 1, 0)
    desk.land("orders", "n", owner="New", at="2027-01-20", total="30 EUR", state="placed")
    desk.land("orders", "late", owner="Ann", at="2027-06-01", total="30 EUR", state="placed")
    desk.land("orders", "void", owner="Ann", at="2027-01-07", total="30 EUR", state="cancelled")
    assert brought(desk)["radio"] == (2, 2, 0, 1, 1)
    found = desk.ask("get", "/campaigns/winter")
    assert found["whole"]["sales"] == {"EUR": "30.00"}
    assert (found["whole"]["cost"], found["whole"]["cost_per_conversion"]) == ("120.50", "120.50")  # a call: 0.50
    assert (found["offers"][0]["cost"], found["offers"][0]["cost_per_response"]) == ("20.00", None)


def test_two_respondents_who_are_merged_are_one_until_the_undo(desk: Desk) -> None:
    ann, bob = desk.person("Ann"), desk.person("Bob")
    desk.land("orders", "a", owner="Ann", at="2027-01-05", total="5 EUR", state="placed", code="w26")
    desk.land("orders", "b", owner="Bob", at="2027-01-06", total="5 EUR", state="placed", code="W 26")
    assert brought(desk)["letter"] == (2, 2, 0, 2, 2)
    act = Acts(desk.hub.resolver).do(Merge(ann, bob), by="ann", reason="one").id
    assert brought(desk)["letter"] == (2, 1, 0, 1, 1)
    assert desk.ask("get", "/campaigns/winter")["whole"]["sales"] == {"EUR": "10.00"}
    Acts(desk.hub.resolver).undo(act, by="ann", why="two")
    assert brought(desk)["letter"] == (2, 2, 0, 2, 2)


def test_what_leads_to_no_offer_is_listed_and_who_may_ask(desk: Desk) -> None:
    desk.person("Ann")
    for n in range(2):
        desk.land("orders", str(n), owner="Ann", at="2027-01-05", total="5 EUR", state="placed", code="W-62")
    (unknown,) = desk.ask("get", "/campaigns/unknown")["data"]
    assert (unknown["reference"], unknown["n"]) == ("w62", 2) and brought(desk)[""][0] == 0
    desk.ask("get", "/campaigns/summer", status=404)
    desk.ask("get", "/campaigns/winter", "customer_service", status=403)
    assert [c["name"] for c in desk.ask("get", "/campaigns", "monitoring")["data"]] == ["winter"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("converts: sale\n", "unknown interaction type 'sale'"),
        ("cost: -1\n", "greater than or equal to 0"),
        ("until: 2026-01-01\n", "until is before since"),
        ("offers: {a: {}}\n", "nothing leads to it"),
        ("offers: {a: {codes: [X1]}, b: {codes: [x-1]}}\n", "leads to bad.a too"),
        ("offers: {a: {codes: ['--']}}\n", "neither letters nor digits"),
    ],
)
def test_a_campaign_that_cannot_be_is_named(tmp_path: Path, more: str, told: str) -> None:
    write_config(tmp_path / "config")
    (tmp_path / "config/campaigns").mkdir()
    given: dict[str, Any] = {"since": "2026-02-01", "until": "2026-03-01", "offers": "{a: {codes: [Z]}}"}
    text = "".join(f"{k}: {v}\n" for k, v in given.items() if not more.startswith(k)) + more
    (tmp_path / "config/campaigns/bad.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "config", {})
    assert any(told in f"{f.what}" and "bad.yaml" in f.where for f in refused.value.faults), refused.value.faults


def test_how_a_reference_is_spelled_does_not_matter() -> None:
    assert folded("W-26 A") == folded("w26a") and folded("https://Shop.example/winter?x=1") == folded(
        "shop.example/Winter/"
    )
    assert folded("+49 30 1234567") == folded("+49301234567")
