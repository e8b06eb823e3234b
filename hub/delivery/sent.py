"""What was sent of a customer to whom: by webhook, and written into the systems that take it. Never a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.delivery import subscription_store as store
from hub.delivery.subscription_store import Subscription
from hub.delivery.subscriptions import Subscriptions
from hub.landing import store as landing

NEWEST = 100  # of either sort


@dataclass(frozen=True, slots=True)
class SentOnce:
    """To whom, when, what: of a webhook its event, of a record the attributes. `state`: done, pending, dead, dropped;
    of a record `confirmed` once its source said so."""

    at: int
    to: str
    what: str
    state: str
    subscription: str = ""  # its id, where a webhook was told


class SentLog:
    """Answers for principals. What other subscribers were told is for who may administer, as the subscriptions are."""

    def __init__(self, reader: Reader, subscriptions: Subscriptions):
        self.reader, self.subscriptions = reader, subscriptions

    def of_customer(self, principal: Principal, id: str) -> list[SentOnce]:
        """The newest first. NotFound and Gone as for the customer; Forbidden without the crosswalk."""
        seen = {s.id: s for s in self.subscriptions.all(principal)}
        records = self.reader.crosswalk(principal, id=id).records
        _, ids = self.reader.ids_of(principal, id)
        type_name = self.reader.type_of(principal, id)
        view = self.reader.view(principal)
        with self.reader.database.read() as connection:
            told = _told(connection, ids, seen)
            infos = [landing.record_named(connection, r) for r in records]
            named = {i.rid: str(i.id) for i in infos if i is not None}
            written = [
                SentOnce(w.at, named[w.rid], ", ".join(shown), "confirmed" if w.arrived else "sent")
                for w in landing.written_lately(connection, named, NEWEST)
                if (shown := [a for a in w.attributes if a in view.shown(type_name)])
            ]
        return sorted([*told, *written], key=lambda s: (-s.at, s.to, s.what))


def _told(connection: Connection, ids: frozenset[str], seen: Mapping[str, Subscription]) -> list[SentOnce]:
    rows = store.of_customers(connection, ids, NEWEST)
    return [
        SentOnce(d.at, seen[d.subscription].name, "a change", d.status, d.subscription)
        for d in rows
        if d.subscription in seen
    ]
