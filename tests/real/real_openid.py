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
    access.write_text(yaml.safe_dump({**yaml.safe_load(access.read_text()), "sign_in": {"url": url, "oidc": oidc}}))
    serve = [str(Path(sys.executable).parent / "hub"), "serve", "--no-jobs"]
    ours = {**hub.env, "HUB_PORT": url.rpartition(":")[2]}
    provider = ["node", str(modules / "provider.mjs"), issuer, url]
    found = f"{issuer}/.well-known/openid-configuration"
    with running(provider, lambda: get(found), folder / "provider.log", HUB_OIDC_SECRET=SECRET):
        with running(serve, lambda: get(f"{url}/readyz"), folder / "serve.log", **ours):
            yield url, issuer


SHOP = """
connector: {kind: file, path: drop}
streams: {people: {customer: person, key: id, map: {given_name: first, family_name: last}}}
"""


def get(url: str) -> Any:
    return httpx2.get(url, trust_env=False).raise_for_status().json()


def signed_in(url: str, name: str) -> tuple[httpx2.Client, httpx2.Response]:
    """A browser after signing in there, and the hub's answer to it."""
    browser = httpx2.Client(trust_env=False)
    answer = browser.get(f"{url}/auth/sign-in", params={"to": "/v1/session"})
    for _ in range(20):
        if answer.is_redirect:
            to = urljoin(str(answer.url), answer.headers["location"])
            answer = browser.get(to)
            if to.startswith(f"{url}/auth/callback"):
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
