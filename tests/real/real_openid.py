"""oidc-provider from npm, a certified OpenID Connect provider: people sign in there, systems show its tokens."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest
import yaml
from playwright.sync_api import sync_playwright

from tests.console import chromium
from tests.real.hub import Hub
from tests.real.systems import REAL, checked, free_port, running

PACKAGE = "oidc-provider@9.13.3"
SECRET = "a secret of the hub and its provider"


@pytest.fixture(scope="module")
def modules() -> Path:
    """A folder whose node_modules hold the provider. Made once."""
    folder = REAL / PACKAGE.replace("@", "-")
    if not (folder / "node_modules" / "oidc-provider").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        checked(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), PACKAGE])
    (folder / "provider.mjs").write_text((Path(__file__).parent / "provider.mjs").read_text())
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, modules: Path) -> Iterator[tuple[str, str]]:
    """The addresses of a hub and of its provider, both running."""
    folder = tmp_path_factory.mktemp("openid")
    url, issuer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    hub = Hub(folder / "hub", {"HUB_OIDC_SECRET": SECRET})
    hub.source("shop", SHOP)
    (folder / "hub/config/drop").mkdir()
    (folder / "hub/config/drop/people.csv").write_text(PEOPLE)
    access = folder / "hub/config/access.yaml"
    oidc = {
        "issuer": issuer,
        "client_id": "hub",
        "client_secret_env": "HUB_OIDC_SECRET",
        "scopes": ["openid", "profile", "email", "groups"],
        "roles": {"data-stewards": "steward"},
        "audience": "urn:hub",
        "clients": {"svc": {"role": "billing", "source": "shop"}},
    }
    own = {
        "issuer": issuer,
        "client_id": "portal",
        "client_secret_env": "HUB_OIDC_SECRET",
        "scopes": ["openid", "email", "customer"],
        "record": {"claim": "customer_no", "source": "shop", "stream": "people"},
    }
    sign_in = {"url": url, "oidc": oidc, "people": {"oidc": own}}
    access.write_text(yaml.safe_dump({**yaml.safe_load(access.read_text()), "sign_in": sign_in}))
    hub.pulled("shop")
    serve = [str(Path(sys.executable).parent / "hub"), "serve", "--no-jobs"]
    ours = {**hub.env, "HUB_PORT": url.rpartition(":")[2]}
    provider = ["node", str(modules / "provider.mjs"), issuer, url]
    found = f"{issuer}/.well-known/openid-configuration"
    with running(provider, lambda: get(found), folder / "provider.log", HUB_OIDC_SECRET=SECRET):
        with running(serve, lambda: get(f"{url}/readyz"), folder / "serve.log", **ours):
            yield url, issuer


SHOP = """
connector: {kind: file, path: drop}
streams:
  people:
    customer: person
    key: id
    version: updated
    verified: all
    map: {given_name: first, family_name: last, email: mail}
"""
PEOPLE = """id,first,last,mail,updated
1,Uli,Vogel,uli@vogel.de,2026-01-01T00:00:00Z
2,Eva,Weber,eva@weber.de,2026-01-01T00:00:00Z
"""


def get(url: str) -> Any:
    return httpx2.get(url, trust_env=False).raise_for_status().json()


def signed_in(url: str, name: str, way: str = "/auth/sign-in?to=/v1/session") -> tuple[httpx2.Client, httpx2.Response]:
    """A browser after signing in there, and the hub's answer to it."""
    browser = httpx2.Client(trust_env=False)
    answer = browser.get(f"{url}{way}")
    for _ in range(20):
        if answer.is_redirect:
            to = urljoin(str(answer.url), answer.headers["location"])
            answer = browser.get(to)
            if to.startswith((f"{url}/auth/callback", f"{url}/me/callback")):
                return browser, answer
            continue
        action = re.search(r'action="([^"]+)"', answer.text)
        prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
        assert action and prompt, answer.text
        form = {"prompt": prompt[1], "login": name, "password": "any"}
        answer = browser.post(urljoin(str(answer.url), action[1]), data=form)
    raise AssertionError(f"never came back: {answer.status_code} {answer.url}")


