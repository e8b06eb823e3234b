"""`verify` finds every kind of corruption: each is seeded in a sound hub, found by its kind, and told with a sample."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import text

from hub.db import Database
from hub.landing import store as landing
from hub.model import RecordId, Verdict
from hub.quality.verify import Verified, Verify
from hub.resolve.resolver import Resolver
from tests import tiny
from tests.promises.test_promises import land_pending
from tests.steward import Steward

B1, B2, B3 = (RecordId("bill", "people", k) for k in "123")
C1, C2, C3 = (RecordId("crm", "people", k) for k in "123")
ANNA = {
    "given_name": "Anna",
    "family_name": "Maier",
    "birth_date": "1980-02-03",
    "email": "a@x.example",
    "phone": "+4915112345678",
}
OTTO = {
    "given_name": "Otto",
    "family_name": "Schulz",
    "birth_date": "1991-05-06",
    "email": "b@x.example",
    "phone": "+4915187654321",
}


class World:
    """Anna in two sources, joined by a later version; Otto's first record dead, its id with an heir; Hanna matched by hand."""

    def __init__(self, database: Database):
        self.database, self.resolver = database, tiny.resolver(database)
        self.put(B1, ANNA)
        self.put(C1, {"given_name": "Ann"})
        self.put(C1, {**ANNA, "phone_from": "2090-01-01T00:00:00Z"}, v=2)
        self.put(B2, OTTO)
        self.put(C2, OTTO)
        self.resolver.delete("bill", "people", "2", version="9")
        self.put(B3, {"given_name": "Hanna", "family_name": "Kurz", "birth_date": "1970-01-02"})
        self.put(C3, {"given_name": "Johanna", "family_name": "Lang", "birth_date": "1971-03-04"})
        Steward(self.resolver).decide(B3, C3, Verdict.MATCH, by="ann", reason="seen")
        Steward(self.resolver).override(self.mint(B3), "given_name", ("Zoe",), by="ann", reason="by phone")
        self.rid = {id: self.info(id).rid for id in (B1, B2, B3, C1, C2, C3)}
        assert tiny.partition(database) == {frozenset((B1, C1)), frozenset((C2,)), frozenset((B3, C3))}

    def put(self, id: RecordId, row: dict[str, str], v: int = 1) -> None:
        self.resolver.upsert(id.source, id.stream, [{"id": id.key, "v": v, **row}])

    def info(self, id: RecordId) -> landing.RecordInfo:
        with self.database.read() as c:
            found = landing.record_named(c, id)
        assert found is not None
        return found

    def mint(self, id: RecordId) -> str:
        return self.info(id).mint

    def corrupt(self, *statements: str) -> None:
        names = {
            "b1": self.rid[B1],
            "b2": self.rid[B2],
            "b3": self.rid[B3],
            "c1": self.rid[C1],
            "c2": self.rid[C2],
            "c3": self.rid[C3],
            "B1": f"'{self.mint(B1)}'",
            "B2": f"'{self.mint(B2)}'",
            "B3": f"'{self.mint(B3)}'",
            "C1": f"'{self.mint(C1)}'",
        }
        with self.database.unit() as c:
            for statement in statements:
                done = c.execute(text(statement.format(**names)))
                assert done.rowcount != 0, f"this corrupts nothing: {statement}"

    def verify(self) -> Verified:
        return Verify(Resolver(self.database, tiny.CONFIG)).run()


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def test_a_sound_hub_has_no_differences_and_everything_was_looked_at(world: World) -> None:
    found = world.verify()
    assert not found.total, (dict(found.differences), found.samples)
    looked_at = {"standardised", "keys", "pairs", "membership", "heirs", "golden records", "history", "ids"}
    assert {k for k, n in found.checked.items() if n} >= looked_at


