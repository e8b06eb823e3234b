"""Whose record is to go: of a customer that a stream is not to have any more. What becomes of it, the stream says.

With `mode: mirror` that may be any record of the stream; else only what the hub made there it takes away again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection

from hub.access.policy.rows import within
from hub.golden_record import store as golden_store
from hub.golden_record.store import StoredCustomer
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.settings import WriteBack

NOBODY = "no other system has the customer"
WHEN = "the customer does not meet write_back.when"
HIDDEN = "the source's role is not shown the customer"


def leaving(connection: Connection, back: WriteBack, rids: Iterable[int], seen: Collection[int]) -> dict[int, str]:
    """Of records of a stream those that are to go, and why. `seen`: of whose customer the source's role is shown something.

    A record that is in no golden record yet stays: nobody knows whose it is.
    """
    if not back.removes:
        return {}
    homes = matching_store.clusters_of(connection, rids)
    members = matching_store.members_of(connection, set(homes.values()))
    made = landing.made_of(connection, {r for m in members.values() for r in m})
    customers = golden_store.customers_of(connection, members)
    infos = landing.records(connection, {r for m in members.values() for r in m})
    return {
        rid: why
        for rid, cluster in homes.items()
        if (back.mode == "mirror" or rid in made)
        and (customer := customers.get(cluster)) is not None
        and (why := why_left(back, customer, [infos[r].id.source for r in members[cluster] if r not in made], rid in seen))
    }  # fmt: skip


def why_left(back: WriteBack, customer: StoredCustomer, sources: Collection[str], shown: bool) -> str:
    """Why the stream is not to have a customer; empty: it is. `sources`: of its records, without those that the hub made."""
    if not sources:
        return NOBODY
    if not within(back.when, customer.values, sources):
        return WHEN
    return "" if shown else HIDDEN