def test_people_sign_in_by_a_code_and_their_group_gives_a_role(place: tuple[str, str]) -> None:
    url, _ = place
    browser, back = signed_in(url, "ann")
    assert (back.status_code, back.headers["location"]) == (303, "/v1/session"), back.text
    told = browser.get(f"{url}/v1/session").json()
    assert (told["name"], told["role"]) == ("ann of the staff", "steward")
    assert browser.get(f"{url}/v1/reviews").status_code == 200
    assert browser.get(str(back.url)).status_code == 401  # the code is used, the ticket gone
    assert browser.delete(f"{url}/v1/session").status_code == 204
    assert browser.get(f"{url}/v1/session").status_code == 401


def test_a_browser_comes_back_to_the_page_that_was_asked_for(place: tuple[str, str]) -> None:
    url, issuer = place
    path = chromium.found()
    assert path, chromium.MISSING
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        page = opened.new_page()
        page.goto(f"{url}/review")
        page.get_by_role("link", name="Sign in with your organisation").click()
        page.wait_for_url(f"{issuer}/**")
        page.fill("[name=login]", "ann")
        page.fill("[name=password]", "any")
        page.click("[type=submit]")
        page.get_by_role("button", name="Continue").click()  # she lets the hub know who she is
        page.wait_for_url(f"{url}/review")
        assert page.locator("h1").inner_text() and "ann of the staff" in page.content()
        cookie = next(c for c in page.context.cookies() if "hub" in c["name"])
        assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
        page.locator("header summary").click()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{url}/sign-in**")
        page.goto(f"{url}/review")
        assert page.url.startswith(f"{url}/sign-in")
        opened.close()


def test_who_has_no_group_with_a_role_comes_no_further(place: tuple[str, str]) -> None:
    browser, back = signed_in(place[0], "bob")
    assert back.status_code == 403 and not browser.cookies.get("hub")


@pytest.mark.parametrize(("name", "given"), [("eva", "Eva"), ("uli", "Uli"), ("max", ""), ("ann", "")])
def test_a_customer_is_known_by_an_address_that_was_checked_there_or_by_their_number(
    place: tuple[str, str], name: str, given: str
) -> None:
    url, _ = place
    browser, back = signed_in(url, name, "/me/elsewhere")
    assert (back.status_code, back.headers["location"]) == (303, "/me" if given else "/me/sign-in?said=elsewhere")
    told = browser.get(f"{url}/v1/me/data")
    assert told.status_code == (200 if given else 401)
    assert not given or told.json()["values"]["given_name"][0] == given or told.json()["values"]["given_name"] == given
    assert browser.get(f"{url}/v1/session").status_code == (200 if given else 401)
    assert browser.get(f"{url}/v1/customers?q=eva").status_code == (403 if given else 401)
    assert browser.get(str(back.url)).headers["location"] == "/me/sign-in?said=elsewhere"  # the code is used


def test_a_customer_comes_in_by_their_account_on_a_phone_in_german(place: tuple[str, str]) -> None:
    url, issuer = place
    path = chromium.found()
    assert path, chromium.MISSING
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        page = opened.new_page(locale="de-DE", viewport={"width": 390, "height": 800})
        page.goto(f"{url}/me")
        page.get_by_role("link", name="Mit Ihrem Kundenkonto anmelden").click()
        page.wait_for_url(f"{issuer}/**")
        page.fill("[name=login]", "eva")
        page.fill("[name=password]", "any")
        page.click("[type=submit]")
        page.get_by_role("button", name="Continue").click()  # she lets the hub know who she is
        page.wait_for_url(f"{url}/me")
        assert "eva@weber.de" in page.locator("dl.values").inner_text()
        opened.close()


def test_a_system_shows_a_token_of_its_own(place: tuple[str, str]) -> None:
    url, issuer = place
    form = {"grant_type": "client_credentials", "scope": "hub.read"}
    auth = ("svc", "a secret of the service alone")
    token = httpx2.post(f"{issuer}/token", data=form, auth=auth, trust_env=False).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    me = httpx2.get(f"{url}/v1/me", headers=headers, trust_env=False).json()
    assert (me["id"], me["kind"], me["role"], me["source"]) == ("client:svc", "system", "billing", "shop")
    record = f"{url}/v1/sources/shop/people/records/1"
    put = httpx2.put(record, json={"first": "Ann", "last": "Lee"}, headers=headers, trust_env=False)
    assert put.status_code == 200, put.text
    other = {"authorization": f"Bearer {token[:-4]}AAAA"}
    assert httpx2.get(f"{url}/v1/me", headers=other, trust_env=False).status_code == 401
