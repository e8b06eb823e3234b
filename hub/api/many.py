"""Customers and changes as JSON, straight: for answers that hold very many. The fields are those of `Customer` and `ChangeOut`
in `schemas`, in their order."""

from __future__ import annotations

from functools import lru_cache

import orjson

from hub.access.seen import SeenChange, SeenCustomer, SeenPage
from hub.api import schemas
from hub.model import RecordId

_when = lru_cache(maxsize=1024)(schemas.when)  # what is told together has few times


def customer(c: SeenCustomer) -> dict[str, object]:
    """As `GET /v1/customers/{id}` answers, without lineage."""
    return {
        "id": c.id,
        "type": c.type,
        "version": c.version,
        "updated_at": _when(c.updated_at),
        "values": c.values,
        "records": None if c.records is None else [record(r) for r in c.records],
        "lineage": None,
        "undated": None,
    }


def record(r: RecordId) -> dict[str, str]:
    return {"source": r.source, "stream": r.stream, "key": r.key}


def change(c: SeenChange) -> dict[str, object]:
    """As the feed tells it."""
    return {
        "id": c.id,
        "type": c.type,
        "customer": c.customer,
        "customer_type": c.customer_type,
        "version": c.version,
        "at": _when(c.at),
        "attributes": c.attributes,
        "other": c.other,
        "data": None if c.data is None else customer(c.data),
    }


def changes(page: SeenPage) -> bytes:
    """A page of the feed."""
    return orjson.dumps({"data": [change(c) for c in page.data], "next_cursor": page.next_cursor})
