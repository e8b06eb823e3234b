"""The customer that an id leads to."""

from __future__ import annotations

from sqlalchemy import Connection

from hub.errors import Gone, NotFound
from hub.golden_record import store
from hub.golden_record.store import StoredCustomer
from hub.landing import store as landing
from hub.landing.store.erasing import ERASED
from hub.matching import store as matching_store


def find_customer(connection: Connection, id: str) -> StoredCustomer:
    """The customer that an id leads to, in one hop. NotFound: never minted; Gone: nobody holds it now."""
    info = landing.record_minting(connection, id)
    if info is None and landing.record_minting(connection, id, ERASED) is not None:
        raise Gone("this customer was erased")
    if info is None:
        raise NotFound("no such customer")
    rid: int | None = info.rid
    if not info.alive:
        rid = matching_store.heirs(connection, [info.rid]).get(info.rid, (None, None))[1]
    clusters = matching_store.clusters_of(connection, [rid] if rid is not None else [])
    found = store.customers_of(connection, clusters.values())
    if not found:
        raise Gone("this customer is no longer there")
    return next(iter(found.values()))
