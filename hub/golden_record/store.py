"""Golden records: current rows, history and changes by reference, overrides, search terms.

The only SQL on these tables. Values stand in the current rows, the overrides and the search terms
alone; history and changes hold references, so that erasure stays possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

from sqlalchemy import Column, Connection, Index, Text, text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.golden_record.lineage import Lineage, Values
from hub.model import Override, RecordId, from_plain, plain


class CustomerRow(SQLModel, table=True):
    """The golden record that is served now."""

    __tablename__: ClassVar[str] = "customer"
    __table_args__ = (
        Index("customer_cluster", "cluster", unique=True),
        Index("customer_type_id", "type", "id"),
        Index(
            "customer_revisit",
            "revisit_at",
            sqlite_where=text("revisit_at IS NOT NULL"),
            postgresql_where=text("revisit_at IS NOT NULL"),
        ),
    )
    id: str = Field(primary_key=True)  # the earliest-minted id that leads here
    type: str
    cluster: int = big()
    version: int
    size: int
    body: str = Field(sa_column=Column(Text, nullable=False))  # attribute -> values
    lineage: str = Field(sa_column=Column(Text, nullable=False))  # attribute -> rule, won, lost
    recipe: str = Field(index=True)
    revisit_at: int | None = big(nullable=True, default=None)
    at: int = big()


class HistoryRow(SQLModel, table=True):
    """Each version as it was served: references only."""

    __tablename__: ClassVar[str] = "history"
    __table_args__ = ({"sqlite_with_rowid": False},)
    customer: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    type: str
    change: str
    members: str = Field(sa_column=Column(Text, nullable=False))
    lineage: str | None = Field(default=None, sa_column=Column(Text, nullable=True))  # None: not shown any more
    recipe: str
    into: str = ""  # merged: where it went
    at: int = big()


class ChangeRow(SQLModel, table=True):
    """The outbox: typed events in the order of their making, payloads rendered when sent."""

    __tablename__: ClassVar[str] = "change"
    __table_args__ = (Index("change_customer", "customer"),)
    seq: int = big(primary_key=True)
    id: str = Field(unique=True)
    customer: str
    type: str
    kind: str
    version: int
    attributes: str
    other: str
    at: int = big()


class OverrideRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "override"
    __table_args__ = (Index("override_anchor", "anchor"), Index("override_origin", "origin"))
    id: int = big(primary_key=True)
    anchor: int = big()
    attribute: str
    values: str = Field(sa_column=Column(Text, nullable=False))
    by: str
    reason: str
    at: int = big()
    until: int | None = big(nullable=True, default=None)
    withdrawn_at: int | None = big(nullable=True, default=None)
    withdrawn_by: str = ""
    origin: str = ""  # the act that set it, so that one undo takes all of an act back


class SearchRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "search_term"
    __table_args__ = (Index("search_term_customer", "customer"), {"sqlite_with_rowid": False})
    type: str = Field(primary_key=True)
    attribute: str = Field(primary_key=True)
    token: str = Field(primary_key=True)
    customer: str = Field(primary_key=True)


class IdMoveRow(SQLModel, table=True):
    """Where an id led from a time on. An id that never moved leads to its own record's customer."""

    __tablename__: ClassVar[str] = "id_move"
    __table_args__ = (Index("id_move_id", "id", "at"),)
    seq: int = big(primary_key=True)
    id: str
    leads_to: str | None = None
    at: int = big()


class RecipeRow(SQLModel, table=True):
    """What a recipe's hash stands for: needed to render old versions as they were."""

    __tablename__: ClassVar[str] = "recipe"
    hash: str = Field(primary_key=True)
    config: str = Field(sa_column=Column(Text, nullable=False))
    models: str
    at: int = big()


class StoredCustomer(NamedTuple):  # as the changes are: very many are made
    id: str
    type: str
    cluster: int
    version: int
    size: int
    values: Values
    lineage: Lineage
    recipe: str
    revisit_at: int | None
    at: int


CUSTOMER = "id, type, cluster, version, size, body, lineage, recipe, revisit_at, at"
BRIEF = CUSTOMER.replace("lineage", "'{}' AS lineage")  # without what is most of the bytes


def customer_of(row: db.Row) -> StoredCustomer:
    """A row of the columns `CUSTOMER`."""
    id, type_name, cluster, version, size, body, lineage, recipe, revisit_at, at = row
    why = {} if lineage == "{}" else db.load(lineage)
    return StoredCustomer(id, type_name, cluster, version, size, db.load(body), why, recipe, revisit_at, at)


