"""Customers who sign in at their company's OpenID provider: what it checked of them leads to one customer, or to nobody.

What it says of a contact point counts as a code that was sent there would, and by the same rules. A claim that is the key
of a record is the company's own word of who its customer is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection

from hub.access.authentication.contact_proof import contact_point, sole_holder
from hub.access.authentication.openid import OpenId
from hub.access.authentication.own_sessions import OwnSessions
from hub.access.authentication.round_trip import Arrival, Departure, RoundTrip, failed
from hub.db import storable
from hub.errors import Unprocessable
from hub.landing import store as landing
from hub.model import RecordId
from hub.settings import duration_micros
from hub.settings.sign_in import CustomerProvider

CALLBACK = "/me/callback"  # where browsers come back to
CHECKED = {"email": ("email", "email_verified"), "phone": ("phone_number", "phone_number_verified")}  # kind -> claims


def needed_of(provider: CustomerProvider) -> Collection[str]:
    """Claims that say who it is."""
    scopes = {"email": "email", "phone": "phone"}
    asked = [c for kind, claims in CHECKED.items() if scopes[kind] in provider.scopes for c in claims]
    return asked if provider.record is None else [provider.record.claim, *asked]


def own_sign_on(own: OwnSessions, key: bytes) -> OwnSignOn | None:
    """As access.yaml says; None: customers sign in at no provider. `key`: what tickets are sealed with."""
    given, clock = own.reader.config.access.sign_in, own.database.clock
    provider = given.people.oidc if given.people is not None else None
    if provider is None:
        return None
    openid = OpenId(provider, lambda: clock.now() // 1_000_000)
    trip = RoundTrip(openid, key, given.url.rstrip("/") + CALLBACK, needed_of(provider), clock.now)
    return OwnSignOn(provider, own, trip)


class OwnSignOn:
    """Signing in at one provider of customers."""

    def __init__(self, provider: CustomerProvider, own: OwnSessions, trip: RoundTrip):
        self.provider, self.own, self.trip = provider, own, trip

    def depart(self, to: str) -> Departure:
        return self.trip.depart(to)

    def arrive(self, ticket: str, state: str, code: str, *, instead: str = "") -> Arrival:
        """Back from the issuer, with a session. NotAuthenticated, alike for whoever is nobody or not surely one customer."""
        claims, to = self.trip.back(ticket, state, code)
        with self.own.database.read() as connection:
            subjects = self._by_record(connection, claims) or self._by_contact_points(connection, claims)
        leads = {self.own.customer(s): s for s in sorted(subjects, reverse=True)}
        if len(leads) != 1:
            raise failed()
        (subject,) = leads.values()
        return Arrival(self.own.begin(subject, failed(), instead=instead), to)

    def _by_record(self, connection: Connection, claims: Mapping[str, object]) -> set[str]:
        """The id that the record of the claim minted, '' of one that is not there: it is asked no further. Empty: no claim."""
        given = self.provider.record
        key = claims.get(given.claim) if given is not None else None
        if given is None or isinstance(key, bool) or not isinstance(key, str | int) or key == "":
            return set()
        id = RecordId(given.source, given.stream, storable(str(key)))
        found = landing.records_named(connection, {id}).get(id)
        return {found.mint if found is not None and found.alive else ""}

    def _by_contact_points(self, connection: Connection, claims: Mapping[str, object]) -> set[str]:
        """Ids by the contact points that the issuer checked, each as a code that was sent there would lead to."""
        rules, found = self.own.rules, set()
        before = self.own.database.clock.now() - duration_micros(rules.held)
        for kind, (value, checked) in CHECKED.items():
            text = claims.get(value)
            sure = claims.get(checked) is True or claims.get(checked) == "true"  # some providers write it as text
            if sure and isinstance(text, str):
                try:
                    point, _ = contact_point(kind, storable(text[:320]), rules.country)
                except Unprocessable:
                    continue
                found.add(sole_holder(connection, self.own.reader.config, point, before))
        return {s for s in found if s}
