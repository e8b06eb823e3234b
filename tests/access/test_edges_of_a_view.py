"""Where a view ends: what is told of others, of purposes side by side, of who was restricted once; and that no request needs
a second connection while it holds one."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from hub.access.authentication.principals import Principal
from hub.access.policy.purposes import stated
from hub.access.stories import tell_customer, tell_records
from hub.access.waiting import WaitingRows
from hub.app import create_app
from hub.db import Database
from hub.errors import NotFound, RetryLater
from hub.model import RecordId
from hub.open import Hub
from hub.privacy.package import Packages
from hub.settings import load
from tests.access.population import ANA, ROLES, SOURCES, TestClock, fill, key_for, open_hub, write_config

MORE = """
  no_names: {may: [read, decide], views: {person: {"*": show}}}
  one_type: {may: [read, explain], views: {person: {"*": show}}}
  two_ends: {may: [read, log], purposes: [reach, count], views: {person: {"*": show}, call: {"*": show}}}
  officer_of_crm: {may: [read, privacy], views: {person: {"*": show}}, rows: {person: {sources: [crm]}}}
"""
PURPOSES = """
  reach: {basis: contract, title: Reach, uses: {person: [email, given_name], call: ["*"]}}
  count: {basis: contract, title: Count, uses: {person: [given_name], call: ["*"]}}
"""
FORM = """
connector: {kind: file, path: form}
streams:
  enquiries:
    interaction: enquiry
    key: id
    country: DE
    of: {contact: {email: from}}
    map: {received_at: at}