def customer(connection: Connection, id: str) -> StoredCustomer | None:
    found = db.ask(connection, f"SELECT {CUSTOMER} FROM customer WHERE id = :id", id=id)
    return customer_of(found[0]) if found else None


def counts(connection: Connection) -> dict[str, int]:
    """How many customers there are, by type."""
    return {
        type_: n for type_, n in db.ask(connection, "SELECT type, count(*) FROM customer GROUP BY type ORDER BY type")
    }


def customers_of(
    connection: Connection, clusters: Iterable[int], *, columns: str = CUSTOMER
) -> dict[int, StoredCustomer]:
    """Customers by cluster. `columns`: BRIEF where nobody looks at lineage."""
    found = db.ask(connection, f"SELECT {columns} FROM customer WHERE cluster IN {{ids}}", ids=clusters)
    return {c.cluster: c for c in map(customer_of, found)}


def customers_named(
    connection: Connection, ids: Iterable[str], *, columns: str = CUSTOMER
) -> dict[str, StoredCustomer]:
    """Customers by id. `columns`: BRIEF where nobody looks at lineage."""
    found = db.ask(connection, f"SELECT {columns} FROM customer WHERE id IN {{ids:text}}", ids=ids)
    return {c.id: c for c in map(customer_of, found)}


def due(connection: Connection, now: int, limit: int = 500) -> list[StoredCustomer]:
    """Customers of whom a value starts or ends to be in effect by now."""
    query = f"SELECT {CUSTOMER} FROM customer WHERE revisit_at <= :now ORDER BY revisit_at LIMIT :limit"
    return [customer_of(r) for r in db.ask(connection, query, now=now, limit=limit)]


