"""A browser's way to an OpenID provider and back: only who began it ends it, with the provider's word of who they are."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.access.authentication.principals import BadToken
from hub.access.authentication.sessions import Begun
from hub.access.cursors import seal, unseal
from hub.errors import BadRequest, Fault, NotAuthenticated

if TYPE_CHECKING:
    from hub.access.authentication.openid import OpenId

PATIENCE = 600_000_000  # microseconds that somebody may take to sign in there


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


class RoundTrip:
    """Of one issuer. `key`: what tickets are sealed with, one of its own for each issuer; `redirect`: where browsers come
    back to; `needed`: claims that are asked for elsewhere when the ID token does not tell them; `now`: microseconds."""

    def __init__(
        self, openid: OpenId, key: bytes, redirect: str, needed: Collection[str], now: Callable[[], int]
    ) -> None:
        self.openid, self._key, self._redirect, self._needed, self._now = openid, key, redirect, needed, now

    def depart(self, to: str) -> Departure:
        """To the issuer. `to`: the hub's page for afterwards; what is no page of the hub is its first one."""
        begin = self.openid.begin(self._redirect)
        kept = [begin.state, begin.nonce, begin.verifier, own_page(to), self._now() + PATIENCE]
        return Departure(begin.url, seal(self._key, kept, "sign in"))

    def back(self, ticket: str, state: str, code: str) -> tuple[Mapping[str, object], str]:
        """What the issuer says of who came back, and the page that was asked for. NotAuthenticated whatever is wrong."""
        try:
            known, nonce, verifier, to, until = unseal(self._key, ticket, "sign in")
        except BadRequest:
            raise failed() from None
        same = secrets.compare_digest(str(known).encode(), state.encode("utf-8", "surrogatepass"))
        if not code or not same or self._now() >= until:
            raise failed()
        try:
            return self.openid.identity(code, verifier, nonce, self._redirect, self._needed), to
        except BadToken:
            raise failed() from None


def own_page(to: str) -> str:
    """A page of the hub itself; anything else would send people who just signed in to strangers."""
    plain = to.isascii() and to.isprintable() and to.startswith("/") and not to.startswith("//") and "\\" not in to
    return to if plain else "/"


def failed() -> NotAuthenticated:
    return NotAuthenticated("signing in did not work", [Fault("", "cannot sign in", "begin again: GET /auth/sign-in")])
