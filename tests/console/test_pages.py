"""Pages as a server's answers: who may not see one is led away, the policy is strict, and nothing is markup but our own."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from hub.api.security import PUBLIC, SIGNED_IN
from hub.app import create_app
from hub.console.assets import FOLDER
from hub.console.pages import PageRoute
from hub.open import Hub
from tests.access.population import fill, key_for
from tests.access.test_accounts import PASSWORD, ann
from tests.api.test_app import permissions, routes

SCRIPT_BYTES = 30_000
MARKUP = '"><img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}'


@pytest.fixture
def app(hub: Hub) -> FastAPI:
    return create_app(hub)


@pytest.fixture
def browser(app: FastAPI) -> TestClient:
    return TestClient(app, base_url="https://hub.test", raise_server_exceptions=False, follow_redirects=False)


def sign_in(browser: TestClient, hub: Hub, *roles: str) -> None:
    ann(hub, *roles)
    answer = browser.post("/sign-in", data={"name": "ann", "password": PASSWORD})
    assert answer.status_code == 303, answer.text


def pages(app: FastAPI) -> list[APIRoute]:
    return [r for r in routes(app) if isinstance(r, PageRoute)]


def filled(path: str, id: str) -> str:
    return re.sub(r"{\w+(:\w+)?}", id, path)


def test_who_is_nobody_is_led_to_sign_in_from_every_page_and_back(app: FastAPI, browser: TestClient, hub: Hub) -> None:
    id = fill(hub)["ana"]
    guarded = [r for r in pages(app) if permissions(r) != {PUBLIC}]
    assert len(guarded) > 5
    for route in guarded:
        for method in route.methods:
            there = browser.request(method, filled(route.path, id), data={} if method == "POST" else None)
            where = "/me/sign-in" if route.path.startswith("/me") else "/sign-in?to="
            assert there.status_code == 303 and there.headers["location"].startswith(where), route.path
            assert "Silva" not in there.text


def test_a_role_without_the_permission_is_refused_and_whether_there_is_such_a_thing_is_not_told(
    app: FastAPI, browser: TestClient, hub: Hub
) -> None:
    id = fill(hub)["ana"]
    shown = {**key_for(hub, "monitoring"), "x-request-id": "same"}
    for route in pages(app):
        if permissions(route) <= {PUBLIC, SIGNED_IN}:
            continue
        for method in route.methods:
            told = [browser.request(method, filled(route.path, i), headers=shown) for i in (id, "cus_nobody")]
            assert [t.status_code for t in told] == [403, 403], route.path
            assert told[0].text == told[1].text


def test_a_customer_outside_the_rows_and_one_that_never_was_are_one_page(browser: TestClient, hub: Hub) -> None:
    ids = fill(hub)
    shown = {**key_for(hub, "lisbon"), "x-request-id": "same"}
    for tab in ("", "/timeline", "/records", "/how", "/history"):
        told = [browser.get(f"/customers/{i}{tab}", headers=shown) for i in (ids["bo"], "cus_nobody")]
        assert [t.status_code for t in told] == [404, 404]
        assert told[0].text == told[1].text
    assert browser.get(f"/customers/{ids['ana']}", headers=shown).status_code == 200


def test_every_page_is_under_the_strict_policy_and_brings_no_script_or_style_of_its_own(
    browser: TestClient, hub: Hub
) -> None:
    ids = fill(hub)
    sign_in(browser, hub, "steward")
    tabs = ("", "/timeline", "/records", "/how", "/history")
    for path in (
        "/customers",
        "/customers?q=silva",
        "/account",
        "/sign-in",
        *(f"/customers/{ids['ana']}{t}" for t in tabs),
    ):
        answer = browser.get(path)
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?! src=\"/assets/)", answer.text), path
        assert not re.search(r"(src|href)=\"(https?:)?//", answer.text), path


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


def tags(text: str) -> list[tuple[str, tuple[str, ...]]]:
    parser = _Tags()
    parser.feed(text)
    return parser.found


def test_what_people_type_into_a_system_is_never_markup(browser: TestClient, hub: Hub) -> None:
    odd = {
        "first": f"Ana {MARKUP}",
        "last": f"Silva {MARKUP}",
        "job": MARKUP,
        "street": f"Rua {MARKUP}",
        "town": MARKUP,
        "mail": MARKUP,
    }
    ids = fill(hub, ana=odd, crm={"job": MARKUP, "first": MARKUP})
    sign_in(browser, hub, "steward")
    for path in (
        f"/customers?q={MARKUP}",
        f"/sign-in?to={MARKUP}&said={MARKUP[:20]}",
        f"/set-up?token={MARKUP}",
        *(f"/customers/{ids['ana']}{tab}" for tab in ("", "/timeline", "/records", "/how", "/history")),
    ):
        answer = browser.get(path)
        found = tags(answer.text)
        assert not any(tag == "img" and "onerror" in names for tag, names in found), path
        assert [t for t in found if t[0] == "script"] == [("script", ("src", "defer"))], path
        assert "{{7*7}}" not in answer.text or "49" not in re.findall(r"\b49\b", answer.text), path


def test_a_form_of_another_site_does_nothing(browser: TestClient, hub: Hub) -> None:
    sign_in(browser, hub, "steward")
    for headers in ({"origin": "https://elsewhere.test"}, {"sec-fetch-site": "cross-site"}):
        assert browser.post("/sign-out", headers=headers).status_code == 403
    assert browser.get("/account").status_code == 200


def test_what_one_typed_wrong_stays_in_the_form_but_the_password(browser: TestClient, hub: Hub) -> None:
    ann(hub, "steward")
    answer = browser.post("/sign-in", data={"name": "ann", "password": "a wrong one", "to": "/customers?q=x"})
    assert answer.status_code == 401 and 'value="ann"' in answer.text and 'value="/customers?q=x"' in answer.text
    assert "a wrong one" not in answer.text and "Name, password or code is wrong." in answer.text


def test_one_is_led_to_pages_of_the_hub_alone(browser: TestClient, hub: Hub) -> None:
    ann(hub, "steward")
    for to in ("//elsewhere.test", "https://elsewhere.test/", "/\\elsewhere.test"):
        answer = browser.post("/sign-in", data={"name": "ann", "password": PASSWORD, "to": to})
        assert answer.headers["location"] == "/"


def test_a_session_that_ended_in_between_is_told_and_nothing_was_done(browser: TestClient, hub: Hub) -> None:
    answer = browser.post("/account/password", data={"password": "x"}, headers={"referer": "https://hub.test/account"})
    assert answer.headers["location"] == "/sign-in?to=%2Faccount&said=ended"
    assert "nothing of what you just sent was done" in browser.get(answer.headers["location"]).text


def test_the_script_is_small_and_assets_are_kept_by_browsers_until_they_change(browser: TestClient) -> None:
    assert sum(p.stat().st_size for p in FOLDER.glob("*.js")) <= SCRIPT_BYTES
    addresses = re.findall(r'"(/assets/[^"]+)"', browser.get("/sign-in").text)
    assert len(set(addresses)) == 3
    for address in addresses:
        assert "immutable" in browser.get(address).headers["cache-control"]
    assert browser.get("/assets/older/console.css").headers["cache-control"] == "no-cache"
    assert browser.get("/assets/x/..%2Fpages.py").status_code == 404


def test_a_link_that_leads_nowhere_is_a_page_for_people_and_a_problem_for_machines(browser: TestClient) -> None:
    assert browser.get("/nowhere").json()["status"] == 404
    assert "<h1>Not found</h1>" in browser.get("/nowhere", headers={"sec-fetch-mode": "navigate"}).text
