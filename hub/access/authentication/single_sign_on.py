"""People who sign in at an OpenID provider: what they are there becomes an account and a session here."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hub.access.authentication import people_store as store
from hub.access.authentication.people_store import Account
from hub.access.authentication.principals import BadToken
from hub.access.authentication.sessions import Begun, Sessions
from hub.access.cursors import seal, unseal
from hub.db import Database, storable
from hub.errors import BadRequest, Fault, Forbidden, NotAuthenticated
from hub.settings import OpenIdProvider

PATIENCE = 600_000_000  # microseconds that somebody may take to sign in there
LONGEST = 200  # characters of a name

if TYPE_CHECKING:
    from hub.access.authentication.openid import OpenId


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser goes, and what it keeps until it is back."""

    url: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A session, and the page that was asked for."""

    begun: Begun
    to: str


class SingleSignOn:
    """Signing in at one issuer. `key`: what tickets are sealed with; `redirect`: where browsers come back to."""

    def __init__(self, database: Database, openid: OpenId, sessions: Sessions, key: bytes, redirect: str):
        self.database, self.openid, self.sessions = database, openid, sessions
        self._key, self._redirect = key, redirect

    def depart(self, to: str) -> Departure:
        """To the issuer. `to`: the hub's page for afterwards; what is no page of the hub is its first one."""
        begin = self.openid.begin(self._redirect)
        kept = [begin.state, begin.nonce, begin.verifier, own_page(to), self.database.clock.now() + PATIENCE]
        return Departure(begin.url, seal(self._key, kept, "sign in"))

    def arrive(self, ticket: str, state: str, code: str, *, instead: str = "") -> Arrival:
        """Back from the issuer. NotAuthenticated whatever is wrong; Forbidden: signed in there, but with no role here."""
        try:
            known, nonce, verifier, to, until = unseal(self._key, ticket, "sign in")
        except BadRequest:
            raise _failed() from None
        same = secrets.compare_digest(str(known).encode(), state.encode("utf-8", "surrogatepass"))
        if not code or not same or self.database.clock.now() >= until:
            raise _failed()
        try:
            claims = self.openid.identity(code, verifier, nonce, self._redirect)
        except BadToken:
            raise _failed() from None
        return Arrival(self._begin(claims, instead), to)

    def _begin(self, claims: Mapping[str, Any], instead: str) -> Begun:
        provider = self.openid.provider
        roles = roles_of(provider, claims)
        subject = storable(str(claims["sub"]))
        with self.database.unit() as connection:
            found = store.account_of(connection, provider.issuer, subject)
            if found is not None and found.disabled_at is not None:
                raise _failed()
            if not roles:
                raise Forbidden(
                    "you signed in, but none of your groups has a role here",
                    [
                        Fault(
                            provider.groups,
                            "maps to no role",
                            "ask an administrator: sign_in.oidc.roles in access.yaml",
                        )
                    ],
                )
            account = replace(
                found or Account.vouched(provider.issuer, subject, subject, self.database.clock.now()),
                name=_name(claims, subject),
                roles=roles,
                signed_in_at=self.database.clock.now(),
            )
            store.save_account(connection, account)
            if found is not None and found.roles != roles:
                store.end_sessions(connection, account.id)  # they were of the old ones
            return self.sessions.begin(connection, account, instead=instead)


def roles_of(provider: OpenIdProvider, claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The roles of somebody's groups, in the order of the configuration. The claim is a list, or one group."""
    given = claims.get(provider.groups)
    groups = {g for g in (given if isinstance(given, list) else [given]) if isinstance(g, str)}
    return tuple(dict.fromkeys(role for group, role in provider.roles.items() if group in groups))


def own_page(to: str) -> str:
    """A page of the hub itself; anything else would send people who just signed in to strangers."""
    plain = to.isascii() and to.isprintable() and to.startswith("/") and not to.startswith("//") and "\\" not in to
    return to if plain else "/"


def _name(claims: Mapping[str, Any], subject: str) -> str:
    named = next(
        (claims[c] for c in ("name", "preferred_username", "email") if isinstance(claims.get(c), str)), subject
    )
    return "".join(c for c in storable(named)[:LONGEST] if c.isprintable()) or subject


def _failed() -> NotAuthenticated:
    return NotAuthenticated("signing in did not work", [Fault("", "cannot sign in", "begin again: GET /auth/sign-in")])
