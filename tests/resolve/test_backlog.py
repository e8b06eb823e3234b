"""The first few records of a hub: the live path resolves them, with the bulk path's answer."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.db import Database
from hub.model import RecordId
from hub.resolve.backlog import LEAST_TO_TRAIN, Report, resolve_few
from hub.resolve.bulk import Bulk
from tests import tiny
from tests.promises.test_promises import Hub, commands, land_pending, some


def of(count: int) -> list[tuple[str, Any]]:
    """Rows of so many records, two of a person."""
    found = []
    for n in range(count):
        source, key = ("bill", "crm")[n % 2], str(n // 2)
        raw = {"id": key, "v": 1, "given_name": f"Anna{key}", "family_name": "Maier", "email": f"anna{key}@x.example"}
        found.append(("land", (RecordId(source, "people", key), raw)))
    return found


@some
@given(commands=commands, split=st.integers(0, 14))
def test_a_few_that_wait_are_resolved_as_if_they_had_not(
    database: Database, commands: list[tuple[str, Any]], split: int
) -> None:
    landings = [c for c in commands if c[0] == "land"]
    first = Hub(database)
    for command in landings:
        first.do(command)
    expected = tiny.answer(database)
    other = Hub(database)
    for command in landings[:split]:
        other.do(command)
    land_pending(other, landings[split:])
    assert resolve_few(other.resolver) is not None
    assert tiny.answer(database) == expected
    other.check()


def test_what_was_done_is_told_as_by_the_bulk_path(database: Database) -> None:
    reports: list[Report | None] = []
    for path in (resolve_few, lambda resolver: Bulk(resolver, workers=1).run()):
        hub = Hub(database)
        land_pending(hub, of(8))
        reports.append(path(hub.resolver))
    few, bulk = reports
    assert few is not None
    assert bulk is not None
    assert (few.standardised, few.pairs, few.clusters, few.changes) == (8, bulk.pairs, bulk.clusters, bulk.changes)


def test_as_many_as_a_model_is_trained_on_are_left_to_the_bulk_path(database: Database) -> None:
    hub = Hub(database)
    land_pending(hub, of(LEAST_TO_TRAIN))
    assert resolve_few(hub.resolver) is None
    assert not tiny.partition(database)
    Bulk(hub.resolver, workers=1).run()
    hub.check()
