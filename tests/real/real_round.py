"""The hub's promise on systems that nobody here wrote: what one of them learns, the others have, once; then there is rest.

PostgreSQL as billing, by its own changes; Tryton as CRM; Stripe's API; Segment's client on the website.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.billing import SOURCE, Billing
from tests.real.hub import Hub
from tests.real.localstripe import KEY, LocalStripe, localstripe
from tests.real.real_segment import CLIENTS
from tests.real.real_segment import SOURCE as WEBSITE
from tests.real.real_tryton import CRM
from tests.real.systems import checked, installed
from tests.real.tryton import Tryton, tryton

BILLING = SOURCE.replace(
    "{kind: sql, url_env: BILLING_URL}", "{kind: postgres_changes, url_env: BILLING_URL, name: round}"
)
STRIPE = """
title: Payments
connector: {kind: stripe, key_env: STRIPE_KEY, base_url: URL}
streams:
  customers:
    customer: person
    map:
      full_name: name
      email: email
      phone: phone
      address: {line1: address.line1, postcode: address.postal_code, city: address.city, country: address.country}
    trust: {default: 60}
    verified: all
    write_back: {attributes: [email, phone, address]}
"""
IDENTIFY = """
import sys
{start}
a.identify("u1", {{"firstName": "Ann", "lastName": "Lee", "email": "ann.lee@example.com"}})
a.flush()
"""
OLD, NEW = ("Alte Gasse 1", "10115", "Berlin"), ("Neuer Weg 7", "99084", "Erfurt")


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[Tryton]:
    with tryton(tmp_path) as made:
        yield made


@pytest.fixture
def payments(tmp_path: Path) -> Iterator[LocalStripe]:
    with localstripe(tmp_path) as made:
        yield made


class Everywhere:
    """The same person in three systems that write, and on a website."""

    def __init__(self, hub: Hub, billing: Billing, crm: Tryton, payments: LocalStripe) -> None:
        self.hub, self.billing, self.crm, self.payments = hub, billing, crm, payments
        street, code, city = OLD
        given = {"first": "Ann", "last": "Lee", "mail": "ann.lee@example.com", "phone": "+49 30 901820"}
        self.row = billing.add(**given, street=street, zip=code, city=city, country="DE")
        (germany,) = crm.rpc("model.country.country.search", [["code", "=", "DE"]], 0, None, None, {})
        address = {"street": street, "postal_code": code, "city": city, "country": germany}
        self.party = crm.create("Ann Lee", address=address, email="ann.lee@example.com", phone="+49 30 901820")
        at = {"address[line1]": street, "address[postal_code]": code, "address[city]": city, "address[country]": "DE"}
        self.id = payments.create(name="Ann Lee", email="ann.lee@example.com", phone="+49 30 901820", **at)
        hub("keys", "create", "test", "--role", "lead_steward")

    def visits(self) -> None:
        package, start = CLIENTS["segment"]
        with self.hub.serving("--no-jobs") as url:
            checked([str(installed("segment", package) / "python"), "-c", IDENTIFY.format(start=start), url])

    def addresses(self) -> list[tuple[str, ...]]:
        street, code, city = self.billing.sql("SELECT street, zip, city FROM customers WHERE id = %(id)s", id=self.row)[
            0
        ]
        (party,) = self.crm.addresses(self.party)
        paid = self.payments.customer(self.id)["address"]
        return [
            (street, code, city),
            (party["street"], party["postal_code"], party["city"]),
            (paid["line1"], paid["postal_code"], paid["city"]),
        ]

    def phones(self) -> list[str]:
        ((own,),) = self.billing.sql("SELECT phone FROM customers WHERE id = %(id)s", id=self.row)
        found = [own, *self.crm.values(self.party, "phone"), self.payments.customer(self.id)["phone"]]
        return ["".join(filter(str.isdigit, phone)) for phone in found]

    def mails(self) -> list[str]:
        ((own,),) = self.billing.sql("SELECT mail FROM customers WHERE id = %(id)s", id=self.row)
        return [own, *self.crm.values(self.party, "email"), self.payments.customer(self.id)["email"]]

    def at_rest(self) -> None:
        """Two more rounds write nothing, as the hub and the systems themselves tell."""
        before = (self.billing.sql("SELECT max(updated_at) FROM customers"), self.crm.stamp(), self.payments.writes())
        for _ in range(2):
            assert "0 written" in self.hub.round()
        assert before == (
            self.billing.sql("SELECT max(updated_at) FROM customers"),
            self.crm.stamp(),
            self.payments.writes(),
        )


def test_what_one_system_learns_the_others_have_once_and_then_there_is_rest(
    tmp_path: Path, logical_url: str, crm: Tryton, payments: LocalStripe
) -> None:
    env = {"BILLING_URL": logical_url, "TRYTON_URL": crm.url, "TRYTON_KEY": crm.key, "STRIPE_KEY": KEY}
    hub = Hub(tmp_path / "hub", env | {"SEGMENT_WRITE_KEY": "wk-1"})
    for name, text in (
        ("billing", BILLING),
        ("crm", CRM),
        ("website", WEBSITE),
        ("payments", STRIPE.replace("URL", payments.url)),
    ):
        hub.source(name, text)
    hub.role("payments", may=["read"], views={"person": {"*": "show"}})
    ann = Everywhere(hub, Billing(logical_url), crm, payments)
    hub.round()
    ann.visits()
    hub.round()
    assert len(hub.customers()) == 1
    ann.at_rest()

    street, code, city = NEW
    ann.billing.sql(
        "UPDATE customers SET street=%(s)s, zip=%(z)s, city=%(c)s WHERE id=%(id)s", s=street, z=code, c=city, id=ann.row
    )
    assert "2 written" in hub.round()
    assert ann.addresses() == [NEW] * 3
    ann.at_rest()

    (phone,) = crm.rpc(
        "model.party.contact_mechanism.search", [["party", "=", ann.party], ["type", "=", "phone"]], 0, None, None, {}
    )
    crm.rpc("model.party.contact_mechanism.write", [phone], {"value": "+49 361 6550"}, {})
    assert "2 written" in hub.round()
    assert ann.phones() == ["493616550"] * 3
    ann.at_rest()

    payments.ask("POST", f"/v1/customers/{ann.id}", email="ann@new.example")
    assert "2 written" in hub.round()
    assert ann.mails() == ["ann@new.example"] * 3
    ann.at_rest()
    assert "0 differences" in hub("verify")
