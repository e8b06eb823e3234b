"""Customers sign in at their company's OpenID provider: what it checked leads to one customer, or to nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from hub.access.authentication.accounts import list_accounts
from hub.access.authentication.own_sign_on import needed_of
from hub.app import create_app
from hub.db import Database
from hub.errors import ConfigError
from hub.open import Hub
from hub.settings.sign_in import CustomerProvider
from tests.access.issuer import CLIENT, Issuer, running
from tests.access.population import ANA, BO, PEOPLE, ROLES, SECOND, TestClock, fill, open_hub, write_config

URL = "https://hub.test"
RECENT = "2027-01-10T00:00:00Z"  # five days before the clock begins
OWN = """
sign_in:
  url: https://hub.test
  people:
    country: PT
    oidc:
      issuer: ISSUER
      client_id: hub
      record: {claim: customer_no, source: billing, stream: customers}
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[Issuer]:
    with running() as issuer:
        yield issuer


@pytest.fixture
def issuer(provider: Issuer) -> Issuer:
    provider.__init__(provider.address)  # type: ignore[misc]
    return provider


@pytest.fixture
def hub(tmp_path: Path, database: Database, issuer: Issuer) -> Iterator[Hub]:
    before, database.clock = database.clock, TestClock()
    config = write_config(tmp_path / "config", roles=ROLES + OWN.replace("ISSUER", issuer.address))
    made = open_hub(database, config, tmp_path / "data")
    yield made
    made.close()
    database.clock = before


@pytest.fixture
def ids(hub: Hub) -> dict[str, str]:
    return fill(hub)


def arrived(hub: Hub, issuer: Issuer, **claims: Any) -> TestClient:
    """A customer's browser after it came back from the provider, which says this of them."""
    here = TestClient(create_app(hub), base_url=URL, follow_redirects=False)
    there = here.get("/me/elsewhere")
    assert there.status_code == 303, there.text
    sent = {k: v[0] for k, v in parse_qs(urlsplit(there.headers["location"]).query).items()}
    assert sent["redirect_uri"] == f"{URL}/me/callback" and sent["code_challenge_method"] == "S256"
    now = hub.database.clock.now() // SECOND
    said = {"iss": issuer.address, "aud": CLIENT, "sub": "u1", "nonce": sent["nonce"], "iat": now, "exp": now + 600}
    issuer.id_token = issuer.token({**said, **claims})
    issuer.userinfo = issuer.userinfo or {"sub": "u1"}
    back = here.get("/me/callback", params={"state": sent["state"], "code": "c"})
    assert back.headers["location"] in ("/me", "/me/sign-in?said=elsewhere")
    return here


def who(hub: Hub, issuer: Issuer, **claims: Any) -> str | None:
    """Which customer somebody is of whom the provider says this."""
    answer = arrived(hub, issuer, **claims).get("/v1/me/customer")
    return str(answer.json()["customer"]) if answer.status_code == 200 else None


def mail(address: str, verified: object = True) -> dict[str, object]:
    return {"email": address, "email_verified": verified}


def test_who_is_proved_there_is_in_here(hub: Hub, issuer: Issuer, ids: dict[str, str]) -> None:
    assert who(hub, issuer, **mail(" ANA@silva.pt")) == ids["ana"]
    assert who(hub, issuer, **mail("ana@silva.pt", "true")) == ids["ana"]
    assert who(hub, issuer, phone_number="+351 21 790 4000", phone_number_verified=True) == ids["ana"]
    assert who(hub, issuer, customer_no="2", **mail("ana@silva.pt")) == ids["bo"]  # the company's word goes before
    assert who(hub, issuer, customer_no=2) == ids["bo"]
    issuer.userinfo = {"sub": "u1", **mail("bo@mueller.de")}
    assert who(hub, issuer) == ids["bo"]
    assert list_accounts(hub.database) == []  # of staff


def test_what_does_not_surely_lead_to_one_customer_leads_to_nobody_in_the_same_words(
    hub: Hub, issuer: Issuer, ids: dict[str, str]
) -> None:
    both = {"mail": "family@silva.pt", "updated": "2026-05-01T00:00:00Z"}
    hub.resolver.upsert("billing", "customers", [{**ANA, **both}, {**BO, **both}])
    told = set()
    for claims in (
        mail("nobody@example.com"),
        mail("ana.silva@example.com", False),
        mail("ana.silva@example.com", None),
        mail("ana.silva@example.com", 1),
        {"email": "ana.silva@example.com"},
        {"email": ["ana.silva@example.com"], "email_verified": True},
        mail("not an address"),
        mail("family@silva.pt"),
        {**mail("ana.silva@example.com"), "phone_number": "+49 30 1234567", "phone_number_verified": True},
        {**mail("ana.silva@example.com"), "customer_no": "3"},
        {**mail("ana.silva@example.com"), "customer_no": "\x00"},
        {"customer_no": True},
        {},
    ):
        here = arrived(hub, issuer, **claims)
        assert here.get("/v1/me/customer").status_code == 401, claims
        told.add(here.get("/me/sign-in?said=elsewhere").text)
        assert not here.cookies
    assert len(told) == 1
    assert who(hub, issuer, **mail("ana.silva@example.com")) == ids["ana"]


