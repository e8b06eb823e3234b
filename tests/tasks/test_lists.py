"""Lists to work on: over HTTP, through merges and undo, with what ends a task by itself; who sees which."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from hub.app import create_app
from hub.db import Database
from hub.errors import HubError
from hub.interactions import listed_store, store
from hub.landing import store as landing
from hub.model import RecordId, to_micros
from hub.open import Hub
from hub.settings import load
from hub.stewardship.acts import Merge
from hub.stewardship.run import Acts
from hub.tasks import lists
from hub.tasks.lists import TaskChange
from hub.tasks.task import Place
from tests.access.population import TestClock, key_for, open_hub, write_config
from tests.conftest import empty
from tests.promises.test_promises import some

SOURCES = {
    "shop": """
connector: {kind: file, path: shop}
streams:
  people: {customer: person, key: id, deleted: gone, map: {given_name: first, family_name: last, email: mail}, verified: all}
  orders: {interaction: order, key: id, of: owner, map: {ordered_at: at, state: state, total: total}}
  complaints: {interaction: complaint, key: id, of: owner, map: {received_at: at, state: state, promised_until: until}}
  calls: {interaction: call, key: id, of: owner, map: {called_at: at, outcome: outcome}}
  enquiries: {interaction: enquiry, key: id, of: {contact: {email: from}}, map: {received_at: at, subject: subject, text: text}}
"""
}
ROLES = """
  of_ann: {may: [read, log], views: {person: {"*": show}, enquiry: {"*": show}, order: {"*": show}}, rows: {person: {where: {given_name: [Ann]}}}}
  reader: {may: [read], views: {person: {"*": show}, enquiry: {"*": show}, order: {"*": show}}}
  blind: {may: [read, log], views: {person: {"*": show}, enquiry: {"*": show}}}
  masked: {may: [read, log], views: {person: {"*": show, email: mask}, enquiry: {"*": show}, order: {"*": show}}}
