"""Interaction types and the streams of them: what is read, and what `hub check` says of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.settings import load
from tests.settings.test_settings import SHIPPED, faults, write

ORDER = """
attributes:
  ordered_at: {kind: moment}
  state: {kind: choice, options: [placed, cancelled]}
  total: {kind: money}
at: ordered_at
state: state
amount: total
void: [cancelled]
"""
MAPPED = "map: {ordered_at: at, total: {amount: sum, currency: cur}}"


def shop(stream: str, *, people: str = "people: {customer: person, key: id, map: {given_name: first}}") -> str:
    return f"connector: {{kind: file, path: drop}}\nstreams:\n  {people}\n  orders: {{interaction: order, key: number, {stream}}}\n"


def test_fifteen_types_are_shipped() -> None:
    found = load(SHIPPED, {}, reaching=False).interactions
    assert found.keys() == {
        *("order", "quotation", "invoice", "payment", "complaint", "enquiry", "outage", "move", "call", "mail"),
        *("visit", "web_session", "campaign_response", "guidance", "process"),
    }
    assert all(t.title and t.customer_title for t in found.values())
    assert found["order"].counted == {"ordered_at", "state", "channel", "total"}


def test_an_owner_is_of_the_rows_own_source_and_its_only_stream_of_customers(tmp_path: Path) -> None:
    config = load(write(tmp_path, interactions__order=ORDER, sources__list=shop(f"of: customer, {MAPPED}")), {})
    stream = config.stream("list", "orders")
    assert stream is not None
    assert stream.of is not None
    assert stream.of.key == "customer"
    assert config.owner_stream("list", stream) == ("list", "people")


def test_types_of_interactions_make_no_stored_row_stale(tmp_path: Path) -> None:
    one = load(write(tmp_path / "one"), {}).hash
    more = write(tmp_path / "more", interactions__order=ORDER, access="roles: {a: {views: {order: {'*': show}}}}")
    assert load(more, {}).hash == one


TWO = "people: {customer: person, key: id, map: {given_name: first}}\n  firms: {customer: person, key: id, map: {given_name: first}}"
WRONG = {
    "no owner": (shop(MAPPED), "streams.orders.of", "nobody could own"),
    "no such source": (shop(f"of: {{key: c, source: crm}}, {MAPPED}"), "streams.orders.of", "does not lead"),
    "no such stream": (shop(f"of: {{key: c, stream: orders}}, {MAPPED}"), "streams.orders.of", "does not lead"),
    "two streams": (shop(f"of: c, {MAPPED}", people=TWO), "streams.orders.of", "does not lead"),
    "no time": (shop("of: c, map: {state: s}"), "streams.orders.map", "when it happened"),
    "no such attribute": (shop("of: c, map: {ordered_at: at, colour: c}"), "map.colour", "no attribute 'colour'"),
    "no such part": (shop("of: c, map: {ordered_at: at, total: {euro: c}}"), "map.total.euro", "unknown part"),
    "no such type": (
        shop(f"of: c, {MAPPED}").replace("interaction: order", "interaction: odrer"),
        "streams.orders.interaction",
        "unknown interaction type 'odrer'",
    ),
    "no expression": (shop(f"of: '[', {MAPPED}"), "streams.orders.of.key", "neither a column's name"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_stream_that_leads_nowhere_is_told(tmp_path: Path, name: str) -> None:
    text, where, what = WRONG[name]
    found = faults(write(tmp_path, interactions__order=ORDER, sources__list=text))
    assert [f for f in found if where in f.where and what in f.what], found


@pytest.mark.parametrize(
    ("was", "becomes", "what"),
    [
        ("at: ordered_at", "at: when", "at names 'when', which is no attribute"),
        ("amount: total", "amount: state", "amount names 'state', which must be one value of kind money"),
        ("void: [cancelled]", "void: [lost]", "void names 'lost', which is no state"),
        ("kind: money", "kind: cash", "unknown kind 'cash'"),
    ],
)
def test_a_type_that_says_what_cannot_be_is_told(tmp_path: Path, was: str, becomes: str, what: str) -> None:
    found = faults(write(tmp_path, interactions__order=ORDER.replace(was, becomes)))
    assert [f for f in found if "interactions/order.yaml" in f.where and what in f.what], found


def test_one_name_is_not_two_types_and_views_name_known_attributes(tmp_path: Path) -> None:
    twice = faults(write(tmp_path / "twice", interactions__person=ORDER))
    assert [f for f in twice if "a customer type has this name too" in f.what]
    view = write(tmp_path / "view", interactions__order=ORDER, access="roles: {a: {views: {order: {colour: show}}}}")
    assert [f for f in faults(view) if f.where.endswith("views.order.colour")]
