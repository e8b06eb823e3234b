"""Rows of interactions that are on nobody's page, and why: for those who see to it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Literal

from sqlalchemy import Connection

from hub import db
from hub.access.authentication.principals import Principal
from hub.access.cursors import seal, unseal
from hub.access.door import bounded, may_crosswalk
from hub.access.policy.view import View
from hub.access.seen import SeenPage
from hub.access.timeline import Timeline
from hub.errors import BadRecord, Forbidden
from hub.figures.owners import holders
from hub.golden_record import store as golden_store
from hub.interactions import store
from hub.landing import store as landing
from hub.landing.store import RecordInfo
from hub.model import RecordId
from hub.settings import CONTACT, Config

Why = Literal["unowned", "ambiguous", "unread"]
Waits = tuple[int, tuple[int, ...]]  # a row, and the clusters of those who hold its contact point
SCANNED = 500  # rows of contact points looked at together
UNTYPED = "its type, or whose it is, is not configured"


@dataclass(frozen=True, slots=True)
class SeenWaiting:
    """A row on nobody's page. `owner`: the record that it waits for; `reason`: why it cannot be read."""

    id: str
    type: str
    record: RecordId
    owner: RecordId | None
    reason: str
    customers: tuple[
        str, ...
    ] = ()  # of an ambiguous one: those who hold its contact point, as far as the asker knows them


def counts(connection: Connection, config: Config) -> dict[str, int]:
    """How many rows are on no page, by why."""
    found = {**store.counts_waiting(connection), "ambiguous": 0}
    for part in db.chunks(store.contact_points(connection), SCANNED):
        holding = holders(connection, config, dict(part))
        for point, rows in part:
            if len(holding[point]) != 1:
                found["ambiguous" if holding[point] else "unowned"] += rows
    return found


def _rids(connection: Connection, config: Config, why: Why, after: int, wanted: int) -> Iterator[Waits]:
    """Rows that wait for this reason after a place, in order, each with those who hold its contact point."""
    named = () if why == "ambiguous" else ((r, ()) for r in store.waiting(connection, why, after=after, limit=wanted))
    return merge(named, () if why == "unread" else _of_contacts(connection, config, why, after))


def _of_contacts(connection: Connection, config: Config, why: str, after: int) -> Iterator[Waits]:
    """Rows of contact points that nobody holds verified, or of such as two or more customers do."""
    while rows := store.of_contacts(connection, after=after, limit=SCANNED):
        holding = holders(connection, config, {r.owner for r in rows})
        for row in rows:
            clusters = holding[row.owner]
            if (not clusters) if why == "unowned" else len(clusters) > 1:
                yield row.rid, tuple(sorted(clusters))
        after = rows[-1].rid


class WaitingRows:
    """Answers for principals that see record names and all customers: a row without an owner is within no rows."""

    def __init__(self, timeline: Timeline):
        self.timeline, self.reader = timeline, timeline.reader

    def counts(self, principal: Principal) -> dict[str, int]:
        self._may(principal)
        with self.reader.database.read() as connection:
            return counts(connection, self.timeline.config)

    def page(self, principal: Principal, why: Why, *, limit: int, cursor: str | None) -> SeenPage:
        """In the order in which they came. Of types that the view names, and of such as are not configured."""
        view = self._may(principal)
        limit, bound = bounded(limit), ("waiting", view.version, why)
        after = int(unseal(self.reader.cursor_key, cursor, *bound)) if cursor else 0
        with self.reader.database.read() as connection:
            found = list(islice(_rids(connection, self.timeline.config, why, after, limit + 1), limit + 1))
            infos = landing.records(connection, [rid for rid, _ in found[:limit]])
            data = tuple(
                self._seen(connection, principal, view, infos[rid], clusters)
                for rid, clusters in found[:limit]
                if view.sees(infos[rid].type) or infos[rid].type not in self.timeline.config.interactions
            )
        more = len(found) > limit
        return SeenPage(data, seal(self.reader.cursor_key, found[limit - 1][0], *bound) if more else None)

    def _may(self, principal: Principal) -> View:
        of_customers = self.reader.view(principal)
        may_crosswalk(of_customers)
        if of_customers.limited:
            raise Forbidden("this role sees some customers only: a row that is nobody's is not among them")
        return self.timeline.view(principal)

    def _seen(
        self, connection: Connection, principal: Principal, view: View, info: RecordInfo, clusters: Collection[int]
    ) -> SeenWaiting:
        row = store.of_records(connection, [info.rid]).get(info.rid)
        if row is not None:
            owner = None if row.owner.source == CONTACT else row.owner  # a contact point is shown to nobody here
            ids = [c.id for c in golden_store.customers_of(connection, clusters).values()]
            known = self.reader.known_customers(connection, self.reader.view(principal, connection), ids)
            return SeenWaiting(info.mint, info.type, info.id, owner, "", tuple(sorted(known)))
        return SeenWaiting(info.mint, info.type, info.id, None, self._reason(connection, view, info))

    def _reason(self, connection: Connection, view: View, info: RecordInfo) -> str:
        reading = self.timeline.readings.get((info.id.source, info.id.stream))
        version = landing.latest_versions(connection, [info.rid]).get(info.rid)
        if reading is None or version is None or version.raw is None:
            return UNTYPED
        try:
            reading.read(version.raw)
        except BadRecord as error:
            attribute = str(error).partition(":")[0]
            hidden = attribute in reading.kind.attributes and attribute not in view.of(info.type)
            return "cannot be read" if hidden else str(error)
        return "is about to be read again"
