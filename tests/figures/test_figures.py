"""Figures of customers over HTTP and through merges; the ledger closes; a role sees what its role names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from hub.app import create_app
from hub.db import Database
from hub.errors import HubError
from hub.figures.segments import count_segments, customers
from hub.golden_record import lookups
from hub.interactions import tally_store
from hub.model import RecordId
from hub.open import Hub
from hub.settings import Config, Figures, InteractionType, load
from hub.stewardship.acts import Merge
from hub.stewardship.run import Acts
from tests.access.population import CONFIG, key_for, open_hub, write_config
from tests.conftest import empty
from tests.interactions.shop import KIND, SEES, Shop, config
from tests.promises.test_promises import some

SHOP = """
connector: {kind: file, path: shop}
streams:
  people: {customer: person, key: id, map: {given_name: first, family_name: last, email: mail}}
  orders: {interaction: order, key: id, version: v, of: owner, map: {ordered_at: at, state: state, total: total}}
  calls: {interaction: call, key: id, of: owner, map: {called_at: at, spent: spent, cost: cost}}
  complaints: {interaction: complaint, key: id, of: owner, map: {received_at: at, state: state}}
"""
ROLES = """
  seller: {may: [read], views: {person: {"*": show}, order: {"*": show}}, figures: [revenue, customer_value, dormant]}
  plain: {may: [read], views: {person: {"*": show}}}
  of_ann: {may: [read], views: {person: {"*": show}}, figures: ["*"], rows: {person: {where: {given_name: [Ann]}}}}