"""
STEWARD = Principal("s", "s", "staff", "steward")
TWIN = RecordId("billing", "customers", "ana.twin@secret-mail.example")


@pytest.fixture
def hub(tmp_path: Path, database: Database) -> Iterator[Hub]:
    before, database.clock = database.clock, TestClock()
    write_config(tmp_path / "config", {**SOURCES, "form": FORM}, ROLES)
    with (tmp_path / "config" / "purposes.yaml").open("a", encoding="utf-8") as file:
        file.write(PURPOSES)
    with (tmp_path / "config" / "access.yaml").open("a", encoding="utf-8") as file:
        file.write(MORE)
    made = open_hub(database, load(tmp_path / "config", {}), tmp_path / "data")
    made.resolver.reread()
    yield made
    made.close()
    database.clock = before


def restrict(hub: Hub, id: str, *, lift: bool = False) -> None:
    hub.requests.restrict(id, by="o", lift=lift)
    assert isinstance(hub.database.clock, TestClock)
    hub.database.clock.at += 5_000_000


# --- of others -----------------------------------------------------------------------------------------


def twin(hub: Hub) -> dict[str, str]:
    """Ana, and somebody so near to her that a person has to decide."""
    ids = fill(hub)
    hub.resolver.upsert(*TWIN[:2], [{**ANA, "id": TWIN.key, "nid": "PT-99999", "tax": "T-777", "job": "judge"}])
    return ids


def test_a_copy_of_ones_data_says_nothing_of_the_records_of_others(hub: Hub) -> None:
    ids = twin(hub)
    officer = Principal("o", "o", "staff", "privacy_officer")
    packages = Packages(hub.reader, hub.timeline, hub.agreements, hub.relations)
    told = packages.access(officer, ids["ana"])["how_records_became_one"]
    assert "crm/people/p1" in str(told)
    assert TWIN.key not in str(told) and "apart" not in str(told) and "national_id" not in str(told)
    assert TWIN.key in str(tell_customer(hub.reader, STEWARD, ids["ana"]))


def test_a_story_names_no_record_that_the_view_has_not(hub: Hub) -> None:
    ids = twin(hub)
    with hub.database.read() as connection:
        _, members = hub.reader.located(connection, STEWARD, ids["ana"])
    assert len(members) == 2
    other = hub.reader.crosswalk(STEWARD, record=TWIN).customer
    restrict(hub, other)
    assert TWIN.key not in str(tell_customer(hub.reader, STEWARD, ids["ana"]))


def test_records_of_a_type_that_the_role_does_not_see_are_unknown(hub: Hub) -> None:
    fill(hub)
    company, other = RecordId("crm", "companies", "c1"), RecordId("crm", "companies", "c9")
    asking = Principal("n", "n", "staff", "one_type")
    with pytest.raises(NotFound):
        tell_records(hub.reader, asking, company, other)
    row = {"id": "c9", "name": "Acme Logistics", "site": "acme-logistics.de", "updated": "2026-01-02T00:00:00Z"}
    hub.resolver.upsert("crm", "companies", [row])
    with pytest.raises(NotFound):
        tell_records(hub.reader, asking, company, other)


def test_a_record_that_is_gone_is_told_so(hub: Hub) -> None:
    fill(hub)
    hub.resolver.delete("billing", "customers", "2")
    told = tell_records(
        hub.reader, STEWARD, RecordId("billing", "customers", "1"), RecordId("billing", "customers", "2")
    )
    assert any("deleted in its source: billing/customers/2" in line for line in told)


def test_a_role_without_names_of_records_gets_all_pages_of_reviews(hub: Hub) -> None:
    fill(hub)
    for n in range(6):
        row = {**ANA, "id": f"t{n}", "nid": f"PT-9999{n}", "tax": f"T-77{n}", "mail": f"x{n}@e.pt"}
        hub.resolver.upsert("billing", "customers", [row])
    asking = Principal("n", "n", "staff", "no_names")
    whole, found, cursor = hub.reader.reviews(asking, limit=200).data, [], None
    while True:
        page = hub.reader.reviews(asking, limit=2, cursor=cursor)
        found += page.data
        if (cursor := page.next_cursor) is None:
            break
    assert len(whole) > 2 and tuple(found) == tuple(whole)


# --- of purposes ---------------------------------------------------------------------------------------


def test_of_two_purposes_one_reads_no_address_in_notes_because_the_other_did(hub: Hub) -> None:
    id, asking = fill(hub)["ana"], Principal("t", "t", "staff", "two_ends")
    hub.logbook.add(id, "call", {"note": "write to secret.ana@private.example"}, by="s")

    def note(purpose: str) -> object:
        with stated(purpose):
            return hub.timeline.page(asking, id).data[0].values["note"]

    assert [note("reach"), note("count"), note("reach")] == [
        "write to secret.ana@private.example",
        "write to ***",
        "write to secret.ana@private.example",
    ]


# --- of who is, or was, restricted ---------------------------------------------------------------------


def test_a_key_without_the_permission_sees_nobody_who_is_restricted(hub: Hub) -> None:
    id = fill(hub)["ana"]
    restrict(hub, id)
    whole = Principal("k", "k", "system", "officer_of_crm")
    narrow = Principal("k", "k", "system", "officer_of_crm", scopes=frozenset({"read"}))
    assert hub.reader.knows_id(whole, id) and not hub.reader.knows_id(narrow, id)


def test_who_saw_all_customers_still_does_once_somebody_was_restricted(hub: Hub) -> None:
    ids = fill(hub)
    hub.resolver.upsert("form", "enquiries", [{"id": "e1", "from": "nobody@y.example", "at": "2027-01-14"}])
    client, waiting = TestClient(create_app(hub), raise_server_exceptions=False), WaitingRows(hub.timeline)

    def seen() -> object:
        answered = client.get("/v1/me", headers=key_for(hub, "steward")).json()
        assert client.get("/v1/reviews/proposals", headers=key_for(hub, "steward")).status_code == 200
        rows = waiting.page(STEWARD, "unowned", limit=5, cursor=None).data
        prospects = [t.id for t in hub.tasks.page(STEWARD, "prospects").data]
        segments = [(s.name, s.count) for s in hub.figures.segments(STEWARD)]
        return answered["limited"], len(rows), prospects, segments

    before = seen()
    assert before[0] == [] and len(before[2]) == 1  # type: ignore[index]
    restrict(hub, ids["bo"])
    assert seen() == before
    restrict(hub, ids["bo"], lift=True)
    assert seen() == before


# --- one connection ------------------------------------------------------------------------------------


@contextlib.contextmanager
def most_at_once(database: Database) -> Iterator[list[int]]:
    """How many connections were in use together, at each time that one was taken."""
    found: list[int] = []

    def taken(*_: object) -> None:
        found.append(database.engine.pool.checkedout())  # type: ignore[attr-defined]

    event.listen(database.engine, "checkout", taken)
    try:
        yield found
    finally:
        event.remove(database.engine, "checkout", taken)


def test_no_request_takes_a_second_connection_while_it_holds_one(hub: Hub) -> None:
    ids, client = twin(hub), TestClient(create_app(hub), raise_server_exceptions=False)
    hub.logbook.add(ids["ana"], "call", {"note": "hello"}, by="s")
    paths = [path for path, of in client.get("/openapi.json").json()["paths"].items() if "get" in of]
    headers = {role: key_for(hub, role) for role in ("steward", "glass", "lisbon")}
    greedy = set()
    with most_at_once(hub.database) as taken:
        for path in sorted(set(paths) - {"/v1/changes/events"}):  # that one never ends
            asked = path.replace("{id}", ids["ana"]).replace("{source}", "crm").replace("{stream}", "people")
            for role, header in headers.items():
                taken.clear()
                answer = client.get(asked.replace("{key}", "p1"), headers=header)
                assert answer.status_code < 500, (path, answer.text)
                if max(taken, default=0) > 1:
                    greedy.add((path, role))
    assert not greedy


def test_when_all_connections_are_in_use_who_asks_is_told_to_come_again(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.database.engine.pool, "_timeout", 0)
    with contextlib.ExitStack() as held, pytest.raises(RetryLater, match="in use: ask again"):
        for _ in range(100):
            held.enter_context(hub.database.read())


LOOKS = {"view", "view_of_role", "knows_record"}  # that ask the database, by the connection that they are given


def greedy_calls(source: str) -> Iterator[str]:
    """Calls that take a connection of their own where one is at hand: a parameter, or of a `with` around them."""
    for node in ast.walk(ast.parse(source)):
        held = isinstance(node, ast.FunctionDef) and any(a.arg == "connection" for a in node.args.args)
        held = held or (isinstance(node, ast.With) and any("connection" in ast.unparse(i) for i in node.items))
        for call in ast.walk(node) if held else ():
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in LOOKS:
                given = {ast.unparse(a) for a in call.args}
                if not given & {"connection", "reading", "reader"}:
                    yield f"{call.lineno}: {ast.unparse(call)}"


def test_who_holds_a_connection_lets_a_view_be_looked_up_by_it() -> None:
    hub = Path(__file__).parents[2] / "hub"
    found = {f"{p.relative_to(hub)}:{c}" for p in hub.rglob("*.py") for c in greedy_calls(p.read_text("utf-8"))}
    assert not found
