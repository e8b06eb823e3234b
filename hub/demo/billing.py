"""The billing system: a SQL database of customers, their addresses over time, invoices and companies."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from hub.demo.dice import Dice
from hub.demo.records import BILLING
from hub.demo.shapes import billing_companies, billing_customers, said
from hub.demo.world import World

ADDRESS = ("street", "zip", "town", "state", "country")
_CUSTOMER = ("id", "first", "last", "dob", "mail", "invoice_mail", "phone_number", "vat_id", "updated_at")
_COMPANY = ("id", "name", "registration_no", "vat_id", "website", "mail", "phone_number", *ADDRESS, "updated_at")
_TABLES = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, first TEXT, last TEXT, dob TEXT, mail TEXT, invoice_mail TEXT,
    phone_number TEXT, vat_id TEXT, updated_at TIMESTAMP NOT NULL);
CREATE TABLE addresses (customer_id INTEGER NOT NULL REFERENCES customers (id), street TEXT, zip TEXT, town TEXT,
    state TEXT, country TEXT, valid_from DATE NOT NULL, PRIMARY KEY (customer_id, valid_from)) WITHOUT ROWID;
CREATE TABLE invoices (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id),
    number TEXT NOT NULL, issued DATE NOT NULL, amount_cents INTEGER NOT NULL, currency TEXT NOT NULL,
    status TEXT NOT NULL);
CREATE TABLE companies (id TEXT PRIMARY KEY, name TEXT, registration_no TEXT, vat_id TEXT, website TEXT, mail TEXT,
    phone_number TEXT, street TEXT, zip TEXT, town TEXT, state TEXT, country TEXT, updated_at TIMESTAMP NOT NULL);
"""
_INDEXES = """
CREATE INDEX customers_updated ON customers (updated_at, id);
CREATE INDEX companies_updated ON companies (updated_at, id);
CREATE INDEX invoices_customer ON invoices (customer_id);
"""


class Billing:
    """The filled database: where it is, and what its own staff would do in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def url(self) -> str:
        """For SQLAlchemy."""
        return f"sqlite:///{self.path}"

    def change_address(self, key: str, address: Mapping[str, str | None]) -> None:
        """Customer `key` lives elsewhere from today: parts street, zip, town, state, country. KeyError when unknown."""
        parts = [address.get(part) for part in ADDRESS]
        with closing(sqlite3.connect(self.path)) as connection, connection:
            last, newest = self._times(connection, key)
            now = datetime.now(UTC).replace(tzinfo=None)
            # never before what stands there: the world's last day may lie ahead of this machine's clock
            stamp = max(now, datetime.fromisoformat(last) + timedelta(microseconds=1))
            start = max(stamp.date(), date.fromisoformat(newest)) if newest else stamp.date()
            connection.execute(
                f"INSERT OR REPLACE INTO addresses (customer_id, {', '.join(ADDRESS)}, valid_from)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (int(key), *parts, start.isoformat()),
            )
            connection.execute(
                "UPDATE customers SET updated_at = ? WHERE id = ?", (stamp.isoformat(" ", "microseconds"), int(key))
            )

    def add(self, customer: Mapping[str, str | None], address: Mapping[str, str | None]) -> str:
        """A new customer from now on: first, last, dob, mail, phone_number, and where it lives. Its key."""
        named = {name: customer.get(name) for name in ("first", "last", "dob", "mail", "phone_number")}
        with closing(sqlite3.connect(self.path)) as connection, connection:
            newest = connection.execute("SELECT max(updated_at) FROM customers").fetchone()[0]
            now = datetime.now(UTC).replace(tzinfo=None)
            stamp = max(now, datetime.fromisoformat(newest) + timedelta(microseconds=1)) if newest else now
            made = connection.execute(
                f"INSERT INTO customers ({', '.join(named)}, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
                (*named.values(), stamp.isoformat(" ", "microseconds")),
            )
            connection.execute(
                f"INSERT INTO addresses (customer_id, {', '.join(ADDRESS)}, valid_from) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (made.lastrowid, *(address.get(part) for part in ADDRESS), stamp.date().isoformat()),
            )
            return str(made.lastrowid)

    def address(self, key: str) -> dict[str, str | None] | None:
        """The current address of a customer."""
        with closing(sqlite3.connect(self.path)) as connection:
            row = connection.execute(
                f"SELECT {', '.join(ADDRESS)} FROM addresses WHERE customer_id = ? ORDER BY valid_from DESC LIMIT 1",
                (int(key),),
            ).fetchone()
        return dict(zip(ADDRESS, row, strict=True)) if row else None

    def _times(self, connection: sqlite3.Connection, key: str) -> tuple[str, str | None]:
        row = connection.execute("SELECT updated_at FROM customers WHERE id = ?", (int(key),)).fetchone()
        if row is None:
            raise KeyError(f"billing has no customer {key}")
        newest = connection.execute(
            "SELECT max(valid_from) FROM addresses WHERE customer_id = ?", (int(key),)
        ).fetchone()[0]
        return str(row[0]), newest


def fill(path: Path, world: World) -> Billing:
    """Write the world's billing records into a new SQLite file. An earlier file is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    customers = billing_customers(world.persons)
    companies = billing_companies(world.organisations)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)
        _insert(connection, "customers", _CUSTOMER, customers)
        _insert(connection, "addresses", ("customer_id", *ADDRESS, "valid_from"), _addresses(world, customers))
        _insert(connection, "companies", _COMPANY, companies)
        _insert(
            connection,
            "invoices",
            ("id", "customer_id", "number", "issued", "amount_cents", "currency", "status"),
            _invoices(world, customers),
        )
        connection.executescript(_INDEXES)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    return Billing(path)


