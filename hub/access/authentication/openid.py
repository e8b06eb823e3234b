"""OpenID Connect: an issuer's documents and keys, its signed tokens, and what a code is worth there.

What the issuer says is trusted only so far as its signature and the claims go. A token is looked at with the keys that
the issuer publishes and with no other: what its header says of keys is not followed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from hub.access.authentication.principals import BadToken
from hub.errors import RetryLater
from hub.settings import OpenIdProvider, secret
from hub.settings.sign_in import IdentityProvider

PATIENCE = 10.0  # seconds for an answer of the issuer
LARGEST = 1 << 20  # bytes of one
FRESH = 3600  # seconds after which its documents are asked for again
UNKNOWN_EVERY = 10  # seconds between looks for a key that nobody knows: forged tokens do not make the hub ask
LEEWAY = 30  # seconds that clocks may differ
LONGEST_TOKEN = 16_384  # characters
OF_ACCESS = ("at+jwt", "application/at+jwt", "jwt")  # what a token of a system may call itself (RFC 9068, 2.1)


@dataclass(frozen=True, slots=True)
class Begin:
    """A signing in that begins: where the browser goes, and what must be known when it comes back."""

    url: str
    state: str
    nonce: str
    verifier: str


class OpenId:
    """One issuer. Thread-safe. `now`: seconds since 1970."""

    def __init__(self, provider: IdentityProvider, now: Callable[[], int]):
        self.provider, self._now = provider, now
        self._client = httpx2.Client(timeout=PATIENCE, follow_redirects=False, trust_env=False)
        self._lock = threading.Lock()
        self._document: Mapping[str, object] = {}
        self._keys: dict[str | None, Key] = {}
        self._asked = self._looked = 0

    def begin(self, redirect: str) -> Begin:
        """With a state, a nonce and a PKCE verifier of its own."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(self.provider.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        at = self._place("authorization_endpoint")
        return Begin(f"{at}{'&' if '?' in at else '?'}{urlencode(asked)}", state, nonce, verifier)

    def identity(
        self, code: str, verifier: str, nonce: str, redirect: str, needed: Collection[str]
    ) -> Mapping[str, object]:
        """Claims of who signed in, for a code that the issuer gave; what is needed and not in the ID token from userinfo.
        BadToken when it is worth nothing."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        auth: httpx2.Auth = httpx2.Auth()
        if self.provider.client_secret_env:
            auth = httpx2.BasicAuth(self.provider.client_id, secret(self.provider.client_secret_env))
        else:
            form["client_id"] = self.provider.client_id
        try:
            answer = self._client.post(self._place("token_endpoint"), data=form, auth=auth)
        except httpx2.HTTPError as error:
            raise RetryLater(f"the OpenID provider does not answer ({type(error).__name__})") from error
        if answer.status_code >= 500:
            raise RetryLater(f"the OpenID provider answered {answer.status_code}")
        given = _json(answer) if answer.status_code == 200 else {}
        claims = self._claims(str(given.get("id_token", "")), self.provider.client_id)
        if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise BadToken("nonce")
        if claims.get("azp", self.provider.client_id) != self.provider.client_id:
            raise BadToken("azp")
        missing = not set(needed) <= claims.keys() and "userinfo_endpoint" in self._known()
        return {**self._userinfo(str(given.get("access_token", "")), claims), **claims} if missing else claims

    def system(self, token: str, of: OpenIdProvider) -> str:
        """The client that an access token was given to, for itself and not for a person. BadToken else."""
        if not of.audience:
            raise BadToken("none is taken")
        claims = self._claims(token, of.audience, types=OF_ACCESS)
        if "nonce" in claims or "at_hash" in claims:
            raise BadToken("an ID token")
        client, subject = claims.get("client_id", claims.get("azp")), claims.get("sub")
        named = client if subject in (None, client) else subject  # some issuers name a client's account as the subject
        if not isinstance(named, str) or named not in of.clients:
            raise BadToken("nobody that the configuration knows")
        return named

    def _claims(self, token: str, audience: str, types: tuple[str, ...] = ()) -> Mapping[str, object]:
        """What a token says, if the issuer signed it, it is for this audience, and its time is now."""
        header = _header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self.provider.algorithms or "crit" in header:
            raise BadToken("algorithm")
        if types and str(header.get("typ", "jwt")).lower() not in types:
            raise BadToken("type")
        key = self._key(kid if isinstance(kid, str) else None)
        try:
            claims = jwt.decode(token, key, algorithms=list(self.provider.algorithms)).claims
            jwt.JWTClaimsRegistry(
                now=self._now,
                leeway=LEEWAY,
                iss={"essential": True, "value": self.provider.issuer},
                aud={"essential": True, "value": audience},
                exp={"essential": True},
                sub={"essential": not types},
            ).validate(claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise BadToken(type(error).__name__) from None
        return claims

    def _key(self, kid: str | None) -> Key:
        """The issuer's key of a name. One that is not known is looked for again: issuers change them."""
        with self._lock:
            now = self._now()
            stale = not self._keys or now - self._looked >= FRESH
            if stale or (kid not in self._keys and now - self._looked >= UNKNOWN_EVERY):
                found = self._get(self._place_known(self._known(), "jwks_uri"))
                self._looked = now
                self._keys = {k.kid: k for k in _signing(found)}
                if len(self._keys) == 1:
                    self._keys[None] = next(iter(self._keys.values()))
            if kid not in self._keys:
                raise BadToken("key")
            return self._keys[kid]

    def _known(self) -> Mapping[str, object]:
        """The discovery document. RetryLater when it cannot be had, or is another issuer's."""
        now = self._now()
        if not self._document or now - self._asked >= FRESH:
            found = self._get(self.provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found.get("issuer") != self.provider.issuer:
                raise RetryLater("the OpenID provider's discovery document names another issuer than access.yaml does")
            self._document, self._asked = found, now
        return self._document

    def _place(self, name: str) -> str:
        with self._lock:
            return self._place_known(self._known(), name)

    def _place_known(self, document: Mapping[str, object], name: str) -> str:
        found = str(document.get(name, ""))
        if not found.startswith("https://") and not self.provider.issuer.startswith("http://"):
            raise RetryLater(f"the OpenID provider's discovery document has no https address as its {name}")
        return found

    def _userinfo(self, token: str, claims: Mapping[str, object]) -> Mapping[str, Any]:
        """Claims that the issuer tells there and not in the ID token; only of the same subject."""
        found = self._get(self._place("userinfo_endpoint"), {"authorization": f"Bearer {token}"})
        if found.get("sub") != claims["sub"]:
            raise BadToken("userinfo of another")
        return found

    def _get(self, url: str, headers: Mapping[str, str] | None = None) -> Mapping[str, object]:
        try:
            answer = self._client.get(url, headers=headers)
        except httpx2.HTTPError as error:
            raise RetryLater(f"the OpenID provider does not answer ({type(error).__name__})") from error
        if answer.status_code != 200:
            raise RetryLater(f"the OpenID provider answered {answer.status_code}")
        return _json(answer)


def _json(answer: httpx2.Response) -> Mapping[str, object]:
    try:
        found = json.loads(answer.content) if len(answer.content) <= LARGEST else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RetryLater("the OpenID provider answered something else than JSON")
    return found


def _header(token: str) -> Mapping[str, object]:
    """A token's header, not believed yet."""
    if len(token) > LONGEST_TOKEN or token.count(".") != 2 or not token.isascii():
        raise BadToken("form")
    head = token.partition(".")[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadToken("header")
    return found


def _signing(document: Mapping[str, object]) -> list[Key]:
    """Public keys for signatures; symmetric ones, and those for encryption, are none."""
    listed = document.get("keys")
    fit = [
        k
        for k in (listed if isinstance(listed, list) else [])
        if isinstance(k, dict) and k.get("kty") in ("RSA", "EC", "OKP") and k.get("use", "sig") == "sig"
    ]
    try:
        return list(KeySet.import_key_set({"keys": fit}).keys)
    except (JoseError, ValueError) as error:
        raise RetryLater("the OpenID provider's keys cannot be read") from error
