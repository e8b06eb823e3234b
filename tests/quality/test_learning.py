"""A hub that is fed one record at a time trains by itself, and proposes or promotes what it learned."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import harder
from hub.db import Database, leased
from hub.demo.world import generate
from hub.matching import store
from hub.matching.explain import Explain
from hub.model import RecordId
from hub.quality import learning
from hub.quality.promotion import dry_run
from hub.quality.verify import Verify
from hub.resolve.backlog import LEAST_TO_TRAIN
from hub.resolve.resolver import Resolver
from tests import tiny

ATTRIBUTES = ("given_name", "family_name", "birth_date", "email", "phone")


def people(count: int) -> list[dict[str, str]]:
    rows = [row for row, _ in harder.person_rows(generate(60, 5, companies=1))][:count]
    return [{"id": str(n), "v": "1", **{a: row[a] for a in ATTRIBUTES if a in row}} for n, row in enumerate(rows)]


def fed(database: Database, count: int = LEAST_TO_TRAIN + 10, **more: Any) -> Resolver:
    """A hub whose records all came by PUT."""
    customer = tiny.CONFIG.customers["person"].model_copy(update=more)
    resolver = tiny.resolver(database, tiny.CONFIG.model_copy(update={"customers": {"person": customer}}))
    for row in people(count):
        resolver.upsert("bill", "people", [row])
    return resolver


def learned(resolver: Resolver) -> list[str]:
    with leased(resolver.database, "models", wait=False) as lease:
        assert lease is not None
        return learning.learn(resolver, lease)


def told(resolver: Resolver) -> learning.Weighing:
    with resolver.database.read() as connection:
        return learning.weighing(connection, resolver.config)[0]


def test_it_proposes_with_a_dry_run_and_decides_nothing(database: Database) -> None:
    resolver = fed(database)
    before = tiny.partition(database)
    assert told(resolver).words == "the shipped weights"
    assert learned(resolver) == ["person"]
    found = told(resolver)
    assert found.told == "the shipped weights"
    assert found.proposed is not None
    assert found.would_change == dry_run(resolver, found.proposed).counts()
    assert tiny.partition(database) == before
    assert learned(resolver) == [], "not the same again"


def test_it_promotes_where_the_configuration_says_so(database: Database) -> None:
    resolver = fed(database, learn="promote")
    assert learned(resolver) == ["person"]
    found = told(resolver)
    assert "trained on 60 records" in found.told
    assert found.proposed is None
    assert not Verify(resolver).run().differences
    with database.read() as connection:
        ids = [RecordId("bill", "people", str(n)) for n in range(2)]
        story = Explain(connection, resolver.recipe(connection)).pair(*ids)
    assert story.model == found.told, "an explanation says which model weighs"


@pytest.mark.parametrize("more", [{"learn": "never"}, {"count": LEAST_TO_TRAIN - 1}])
def test_it_lets_be_what_it_is_told_to_and_what_is_too_little(database: Database, more: dict[str, Any]) -> None:
    resolver = fed(database, **more)
    assert learning.due(database, resolver.config) == []


def test_it_learns_again_when_there_is_much_more(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = fed(database)
    learned(resolver)
    monkeypatch.setattr(learning, "GROWN", 1)
    assert learning.due(database, resolver.config) == ["person"]
    learned(resolver)
    with database.read() as connection:
        assert len(store.models(connection)) == 1, "the same records give the same model"
