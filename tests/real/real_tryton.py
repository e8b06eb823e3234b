"""A real Tryton as a source and as a target."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.connectors.base import Connector, FieldWrite, SourceRow
from hub.connectors.registry import connect
from hub.settings import Source
from tests.connectors.conformance import MAP, Conformance, World, pages, person
from tests.real.billing import SOURCE as BILLING
from tests.real.billing import Billing
from tests.real.hub import Hub
from tests.real.renamed import Renamed, Row
from tests.real.tryton import Tryton, tryton

CRM = """
title: CRM
connector: {kind: tryton, base_url_env: TRYTON_URL, database: crm, auth: {bearer_env: TRYTON_KEY}}
streams:
  parties:
    customer: person
    key: id
    observed: modified
    deleted: "!active"
    map:
      full_name: name
      email: email[]
      phone: phone[]
      address: {line1: address.street, postcode: address.postal_code, city: address.city, country: address.country}
    trust: {default: 80, address: 70}
    verified: all
    write_back: {attributes: [email, phone, address]}
"""


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[Tryton]:
    with tryton(tmp_path) as made:
        yield made


@pytest.fixture
def hub(tmp_path: Path, crm: Tryton, postgres_url: str) -> Hub:
    made = Hub(tmp_path / "hub", {"BILLING_URL": postgres_url, "TRYTON_URL": crm.url, "TRYTON_KEY": crm.key})
    made.source("billing", BILLING)
    made.source("crm", CRM)
    return made


def test_an_address_that_billing_learns_is_in_tryton_once(hub: Hub, crm: Tryton, postgres_url: str) -> None:
    billing = Billing(postgres_url)
    ann = billing.add(first="Ann", last="Lee", mail="ann.lee@example.com", phone="+49 30 901820", street="Alte Gasse 1", zip="10115", city="Berlin", country="DE")  # fmt: skip
    (germany,) = crm.rpc("model.country.country.search", [["code", "=", "DE"]], 0, None, None, {})
    old = {"street": "Alte Gasse 1", "postal_code": "10115", "city": "Berlin", "country": germany}
    party = crm.create("Ann Lee", address=old, email="ann.lee@example.com", phone="+49 30 901820")
    crm.create("Bob Stone", email="bob@example.com")
    hub.round()
    assert len(hub.customers()) == 2
    before = crm.stamp()
    billing.sql("UPDATE customers SET street='Neuer Weg 7', zip='99084', city='Erfurt' WHERE id=%(id)s", id=ann)
    assert "1 written" in hub.round()
    (held,) = crm.addresses(party)
    assert (held["street"], held["postal_code"], held["city"]) == ("Neuer Weg 7", "99084", "Erfurt")
    after = crm.stamp()
    assert after != before
    for _ in range(2):
        assert "0 written" in hub.round()
    assert crm.stamp() == after
    assert "0 differences" in hub("verify")


# --- the suite of all connectors ---

NAMES = {
    "id": "code",
    "first": "name",
    "mail": "email",
    "street": "address.street",
    "town": "address.city",
    "loyalty": "other",
}


def seen(raw: Row) -> Row:
    """A party, as the suite knows people."""
    first, _, last = raw["name"].partition(" ")
    address = raw["address"] or {}
    row = {
        "id": raw["code"],
        "first": first,
        "last": last,
        "mail": ", ".join(raw["email"]),
        "updated_at": "2024-03-01T10:00:00Z",
    }
    row |= {"street": address.get("street"), "town": address.get("city"), "modified": raw["modified"]}
    return row | {ours: raw[theirs] for ours, theirs in NAMES.items() if theirs in raw and ours not in row}


class Parties(World):
    def __init__(self, crm: Tryton) -> None:
        self.crm, self.away = crm, False
        known = crm.rpc("model.party.party.search", [["active", "in", [True, False]]], 0, None, None, {})
        crm.rpc("model.party.party.delete", known, {})

    def source(self, **stream: Any) -> Source:
        """As the suite maps its rows."""
        people = {"customer": "person", "key": "id", "version": "updated_at", "map": MAP}
        return self._source(people | {k: v for k, v in stream.items() if k != "listing"})

    def _source(self, stream: Row) -> Source:
        connector = {"kind": "tryton", "base_url": self.crm.url, "database": "crm", "auth": {"bearer_env": "KEY"}}
        return Source.model_validate(
            {"name": "crm", "connector": connector, "streams": {"people": {"size": 100, **stream}}}
        )

    def connector(self, **stream: Any) -> Connector:
        source = self._source({"customer": "person", "key": "code", "map": {"full_name": "name"}, **stream})
        env = {"KEY": self.crm.key}
        if self.away:
            connection = source.connector.model_copy(update={"base_url": "http://127.0.0.1:9"})
            source = source.model_copy(update={"connector": connection})
        return Renamed(connect(source, env=env, base_folder=Path()), seen, NAMES, frozenset({"mail"}))

    def put(self, *rows: Row) -> None:
        for row in rows:
            known = self.crm.rpc("model.party.party.search", [["code", "=", row["id"]]], 0, None, None, {})
            self.crm.rpc("model.party.party.delete", known, {}) if known else None
        self.crm.rpc("model.party.party.create", [self._party(row) for row in rows], {})

    def _party(self, row: Row) -> Row:
        address = {"street": row["street"], "city": row["town"]}
        mechanisms = [{"type": "email", "value": row["mail"]}]
        return {
            "name": f"{row['first']} {row['last']}",
            "code": row["id"],
            "addresses": [["create", [address]]],
            "contact_mechanisms": [["create", mechanisms]],
        }

    def put_bad(self) -> None:
        self.crm.create("x" * (1 << 20), email="long@example.com")

    def add_field(self, name: str) -> None:
        for party in self.crm.rpc("model.party.party.search", [], 0, None, None, {}):
            made = {"party": party, "type": "other", "value": "gold"}
            self.crm.rpc("model.party.contact_mechanism.create", [made], {})

    def drop_field(self, name: str) -> None:
        raise NotImplementedError

    def break_down(self) -> None:
        self.away = True

    def held(self, key: str) -> Row:
        (party,) = self.crm.rpc("model.party.party.search", [["code", "=", key]], 0, None, None, {})
        return {"mail": ", ".join(self.crm.values(party, "email")), "street": self.crm.addresses(party)[0]["street"]}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tryton]:
    with tryton(tmp_path_factory.mktemp("tryton")) as made:
        yield made


class TestTryton(Conformance):
    @pytest.fixture
    def world(self, shared: Tryton) -> Parties:
        return Parties(shared)

    def test_a_field_that_vanished_is_named(self, world: World) -> None:
        """A party has all its fields always; a map to one that there never was is told."""
        world.put(person(1))
        notes = [n for p in pages(world.connector(map={"full_name": "name", "email": "mail"})) for n in p.notes]
        assert any("streams.people.map.email: no record has 'mail'" in note for note in notes)

    def test_a_system_that_is_away_is_a_clear_error(self, world: World) -> None:
        world.break_down()
        super().test_a_system_that_is_away_is_a_clear_error(world)

    def test_a_party_is_emptied_archived_and_taken_out_of_the_archive(self, world: World) -> None:
        """What `deletes: clear` and `deletes: archive` write, and what brings it back."""
        assert isinstance(world, Parties)
        world.put(person(1))
        source = world._source({"customer": "person", "key": "code", "map": {"full_name": "name"}})
        connector = connect(source, env={"KEY": world.crm.key}, base_folder=Path())
        writes = [
            FieldWrite("00001", {"email": []}, {"email": ["a1@example.com"]}),
            FieldWrite("00001", {"active": False}, {"active": True}),
            FieldWrite("00001", {"active": True}, {"active": False}),
            FieldWrite("00001", {"active": False}, {"active": True}),
        ]
        assert [r.outcome for r in connector.write("people", writes)] == ["written"] * 4
        (row,) = [r.raw for page in pages(connector) for r in page.rows if isinstance(r, SourceRow)]
        assert (row["active"], row["email"]) == (False, [])
