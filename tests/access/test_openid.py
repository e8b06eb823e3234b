"""OpenID Connect: forged, replayed, borrowed and late tokens are nobody's; people come in by a code of their own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey
from starlette.testclient import TestClient

from hub.access.authentication.accounts import disable_account, list_accounts
from hub.access.authentication.authenticate import Credential
from hub.access.authentication.round_trip import own_page
from hub.app import create_app
from hub.errors import ConfigError, NotAuthenticated
from hub.open import Hub
from hub.settings import load
from hub.settings.checks import access_faults
from tests.access.issuer import AUDIENCE, CLIENT, Issuer, running
from tests.access.population import SECOND, TestClock
from tests.api.test_app import problem

URL = "https://hub.test"


@pytest.fixture(scope="module")
def provider() -> Iterator[Issuer]:
    with running() as issuer:
        yield issuer


@pytest.fixture
def issuer(provider: Issuer) -> Issuer:
    provider.__init__(provider.address)  # type: ignore[misc]
    return provider


@pytest.fixture
def sso(hub: Hub, issuer: Issuer) -> Hub:
    """The hub, which knows the issuer."""
    oidc = {
        "issuer": issuer.address,
        "client_id": CLIENT,
        "audience": AUDIENCE,
        "roles": {"stewards": "steward", "analysts": "analyst"},
        "clients": {"svc": {"role": "billing", "source": "billing"}, "account-7": {"role": "monitoring"}},
    }
    access = hub.config.access.model_dump()
    access["sign_in"] = {"url": URL, "oidc": oidc}
    config = hub.config.model_validate({**fields(hub), "access": access})
    assert not list(access_faults(config))
    return hub.with_config(config)


def fields(hub: Hub) -> dict[str, Any]:
    """What its configuration was made of."""
    return {name: getattr(hub.config, name) for name in type(hub.config).model_fields}


def seconds(hub: Hub) -> int:
    return hub.database.clock.now() // SECOND


def claims(hub: Hub, issuer: Issuer, **changed: Any) -> dict[str, Any]:
    """Of a system's token that is good."""
    now = seconds(hub)
    given = {"iss": issuer.address, "aud": AUDIENCE, "sub": "svc", "client_id": "svc", "iat": now, "exp": now + 600}
    return {k: v for k, v in {**given, **changed}.items() if v is not None}


def admitted(hub: Hub, token: str) -> bool:
    try:
        hub.gate.admit(Credential(f"Bearer {token}"))
    except NotAuthenticated:
        return False
    return True


# --- systems ----------------------------------------------------------------------------------------


def test_a_token_of_a_system_tells_who_it_is(sso: Hub, issuer: Issuer) -> None:
    found = sso.gate.admit(Credential(f"Bearer {issuer.token(claims(sso, issuer), {'typ': 'at+jwt'})}"))
    assert (found.id, found.kind, found.role, found.source) == ("client:svc", "system", "billing", "billing")
    by_account = issuer.token(claims(sso, issuer, sub="account-7", client_id=None, azp="anything"))
    assert sso.gate.admit(Credential(f"Bearer {by_account}")).role == "monitoring"
    assert admitted(sso, issuer.token(claims(sso, issuer, aud=["other", AUDIENCE])))


def b64(data: dict[str, Any] | bytes) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(hub: Hub, issuer: Issuer, algorithm: str) -> str:
    return f"{b64({'alg': algorithm, 'kid': 'first'})}.{b64(claims(hub, issuer))}."


def hmac_by_public_key(hub: Hub, issuer: Issuer, form: str) -> str:
    public = (
        issuer.keys[0].as_pem(private=False) if form == "pem" else json.dumps(issuer.keys[0].as_dict(False)).encode()
    )
    said = f"{b64({'alg': 'HS256', 'kid': 'first'})}.{b64(claims(hub, issuer))}"
    return f"{said}.{b64(hmac.new(public, said.encode(), hashlib.sha256).digest())}"


def foreign(hub: Hub, issuer: Issuer, **header: Any) -> str:
    """Signed by a key of somebody else, who says where to find it."""
    key = RSAKey.generate_key(2048, {"kid": "first", "alg": "RS256"})
    given = {k: (key.as_dict(private=False) if v == "the key" else v) for k, v in header.items()}
    return issuer.token(claims(hub, issuer), given, key)