CORRUPTIONS: list[tuple[str, str, Sequence[str]]] = [
    (
        "a value that was cleaned",
        "standardised",
        ["UPDATE standardised SET cells = replace(cells, 'Maier', 'Mayer') WHERE rid = {b1}"],
    ),
    (
        "a value that its source sent",
        "standardised",
        ["UPDATE version SET raw = replace(raw, 'Maier', 'Mayer') WHERE rid = {b1}"],
    ),
    ("a version that went missing", "standardised", ["DELETE FROM version WHERE rid = {c1} AND version LIKE '%2'"]),
    ("a standardised row that went missing", "standardised", ["DELETE FROM standardised WHERE rid = {c2}"]),
    ("a dead record that is said to live", "standardised", ["UPDATE standardised SET died = NULL WHERE rid = {b2}"]),
    (
        "a dead record's standardised row that went missing",
        "standardised",
        ["DELETE FROM standardised WHERE rid = {b2}"],
    ),
    (
        "a standardised row of nobody",
        "standardised",
        [
            "INSERT INTO standardised (rid, type, recipe, landed, born, sketch, cells, forms)"
            " SELECT 999, type, recipe, landed, born, sketch, cells, forms FROM standardised WHERE rid = {c2}"
        ],
    ),
    ("the newest version folded in", "standardised", ["UPDATE standardised SET landed = landed + 1 WHERE rid = {b1}"]),
    (
        "a comparison form",
        "forms",
        ["UPDATE standardised SET forms = replace(forms, 'a@x.example', 'c@x.example') WHERE rid = {b1}"],
    ),
    ("a death", "records", ["UPDATE record SET died = NULL WHERE rid = {b2}"]),
    ("when a record was born", "records", ["UPDATE record SET born = born + 1 WHERE rid = {b1}"]),
    ("a record that is said never to have lived", "records", ["UPDATE record SET born = NULL WHERE rid = {c2}"]),
    ("a key that went missing", "keys", ["DELETE FROM match_key WHERE rid = {b1}"]),
    ("a key of no value", "keys", ["INSERT INTO match_key (key, rid) VALUES (7, {b1})"]),
    ("a key of a dead record", "keys", ["DELETE FROM dead_key WHERE rid = {b2}"]),
    (
        "a dead record with a living key",
        "keys",
        ["INSERT INTO match_key (key, rid) SELECT key, rid FROM dead_key WHERE rid = {b2}"],
    ),
    ("a pair's weight", "pairs", ["UPDATE pair SET weight = weight + 1"]),
    ("a pair's parts", "pairs", ["UPDATE pair SET parts = '[]'"]),
    ("a pair that went missing", "pairs", ["DELETE FROM pair"]),
    (
        "a pair of strangers",
        "pairs",
        ['INSERT INTO pair ("left", "right", weight, parts) VALUES ({b1}, {c2}, 5, \'[]\')'],
    ),
    ("a record in another cluster", "membership", ["UPDATE membership SET cluster = {c2} WHERE rid = {c1}"]),
    ("a record in no cluster", "membership", ["DELETE FROM membership WHERE rid = {c1}"]),
    ("a dead record in a cluster", "membership", ["INSERT INTO membership (rid, cluster) VALUES ({b2}, {c2})"]),
    ("a cluster's name", "membership", ["UPDATE membership SET cluster = {c1} WHERE cluster = {b1}"]),
    ("a verdict", "membership", ["UPDATE decision SET verdict = 'no_match'"]),
    ("a decision that went missing", "membership", ["DELETE FROM decision"]),
    ("an heir", "heirs", ["UPDATE heir SET heir = {b1} WHERE rid = {b2}"]),
    ("where an heir leads", "heirs", ["UPDATE heir SET leads = {b1} WHERE rid = {b2}"]),
    ("an heir that went missing", "heirs", ["DELETE FROM heir"]),
    ("an heir of the living", "heirs", ["INSERT INTO heir (rid, heir, leads) VALUES ({c1}, {b1}, {b1})"]),
    (
        "a golden value",
        "golden records",
        ["UPDATE customer SET body = replace(body, 'Maier', 'Mayer') WHERE id = {B1}"],
    ),
    (
        "a lineage",
        "golden records",
        ["UPDATE customer SET lineage = replace(lineage, 'most_frequent', 'most_recent') WHERE id = {B1}"],
    ),
    ("a size", "golden records", ["UPDATE customer SET size = size + 1 WHERE id = {B1}"]),
    ("a date to look again", "golden records", ["UPDATE customer SET revisit_at = NULL WHERE id = {B1}"]),
    ("a golden record that went missing", "golden records", ["DELETE FROM customer WHERE id = {B3}"]),
    ("an override's value", "golden records", ['UPDATE override SET "values" = \'["Eve"]\'']),
    ("an override that went missing", "golden records", ["DELETE FROM override"]),
    (
        "a golden record of nobody",
        "golden records",
        [
            "INSERT INTO customer (id, type, cluster, version, size, body, lineage, recipe, at)"
            " SELECT 'cus_nobody', type, 999, version, size, body, lineage, recipe, at FROM customer WHERE id = {B1}"
        ],
    ),
    ("a shown id", "ids", ["UPDATE customer SET id = {C1} WHERE id = {B1}"]),
    (
        "a search term that went missing",
        "search terms",
        ["DELETE FROM search_term WHERE attribute = 'family_name' AND customer = {B1}"],
    ),
    (
        "a search term of no value",
        "search terms",
        ["INSERT INTO search_term (type, attribute, token, customer) VALUES ('person', 'email', 'eve', {B1})"],
    ),
    (
        "a search term of nobody",
        "search terms",
        ["INSERT INTO search_term (type, attribute, token, customer) VALUES ('person', 'email', 'eve', 'cus_nobody')"],
    ),
    ("how many hold a word", "search words", ["UPDATE search_word SET n = n + 1 WHERE attribute = 'family_name'"]),
    ("what a misspelling leads to", "search words", ["DELETE FROM search_near WHERE near LIKE 'a%'"]),
    ("a history row that went missing", "history", ["DELETE FROM history WHERE customer = {B1} AND version = 1"]),
    (
        "the newest history row",
        "history",
        ["DELETE FROM history WHERE customer = {B1} AND version = (SELECT version FROM customer WHERE id = {B1})"],
    ),
    (
        "a lineage in history",
        "history",
        [
            "UPDATE history SET lineage = '{{}}' WHERE customer = {B1} AND version = (SELECT version FROM customer WHERE id = {B1})"
        ],
    ),
    ("a version that was never served", "history", ["UPDATE customer SET version = version + 1 WHERE id = {B1}"]),
    (
        "a served version that is older than history",
        "history",
        ["UPDATE customer SET version = version - 1 WHERE id = {B1}"],
    ),
    ("a change that went missing", "history", ["DELETE FROM change WHERE customer = {B1} AND version = 1"]),
    ("a change that nothing made", "history", ["UPDATE change SET version = 99 WHERE customer = {B1} AND version = 1"]),
    ("an id's move that went missing", "id moves", ["DELETE FROM id_move WHERE id = {C1}"]),
    ("an id's move elsewhere", "id moves", ["UPDATE id_move SET leads_to = {B3} WHERE id = {C1}"]),
]


@pytest.mark.parametrize(
    ("kind", "statements"), [pytest.param(k, s, id=name.replace(" ", "-")) for name, k, s in CORRUPTIONS]
)
def test_this_corruption_is_found(world: World, kind: str, statements: Sequence[str]) -> None:
    world.corrupt(*statements)
    found = world.verify()
    assert found.differences[kind] > 0, dict(found.differences)
    assert found.samples[kind]


def test_what_waits_for_the_bulk_path_is_counted_and_no_difference(world: World) -> None:
    class Hub:
        resolver, database = world.resolver, world.database

    land_pending(Hub(), [("land", (RecordId("web", "people", "1"), {"id": "1", "v": 1, **ANNA}))])  # type: ignore[arg-type]
    found = world.verify()
    assert found.notes["pending"] == 1
    assert not found.total, (dict(found.differences), found.samples)


def test_rows_of_another_recipe_are_counted_as_stale(world: World) -> None:
    world.corrupt("UPDATE standardised SET recipe = 'of old' WHERE rid = {b1}")
    assert world.verify().notes["stale"] == 1
