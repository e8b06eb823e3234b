"""Two hubs that differ only in customers outside a role's rows, or while they are outside, answer it with the same bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from hub.access.authentication.principals import Principal
from hub.open import Hub
from tests.access.population import (
    ANA,
    BO,
    START,
    TestClock,
    fill,
    new_database,
    open_hub,
    repeatable_ids,
    write_config,
)
from tests.api.test_non_interference import EXAMPLES, answers, partitions

STEWARD = Principal("steward", "steward", "staff", "steward")
VALUES = {
    "first": ["Ana", "Bo", "Silva"],
    "mail": ["new@example.com", "x@example.org", ""],
    "phone": ["+351 21 790 4000", "+49 30 1234567", ""],
    "job": ["baker", "teacher"],
    "town": ["Porto", "Berlin"],
    "tax": ["T-100", "T-300"],
}
FIELDS = [(who, name, value) for who in ("bo", "bo_later", "ana_away") for name, vs in VALUES.items() for value in vs]
edits = st.lists(st.sampled_from(FIELDS), max_size=4)


@contextlib.contextmanager
def living(folder: Path, given: list[tuple[str, str, str]]) -> Iterator[Hub]:
    """Ana is in Lisbon, away, and back; Bo is never there. What is drawn is said of Bo, and of Ana while she is away."""
    said: dict[str, dict[str, str]] = {"bo": {}, "bo_later": {}, "ana_away": {}}
    for who, name, value in given:
        said[who][name] = value
    folder.mkdir()
    database = new_database(f"sqlite:///{folder / 'hub.sqlite'}")
    hub = open_hub(database, write_config(folder / "config"), folder / "data")
    fill(hub, bo=said["bo"])
    away: Mapping[str, str] = {**ANA, "town": "Porto"}
    rows = [
        {**ANA, "mail": "new@example.com"},
        away,
        {**away, **said["ana_away"]},
        away,
        {**ANA, "mail": "back@example.com"},
        {**BO, **said["bo_later"]},
        {**ANA, "mail": "last@example.com"},
    ]
    assert isinstance(database.clock, TestClock)
    for n, row in enumerate(rows):
        database.clock.at = START + (n + 1) * 3_600_000_000
        with repeatable_ids(100 + n):
            hub.resolver.upsert("billing", "customers", [{**row, "updated": f"2026-0{n + 2}-01T00:00:00Z"}])
    database.clock.at = START + 100 * 3_600_000_000
    yield hub
    hub.close()
    database.close()


def stands(hub: Hub) -> list[Any]:
    """What Ana is each time she is in Lisbon, and since when which source says so."""
    with hub.database.read() as connection:
        query = text("SELECT mint FROM record WHERE source = 'billing' AND key = :key")
        (id,) = [mint for (mint,) in connection.execute(query, {"key": ANA["id"]})]
    moments = [START + int((hour + 0.5) * 3_600_000_000) for hour in range(8)]
    found = [hub.reader.get_customer(STEWARD, id, lineage=True, known_at=moment) for moment in moments]
    within = [c for c in found if c.values["address"] and c.values["address"]["city"] == "Lisboa"]
    return [(c.values, {a: why["won"] for a, why in (c.lineage or {}).items()}) for c in within]


@pytest.mark.parametrize("role", ["lisbon", "lisbon_contacts"])
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(base=edits, more=edits)
def test_what_lies_outside_the_rows_never_alters_a_byte(
    tmp_path_factory: pytest.TempPathFactory,
    role: str,
    base: list[tuple[str, str, str]],
    more: list[tuple[str, str, str]],
) -> None:
    folder = tmp_path_factory.mktemp("worlds")
    with living(folder / "one", base) as left, living(folder / "other", [*base, *more]) as right:
        met = partitions(left), partitions(right)
        assume({m for _, m in met[0]} == {m for _, m in met[1]})  # the same records were the same customers
        # What a source said while nobody saw it decides, too, which value is the newest now, and since when it is stated:
        # what stands within the rows, and since when, may be seen, and may differ.
        assume(stands(left) == stands(right))
        for mine, yours in zip(answers(left, role), answers(right, role), strict=True):
            assert mine == yours