def truncated(hub: Hub, issuer: Issuer, characters: int) -> str:
    return issuer.token(claims(hub, issuer))[:-characters]


def edited(hub: Hub, issuer: Issuer) -> str:
    head, _, signature = issuer.token(claims(hub, issuer)).split(".")
    return f"{head}.{b64(claims(hub, issuer, sub='account-7'))}.{signature}"


BAD = {
    "no algorithm": lambda h, i: unsigned(h, i, "none"),
    "no algorithm, other letters": lambda h, i: unsigned(h, i, "nOnE"),
    "an empty signature": lambda h, i: unsigned(h, i, "RS256"),
    "HMAC by the public key": lambda h, i: hmac_by_public_key(h, i, "pem"),
    "HMAC by the JWK": lambda h, i: hmac_by_public_key(h, i, "jwk"),
    "a key of its own": lambda h, i: foreign(h, i),
    "a key in its header": lambda h, i: foreign(h, i, jwk="the key"),
    "jku": lambda h, i: foreign(h, i, jku="http://127.0.0.1:1/keys"),
    "x5u": lambda h, i: foreign(h, i, x5u="http://127.0.0.1:1/cert"),
    "kid is a path": lambda h, i: foreign(h, i, kid="../../../../dev/null"),
    "kid is SQL": lambda h, i: foreign(h, i, kid="first' UNION SELECT 'x"),
    "kid is no text": lambda h, i: f"{b64({'alg': 'RS256', 'kid': ['first']})}.{b64(claims(h, i))}.x",
    "crit": lambda h, i: i.token(claims(h, i), {"b64": True, "crit": ["b64"]}),
    "no audience": lambda h, i: i.token(claims(h, i, aud=None)),
    "another audience": lambda h, i: i.token(claims(h, i, aud="urn:shop")),
    "the hub as a client": lambda h, i: i.token(claims(h, i, aud=CLIENT)),
    "an audience that begins so": lambda h, i: i.token(claims(h, i, aud=AUDIENCE + "x")),
    "no issuer": lambda h, i: i.token(claims(h, i, iss=None)),
    "another issuer": lambda h, i: i.token(claims(h, i, iss="https://evil.test")),
    "issuer with a slash": lambda h, i: i.token(claims(h, i, iss=i.address + "/")),
    "no end": lambda h, i: i.token(claims(h, i, exp=None)),
    "over": lambda h, i: i.token(claims(h, i, exp=seconds(h) - 60)),
    "an end that is no number": lambda h, i: i.token(claims(h, i, exp="2099-01-01")),
    "not yet": lambda h, i: i.token(claims(h, i, nbf=seconds(h) + 600)),
    "issued tomorrow": lambda h, i: i.token(claims(h, i, iat=seconds(h) + 86_400)),
    "an ID token": lambda h, i: i.token(claims(h, i, nonce="n")),
    "a token of another sort": lambda h, i: i.token(claims(h, i), {"typ": "logout+jwt"}),
    "a person's": lambda h, i: i.token(claims(h, i, sub="ann", client_id="svc")),
    "an unknown client's": lambda h, i: i.token(claims(h, i, sub="x", client_id="x")),
    "a client that is no text": lambda h, i: i.token(claims(h, i, sub=None, client_id=["svc"])),
    "edited": edited,
    "truncated": lambda h, i: truncated(h, i, 5),
    "without its signature": lambda h, i: i.token(claims(h, i)).rpartition(".")[0],
    "oversized": lambda h, i: i.token(claims(h, i, more="x" * 20_000)),
    "no JSON": lambda h, i: f"{b64(b'x')}.{b64(b'y')}.z",
    "deep": lambda h, i: f"{b64(b'[' * 10_000)}.{b64(b'y')}.z",
    "no token": lambda h, i: "...",
    "other letters": lambda h, i: "é.ü.ñ",
}


