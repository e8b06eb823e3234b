"""How the hub is, its sources and subscriptions, who sees what: as a lead sees them, and what can be told there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect
from starlette.testclient import TestClient

from hub.app import create_app
from hub.delivery.addresses import VARIABLE, allowed_networks
from hub.matching import store as matching_store
from hub.matching.compare.model import default_model
from hub.model import RecordId, Verdict, from_micros
from hub.open import Hub
from hub.quality.accuracy import keep as keep_estimate
from hub.quality.estimation import Read
from hub.quality.sampling import Estimate, Interval, Labelled, Stratum
from hub.work import performance_store, sources
from hub.work.performance import keep
from hub.work.performance_store import Measured
from hub.work.pull import Pulled
from tests.access.population import fill, key_for
from tests.console.conftest import LOOKS, Visit, World
from tests.steward import Steward

FIGURES = {
    "people": 400,
    "first_run": {
        "pulled": [Pulled("crm", "people").counts()],
        "customers": 431,
        "matching_seconds": 3.4,
        "written_back": 211,
    },
    "address_change": {
        "customer": "cus_x",
        "crm_before": {"line1": "Rua Direita 5"},
        "crm_after": {"line1": "Am Neuen Markt 7"},
        "crm_writes_in_the_cycle": 1,
        "crm_writes_in_two_further_cycles": 0,
    },
}


def estimated(hub: Hub) -> None:
    precise = Interval(0.985, 0.971, 0.9932)
    found = Estimate(200, precise, precise, precise, replace(precise, estimate=0.9), None)
    strata = [Labelled(Stratum("10 to 12 bits", True, 1234.4, 0.99), 40, 39)]
    keep_estimate(hub.database, "person", Read(found, strata, 0, 0.01))


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_every_page_of_operations_looks_right(visit: Visit, world: World, width: int, theme: str) -> None:
    seen = visit("lea", width=width, theme=theme)
    estimated(world.hub)
    for path in ("/overview", "/overview/accuracy", "/sources", "/sources/crm", "/subscriptions", "/model", "/access"):
        seen.goto(path)
        seen.sound(f"{path[1:].replace('/', '-')}-{width}-{theme}")


def test_a_source_is_paused_with_a_reason_and_resumed(visit: Visit) -> None:
    page = visit("lea").goto("/sources")
    card = page.locator("section", has=page.get_by_role("heading", name="billing"))
    card.get_by_text("Pause …").click()
    card.get_by_label("Why").fill("it is being moved")
    card.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status")).to_contain_text("Billing is paused")
    expect(card).to_contain_text("lea: it is being moved")
    card.get_by_role("button", name="Resume").click()
    expect(card).to_contain_text("active")


# --- as a server's answers ---


@pytest.fixture
def client(hub: Hub) -> TestClient:
    return TestClient(create_app(hub), base_url="http://127.0.0.1", client=("127.0.0.1", 5), follow_redirects=False)


def test_a_source_that_nobody_configured_is_not_found(client: TestClient, hub: Hub) -> None:
    lead = key_for(hub, "lead_steward")
    assert client.get("/sources/unheard_of", headers=lead).status_code == 404
    assert client.post("/sources/unheard_of/nudge", headers=lead).status_code == 404
    assert client.post("/sources/crm/pause", data={"why": ""}, headers=lead).status_code == 400
    assert all(s.state.paused_at is None for s in sources.listed(hub.resolver))


def test_a_system_nudges_its_own_source_alone(client: TestClient, hub: Hub) -> None:
    assert client.post("/sources/crm/nudge", headers=key_for(hub, "billing", "billing")).status_code == 403


def test_the_demo_tells_its_story_and_signs_in_with_one_click_on_its_own_machine_alone(hub: Hub) -> None:
    from hub.demo.pages import welcoming

    app = create_app(hub)
    welcoming(hub, FIGURES, app)
    here = TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 5), follow_redirects=False)
    told = here.get("/demo").text
    assert "Four systems knew 400 people" in told and "Am Neuen Markt 7" in told and "Stella Steward" in told
    assert 'href="/demo"' in here.get("/sign-in").text
    answer = here.post("/demo/sign-in", data={"role": "steward"})
    assert answer.headers["location"] == "/review" and here.get("/review").status_code == 200
    assert here.post("/demo/sign-in", data={"role": "privacy_officer"}).status_code == 404
    elsewhere = TestClient(app, base_url="http://127.0.0.1", client=("10.0.0.9", 5), follow_redirects=False)
    by_another_name = TestClient(app, base_url="http://rebound.test", client=("127.0.0.1", 5), follow_redirects=False)
    for other in (elsewhere, by_another_name):
        assert (
            other.get("/demo").status_code == other.post("/demo/sign-in", data={"role": "steward"}).status_code == 404
        )


def test_a_hub_that_is_no_demo_has_no_such_page(client: TestClient, hub: Hub) -> None:
    fill(hub)
    assert client.get("/demo").status_code == client.post("/demo/sign-in", data={"role": "steward"}).status_code == 404
    assert "/demo" not in client.get("/sign-in").text


def test_numbers_over_time_are_plotted_each_with_its_table_and_the_rows_behind_it(client: TestClient, hub: Hub) -> None:
    fill(hub)
    lead = key_for(hub, "lead_steward")
    Steward(hub.resolver).decide(
        RecordId("billing", "customers", "1"), RecordId("crm", "people", "p1"), Verdict.MATCH, by="ann", reason="r"
    )
    keep(hub.database, hub.config)
    told = client.get("/overview", headers=lead).text
    assert "Verdicts" in told and "As a table" in told and "<rect" in told
    assert "Held twice or more" in told
    rows = client.get("/overview/performance?measure=decisions", headers=lead).text
    assert "match" in rows and "ann" in rows
    assert client.get("/overview/performance?measure=nonsense", headers=lead).status_code == 400


def test_how_right_it_is_is_told_with_its_interval_and_the_labels_behind_it(client: TestClient, hub: Hub) -> None:
    lead = key_for(hub, "lead_steward")
    assert "Not estimated yet" in client.get("/overview", headers=lead).text
    estimated(hub)
    told = client.get("/overview", headers=lead).text
    assert "98.5 % (97.1 to 99.3)" in told and "90.0 % (97.1" in told and 'href="/overview/accuracy"' in told
    behind = client.get("/overview/accuracy", headers=lead).text
    assert "10 to 12 bits" in behind and "1,234" in behind
    assert client.get("/overview/accuracy", headers=key_for(hub, "steward")).status_code == 403


def test_what_it_brought_and_cost_is_plotted_in_each_currency(client: TestClient, hub: Hub) -> None:
    ids, lead = fill(hub), key_for(hub, "lead_steward")
    day = from_micros(hub.database.clock.now()).date().isoformat()
    rows = [
        Measured(day, "sales", "order", "", "EUR", 2, amount=1_234_56),
        Measured(day, "contacts", "call", "phone", "JPY", 1, amount=900),
    ]
    with hub.database.unit() as connection:
        performance_store.replace(connection, day, ("sales", "contacts"), rows)
    told = client.get("/overview", headers=lead).text
    assert ids and "Value of sales" in told and "1,235 EUR" in told and "Cost of contacts" in told and "900 JPY" in told


def test_a_range_is_sent_again_and_keys_are_listed(hub: Hub) -> None:
    near = replace(hub, networks=allowed_networks({VARIABLE: "127.0.0.0/8"}))
    client = TestClient(create_app(near), base_url="http://127.0.0.1", client=("127.0.0.1", 5), follow_redirects=False)
    lead = key_for(hub, "lead_steward")
    wish = {"name": "a shop", "url": "http://127.0.0.1:9/hook", "types": ["person"]}
    made = client.post("/v1/subscriptions", json=wish, headers=lead)
    assert made.status_code == 201, made.text
    page = f"/subscriptions/{made.json()['id']}"
    assert "Send a range again" in client.get(page, headers=lead).text
    days = {"since": "2027-01-01", "until": "2027-01-31"}
    told = client.post(f"{page}/replay", data=days, headers=lead)
    assert told.status_code == 303 and "changes+are+sent+again" in told.headers["location"]
    assert client.post(f"{page}/replay", data={**days, "since": "soon"}, headers=lead).status_code == 400
    access = client.get("/access", headers=lead).text
    assert "lead_steward of a test" in access and "Broken glass" not in access


def test_versions_of_a_model_stand_beside_the_one_in_force(client: TestClient, hub: Hub) -> None:
    fill(hub)
    model = default_model(hub.config.customers["person"])
    with hub.database.unit() as connection:
        for n, at in ((model.join, 1_000_000), (model.join + 1_000, 2_000_000)):
            other = replace(model, join=n)
            number = matching_store.add_model(connection, "person", f"hash {n}", other.to_json(), at)
            if n == model.join:
                matching_store.promote(connection, number, "person", at)
    told = client.get("/model", headers=key_for(hub, "lead_steward")).text
    assert "in force" in told and "proposed" in told and "1 difference" in told


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_a_models_page_says_what_it_would_change(visit: Visit, world: World, width: int, theme: str) -> None:
    model = default_model(world.hub.config.customers["person"])
    strict = replace(model, join=model.join + 60_000)
    with world.hub.database.unit() as connection:
        number = matching_store.add_model(connection, "person", strict.hash, strict.to_json(), 2_000_000)
        matching_store.ask_model(connection, number, "", "", None)
    seen = visit("lea", width=width, theme=theme)
    page = seen.goto(f"/model/{number}")
    expect(page.get_by_role("heading", name="Would be joined no longer")).to_be_visible()
    seen.sound(f"model-version-{width}-{theme}")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("status")).to_contain_text("is tried within seconds")
    expect(page.locator("main")).to_contain_text("lea wants it tried")


def test_a_model_is_wanted_once_and_by_who_administers(client: TestClient, hub: Hub) -> None:
    fill(hub)
    model, lead = default_model(hub.config.customers["person"]), key_for(hub, "lead_steward")
    with hub.database.unit() as connection:
        number = matching_store.add_model(connection, "person", model.hash, model.to_json(), 1_000_000)
    page = f"/model/{number}"
    assert client.post(f"{page}/promote", headers=key_for(hub, "steward")).status_code == 403
    assert client.post(f"{page}/promote", headers=lead).status_code == 303
    again = client.post(f"{page}/try", headers=lead)
    assert again.status_code == 409 and "Nothing was done" in again.text
    assert client.post("/model/77/try", headers=lead).status_code == 404
    assert client.post(f"{page}/drop", headers=lead).status_code in (400, 422)
    listed = client.get("/v1/models", headers=lead).json()["data"]
    assert [(m["number"], m["wanted"], m["wanted_by"]) for m in listed] == [
        (number, "promote", "lead_steward of a test")
    ]
    assert client.post(f"/v1/models/{number}/try", headers=lead).status_code == 409
    edge = client.get(f"/v1/models/{number}/edge", headers=lead).json()
    assert not edge["in_force"] and edge["joins"] == edge["parts"] == 0 < edge["above"]