def _insert(connection: sqlite3.Connection, table: str, columns: Iterable[str], rows: pa.Table) -> None:
    names = list(columns)
    marks = ", ".join("?" * len(names))
    lists = (rows.column(name).to_pylist() for name in names)
    connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", zip(*lists, strict=True))


def _addresses(world: World, customers: pa.Table) -> pa.Table:
    """The current address of each customer who gave one, and for a fifth of them the one before."""
    stated = (
        customers.append_column("customer_id", customers["id"])
        .append_column("valid_from", pa.array([stamp[:10] for stamp in customers["updated_at"].to_pylist()]))
        .select(["customer_id", *ADDRESS, "valid_from"])
    )
    there = np.asarray(customers["street"].is_valid())
    persons = world.persons.person[world.persons.stream == BILLING]
    before = np.flatnonzero(there & (persons >= 0) & Dice(world.seed).chance("address before", len(persons), 0.2))
    row = world.people.previous[persons[before]]
    pool = world.people.addresses
    earlier = [f"{int(day[:4]) - 4}{day[4:8]}01" for day in stated["valid_from"].take(pa.array(before)).to_pylist()]
    history = pa.table(
        {
            "customer_id": stated["customer_id"].take(pa.array(before)),
            "street": said(pool.line1[row]),
            "zip": said(pool.postcode[row]),
            "town": said(pool.city[row]),
            "state": said(pool.region[row]),
            "country": stated["country"].take(pa.array(before)),
            "valid_from": pa.array(earlier, pa.string()),
        }
    )
    return pa.concat_tables([stated.filter(pa.array(there)), history])


def _invoices(world: World, customers: pa.Table) -> pa.Table:
    """None to six invoices a customer in the two years before the record was last touched."""
    dice, size = Dice(world.seed), customers.num_rows
    count = dice.choose("invoices", size, (0.2, 0.25, 0.2, 0.15, 0.1, 0.06, 0.04))
    owner = np.repeat(np.arange(size), count)
    day = np.array([stamp[:10] for stamp in customers["updated_at"].to_pylist()], dtype="datetime64[D]")
    issued = day[owner] - dice.below("issued", len(owner), 730).astype("timedelta64[D]")
    status = np.array(["paid", "paid", "paid", "paid", "open", "overdue", "cancelled"], dtype=object)
    currency = {"DE": "EUR", "FR": "EUR", "GB": "GBP", "US": "USD"}
    country = customers["country"].to_pylist()
    return pa.table(
        {
            "id": pa.array(np.arange(len(owner)) + 1),
            "customer_id": customers["id"].take(pa.array(owner)),
            "number": pa.array([f"R-{n + 1:08d}" for n in range(len(owner))], pa.string()),
            "issued": pa.array(np.datetime_as_string(issued).astype(object), pa.string()),
            "amount_cents": pa.array((500 + 10 ** (2.5 + dice.uniform("amount", len(owner)) * 3)).astype(np.int64)),
            "currency": pa.array([currency.get(country[i] or "DE", "EUR") for i in owner.tolist()], pa.string()),
            "status": pa.array(status[dice.below("paid", len(owner), len(status))], pa.string()),
        }
    )