@pytest.mark.parametrize("sort", BAD)
def test_a_bad_token_is_nobodys_and_why_is_not_told(sso: Hub, issuer: Issuer, sort: str) -> None:
    client = TestClient(create_app(sso), raise_server_exceptions=False)
    token = BAD[sort](sso, issuer)
    headers = {"authorization": f"Bearer {token}".encode(), "x-request-id": "same"}
    told = problem(client.get("/v1/me", headers=headers), 401)  # type: ignore[arg-type]
    plain = problem(client.get("/v1/me", headers={"x-request-id": "same"}), 401)
    assert told == plain
    assert set(issuer.asked) <= {"/.well-known/openid-configuration", "/keys"}


def test_a_client_that_the_configuration_drops_is_nobody_at_once(sso: Hub, issuer: Issuer) -> None:
    token = issuer.token(claims(sso, issuer))
    assert admitted(sso, token)
    access = sso.config.access.model_dump()
    access["sign_in"]["oidc"]["clients"] = {}
    without = sso.with_config(sso.config.model_validate({**fields(sso), "access": access}))
    assert not admitted(without, token)


def test_keys_that_turn_are_found_and_forged_names_of_keys_do_not_make_the_hub_ask(sso: Hub, issuer: Issuer) -> None:
    old = issuer.token(claims(sso, issuer))
    assert admitted(sso, old)
    issuer.turn("second")
    clock = sso.database.clock
    assert isinstance(clock, TestClock)
    clock.at += 11 * SECOND
    assert admitted(sso, issuer.token(claims(sso, issuer)))
    assert not admitted(sso, old)
    before = issuer.asked.count("/keys")
    for n in range(20):
        assert not admitted(sso, foreign(sso, issuer, kid=f"forged-{n}"))
    assert issuer.asked.count("/keys") == before


# --- people -----------------------------------------------------------------------------------------


def browser(hub: Hub) -> TestClient:
    return TestClient(create_app(hub), base_url=URL, follow_redirects=False, raise_server_exceptions=False)


def away(client: TestClient, to: str = "/") -> dict[str, str]:
    """What the browser is sent to the provider with."""
    answer = client.get("/auth/sign-in", params={"to": to})
    assert answer.status_code == 303, answer.text
    return {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def person(hub: Hub, issuer: Issuer, nonce: str, **changed: Any) -> dict[str, Any]:
    given = {"aud": CLIENT, "sub": "ann", "client_id": None, "nonce": nonce, "name": "Ann Lee", "groups": ["stewards"]}
    return claims(hub, issuer, **{**given, **changed})


def test_somebody_signs_in_there_and_has_a_session_here(sso: Hub, issuer: Issuer) -> None:
    client = browser(sso)
    sent = away(client, "/v1/me?x=1")
    assert sent["redirect_uri"] == f"{URL}/auth/callback" and sent["code_challenge_method"] == "S256"
    assert (sent["response_type"], sent["client_id"]) == ("code", CLIENT) and len(sent["code_challenge"]) == 43
    issuer.id_token = issuer.token(person(sso, issuer, sent["nonce"], groups=["x", "analysts", "stewards"]))
    back = client.get("/auth/callback", params={"state": sent["state"], "code": "c", "session_state": "theirs"})
    assert (back.status_code, back.headers["location"]) == (303, "/v1/me?x=1")
    assert set(client.cookies) == {"__Host-hub"}
    told = client.get("/v1/session").json()
    assert (told["name"], told["role"], told["roles"]) == ("Ann Lee", "steward", ["steward", "analyst"])
    account = list_accounts(sso.database)[0]
    assert (account.issuer, account.subject, account.password) == (issuer.address, "ann", None)
    disable_account(sso.database, account.id)
    problem(client.get("/v1/session"), 401)
    sent = away(client)
    issuer.id_token = issuer.token(person(sso, issuer, sent["nonce"]))
    problem(client.get("/auth/callback", params={"state": sent["state"], "code": "c"}), 401)


def test_groups_that_only_userinfo_tells_are_asked_for_there(sso: Hub, issuer: Issuer) -> None:
    client = browser(sso)
    for subject, status in (("ann", 303), ("eve", 401)):
        sent = away(client)
        issuer.id_token = issuer.token(person(sso, issuer, sent["nonce"], groups=None))
        issuer.userinfo = {"sub": subject, "groups": "analysts"}
        back = client.get("/auth/callback", params={"state": sent["state"], "code": "c"})
        assert back.status_code == status


WRONG = {
    "another nonce": {"nonce": "other"},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "shop"},
    "a token of a system": {"aud": AUDIENCE},
    "another party's": {"azp": "shop"},
    "over": {"exp": 1},
    "another issuer": {"iss": "https://evil.test"},
    "nobody's": {"sub": None},
}


