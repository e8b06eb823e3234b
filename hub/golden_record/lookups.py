"""Reads of golden records that doors need: search, a customer's changes, overrides as they were. SQL, no writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from hub import db
from hub.golden_record.search_terms import LONGEST, Term
from hub.golden_record.store import CHANGE, StoredChange, stored_change
from hub.model import Override, RecordId, from_plain

LAST = "z" * LONGEST  # no token that begins with a prefix is above the prefix and this, under any collation


@dataclass(frozen=True, slots=True)
class Hit:
    """A customer found: by how many attributes, by how many of them exactly."""

    attributes: int
    exact: int
    customer: str


def search(
    connection: Connection,
    columns: Mapping[str, Collection[str]],
    terms: Sequence[Term],
    *,
    after: Hit | None,
    limit: int,
) -> list[Hit]:
    """Customers that hold every term in the given attributes (by type), best first. No other attribute is looked at."""
    values: dict[str, Any] = {"terms": len(terms), "limit": limit}
    branches = [
        branch
        for number, (type_name, attributes) in enumerate(sorted(columns.items()))
        if attributes
        for branch in _branches(number, type_name, sorted(attributes), terms, values)
    ]
    if not branches or not terms:
        return []
    beyond = ""
    if after is not None:
        values.update(a=after.attributes, e=after.exact, c=after.customer)
        beyond = " WHERE attributes < :a OR (attributes = :a AND (exact < :e OR (exact = :e AND customer > :c)))"
    query = (
        "SELECT attributes, exact, customer FROM ("
        " SELECT customer, count(DISTINCT attribute) AS attributes, count(DISTINCT CASE WHEN is_exact = 1 THEN attribute END) AS exact"
        f" FROM ({' UNION ALL '.join(branches)}) AS hit GROUP BY customer HAVING count(DISTINCT term) = :terms) AS ranked{beyond}"
        " ORDER BY attributes DESC, exact DESC, customer LIMIT :limit"
    )
    return [Hit(*r) for r in db.ask(connection, query, **values)]


def _branches(
    number: int, type_name: str, attributes: Sequence[str], terms: Sequence[Term], values: dict[str, Any]
) -> Iterable[str]:
    """One look-up per term and way of matching; each is a range of the primary key."""
    values[f"t{number}"] = type_name
    values.update({f"n{number}_{i}": a for i, a in enumerate(attributes)})
    names = ", ".join(f":n{number}_{i}" for i in range(len(attributes)))
    for at, term in enumerate(terms):
        head = f"SELECT {at} AS term, customer, attribute, {{exact}} AS is_exact FROM search_term WHERE type = :t{number} AND attribute IN ({names})"
        values.update({f"e{at}_{i}": t for i, t in enumerate(term.exact)})
        listed = ", ".join(f":e{at}_{i}" for i in range(len(term.exact)))
        yield f"{head.format(exact=1)} AND token IN ({listed})"
        for i, prefix in enumerate(term.prefixes):
            values.update({f"p{at}_{i}": prefix, f"q{at}_{i}": prefix + LAST})
            yield f"{head.format(exact=0)} AND token >= :p{at}_{i} AND token <= :q{at}_{i}"


def listed(connection: Connection, types: Collection[str], *, after: str, limit: int) -> list[str]:
    """Ids of the customers of these types, in order of id."""
    query = "SELECT id FROM customer WHERE id > :after AND type IN {types:text} ORDER BY id LIMIT :limit"
    return [id for (id,) in db.ask(connection, query, after=after, types=types, limit=limit)]


def changes_of(connection: Connection, customer: str) -> list[StoredChange]:
    """All changes of one customer id, in order."""
    return [
        stored_change(r)
        for r in db.ask(connection, f"SELECT {CHANGE} FROM change WHERE customer = :id ORDER BY seq", id=customer)
    ]


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
    values: tuple[Any, ...]  # plain
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


def _override(r: Any) -> StoredOverride:
    return StoredOverride(r[0], r[1], r[2], tuple(db.load(r[3])), *r[4:])


def customers_after(connection: Connection, type_name: str, after: str, limit: int) -> list[tuple[str, dict[str, Any]]]:
    """A page of a type's customers by id: (id, values)."""
    query = "SELECT id, body FROM customer WHERE type = :type AND id > :after ORDER BY id LIMIT :limit"
    rows = db.ask(connection, query, type=type_name, after=after, limit=limit)
    return [(id, db.load(body)) for id, body in rows]
