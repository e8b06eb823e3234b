"""Promoting a model: a dry run tells exactly what promotion then does, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import SQLModel

from hub.db import Database
from hub.errors import NotFound
from hub.landing.store import Incoming
from hub.matching import store
from hub.matching.compare.model import default_model
from hub.model import RecordId, Verdict
from hub.quality.promotion import dry_run, promote
from hub.resolve.resolver import Resolver
from tests import tiny
from tests.promises.test_promises import Hub
from tests.resolve.test_bulk import ANNA, B1, B2, B3, C1, C2, OTTO, land


def everything(database: Database) -> dict[str, list[Any]]:
    """Every row of every table."""
    with database.read() as c:
        return {
            t.name: sorted(map(repr, c.exec_driver_sql(f'SELECT * FROM "{t.name}"').fetchall()))
            for t in SQLModel.metadata.sorted_tables
        }


def filled(database: Database) -> Hub:
    hub = Hub(database)
    rows = [
        land(B1, ANNA),
        land(C1, {**ANNA, "given_name": "Ann"}),
        land(B2, OTTO),
        land(C2, OTTO),
        land(B3, {**OTTO, "email": "c@x.example"}),
    ]
    for command in [*rows, ("decide", ((B1, B2), Verdict.NO_MATCH)), ("override", (B2, "given_name", ("Zoe",)))]:
        assert hub.do(command)
    return hub


def candidate(database: Database, bits: int) -> int:
    """A model like the one in force, but that asks for so many bits more."""
    model = default_model(tiny.customer_type())
    other = replace(model, join=model.join + bits * 1000, review=model.review + bits * 1000)
    with database.unit() as c:
        return store.add_model(c, "person", other.hash, other.to_json(), database.clock.now())


@pytest.mark.parametrize("bits", [0, 5, 1000])
def test_promotion_does_what_its_dry_run_told(database: Database, bits: int) -> None:
    hub = filled(database)
    number = candidate(database, bits)
    before, people = everything(database), tiny.answer(database)
    told = dry_run(hub.resolver, number)
    assert everything(database) == before
    done = promote(hub.resolver, number)
    assert told.counts() == done.counts()
    assert told.customers == done.customers
    hub.check()
    if bits == 1000:
        assert all(len(members) == 1 for members in tiny.answer(database))
        assert done.changes
    if bits == 0:
        assert tiny.answer(database) == people
        assert not done.changes


def test_a_dry_run_keeps_the_resolvers_model_too(database: Database) -> None:
    hub = filled(database)
    number = candidate(database, 1000)
    dry_run(hub.resolver, number)
    hub.do(land(RecordId("crm", "people", "3"), {**ANNA, "given_name": "Anne"}))
    hub.check()
    again = Resolver(database, tiny.CONFIG)
    with database.read() as c:
        assert again.recipe(c).hash == hub.resolver.recipe(c).hash


def test_promoting_back_gives_the_earlier_customers_again(database: Database) -> None:
    hub = filled(database)
    before = tiny.answer(database)
    first, second = candidate(database, 0), candidate(database, 1000)
    promote(hub.resolver, second)
    assert tiny.answer(database) != before
    promote(hub.resolver, first)
    assert tiny.answer(database) == before
    hub.check()


def test_there_is_no_such_model(database: Database) -> None:
    hub = filled(database)
    before = everything(database)
    with pytest.raises(NotFound, match="hub model list"):
        dry_run(hub.resolver, 77)
    assert everything(database) == before


def test_a_dry_run_is_told_also_while_records_wait_for_the_bulk_path(database: Database) -> None:
    hub = filled(database)
    hub.resolver.read_rows("web", "people", [])
    with database.unit() as c:
        rows = [Incoming(str(n), {"id": str(n), "given_name": "Eva", "v": "1"}, "1") for n in range(40, 60)]
        hub.resolver.land(c, "web", "people", rows, pending=True)
    before = everything(database)
    told = dry_run(hub.resolver, candidate(database, 5))
    assert told.changes["created"] == 20
    after = everything(database)
    assert {name for name in before if before[name] != after[name]} == {"model"}