def test_a_contact_point_that_changed_of_late_proves_nobody(hub: Hub, issuer: Issuer, ids: dict[str, str]) -> None:
    hub.resolver.upsert("billing", "customers", [{**BO, "mail": "new@mueller.de", "updated": RECENT}])
    assert who(hub, issuer, **mail("new@mueller.de")) is None
    hub.database.clock.at += 26 * 86_400 * SECOND  # type: ignore[attr-defined]
    assert who(hub, issuer, **mail("new@mueller.de")) == ids["bo"]


def test_who_is_restricted_or_erased_is_nobody(hub: Hub, issuer: Issuer, ids: dict[str, str]) -> None:
    here = arrived(hub, issuer, customer_no="1")
    hub.requests.restrict(ids["ana"], by="o")
    assert here.get("/v1/me/customer").status_code == 404
    assert who(hub, issuer, customer_no="1") is None and who(hub, issuer, **mail("ana@silva.pt")) is None
    hub.database.clock.at += 60 * SECOND  # type: ignore[attr-defined]
    hub.requests.restrict(ids["ana"], by="o", lift=True)
    assert who(hub, issuer, customer_no="1") == ids["ana"]
    hub.requests.erase(ids["ana"], by="o")
    assert who(hub, issuer, customer_no="1") is None and who(hub, issuer, **mail("ana@silva.pt")) is None


def test_a_ticket_of_customers_opens_nothing_for_staff_and_an_answer_counts_once(
    hub: Hub, issuer: Issuer, ids: dict[str, str]
) -> None:
    here = TestClient(create_app(hub), base_url=URL, follow_redirects=False)
    query = parse_qs(urlsplit(here.get("/me/elsewhere").headers["location"]).query)
    asked = {"state": query["state"][0], "code": "c"}
    assert here.get("/auth/callback", params=asked).status_code == 404
    other = TestClient(create_app(hub), base_url=URL, follow_redirects=False)
    assert other.get("/me/callback", params=asked).headers["location"] == "/me/sign-in?said=elsewhere"
    hub.database.clock.at += 601 * SECOND  # type: ignore[attr-defined]
    assert here.get("/me/callback", params=asked).headers["location"] == "/me/sign-in?said=elsewhere"


def test_the_page_says_how_one_signs_in(hub: Hub, ids: dict[str, str]) -> None:
    page = TestClient(create_app(hub), base_url=URL).get("/me/sign-in", headers={"accept-language": "de"}).text
    assert 'href="/me/elsewhere"' in page and 'action="/me/code"' not in page


def test_without_a_provider_there_is_nothing_there(tmp_path: Path, database: Database) -> None:
    made = open_hub(database, write_config(tmp_path / "config", roles=ROLES + PEOPLE), tmp_path / "data")
    here = TestClient(create_app(made), base_url=URL, follow_redirects=False)
    assert [here.get(p).status_code for p in ("/me/elsewhere", "/me/callback?code=c&state=s")] == [404, 404]
    assert 'href="/me/elsewhere"' not in here.get("/me/sign-in").text
    made.close()


def test_what_cannot_be_as_it_says_is_told_with_its_key(tmp_path: Path) -> None:
    wrong = (
        OWN.replace("ISSUER", "ftp://x")
        .replace("  url: https://hub.test\n", "")
        .replace("stream: customers", "stream: x")
    )
    with pytest.raises(ConfigError) as refused:
        write_config(tmp_path / "config", roles=ROLES + wrong)
    told = {f.where.partition("sign_in.")[2] for f in refused.value.faults}
    assert told == {"url", "people.oidc.issuer", "people.oidc.record.stream"}


def test_what_is_asked_for_is_what_the_scopes_give() -> None:
    given = {"issuer": "https://login.example.com", "client_id": "hub"}
    assert list(needed_of(CustomerProvider.model_validate({**given, "scopes": ["openid", "phone"]}))) == [
        "phone_number", "phone_number_verified",
    ]  # fmt: skip