@pytest.mark.parametrize("sort", WRONG)
def test_an_id_token_that_is_not_for_this_signing_in_is_none(sso: Hub, issuer: Issuer, sort: str) -> None:
    client = browser(sso)
    sent = away(client)
    changed = {**person(sso, issuer, sent["nonce"]), **WRONG[sort]}
    issuer.id_token = issuer.token({k: v for k, v in changed.items() if v is not None})
    problem(client.get("/auth/callback", params={"state": sent["state"], "code": "c"}), 401)
    assert "__Host-hub" not in client.cookies and list_accounts(sso.database) == []


def test_an_answer_counts_only_in_the_browser_that_asked_and_for_some_minutes(sso: Hub, issuer: Issuer) -> None:
    mine, other = browser(sso), browser(sso)
    sent = away(mine)
    issuer.id_token = issuer.token(person(sso, issuer, sent["nonce"]))
    asked = {"state": sent["state"], "code": "c"}
    problem(other.get("/auth/callback", params=asked), 401)
    problem(mine.get("/auth/callback", params={**asked, "state": "x"}), 401)
    problem(mine.get("/auth/callback", params={"error": "access_denied", "state": sent["state"]}), 401)
    clock = sso.database.clock
    assert isinstance(clock, TestClock)
    clock.at += 601 * SECOND
    problem(mine.get("/auth/callback", params=asked), 401)


def test_who_has_no_group_with_a_role_is_told_so(sso: Hub, issuer: Issuer) -> None:
    client = browser(sso)
    for groups in ([], ["x"], None, {"stewards": 1}, [["stewards"]]):
        sent = away(client)
        issuer.userinfo = {"sub": "ann"}
        issuer.id_token = issuer.token(person(sso, issuer, sent["nonce"], groups=groups))
        problem(client.get("/auth/callback", params={"state": sent["state"], "code": "c"}), 403)


@pytest.mark.parametrize(
    "to", ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)", "", "/a\nb", "/\u202e"]
)
def test_nobody_is_sent_to_a_stranger_after_signing_in(to: str) -> None:
    assert own_page(to) == "/"
    assert own_page("/customers?q=a%20b#top") == "/customers?q=a%20b#top"


def test_without_a_provider_there_is_nothing_there(hub: Hub) -> None:
    client = browser(hub)
    problem(client.get("/auth/sign-in"), 404)
    problem(client.get("/auth/callback?code=c&state=s"), 404)


def test_a_provider_that_cannot_be_reached_is_told_from_a_refusal(sso: Hub, issuer: Issuer) -> None:
    access = sso.config.access.model_dump()
    access["sign_in"]["oidc"]["issuer"] = "http://127.0.0.1:9"
    away_ = sso.with_config(sso.config.model_validate({**fields(sso), "access": access}))
    problem(browser(away_).get("/auth/sign-in"), 503)


def test_what_cannot_be_as_it_says_is_told_with_its_key(hub: Hub) -> None:
    file = hub.config.folder / "access.yaml"
    file.write_text(
        file.read_text()
        + """
sign_in:
  url: http://hub.test
  oidc:
    issuer: ftp://x
    client_id: hub
    audience: hub
    roles: {a: king}
    clients: {svc: {role: queen, source: nowhere}}
"""
    )
    with pytest.raises(ConfigError) as refused:
        load(hub.config.folder, {})
    told = {f.where.partition("sign_in.")[2] for f in refused.value.faults}
    assert told == {
        "url",
        "oidc.issuer",
        "oidc.roles.a",
        "oidc.clients.svc.role",
        "oidc.clients.svc.source",
        "oidc.audience",
    }
