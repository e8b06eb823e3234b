"""A source is added by form, and its map is looked at on real rows: what is mistyped stays, what a view hides is hidden."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import expect
from starlette.testclient import TestClient

from hub.app import create_app
from hub.console.new_source import FormFaults
from hub.db import Database
from hub.errors import ConfigError, Fault
from hub.open import Hub
from hub.settings import load
from hub.work.reach import VARIABLE
from tests.access.population import ANA, BO, ROLES, fill, key_for, open_hub, write_config
from tests.console.conftest import LOOKS, Visit, World

KEEPER = "  keeper: {may: [read, admin], views: {person: {given_name: show, email: mask}}}\n"
ROWS = "Nr,Vorname,Nachname,E-Mail,Telefon,Geboren\n" + "".join(
    f"{n},Ana,Silva,ana{n}@example.com,+351 21 790 41{n}0,1980-02-0{n}\n" for n in range(1, 4)
)
SHOP = {"name": "shop", "kind": "file", "at": "shopdrop", "what": "*.csv", "customer": "person", "country": "PT"}


@pytest.fixture
def hub(database: Database, tmp_path: Path) -> Iterator[Hub]:
    write_config(tmp_path / "config", roles=ROLES + KEEPER)
    opened = open_hub(database, load(tmp_path / "config", {}), tmp_path / "var")
    drop(opened)
    yield opened
    opened.close()


@pytest.fixture
def client(hub: Hub) -> TestClient:
    return TestClient(create_app(hub), base_url="http://127.0.0.1", client=("127.0.0.1", 5), follow_redirects=False)


def drop(hub: Hub) -> None:
    (hub.config.folder / "shopdrop").mkdir(exist_ok=True)
    (hub.config.folder / "shopdrop/people.csv").write_text(ROWS)


def mark_of(text: str) -> str:
    return text.split('name="write" value="')[1].split('"')[0]


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_a_source_is_looked_at_corrected_and_written(
    visit: Visit, world: World, width: int, theme: str, request: pytest.FixtureRequest
) -> None:
    drop(world.hub)
    name = f"shop_{width}_{theme}"
    seen = visit("lea", width=width, theme=theme, script=theme == "light")
    seen.refusals.add(422)
    page = seen.goto("/sources")
    page.get_by_role("link", name="Add a source").click()
    page.get_by_label("Name").fill("crm")
    page.get_by_label("Where", exact=True).fill("shopdropp")
    page.get_by_label("Which rows").fill("*.csv")
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("alert")).to_contain_text("correct what is marked")
    marked = page.locator("[aria-invalid]")
    expect(marked).to_have_value("crm")
    expect(page.get_by_label("Where", exact=True)).to_have_value("shopdropp")
    if theme == "light":  # axe-core is a script itself
        seen.sound(f"new-source-wrong-{width}-{theme}")
    marked.fill(name)
    page.get_by_label("Where", exact=True).fill("shopdrop")
    page.get_by_role("button", name="Look at it").click()
    expect(page.locator("table.reading").first).to_contain_text("ana1@example.com")
    if theme == "light":
        seen.sound(f"new-source-{width}-{theme}")
    page.get_by_role("button", name="Write sources/").click()
    expect(page.get_by_role("status")).to_contain_text("is written")
    file = world.hub.config.folder / "sources" / f"{name}.yaml"
    assert yaml.safe_load(file.read_text())["streams"]["persons"]["map"]["email"] == "E-Mail"
    file.unlink()


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_map_of_a_source_is_shown_on_its_rows(visit: Visit, width: int, theme: str) -> None:
    seen = visit("lea", width=width, theme=theme)
    page = seen.goto("/sources/billing")
    expect(page.locator("table.reading").first).to_be_visible()
    seen.sound(f"source-rows-{width}-{theme}")


# --- as a server's answers ---


def test_what_was_shown_is_what_is_written_and_only_once(client: TestClient, hub: Hub) -> None:
    lead = key_for(hub, "lead_steward")
    shown = client.post("/new-source", data=SHOP, headers=lead)
    assert shown.status_code == 200 and "Ana" in shown.text
    file = hub.config.folder / "sources/shop.yaml"
    (hub.config.folder / "shopdrop/people.csv").write_text(ROWS.replace("E-Mail", "Kontakt"))
    other = client.post("/new-source", data={**SHOP, "write": mark_of(shown.text)}, headers=lead)
    assert other.status_code == 200 and "has changed since" in other.text and not file.exists()
    done = client.post("/new-source", data={**SHOP, "write": mark_of(other.text)}, headers=lead)
    assert done.status_code == 303 and load(hub.config.folder, {}).sources["shop"].streams["persons"].key == "Nr"
    again = client.post("/new-source", data={**SHOP, "write": mark_of(other.text)}, headers=lead)
    assert again.status_code == 422 and "is there already" in again.text


def test_only_who_administers_adds_sources_and_reads_rows(client: TestClient, hub: Hub) -> None:
    for role in ("steward", "customer_service", "stranger"):
        assert client.post("/new-source", data=SHOP, headers=key_for(hub, role)).status_code == 403
        assert client.get("/sources/billing", headers=key_for(hub, role)).status_code == 403


@pytest.mark.parametrize(
    "wish",
    [
        {"at": "/etc"},
        {"at": "../var"},
        {"at": "shopdrop/../.."},
        {"at": "."},
        {"at": "shopdrop/*/../../../var"},
        {"at": "*", "what": "access.yaml"},
        {"at": "v*", "what": "*/secret"},
        {"kind": "sql", "at": "HUB_DATABASE_URL", "what": "account"},
        {"kind": "sql", "at": "SHOP_URL", "what": "people"},
        {"kind": "rest", "at": "http://127.0.0.1:9/", "what": "people"},
        {"kind": "rest", "at": "https://169.254.169.254/", "what": "latest"},
        {"kind": "rest", "at": "https://192.0.2.1/", "what": "https://10.0.0.1/people"},
        {"kind": "rest", "at": "https://192.0.2.1/", "what": "//10.0.0.1/people"},
        {"kind": "rest", "at": "https://192.0.2.1/", "what": "/http://127.0.0.1:9/people"},
        {"kind": "exec", "at": "x"},
        {"at": ".env"},
        {"at": "sources"},
        {"name": "contact"},
    ],
)
def test_a_form_reaches_no_further_than_it_may(
    client: TestClient, hub: Hub, monkeypatch: pytest.MonkeyPatch, wish: dict[str, str]
) -> None:
    monkeypatch.setenv("SHOP_URL", f"sqlite:///{hub.config.folder / 'shop.sqlite'}")
    told = client.post("/new-source", data=SHOP | wish, headers=key_for(hub, "lead_steward"))
    assert told.status_code == 422 and 'class="fault' in told.text and "cus_" not in told.text


def test_the_operator_opens_folders_and_variables_by_name(
    client: TestClient, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/people.csv").write_text(ROWS)
    wish, lead = {**SHOP, "at": "../elsewhere"}, key_for(hub, "lead_steward")
    assert client.post("/new-source", data=wish, headers=lead).status_code == 422
    monkeypatch.setenv(VARIABLE, f"{tmp_path}/elsewhere, HUB_DATABASE_URL")
    assert client.post("/new-source", data=wish, headers=lead).status_code == 200
    secret = {**SHOP, "kind": "sql", "at": "HUB_DATABASE_URL", "what": "account"}
    assert client.post("/new-source", data=secret, headers=lead).status_code == 422


def test_rows_are_seen_as_the_view_says_and_looking_is_written_down(client: TestClient, hub: Hub) -> None:
    fill(hub)
    keeper = key_for(hub, "keeper")
    raw = {"id": "9", "first": "Zuleica", "last": "Quintanilha", "mail": "zuleica@example.com", "born": "1971-03-04"}
    hub.resolver.upsert("billing", "customers", [{**raw, "updated": "2026-03-01T00:00:00Z"}])
    page = client.get("/sources/billing", headers=keeper).text
    assert "Zuleica" in page and "not shown to you" in page
    for hidden in ("Quintanilha", "zuleica@", "1971-03-04"):
        assert hidden not in page
    probe = client.post("/new-source", data=SHOP, headers=keeper).text
    assert "Ana" in probe and "ana1@" not in probe and "1980-02-01" not in probe and "Silva" not in probe
    written = (hub.folder / "audit.jsonl").read_text()
    assert '"rows"' in written and '"rows of a new source"' in written


def test_the_api_does_what_the_form_does(client: TestClient, hub: Hub) -> None:
    lead = key_for(hub, "lead_steward")
    shown = client.post("/v1/sources/look", json=SHOP, headers=lead)
    assert shown.status_code == 200 and shown.json()["rows"][0]["readings"][0]["raw"] == ["Ana"], shown.text
    mark = shown.json()["mark"]
    assert client.post("/v1/sources", json={**SHOP, "mark": "other"}, headers=lead).status_code == 412
    assert client.post("/v1/sources", json={**SHOP, "mark": mark}, headers=lead).status_code == 201
    told = client.post("/v1/sources/look", json={**SHOP, "at": "/etc"}, headers=lead)
    assert told.status_code == 422 and told.json()["errors"][0]["pointer"] == "/at"
    assert client.post("/v1/sources/look", json=SHOP, headers=key_for(hub, "steward")).status_code == 403
    fill(hub)
    rows = client.get("/v1/sources/billing/customers/rows", headers=lead).json()["data"]
    assert {r["key"] for r in rows} == {"1", "2"}
    assert client.get("/v1/sources/billing/nothing/rows", headers=lead).status_code == 404


@pytest.mark.parametrize(
    "wish",
    [
        {"at": "~nobody/x"},
        {"at": "a\0b"},
        {"at": "x" * 400},
        {"kind": "rest", "at": "https://192.0.2.1", "what": "http://[x"},
        {"kind": "rest", "at": "https://192.0.2.1\n", "what": "people"},
        {"at": "empty", "what": "*"},
    ],
)
def test_what_cannot_be_is_refused_in_a_line(client: TestClient, hub: Hub, wish: dict[str, str]) -> None:
    (hub.config.folder / "empty").mkdir()
    (hub.config.folder / "empty/rows.json").write_text("[{},{}]")
    told = client.post("/v1/sources/look", json=SHOP | wish, headers=key_for(hub, "lead_steward"))
    assert told.status_code == 422
    (fault,) = told.json()["errors"]
    assert fault["pointer"] in ("/at", "/what") and fault["detail"]


def test_who_is_restricted_is_not_seen_by_adding_what_is_read_already_nor_elsewhere(
    client: TestClient, hub: Hub
) -> None:
    ids, lead, officer = fill(hub), key_for(hub, "lead_steward"), key_for(hub, "privacy_officer")
    elsewhere = [{**row, "ref": row["id"], "mail": row["mail"].upper()} for row in (ANA, BO)]
    for folder, rows in (("billing", (ANA, BO)), ("newsletter", elsewhere)):
        (hub.config.folder / folder).mkdir(exist_ok=True)
        (hub.config.folder / folder / "people.jsonl").write_text("\n".join(map(json.dumps, rows)))
    hub.requests.restrict(ids["ana"], by="pia")
    read = {**SHOP, "at": "billing", "what": "*"}
    told = client.post("/v1/sources/look", json=read, headers=lead).json()
    assert told["reader"] == "billing" and told["rows"] == [] and "ana@" not in json.dumps(told).lower()
    page = client.post("/new-source", data=read, headers=lead).text
    assert "reads there already" in page and "ana@" not in page.lower() and "Müller" not in page
    other = client.post("/v1/sources/look", json={**read, "at": "newsletter"}, headers=lead).json()
    assert other["reader"] == "" and len(other["rows"]) == 1 and "ana@" not in json.dumps(other).lower()
    answering = client.post("/v1/sources/look", json={**read, "at": "newsletter"}, headers=officer).json()
    assert len(answering["rows"]) == 2


def test_a_fault_is_marked_where_it_was_said() -> None:
    def marked(key: str) -> list[str]:
        return list(FormFaults.of(ConfigError([Fault(f"sources/s.yaml: {key}", "is wrong")])).fields)

    assert marked("streams.rows.rest.records") == ["records"] and marked("streams.rows.rest.path") == ["what"]
    assert marked("connector.base_url") == ["at"] and marked("streams.persons.map") == []
