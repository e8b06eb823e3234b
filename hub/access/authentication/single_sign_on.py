"""Staff who sign in at an OpenID provider: what they are there becomes an account and a session here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hub.access.authentication import people_store as store
from hub.access.authentication.people_store import Account
from hub.access.authentication.round_trip import Arrival, Departure, RoundTrip, failed
from hub.access.authentication.sessions import Begun, Sessions
from hub.db import Database, storable
from hub.errors import Fault, Forbidden
from hub.settings import OpenIdProvider

LONGEST = 200  # characters of a name


class SingleSignOn:
    """Signing in at one provider."""

    def __init__(self, database: Database, provider: OpenIdProvider, sessions: Sessions, trip: RoundTrip):
        self.database, self.provider, self.sessions, self.trip = database, provider, sessions, trip

    def depart(self, to: str) -> Departure:
        return self.trip.depart(to)

    def arrive(self, ticket: str, state: str, code: str, *, instead: str = "") -> Arrival:
        """Back from the issuer. NotAuthenticated whatever is wrong; Forbidden: signed in there, but with no role here."""
        claims, to = self.trip.back(ticket, state, code)
        return Arrival(self._begin(claims, instead), to)

    def _begin(self, claims: Mapping[str, object], instead: str) -> Begun:
        provider = self.provider
        roles = roles_of(provider, claims)
        subject = storable(str(claims["sub"]))
        with self.database.unit() as connection:
            found = store.account_of(connection, provider.issuer, subject)
            if found is not None and found.disabled_at is not None:
                raise failed()
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


def roles_of(provider: OpenIdProvider, claims: Mapping[str, object]) -> tuple[str, ...]:
    """The roles of somebody's groups, in the order of the configuration. The claim is a list, or one group."""
    given = claims.get(provider.groups)
    groups = {g for g in (given if isinstance(given, list) else [given]) if isinstance(g, str)}
    return tuple(dict.fromkeys(role for group, role in provider.roles.items() if group in groups))


def _name(claims: Mapping[str, object], subject: str) -> str:
    told = (claims.get(c) for c in ("name", "preferred_username", "email"))
    named = next((t for t in told if isinstance(t, str)), subject)
    return "".join(c for c in storable(named)[:LONGEST] if c.isprintable()) or subject
