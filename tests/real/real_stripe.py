"""Stripe by its own library, against localstripe."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.connectors.base import Connector
from hub.connectors.registry import connect
from hub.errors import ConfigError
from hub.settings import Source
from tests.connectors.conformance import MAP, Conformance, World, pages, person
from tests.real.hub import Hub
from tests.real.localstripe import KEY, LocalStripe, localstripe
from tests.real.renamed import Renamed, Row

NAMES = {"id": "id", "first": "name", "mail": "email", "street": "address.line1", "town": "address.city"}
WEBHOOK = """
connector: {kind: stripe, key_env: STRIPE_KEY, base_url: URL, webhook_secret_env: STRIPE_WEBHOOK}
schedule: every 1 day
streams:
  customers:
    customer: person
    map: {full_name: name, email: email}
"""


@pytest.fixture(scope="module")
def stripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStripe]:
    with localstripe(tmp_path_factory.mktemp("stripe")) as made:
        yield made


def seen(raw: Row) -> Row:
    """A customer, as the suite knows people; its own id is in the metadata."""
    if raw.get("deleted"):
        return raw
    first, _, last = raw["name"].partition(" ")
    row = {
        "id": raw["metadata"]["id"],
        "first": first,
        "last": last,
        "mail": raw["email"],
        "updated_at": "2024-03-01T10:00:00Z",
    }
    return row | {"street": raw["address"]["line1"], "town": raw["address"]["city"]}


class Customers(World):
    def __init__(self, server: LocalStripe) -> None:
        self.server, self.ids, self.away = server, dict[str, str](), False
        server.empty()

    def source(self, **stream: Any) -> Source:
        """As the suite maps its rows."""
        people = {"customer": "person", "observed": "updated_at", "version": "updated_at", "map": MAP}
        return self._source(people | {k: v for k, v in stream.items() if k != "listing"})

    def _source(self, stream: Row) -> Source:
        url = "http://127.0.0.1:9" if self.away else self.server.url
        connector = {"kind": "stripe", "key_env": "KEY", "base_url": url}
        return Source.model_validate({"name": "stripe", "connector": connector, "streams": {"people": stream}})

    def connector(self, **stream: Any) -> Connector:
        source = self._source({"customer": "person", "map": {"full_name": "name"}, **stream})
        inner = connect(source, env={"KEY": KEY}, base_folder=Path())
        return Renamed(inner, seen, NAMES, keys=lambda key: self.ids.get(key, "cus_nobody"))

    def put(self, *rows: Row) -> None:
        for row in rows:
            given = {"name": f"{row['first']} {row['last']}", "email": row["mail"], "metadata[id]": row["id"]}
            given |= {"address[line1]": row["street"], "address[city]": row["town"]}
            if row["id"] in self.ids:
                self.server.ask("POST", f"/v1/customers/{self.ids[row['id']]}", **given)
            else:
                self.ids[row["id"]] = self.server.create(**given)

    def put_bad(self) -> None:
        made = self.server.create(name="x" * 700_000)
        self.server.ask("POST", f"/v1/customers/{made}", description="x" * 700_000)

    def add_field(self, name: str) -> None:
        raise NotImplementedError

    def drop_field(self, name: str) -> None:
        raise NotImplementedError

    def break_down(self) -> None:
        self.away = True

    def held(self, key: str) -> Row:
        found = self.server.customer(self.ids[key])
        return {"mail": found["email"], "street": found["address"]["line1"]}


class TestStripe(Conformance):
    @pytest.fixture
    def world(self, stripe: LocalStripe) -> Customers:
        return Customers(stripe)

    def test_a_new_field_is_named(self, world: World) -> None:
        """Stripe's customers have the fields of its version: what a cursor does not know of is new."""
        world.put(person(1))
        cursor = pages(world.connector())[-1].cursor
        cursor["fields"].remove("phone")
        assert any(
            "'phone'" in note for page in pages(world.connector(listing="complete"), cursor) for note in page.notes
        )

    def test_a_field_that_vanished_is_named(self, world: World) -> None:
        world.put(person(1))
        notes = [n for p in pages(world.connector(map={"full_name": "name", "email": "mail"})) for n in p.notes]
        assert any("streams.people.map.email: no record has 'mail'" in note for note in notes)

    def test_a_system_that_is_away_is_a_clear_error(self, world: World) -> None:
        world.break_down()
        super().test_a_system_that_is_away_is_a_clear_error(world)

    def test_a_deleted_customer_is_a_tombstone(self, world: Customers) -> None:
        world.put(person(1), person(2))
        cursor = pages(world.connector())[-1].cursor
        world.server.ask("DELETE", f"/v1/customers/{world.ids['00001']}")
        rows = [row.raw for page in pages(world.connector(), cursor) for row in page.rows]  # type: ignore[union-attr]
        assert [row["id"] for row in rows if row.get("deleted")] == [world.ids["00001"]]

    def test_a_wrong_key_is_told_with_its_variable(self, world: Customers) -> None:
        source = world._source({"customer": "person", "map": {"full_name": "name"}})
        with pytest.raises(ConfigError) as told:
            list(connect(source, env={"KEY": "wrong"}, base_folder=Path()).read("people", None))
        assert "what is in KEY" in str(told.value)


def test_a_signed_call_has_the_change_in_the_hub_long_before_the_schedule(tmp_path: Path, stripe: LocalStripe) -> None:
    stripe.empty()
    hub = Hub(tmp_path / "hub", {"STRIPE_KEY": KEY, "STRIPE_WEBHOOK": "whsec_of_a_test"})
    hub.source("stripe", WEBHOOK.replace("URL", stripe.url))
    hub.pulled()
    key = hub("keys", "create", "test", "--role", "lead_steward").strip()
    with hub.serving() as url:
        stripe.webhook(f"{url}/v1/sources/stripe/webhook", "a wrong secret")
        stripe.create(name="Ann Lee", email="ann@example.com")
        time.sleep(2)  # localstripe calls a second later
        stripe.webhook(f"{url}/v1/sources/stripe/webhook", "whsec_of_a_test")
        stripe.create(name="Bob Stone", email="bob@example.com")
        until = time.monotonic() + 60
        while not (found := hub.get(url, "/v1/customers?q=bob", key)["data"]):
            assert time.monotonic() < until
            time.sleep(0.2)
    assert len(found) == 1