def clusters_named(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """The clusters of customers that are there now."""
    return dict(db.ask(connection, "SELECT id, cluster FROM customer WHERE id IN {ids:text}", ids=ids))


def clusters_after(connection: Connection, type_name: str, id: str, limit: int) -> list[tuple[int, str]]:
    """(cluster, id) of the customers of a type, by id, after one."""
    query = "SELECT cluster, id FROM customer WHERE type = :type AND id > :id ORDER BY id LIMIT :limit"
    return [(cluster, found) for cluster, found in db.ask(connection, query, type=type_name, id=id, limit=limit)]


def any_customer(connection: Connection) -> bool:
    return db.exists(connection, "customer")


CUSTOMER_COLUMNS = ("id", "type", "cluster", "version", "size", "body", "lineage", "recipe", "revisit_at", "at")
TERM_COLUMNS = ("type", "attribute", "token", "customer")
HISTORY_COLUMNS = ("customer", "version", "type", "change", "members", "lineage", "recipe", "into", "at")
CHANGE_COLUMNS = ("seq", "id", "customer", "type", "kind", "version", "attributes", "other", "at")


def drop_customers(connection: Connection, ids: Sequence[str]) -> None:
    db.do(connection, "DELETE FROM customer WHERE id IN {ids:text}", ids=ids)


def save_customers(connection: Connection, rows: Sequence[db.Row]) -> None:
    db.upsert_many(connection, table(CustomerRow), CUSTOMER_COLUMNS, rows)
    db.fail_point("golden")


def save_history(connection: Connection, rows: Sequence[db.Row]) -> None:
    db.insert_many(connection, table(HistoryRow), HISTORY_COLUMNS, rows)
    db.fail_point("history")


def save_changes(connection: Connection, rows: Sequence[db.Row]) -> None:
    db.insert_many(connection, table(ChangeRow), CHANGE_COLUMNS, rows)
    db.fail_point("outbox")


def save_moves(connection: Connection, moves: Mapping[str, str | None], at: int) -> None:
    seq = db.next_number(connection, table(IdMoveRow), "seq") if moves else 0
    rows = [(seq + n, id, leads, at) for n, (id, leads) in enumerate(sorted(moves.items(), key=lambda m: m[0]))]
    db.insert_many(connection, table(IdMoveRow), ("seq", "id", "leads_to", "at"), rows)


def last_leads(connection: Connection, ids: Iterable[str]) -> dict[str, str | None]:
    """Where ids that ever moved lead, by their last move."""
    query = "SELECT id, leads_to FROM id_move m WHERE id IN {ids:text} AND seq = (SELECT max(seq) FROM id_move WHERE id = m.id)"
    return dict(db.ask(connection, query, ids=ids))


def last_versions(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """The highest version that each id was ever served at."""
    query = "SELECT customer, max(version) FROM history WHERE customer IN {ids:text} GROUP BY customer"
    return dict(db.ask(connection, query, ids=ids))


Term = tuple[str, str, str, str]  # type, attribute, token, customer


def remove_terms(connection: Connection, gone: Iterable[Term]) -> None:
    query = "DELETE FROM search_term WHERE type=:type AND attribute=:attribute AND token=:token AND customer=:customer"
    db.do_many(connection, query, [dict(zip(TERM_COLUMNS, term, strict=True)) for term in sorted(gone)])


def add_terms(connection: Connection, new: Sequence[Term]) -> None:
    """In their order, so that they lie side by side."""
    db.insert_many(connection, table(SearchRow), TERM_COLUMNS, new)


def terms_of(connection: Connection, ids: Iterable[str]) -> dict[str, set[tuple[str, str]]]:
    """(attribute, token) by customer."""
    listed = list(ids)
    found: dict[str, set[tuple[str, str]]] = {id: set() for id in listed}
    for customer, attribute, token in db.ask(
        connection, "SELECT customer, attribute, token FROM search_term WHERE customer IN {ids:text}", ids=listed
    ):
        found[customer].add((attribute, token))
    return found


# --- overrides --------------------------------------------------------------------------------

OVERRIDE = 'id, anchor, attribute, "values", "by", reason, at, until'


def overrides_on(connection: Connection, names: Mapping[int, RecordId]) -> dict[int, list[Override]]:
    """Standing overrides by anchor."""
    found: dict[int, list[Override]] = {}
    statement = f"SELECT {OVERRIDE} FROM override WHERE withdrawn_at IS NULL AND anchor IN {{ids}} ORDER BY id"
    for r in db.ask(connection, statement, ids=names):
        values = tuple(from_plain(v) for v in db.load(r[3]))
        found.setdefault(r[1], []).append(Override(r[0], names[r[1]], r[2], values, r[6], r[7], r[4], r[5]))
    return found


def override(connection: Connection, number: int) -> tuple[int, str] | None:
    """Anchor and attribute of a standing override."""
    query = "SELECT anchor, attribute FROM override WHERE id = :id AND withdrawn_at IS NULL"
    found = db.first(connection, query, id=number)
    return None if found is None else (found[0], found[1])


def add_override(connection: Connection, anchor: int, given: Override, *, origin: str = "") -> int:
    number = db.next_number(connection, table(OverrideRow), "id")
    columns = ("id", "anchor", "attribute", "values", "by", "reason", "at", "until", "withdrawn_by", "origin")
    values = db.dump([plain(v) for v in given.values])
    db.insert_many(
        connection,
        table(OverrideRow),
        columns,
        [(number, anchor, given.attribute, values, given.by, given.reason, given.at, given.until, "", origin)],
    )
    return number


def withdraw_override(connection: Connection, number: int, *, by: str, at: int) -> None:
    statement = "UPDATE override SET withdrawn_at = :at, withdrawn_by = :by WHERE id = :id AND withdrawn_at IS NULL"
    db.do(connection, statement, at=at, by=by, id=number)


def forget_overrides(connection: Connection, anchors: Iterable[int]) -> None:
    """Values by hand of records that were erased."""
    db.delete_numbered(connection, table(OverrideRow), "id", "anchor IN {ids}", ids=list(anchors))


def mark_erased(
    connection: Connection, ids: Iterable[str], after: int, roles: Mapping[str, Sequence[str]]
) -> list[str]:
    """Of these customers, those that were retired after a position were erased; which. `roles`: that had each, by name."""
    query = (
        "SELECT seq, customer, version FROM change WHERE customer IN {ids:text} AND seq > :after AND kind = 'retired'"
    )
    rows = db.ask(connection, query, ids=list(ids), after=after)
    for seq, customer, version in rows:
        other = db.dump(list(roles.get(customer, ())))
        db.do(connection, "UPDATE change SET kind = 'erased', other = :other WHERE seq = :seq", other=other, seq=seq)
        statement = "UPDATE history SET change = 'erased' WHERE customer = :customer AND version = :version"
        db.do(connection, statement, customer=customer, version=version)
    return [customer for _, customer, _ in rows]


def last_change(connection: Connection, ids: Iterable[str]) -> int:
    """The position of the last change of any of these customers; 0: there was none."""
    return db.number(connection, "SELECT max(seq) FROM change WHERE customer IN {ids:text}", ids=list(ids))


# --- reading ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredHistory:
    customer: str
    version: int
    type: str
    change: str
    members: tuple[int, ...]
    lineage: Lineage | None
    recipe: str
    into: str
    at: int


HISTORY = 'customer, version, type, change, members, lineage, recipe, "into", at'


def _history(r: db.Row) -> StoredHistory:
    return StoredHistory(r[0], r[1], r[2], r[3], tuple(db.load(r[4])), db.load(r[5]), r[6], r[7], r[8])


def history(connection: Connection, id: str) -> list[StoredHistory]:
    query = f"SELECT {HISTORY} FROM history WHERE customer = :id ORDER BY version"
    return [_history(r) for r in db.ask(connection, query, id=id)]


def history_row(connection: Connection, id: str, version: int) -> StoredHistory | None:
    query = f"SELECT {HISTORY} FROM history WHERE customer = :id AND version = :version"
    found = db.first(connection, query, id=id, version=version)
    return None if found is None else _history(found)


def history_at(connection: Connection, id: str, at: int) -> StoredHistory | None:
    """The version that was served at a time."""
    query = f"SELECT {HISTORY} FROM history WHERE customer = :id AND at <= :at ORDER BY version DESC LIMIT 1"
    found = db.first(connection, query, id=id, at=at)
    return None if found is None else _history(found)


def led_at(connection: Connection, id: str, at: int) -> tuple[bool, str | None]:
    """Whether a move of this id was known at a time, and where it led then."""
    query = "SELECT leads_to FROM id_move WHERE id = :id AND at <= :at ORDER BY seq DESC LIMIT 1"
    found = db.first(connection, query, id=id, at=at)
    return (False, None) if found is None else (True, found[0])


class StoredChange(NamedTuple):
    seq: int
    id: str
    customer: str
    type: str
    kind: str
    version: int
    attributes: tuple[str, ...]
    other: tuple[str, ...]
    at: int


CHANGE = "seq, id, customer, type, kind, version, attributes, other, at"


def stored_change(row: db.Row) -> StoredChange:
    """A row of CHANGE."""
    seq, id, customer, type_name, kind, version, attributes, other, at = row
    others = () if other == "[]" else tuple(db.load(other))
    return StoredChange(seq, id, customer, type_name, kind, version, _names(attributes), others, at)


@lru_cache(maxsize=4096)
def _names(text: str) -> tuple[str, ...]:
    """Names of attributes: there are few, and every change has some."""
    return tuple(db.load(text))


def changes_after(connection: Connection, seq: int, limit: int) -> list[StoredChange]:
    """The outbox after a position. Positions have no gaps that fill later: writers are alone."""
    query = f"SELECT {CHANGE} FROM change WHERE seq > :seq ORDER BY seq LIMIT :limit"
    return [stored_change(r) for r in db.ask(connection, query, seq=seq, limit=limit)]


def changed_since(connection: Connection, seq: int) -> list[tuple[str, str]]:
    """(customer, type of change) of all changes after a position."""
    query = "SELECT customer, kind FROM change WHERE seq > :seq ORDER BY seq"
    return [(customer, kind) for customer, kind in db.ask(connection, query, seq=seq)]


def last_seq(connection: Connection) -> int:
    """The newest position of the outbox; 0: it is empty."""
    return db.number(connection, "SELECT max(seq) FROM change")


def has_recipe(connection: Connection, hash_: str) -> bool:
    return bool(db.ask(connection, "SELECT 1 FROM recipe WHERE hash=:hash", hash=hash_))


def save_recipe(connection: Connection, hash_: str, config: str, models: str, at: int) -> None:
    """What a recipe's hash stands for; kept once."""
    db.insert_many(connection, table(RecipeRow), ("hash", "config", "models", "at"), [(hash_, config, models, at)])


def recipe_config(connection: Connection, hash_: str) -> dict[str, object] | None:
    found = db.first(connection, "SELECT config FROM recipe WHERE hash = :hash", hash=hash_)
    config: dict[str, object] | None = db.load(found[0]) if found else None
    return config


def next_seq(connection: Connection) -> int:
    return db.next_number(connection, table(ChangeRow), "seq")
