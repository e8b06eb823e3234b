"""Signing in over HTTP: a cookie that no script reads and no other site uses, and what the asker may see."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from hub.access.authentication.accounts import add_account
from hub.app import create_app
from hub.open import Hub
from hub.settings import Role
from tests.access.population import fill, key_for
from tests.access.test_accounts import MINUTE, PASSWORD, ann, later
from tests.access.test_second_factor import code_of
from tests.api.test_app import problem


@pytest.fixture
def browser(hub: Hub) -> Iterator[TestClient]:
    """One that reaches the hub by https."""
    yield TestClient(create_app(hub), base_url="https://hub.test", raise_server_exceptions=False)


def sign_in(browser: TestClient, **more: str) -> dict[str, object]:
    answer = browser.post("/v1/session", json={"name": "ann", "password": PASSWORD, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, object] = answer.json()
    return found


def test_an_account_is_set_up_and_signed_in_and_out(browser: TestClient, hub: Hub) -> None:
    token, account = add_account(hub.database, hub.config, "ann", ["analyst", "steward"])
    given = {"token": token, "password": PASSWORD}
    assert problem(browser.post("/v1/session/set-up", json={**given, "password": "short"}), 422)["errors"]
    assert browser.post("/v1/session/set-up", json=given).status_code == 204
    problem(browser.post("/v1/session/set-up", json=given), 404)
    problem(browser.get("/v1/session"), 401)
    told = sign_in(browser)
    assert (told["id"], told["role"], told["roles"]) == (account.id, "analyst", ["analyst", "steward"])
    assert browser.get("/v1/session").json() == told
    assert browser.post("/v1/session/role", json={"role": "steward"}).json()["role"] == "steward"
    problem(browser.post("/v1/session/role", json={"role": "lead_steward"}), 403)
    assert browser.delete("/v1/session").status_code == 204
    assert not browser.cookies
    problem(browser.get("/v1/session"), 401)


def test_the_cookie_is_the_hosts_own_and_changes_at_every_signing_in(browser: TestClient, hub: Hub) -> None:
    ann(hub)
    answer = browser.post("/v1/session", json={"name": "ann", "password": PASSWORD})
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == "__Host-hub"
    assert {p.strip().lower() for p in rest.split(";")[1:]} == {"httponly", "path=/", "samesite=lax", "secure"}
    first = browser.cookies["__Host-hub"]
    sign_in(browser)
    assert browser.cookies["__Host-hub"] != first
    problem(browser.get("/v1/me", headers={"cookie": f"__Host-hub={first}"}), 401)


def test_by_plain_http_the_cookie_has_the_name_that_browsers_take_there(hub: Hub) -> None:
    ann(hub)
    plain = TestClient(create_app(hub), base_url="http://127.0.0.1:8000")
    sign_in(plain)
    assert set(plain.cookies) == {"hub"} and plain.get("/v1/session").status_code == 200
    secure = TestClient(create_app(hub), base_url="https://hub.test", cookies={"hub": plain.cookies["hub"]})
    problem(secure.get("/v1/session"), 401)  # any host of the domain could have set that one


def test_signing_out_everywhere_ends_the_other_browsers_too(browser: TestClient, hub: Hub) -> None:
    ann(hub)
    other = TestClient(create_app(hub), base_url="https://hub.test")
    sign_in(browser)
    sign_in(other)
    assert browser.delete("/v1/session?everywhere=true").status_code == 204
    problem(other.get("/v1/session"), 401)


ELSEWHERE = [
    {"origin": "https://evil.test"},
    {"origin": "null"},
    {"origin": "https://hub.test.evil.test"},
    {"origin": "https://hub.test:444"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": "https://hub.test"},
]


@pytest.mark.parametrize("headers", ELSEWHERE)
def test_a_page_of_another_site_changes_nothing(browser: TestClient, hub: Hub, headers: dict[str, str]) -> None:
    ann(hub)
    given = {"name": "ann", "password": PASSWORD}
    problem(browser.post("/v1/session", json=given, headers=headers), 403)
    sign_in(browser)
    problem(browser.delete("/v1/session", headers=headers), 403)
    problem(browser.post("/v1/decisions", json={}, headers=headers), 403)
    assert browser.get("/v1/session", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "https://hub.test"}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}]
)
def test_the_hubs_own_pages_and_tools_may(browser: TestClient, hub: Hub, headers: dict[str, str]) -> None:
    ann(hub)
    assert browser.post("/v1/session", json={"name": "ann", "password": PASSWORD}, headers=headers).status_code == 201
    assert browser.delete("/v1/session", headers=headers).status_code == 204


def test_a_key_goes_before_a_cookie_and_a_bad_one_is_not_made_good_by_it(browser: TestClient, hub: Hub) -> None:
    ann(hub)
    sign_in(browser)
    assert browser.get("/v1/me", headers=key_for(hub, "monitoring")).json()["role"] == "monitoring"
    problem(browser.get("/v1/me", headers={"authorization": "Bearer hub_live_nobody_knows"}), 401)
    problem(browser.get("/v1/session", headers=key_for(hub, "monitoring")), 401)
    answer = browser.delete("/v1/session", headers={**key_for(hub, "steward"), "origin": "https://evil.test"})
    assert answer.status_code == 401  # a key is nothing that a browser sends by itself: where from does not matter


def test_whoever_signed_in_is_served_in_their_role(browser: TestClient, hub: Hub) -> None:
    ids = fill(hub)
    ann(hub, "analyst", "steward")
    sign_in(browser)
    shown = browser.get(f"/v1/customers/{ids['ana']}").json()["values"]
    assert shown["given_name"].startswith("psn_")
    problem(browser.get("/v1/reviews"), 403)
    browser.post("/v1/session/role", json={"role": "steward"})
    assert browser.get("/v1/reviews").status_code == 200


def test_too_many_wrong_tries_are_told_how_long_to_wait(browser: TestClient, hub: Hub) -> None:
    for _ in range(hub.config.access.sign_in.tries):
        problem(browser.post("/v1/session", json={"name": "ann", "password": "wrong"}), 401)
    answer = browser.post("/v1/session", json={"name": "ann", "password": "wrong"})
    assert "60 seconds" in problem(answer, 429)["detail"] and answer.headers["retry-after"] == "60"


def test_me_tells_what_a_role_sees_and_does_and_nothing_that_it_does_not(browser: TestClient, hub: Hub) -> None:
    me = browser.get("/v1/me", headers=key_for(hub, "lisbon_contacts")).json()
    assert me["kind"] == "staff" and me["permissions"] == ["read"] and me["limited"] == ["person"]
    assert me["views"] == {"person": {"email": "mask", "given_name": "show", "phone": "show"}}
    assert "address" not in str(me) and "Lisboa" not in str(me)
    billing = browser.get("/v1/me", headers=key_for(hub, "billing", "billing")).json()
    assert (billing["kind"], billing["source"], billing["title"]) == ("system", "billing", "Billing system")
    steward = browser.get("/v1/me", headers=key_for(hub, "steward")).json()
    assert steward["views"]["order"]["total"] == "show"


def test_how_much_may_still_be_asked_is_told_and_who_asks_too_often_waits(hub: Hub) -> None:
    roles = {**hub.config.access.roles, "slow": Role(requests=3, may=("metrics",))}
    sign_in_ = hub.config.access.sign_in.model_copy(update={"requests": 2})
    access = hub.config.access.model_copy(update={"roles": roles, "sign_in": sign_in_})
    slow = hub.with_config(hub.config.model_copy(update={"access": access}))
    client, key, other = TestClient(create_app(slow)), key_for(slow, "slow"), key_for(slow, "slow")
    told = [client.get("/metrics", headers=key) for _ in range(5)]
    assert [a.status_code for a in told] == [200, 200, 200, 429, 429]
    assert [a.headers["ratelimit"] for a in told[:3]] == [f'"principal";r={n};t=60' for n in (2, 1, 0)]
    assert told[0].headers["ratelimit-policy"] == '"principal";q=3;w=60'
    assert problem(told[3], 429)["type"].endswith("too-many") and 0 < int(told[3].headers["retry-after"]) <= 60
    assert client.get("/metrics", headers=other).status_code == 200  # everybody counts alone
    later(slow, MINUTE)
    assert client.get("/metrics", headers=key).status_code == 200
    given = {"name": "nobody", "password": "x"}
    assert [client.post("/v1/session", json=given).status_code for _ in range(3)] == [401, 401, 429]
    assert "ratelimit" not in client.get("/healthz").headers


def test_a_second_factor_over_http(browser: TestClient, hub: Hub) -> None:
    ann(hub)
    sign_in(browser)
    problem(browser.post("/v1/session/totp", json={"password": "wrong"}), 403)
    secret = browser.post("/v1/session/totp", json={"password": PASSWORD}).json()["secret"]
    problem(browser.post("/v1/session/totp/confirm", json={"code": "x"}), 422)
    codes = browser.post("/v1/session/totp/confirm", json={"code": code_of(hub, secret)}).json()["codes"]
    problem(browser.post("/v1/session", json={"name": "ann", "password": PASSWORD}), 401)
    sign_in(browser, code=codes[0])
    assert browser.post("/v1/session/totp/remove", json={"password": PASSWORD}).status_code == 204
    new = {"password": PASSWORD, "new": "another good long one"}
    assert browser.put("/v1/session/password", json=new).status_code == 204
    assert browser.get("/v1/session").status_code == 200
    problem(browser.put("/v1/session/password", json=new, headers=key_for(hub, "steward")), 403)


def test_https_is_said_to_be_the_only_way(browser: TestClient, hub: Hub) -> None:
    assert "max-age" in browser.get("/healthz").headers["strict-transport-security"]
    assert "strict-transport-security" not in TestClient(create_app(hub)).get("/healthz").headers
