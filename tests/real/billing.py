"""Billing: a table in a real PostgreSQL, as an accountant changes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

TABLE = """
DROP TABLE IF EXISTS customers;
CREATE TABLE customers (id serial PRIMARY KEY, first text, last text, mail text, phone text, street text, zip text,
                        city text, country text, updated_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE OR REPLACE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN NEW.updated_at = clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touched();
"""
SOURCE = """
title: Billing
connector: {kind: sql, url_env: BILLING_URL}
streams:
  customers:
    table: customers
    customer: person
    key: id
    version: updated_at
    map:
      given_name: first
      family_name: last
      email: mail
      phone: phone
      address: {line1: street, postcode: zip, city: city, country: country}
    trust: {default: 70, address: 95}
    verified: all
    write_back: {attributes: [email, phone, address]}
"""


@dataclass
class Billing:
    url: str

    def __post_init__(self) -> None:
        self.sql(TABLE)

    def sql(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            found = connection.execute(statement, values or None)
            return found.fetchall() if found.description else []

    def add(self, **row: str) -> int:
        names = ", ".join(row)
        holes = ", ".join(f"%({name})s" for name in row)
        return int(self.sql(f"INSERT INTO customers ({names}) VALUES ({holes}) RETURNING id", **row)[0][0])