"""


class Desk:
    def __init__(self, hub: Hub):
        self.hub, self.client = hub, TestClient(create_app(hub), raise_server_exceptions=False)
        hub.resolver.reread()
        self.ann, self.bob = (self.person(n) for n in ("Ann", "Bob"))

    def person(self, name: str) -> str:
        row = {"id": name, "first": name, "last": f"{name}son", "mail": f"{name}@x.example"}
        return str(self.hub.resolver.upsert("shop", "people", [row])[0].customer)

    def land(self, stream: str, *rows: dict[str, Any]) -> None:
        for found in self.hub.resolver.upsert("shop", stream, list(rows)):
            assert found.happened == "landed", found

    def get(self, path: str, role: str = "steward", status: int = 200, **params: Any) -> dict[str, Any]:
        found = self.client.get(f"/v1{path}", headers=key_for(self.hub, role), params=params)
        assert found.status_code == status, found.text
        return dict(found.json())

    def values(self, id: str, role: str = "steward") -> dict[str, str | None]:
        return {n: f["value"] for n, f in self.get(f"/customers/{id}/figures", role)["figures"].items()}


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    empty(database)
    write_config(tmp_path / "config", {"shop": SHOP}, "")
    (tmp_path / "config/figures.yaml").write_text((CONFIG / "figures.yaml").read_text(encoding="utf-8"))
    with open(tmp_path / "config/access.yaml", "a", encoding="utf-8") as file:
        file.write(ROLES)
    hub = open_hub(database, load(tmp_path / "config", {}), tmp_path / "data")
    yield Desk(hub)
    hub.close()


def fill(desk: Desk) -> None:
    for n, (owner, total) in enumerate([("Ann", "100 EUR"), ("Ann", "50.50 EUR"), ("Bob", "10 EUR")]):
        desk.land(
            "orders", {"id": str(n), "v": 1, "owner": owner, "at": "2015-05-01", "total": total, "state": "placed"}
        )
    desk.land("orders", {"id": "9", "v": 1, "owner": "Ann", "at": "2015-05-01", "total": "9 EUR", "state": "cancelled"})
    desk.land("calls", {"id": "c1", "owner": "Bob", "at": "2015-05-02", "spent": "10 min"})
    desk.land("calls", {"id": "c2", "owner": "Bob", "at": "2015-05-02", "cost": "3.00 EUR"})


def test_figures_are_sums_over_the_records_of_a_customer_before_and_after_a_merge(desk: Desk) -> None:
    fill(desk)
    assert desk.values(desk.ann)["revenue"] == "150.50"
    bob = desk.values(desk.bob)
    assert (bob["revenue"], bob["cost_to_serve"], bob["customer_value"]) == ("10.00", "12.50", "-9.50")
    acts = Acts(desk.hub.resolver)
    act = acts.do(Merge(desk.ann, desk.bob), by="ann", reason="one")
    both = desk.values(desk.ann)
    assert (both["revenue"], both["cost_to_serve"], both["orders"]) == ("160.50", "12.50", "3")
    acts.undo(act.id, by="ann", why="two")
    assert desk.values(desk.bob) == bob
    assert desk.values(desk.ann)["cost_to_serve"] == "0.00"


def test_how_it_was_counted_leads_to_the_rows(desk: Desk) -> None:
    fill(desk)
    revenue = desk.get(f"/customers/{desk.ann}/figures")["figures"]["revenue"]
    assert revenue["formula"] == "sum(order.amount)" and revenue["currency"] == "EUR"
    (counted,) = revenue["counted"]
    assert (counted["rows"], counted["sums"]) == (2, {"EUR": "150.50"})
    rows = desk.client.get(counted["see"], headers=key_for(desk.hub, "steward")).json()["data"]
    assert [r["values"]["state"] for r in rows].count("placed") == 2
    assert desk.get(f"/customers/{desk.ann}/figures")["figures"]["last_contact"]["value"] == "2015-05-01T00:00:00Z"


def test_segments_are_counted_and_tell_only_whom_they_hold_still(desk: Desk) -> None:
    fill(desk)
    assert desk.get("/segments/loss_making")["count"] is None
    count_segments(desk.hub.database, desk.hub.config)
    found = desk.get("/segments/loss_making")
    assert [m["id"] for m in found["data"]] == [desk.bob] and found["count"] == 1
    assert found["data"][0]["figures"] == {"cost_to_serve": "12.50", "customer_value": "-9.50"}
    assert set(desk.get(f"/customers/{desk.bob}/figures")["segments"]) == {"loss_making", "dormant"}
    assert [c["count"] for c in desk.get("/segments/loss_making/counts")["data"]] == [1]
    page = desk.get("/segments/dormant", limit=1)
    rest = desk.get("/segments/dormant", limit=1, cursor=page["next_cursor"])
    assert sorted(m["id"] for p in (page, rest) for m in p["data"]) == sorted([desk.ann, desk.bob])
    assert rest["next_cursor"] is None
    desk.land("orders", {"id": "8", "v": 1, "owner": "Bob", "at": "2015-05-03", "total": "900 EUR", "state": "placed"})
    assert desk.get("/segments/loss_making")["data"] == []


def test_a_role_sees_the_figures_that_it_names_and_only_of_its_customers(desk: Desk) -> None:
    fill(desk)
    count_segments(desk.hub.database, desk.hub.config)
    seller = desk.get(f"/customers/{desk.bob}/figures", "seller")
    assert set(seller["figures"]) == {"revenue", "customer_value"} and seller["segments"] == ["dormant"]
    assert [c["types"] for c in seller["figures"]["customer_value"]["counted"]] == [["order"]]
    desk.get("/segments/loss_making", "seller", 404)
    assert desk.get(f"/customers/{desk.bob}/figures", "plain")["figures"] == {}
    desk.get(f"/customers/{desk.bob}/figures", "of_ann", 404)
    dormant = desk.get("/segments/dormant", "of_ann")
    assert [m["id"] for m in dormant["data"]] == [desk.ann] and dormant["count"] is None
    assert desk.get("/segments/dormant/counts", "of_ann")["data"] == []


# --- the ledger ---------------------------------------------------------------------------------------


def costed() -> Config:
    attributes = {**KIND["attributes"], "cost": {"kind": "money"}, "channel": {"kind": "choice", "options": ["phone"]}}
    attributes["spent"] = {"kind": "duration", "scheme": "minutes"}
    more = {"cost": "cost", "channel": "channel", "spent": "spent", "void": ["cancelled"], "attributes": attributes}
    kind = InteractionType.model_validate({**KIND, "name": "order", **more})
    figures = Figures.model_validate(
        {
            "tariffs": {"phone": {"2020-01-01": {"contact": "0.333", "minute": "0.177"}}},
            "figures": {
                "cost": {"is": "sum(any.cost)"},
                "worth": {"is": "sum(order.amount)"},
                "n": {"is": "count(order)"},
            },
        }
    )
    given_ = config()
    orders = given_.sources["shop"].streams["orders"]
    orders = orders.model_copy(update={"map": {**orders.map, "cost": "cost", "spent": "spent"}})
    shop = given_.sources["shop"].model_copy(update={"streams": {**given_.sources["shop"].streams, "orders": orders}})
    return given_.model_copy(update={"interactions": {"order": kind}, "figures": figures, "sources": {"shop": shop}})


orders = st.tuples(
    st.just("order"),
    st.sampled_from("1234"),
    st.sampled_from("abcd"),
    st.fixed_dictionaries(
        {"at": st.sampled_from(["2024-05-01", "2024-05-31T23:59:59Z", "2024-06-01"]), "total": st.sampled_from(["1 EUR", "2.50 EUR"])},
        optional={
            "state": st.sampled_from(["placed", "cancelled"]),
            "cost": st.sampled_from(["0.10 EUR", "7 EUR"]),
            "spent": st.sampled_from(["1", "7"]),
            "gone": st.just(True),
        },
    ),
)  # fmt: skip
commands = st.lists(
    st.one_of(
        orders,
        orders,
        st.tuples(st.just("person"), st.sampled_from("abc"), st.booleans()),
        st.tuples(st.just("merge"), st.sampled_from("abc"), st.sampled_from("abc")),
        st.tuples(st.just("undo")),
    ),
    max_size=14,
)


@some
@given(commands)
def test_figures_are_what_the_rows_say_and_the_ledger_closes(
    database: Database, tmp_path_factory: pytest.TempPathFactory, given_: list[tuple[Any, ...]]
) -> None:
    shop, acts = Shop(database, tmp_path_factory.mktemp("shop"), costed()), list[str]()
    try:
        for kind, *what in given_:
            try:
                if kind == "person":
                    shop.person(what[0], **({"gone": True} if what[1] else {}))
                elif kind == "order":
                    shop.order(what[0], what[1], **what[2])
                elif kind == "merge":
                    acts.append(shop.merge(*what))
                elif acts:
                    Acts(shop.resolver).undo(acts.pop(), by="ann", why="no")
            except HubError:
                continue
        shop.check()
        with database.read() as connection:
            found = lookups.every_customer_after(connection, "", 1000)
            made = customers(connection, shop.resolver.config, found, database.clock.now())
            rows = {
                r[0]: r[1:]
                for r in connection.exec_driver_sql(
                    "SELECT o.key, i.amount, i.cost, i.state, i.owner_key FROM interaction i JOIN record o ON o.rid = i.rid"
                )
            }
            owners = tally_store.owners_after(connection, RecordId("", "", ""), 1000)
            tallied = sum(t.cost for t in tally_store.of(connection, owners))
        placed: set[str] = set()
        for id, customer in made.items():
            here = [i.record.key for i in shop.timeline.page(SEES, id).data]
            placed.update(here)
            counted = [rows[k] for k in here if rows[k][2] != "cancelled"]
            assert customer.told("n").value == str(len(counted))
            assert cents(customer.told("worth").value) == sum(r[0] for r in counted)
            assert cents(customer.told("cost").value) == sum(rows[k][1] for k in here)
        unplaced = sum(r[1] for k, r in rows.items() if k not in placed)
        booked = sum(cents(c.told("cost").value) for c in made.values())
        assert booked + unplaced == sum(r[1] for r in rows.values()) == tallied
    finally:
        shop.audit.close()


def cents(text: str | None) -> int:
    assert text is not None
    return round(float(text) * 100)