"""


def record(key: str) -> RecordId:
    return RecordId("shop", "people", key)


class Desk:
    def __init__(self, hub: Hub):
        self.hub, self.client = hub, TestClient(create_app(hub), raise_server_exceptions=False)
        hub.database.clock = TestClock()  # 15 January 2027, 08:00
        hub.resolver.reread()
        self.keys: dict[str, dict[str, str]] = {}

    def person(self, name: str, **more: Any) -> str:
        row = {"id": name, "first": name, "last": f"{name}son", "mail": f"{name.lower()}@x.example", **more}
        return str(self.hub.resolver.upsert("shop", "people", [row])[0].customer)

    def land(self, stream: str, id: str, **row: Any) -> None:
        (found,) = self.hub.resolver.upsert("shop", stream, [{"id": id, "at": "2027-01-11T10:00:00Z", **row}])
        assert found.happened == "landed", found

    def ask(self, method: str, path: str, role: str = "lead_steward", status: int = 200, **more: Any) -> Any:
        key = self.keys.setdefault(role, key_for(self.hub, role))
        found = self.client.request(method, f"/v1{path}", headers=key, **more)
        assert found.status_code == status, found.text
        return found.json()

    def on(self, name: str, role: str = "lead_steward", **params: Any) -> list[dict[str, Any]]:
        return list(self.ask("get", "/tasks", role, params={"list": name, **params})["data"])

    def keyed(self, name: str, **params: Any) -> dict[str, tuple[str | None, str]]:
        return {t["interaction"]["record"]["key"]: (t["customer"], t["state"]) for t in self.on(name, **params)}


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    empty(database)
    write_config(tmp_path / "config", SOURCES, ROLES)
    hub = open_hub(database, load(tmp_path / "config", {}), tmp_path / "data")
    yield Desk(hub)
    hub.close()


def test_a_prospect_is_born_from_a_mail_becomes_a_customers_and_is_won_by_an_order(desk: Desk) -> None:
    desk.land("enquiries", "e1", **{"from": "ann@x.example"}, subject="a price")
    (born,) = desk.on("prospects")
    assert (born["customer"], born["contact"], born["state"]) == (None, "ann@x.example", "new")
    assert born["due"] == "2027-01-13T17:00:00Z" and born["overdue"]
    ann = desk.person("Ann")
    assert desk.keyed("prospects") == {"e1": (ann, "new")}
    desk.land("orders", "o1", owner="Ann", at="2027-01-12", total="9 EUR", state="cancelled")
    assert desk.keyed("prospects") == {"e1": (ann, "new")}
    desk.land("orders", "o2", owner="Ann", at="2027-01-13", total="9 EUR", state="placed")
    assert desk.on("prospects") == [] and desk.keyed("prospects", done=True) == {"e1": (ann, "won")}
    won = desk.ask("get", f"/customers/{ann}/tasks")["data"][0]
    assert won["done"] and won["ended_by"].startswith("int_") and won["reason"] == ""


def test_tasks_follow_merges_and_come_apart_with_the_undo(desk: Desk) -> None:
    ann, bob = desk.person("Ann"), desk.person("Bob")
    desk.land("enquiries", "e1", **{"from": "ann@x.example"})
    desk.land("orders", "o1", owner="Bob", at="2027-01-12", total="9 EUR", state="placed")
    task = desk.on("prospects")[0]["id"]
    desk.ask("patch", f"/tasks/{task}", json={"state": "contacted", "next_step": "call again", "assigned_to": "Eve"})
    desk.ask("post", f"/tasks/{task}/comments", status=201, json={"text": "asked for a discount"})
    act = Acts(desk.hub.resolver).do(Merge(ann, bob), by="ann", reason="one").id
    assert desk.on("prospects") == []
    whole = desk.ask("get", f"/tasks/{task}")
    assert (whole["state"], whole["hold"]["assigned_to"]) == ("won", "Eve")
    Acts(desk.hub.resolver).undo(act, by="ann", why="two")
    again = desk.ask("get", f"/tasks/{task}")
    assert (again["state"], again["next_step"], again["customer"]) == ("contacted", "call again", ann)
    assert [c["text"] for c in again["comments"]] == ["asked for a discount"]
    assert desk.ask("get", f"/customers/{bob}/tasks")["data"] == []


def test_a_task_is_claimed_assigned_put_off_and_lost_for_a_reason(desk: Desk) -> None:
    ann = desk.person("Ann")
    desk.land("enquiries", "e1", **{"from": "ann@x.example"})
    task = desk.on("prospects")[0]["id"]
    desk.ask("post", f"/tasks/{task}/claim", json={})
    desk.ask("post", f"/tasks/{task}/claim", "reader", status=403, json={})
    desk.ask("post", f"/tasks/{task}/claim", "customer_service", status=409, json={})
    desk.ask("patch", f"/tasks/{task}", "customer_service", status=409, json={"state": "qualified"})
    desk.ask("post", f"/tasks/{task}/claim", json={"seconds": 0})
    late = desk.ask("patch", f"/tasks/{task}", json={"due": "2028-01-01T00:00:00Z"})
    assert late["due"] == "2028-01-01T00:00:00Z" and not late["overdue"] and late["state"] == "new"
    desk.ask("patch", f"/tasks/{task}", status=422, json={"state": "lost"})
    desk.ask("patch", f"/tasks/{task}", status=422, json={"state": "happy"})
    lost = desk.ask("patch", f"/tasks/{task}", json={"state": "lost", "reason": "too dear"})
    assert lost["done"] and lost["reason"] == "too dear" and desk.on("prospects") == []
    assert desk.ask("get", f"/customers/{ann}/tasks")["data"][0]["state"] == "lost"


def test_what_is_assigned_to_me_is_mine_on_every_list(desk: Desk) -> None:
    desk.person("Ann")
    desk.land("enquiries", "e1", **{"from": "ann@x.example"})
    desk.land("complaints", "c1", owner="Ann", state="open")
    me = "lead_steward of a test"
    for name in ("prospects", "complaints"):
        desk.ask("patch", f"/tasks/{desk.on(name)[0]['id']}", json={"assigned_to": me})
    assert {t["on"] for t in desk.ask("get", "/tasks")["data"]} == {"prospects", "complaints"}


def test_complaints_are_promised_until_and_closed_where_they_came_from(desk: Desk) -> None:
    ann = desk.person("Ann")
    desk.land("complaints", "c1", owner="Ann", state="open", until="2027-02-01")
    desk.land("complaints", "c2", owner="Ann", state="open", at="2027-01-04")
    found = desk.on("complaints")
    assert [(t["interaction"]["record"]["key"], t["escalated"], t["role"]) for t in found] == [
        ("c2", True, "lead_steward"),
        ("c1", False, "customer_service"),
    ]
    assert found[1]["due"] == "2027-02-01T00:00:00Z"
    desk.land("complaints", "c1", owner="Ann", state="closed", until="2027-02-01")
    assert desk.keyed("complaints") == {"c2": (ann, "open")}


def test_a_later_call_that_was_answered_ends_a_call_back(desk: Desk) -> None:
    desk.person("Ann")
    desk.land("calls", "1", owner="Ann", outcome="call back")
    desk.land("calls", "2", owner="Ann", outcome="not reached", at="2027-01-12")
    assert list(desk.keyed("call_backs")) == ["1"]
    desk.land("calls", "3", owner="Ann", outcome="answered", at="2027-01-13")
    assert desk.keyed("call_backs", done=True)["1"][1] == "called" and desk.on("call_backs") == []


def test_a_list_comes_in_pages_and_a_cursor_fits_its_own_list(desk: Desk) -> None:
    desk.person("Ann")
    for n in range(5):
        desk.land("complaints", f"c{n}", owner="Ann", state="open", until=f"2027-02-0{5 - n}")
    page = desk.ask("get", "/tasks", params={"list": "complaints", "limit": 2})
    found, cursor = page["data"], page["next_cursor"]
    desk.ask("get", "/tasks", status=400, params={"list": "call_backs", "cursor": cursor})
    while cursor:
        page = desk.ask("get", "/tasks", params={"list": "complaints", "limit": 2, "cursor": cursor})
        found, cursor = [*found, *page["data"]], page["next_cursor"]
    assert [t["interaction"]["record"]["key"] for t in found] == ["c4", "c3", "c2", "c1", "c0"]


def test_who_sees_some_customers_or_not_all_that_a_list_is_made_of(desk: Desk) -> None:
    ann, bob = desk.person("Ann"), desk.person("Bob")
    for name in ("ann", "bob", "nobody"):
        desk.land("enquiries", name, **{"from": f"{name}@x.example"})
    assert {t["customer"] for t in desk.on("prospects")} == {ann, bob, None}
    assert {t["customer"] for t in desk.on("prospects", "of_ann")} == {ann}
    assert [t["contact"] for t in desk.on("prospects", "masked") if t["customer"] is None] == [""]
    assert desk.ask("get", "/lists", "blind")["data"] == []
    hidden = next(t["id"] for t in desk.on("prospects") if t["customer"] == bob)
    for role in ("of_ann", "blind"):
        desk.ask("get", f"/tasks/{hidden}", role, status=404)
        desk.ask("patch", f"/tasks/{hidden}", role, status=404, json={"state": "contacted"})
    desk.ask("get", "/tasks", "blind", status=422, params={"list": "prospects"})
    desk.ask("get", "/tasks/prospects.int_unknown", status=404)


def test_a_shared_contact_point_makes_the_prospect_nobodys(desk: Desk) -> None:
    desk.person("Ann", mail="family@x.example")
    desk.person("Bob", mail="family@x.example")
    desk.land("enquiries", "e1", **{"from": "family@x.example"})
    assert desk.keyed("prospects") == {"e1": (None, "new")}


commands = st.lists(
    st.one_of(
        st.tuples(st.just("enquiry"), st.sampled_from("AB"), st.integers(1, 3)),
        st.tuples(st.just("order"), st.sampled_from("AB"), st.integers(1, 4)),
        st.tuples(st.just("person"), st.sampled_from("AB"), st.booleans()),
        st.tuples(st.just("merge"), st.just(""), st.just(0)),
        st.tuples(st.just("undo"), st.just(""), st.just(0)),
    ),
    max_size=12,
)


@some
@given(history=commands)
def test_whatever_happened_a_task_is_its_rows_owners_and_won_only_by_that_customers_orders(
    database: Database, tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("hub")
    empty(database)
    write_config(folder / "config", SOURCES, ROLES)
    desk = Desk(open_hub(database, load(folder / "config", {}), folder / "data"))
    done: list[str] = []
    for what, name, n in history:
        try:
            if what == "person":
                desk.person(name, gone=bool(n))
            elif what == "enquiry":
                desk.land(
                    "enquiries", f"{name}{n}", **{"from": f"{name}@x.example"}, at=f"2027-01-0{n}", subject=str(n)
                )
            elif what == "order":
                desk.land(
                    "orders", f"{name}{n}", owner=name, at=f"2027-01-0{n}T12:00:00Z", total=f"{n} EUR", state="placed"
                )
            elif what == "merge":
                done.append(Acts(desk.hub.resolver).do(Merge(desk.person("A"), desk.person("B")), by="a", reason="").id)
            elif done:
                Acts(desk.hub.resolver).undo(done.pop(), by="a", why="")
        except (HubError, AssertionError):
            continue
    with database.read() as connection:
        now = database.clock.now()
        found = list(lists.on_list(connection, desk.hub.config, "prospects", now, done=True))
        for task in found:
            own = [t.row for t in found if t.cluster is not None and t.cluster == task.cluster]
            assert task.row in own or task.cluster is None
            if task.ended_by is not None:
                (ender,) = store.of_records(connection, [task.ended_by]).values()
                assert ender.at >= task.row.at and task.cluster is not None
        assert len(found) == len({t.row.rid for t in found})
    desk.hub.close()


complaints = st.lists(
    st.tuples(
        st.integers(1, 28),  # the day of December on which it came
        st.sampled_from([None, None, "2026-12-03", "2026-12-20", "2027-02-01"]),  # until when an answer was promised
        st.sampled_from(["open", "open", "answered", "closed"]),
        st.sampled_from([None, None, None, "2026-12-01", "2026-12-20", "2027-03-01"]),  # as people say
    ),
    max_size=12,
)


@some
@given(complaints, st.integers(1, 5), st.booleans())
def test_a_list_comes_as_its_tasks_are_due_from_any_place_on(
    database: Database, tmp_path_factory: pytest.TempPathFactory, rows: list[Any], limit: int, done: bool
) -> None:
    folder = tmp_path_factory.mktemp("hub")
    empty(database)
    write_config(folder / "config", SOURCES, ROLES)
    desk = Desk(open_hub(database, load(folder / "config", {}), folder / "data"))
    for n, (day, until, state, said) in enumerate(rows):
        at = f"2026-12-{day:02d}T10:00:00Z"
        desk.land("complaints", str(n), owner="Ann", at=at, state=state, **({"until": until} if until else {}))
        with database.read() as connection:
            (info,) = landing.records_named(
                connection, [RecordId("shop", "complaints", str(n))], "interaction"
            ).values()
            task = lists.one(connection, desk.hub.config, "complaints", info.mint, database.clock.now())
        if said:
            due = to_micros(datetime.fromisoformat(f"{said}T00:00:00+00:00"))
            desk.hub.worklists.change(task, TaskChange(due=due), by="ann")
    with database.read() as connection:
        config, now = desk.hub.config, database.clock.now()
        every = list(listed_store.oldest_first(connection, "complaint", ["open", "answered", "closed"], since=0))
        assert [r.at for r in every] == sorted(r.at for r in every) and len(every) == len(rows)
        tasks = lists.tasks_of(connection, config, config.lists["complaints"], every, now)
        wanted = sorted(t.place for t in tasks if done or not t.done)
        found, after = list[Place](), None
        while page := list(islice(lists.on_list(connection, config, "complaints", now, after=after, done=done), limit)):
            found += [t.place for t in page]
            after = found[-1]
        assert found == wanted
    desk.hub.close()
