"""Reads of golden records that doors need: search, a customer's changes, overrides as they were. SQL, no writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from hub import db
from hub.golden_record.lineage import Values
from hub.golden_record.store import (
    BRIEF,
    CHANGE,
    StoredChange,
    StoredCustomer,
    customer_of,
    customers_named,
    stored_change,
)
from hub.model import Override, Plain, RecordId, from_plain


def listed(connection: Connection, type_name: str, *, after: str, limit: int) -> list[str]:
    """Ids of the customers of a type, in order of id."""
    query = "SELECT id FROM customer WHERE type = :type AND id > :after ORDER BY id LIMIT :limit"
    return [id for (id,) in db.ask(connection, query, type=type_name, after=after, limit=limit)]


def listed_holding(
    connection: Connection, type_name: str, attribute: str, tokens: Sequence[str], *, after: str, limit: int
) -> list[str]:
    """Ids of the customers of a type that are found by one of these tokens in an attribute, in order of id."""
    query = (
        "SELECT customer FROM search_term WHERE type = :type AND attribute = :attribute AND token = :token"
        " AND customer > :after ORDER BY customer LIMIT :limit"
    )  # by token: each is one range of the primary key, in this order already
    lists = (
        db.ask(connection, query, type=type_name, attribute=attribute, token=token, after=after, limit=limit)
        for token in tokens
    )
    return sorted({id for rows in lists for (id,) in rows})[:limit]


def changes_of(connection: Connection, customer: str) -> list[StoredChange]:
    """All changes of one customer id, in order."""
    return [
        stored_change(r)
        for r in db.ask(connection, f"SELECT {CHANGE} FROM change WHERE customer = :id ORDER BY seq", id=customer)
    ]


def changes_between(connection: Connection, customers: Iterable[str], after: int, until: int) -> list[StoredChange]:
    """Changes of these customers at positions after one and up to another, in order."""
    query = (
        f"SELECT {CHANGE} FROM change WHERE customer IN {{ids:text}} AND seq > :after AND seq <= :until ORDER BY seq"
    )
    return [stored_change(r) for r in db.ask(connection, query, ids=customers, after=after, until=until)]


def changes_at(connection: Connection, seqs: Iterable[int]) -> list[StoredChange]:
    """The changes at these positions, in order."""
    query = f"SELECT {CHANGE} FROM change WHERE seq IN {{ids}} ORDER BY seq"
    return [stored_change(r) for r in db.ask(connection, query, ids=seqs)]


def change_seq(connection: Connection, id: str) -> int | None:
    """The position of a change in the outbox."""
    found = db.first(connection, "SELECT seq FROM change WHERE id = :id", id=id)
    return None if found is None else int(found[0])


def members_at(connection: Connection, customer: str, versions: Iterable[int]) -> dict[int, frozenset[int]]:
    """Members of a customer by version; a version at which it was not shown has none."""
    query = "SELECT version, members FROM history WHERE customer = :id AND version IN {versions}"
    found = db.ask(connection, query, id=customer, versions=set(versions))
    return {version: frozenset(db.load(members)) for version, members in found}


OVERRIDE = 'id, anchor, attribute, "values", "by", reason, at, until, withdrawn_at, origin'


@dataclass(frozen=True, slots=True)
class StoredOverride:
    id: int
    anchor: int
    attribute: str
    values: tuple[Plain, ...]
    by: str
    reason: str
    at: int
    until: int | None
    withdrawn_at: int | None
    origin: str  # the act that set it


def overrides(connection: Connection, ids: Iterable[int]) -> dict[int, StoredOverride]:
    """Override rows by id, withdrawn ones too: old versions were made with them."""
    rows = db.ask(connection, f"SELECT {OVERRIDE} FROM override WHERE id IN {{ids}}", ids=ids)
    return {r[0]: _override(r) for r in rows}


def overrides_known(connection: Connection, anchors: Mapping[int, RecordId], at: int) -> list[Override]:
    """Overrides on these records that stood at a time of knowledge."""
    statement = f"SELECT {OVERRIDE} FROM override WHERE anchor IN {{ids}} AND at<=:at AND (withdrawn_at IS NULL OR withdrawn_at>:at) ORDER BY id"
    found = map(_override, db.ask(connection, statement, ids=anchors, at=at))
    return [
        Override(
            o.id, anchors[o.anchor], o.attribute, tuple(from_plain(v) for v in o.values), o.at, o.until, o.by, o.reason
        )
        for o in found
    ]


def _override(r: db.Row) -> StoredOverride:
    return StoredOverride(r[0], r[1], r[2], tuple(db.load(r[3])), *r[4:])


def page_after(connection: Connection, types: Collection[str], after: str, limit: int) -> list[StoredCustomer]:
    """Customers of these types after an id, in order of id, without their lineage."""
    query = f"SELECT {BRIEF} FROM customer WHERE id > :after AND type IN {{types:text}} ORDER BY id LIMIT :limit"
    return [customer_of(r) for r in db.ask(connection, query, after=after, types=sorted(types), limit=limit)]


def customers_after(connection: Connection, type_name: str, after: str, limit: int) -> list[tuple[str, Values]]:
    """A page of a type's customers by id: (id, values)."""
    query = "SELECT id, body FROM customer WHERE type = :type AND id > :after ORDER BY id LIMIT :limit"
    rows = db.ask(connection, query, type=type_name, after=after, limit=limit)
    return [(id, db.load(body)) for id, body in rows]


def every_customer_after(connection: Connection, id: str, limit: int) -> list[StoredCustomer]:
    """Customers in the order of their ids, after one."""
    found = db.ask(connection, "SELECT id FROM customer WHERE id > :id ORDER BY id LIMIT :limit", id=id, limit=limit)
    named = customers_named(connection, [row[0] for row in found])
    return [named[row[0]] for row in found]


def clusters_named(connection: Connection, ids: Sequence[str]) -> set[int]:
    """The clusters of these shown customers."""
    return {name for (name,) in db.ask(connection, "SELECT cluster FROM customer WHERE id IN {ids:text}", ids=ids)}
