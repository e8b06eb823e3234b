"""Who asks: what a request shows, turned into a principal by the one authenticator that knows its form.

A new way to show who one is: a file in hub/access/authentication/authenticators with a class under `@authenticator`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Protocol, TypeVar

import hub.access.authentication.authenticators
from hub.access.authentication.principals import Principal, nobody
from hub.access.authentication.rates import Rate, Rates
from hub.access.authentication.round_trip import RoundTrip
from hub.access.authentication.second_factor import SecondFactors
from hub.access.authentication.sessions import Sessions
from hub.access.authentication.sign_in import SignIns
from hub.access.authentication.single_sign_on import SingleSignOn
from hub.access.secret import derive
from hub.db import Database
from hub.settings import Config, Role

CALLBACK = "/auth/callback"  # where staff's browsers come back to from the OpenID provider

if TYPE_CHECKING:
    from hub.access.authentication.openid import OpenId


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request shows of who asks."""

    authorization: str | None = None  # the header
    session: str | None = None  # the cookie

    @property
    def bearer(self) -> str | None:
        """The token of an `Authorization: Bearer` header."""
        scheme, _, token = (self.authorization or "").strip().partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None


@dataclass(frozen=True)
class Ground:
    """What authenticators stand on."""

    database: Database
    config: Config
    sessions: Sessions
    openid: OpenId | None


class Authenticator(Protocol):
    """One way to show who one is. `knows`: is this of my form? `principal`: whose it is, None when nobody's."""

    def knows(self, shown: Credential) -> bool: ...
    def principal(self, shown: Credential) -> Principal | None: ...


_FOUND: list[Callable[[Ground], Authenticator]] = []
A = TypeVar("A", bound=Callable[[Ground], Authenticator])


def authenticator(cls: A) -> A:
    """Make a way known. No two may know the same form: their order means nothing."""
    _FOUND.append(cls)
    return cls


class Gate:
    """Who may come in, and how somebody signs in. Thread-safe. `key`: the hub's secret."""

    def __init__(self, database: Database, config: Config, key: bytes):
        self.sessions = Sessions(database, config)
        self._config, self._rates = config, Rates(database)
        self.factors = SecondFactors(database, derive(key, "second factors"))
        self.sign_ins = SignIns(database, config, self.sessions, self.factors, derive(key, "names tried"))
        for module in iter_modules(
            hub.access.authentication.authenticators.__path__, f"{hub.access.authentication.authenticators.__name__}."
        ):
            import_module(module.name)
        given = config.access.sign_in
        self.single_sign_on = openid = None
        if given.oidc:
            from hub.access.authentication.openid import (
                OpenId,  # here: its libraries take longer to load than most commands run
            )

            openid = OpenId(given.oidc, lambda: database.clock.now() // 1_000_000)
            redirect = given.url.rstrip("/") + CALLBACK
            trip = RoundTrip(openid, derive(key, "tickets"), redirect, [given.oidc.groups], database.clock.now)
            self.single_sign_on = SingleSignOn(database, given.oidc, self.sessions, trip)
        ground = Ground(database, config, self.sessions, openid)
        self._authenticators = [make(ground) for make in _FOUND]

    def admit(self, shown: Credential) -> Principal:
        """Who asks. NotAuthenticated, always in the same words, when it is nobody."""
        for one in self._authenticators:
            if one.knows(shown):
                found = one.principal(shown)
                if found is not None:
                    return found
        raise nobody()

    def rate(self, principal: Principal) -> Rate:
        """One request more of somebody. What is told of it stands in headers; `left` below 0: refuse it."""
        role = self._config.access.roles.get(principal.role)
        return self._rates.take(principal.id, (role or Role()).requests)

    def stranger_rate(self, address: str) -> Rate:
        """One request more from an address by who is nobody yet."""
        return self._rates.take(f"address {address}", self._config.access.sign_in.requests)
