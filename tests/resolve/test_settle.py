"""What one change must reach: keys, blocks that cross their cap, heirs, what waits; and all of it or nothing."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest

from hub.db import Database
from hub.landing import store as landing
from hub.matching import store
from hub.model import RecordId, Verdict
from tests import tiny
from tests.promises.test_promises import Hub, land_pending
from tests.quality.test_promotion import everything
from tests.resolve.test_bulk import ANNA, B1, B2, B3, C1, OTTO, land

CAP = tiny.customer_type().matching.block_cap


def people(hub: Hub, *commands: tuple[str, Any]) -> set[frozenset[RecordId]]:
    for command in commands:
        assert hub.do(command)
    hub.check()
    return tiny.partition(hub.database)


def sharing(n: int) -> RecordId:
    return RecordId("bill" if n % 2 else "web", "people", str(10 + n))


def crowd(count: int) -> list[tuple[str, Any]]:
    """Strangers of one e-mail address, and of nothing else alike."""
    return [
        land(sharing(n), {"email": "office@x.example", "given_name": f"Name{chr(97 + n) * 3}", "tax_id": f"T{n}"})
        for n in range(count)
    ]


def pair_count(hub: Hub) -> int:
    with hub.database.read() as c:
        return int(c.exec_driver_sql("SELECT count(*) FROM pair").scalar() or 0)


def twins(count: int) -> list[tuple[str, Any]]:
    """Records that only a shared telephone number makes candidates, and that would join if they were compared."""
    rows = {"phone": "+4915112345678", "given_name": "Anna", "birth_date": "1980-02-03"}
    return [
        land(sharing(n), {**rows, "family_name": name})
        for n, name in enumerate(["Maier", "Schulz", "Kurz", "Lang", "Wolf", "Braun"][:count])
    ]


def test_a_block_that_falls_under_its_cap_gives_its_pairs_again(database: Database) -> None:
    hub = Hub(database)
    people(hub, *twins(CAP))
    under = pair_count(hub)
    assert under
    people(hub, twins(CAP + 1)[-1])
    assert pair_count(hub) == 0
    people(hub, land(sharing(CAP), {"gone": True}, 2))
    assert pair_count(hub) == under


def test_a_block_that_grows_over_its_cap_takes_its_pairs_along(database: Database) -> None:
    hub = Hub(database)
    people(hub, *twins(CAP))
    assert pair_count(hub)
    people(hub, *twins(CAP + 2)[-2:])
    assert pair_count(hub) == 0


def test_a_record_that_changes_its_address_is_compared_anew(database: Database) -> None:
    hub = Hub(database)
    assert people(hub, land(B1, ANNA), land(C1, OTTO)) == {frozenset((B1,)), frozenset((C1,))}
    assert people(hub, land(C1, ANNA, 2)) == {frozenset((B1, C1))}
    assert people(hub, land(C1, OTTO, 3)) == {frozenset((B1,)), frozenset((C1,))}


def test_a_delete_parts_what_only_the_deleted_record_held_together(database: Database) -> None:
    hub = Hub(database)
    rows = [land(B1, {**ANNA, "email": "one@x.example"}), land(C1, {**OTTO, "email": "two@x.example"})]
    people(hub, *rows)
    bridge = land(B2, {"given_name": "Eva"})
    apart = {frozenset((B1,)), frozenset((C1,))}
    assert people(hub, bridge, ("decide", ((B1, B2), Verdict.MATCH)), ("decide", ((B2, C1), Verdict.MATCH))) == {
        frozenset((B1, B2, C1))
    }
    hub.resolver.delete("bill", "people", "2")
    assert people(hub) == apart
    assert people(hub, land(B2, {"given_name": "Eva"}, 9)) == {frozenset((B1, B2, C1))}


def heir_of(hub: Hub, id: RecordId) -> RecordId | None:
    with hub.database.read() as c:
        info = landing.record_named(c, id)
        assert info is not None
        leads = store.heirs(c, [info.rid])[info.rid][1]
        return None if leads is None else landing.records(c, [leads])[leads].id


def test_an_heir_that_dies_or_moves_away_hands_the_id_on(database: Database) -> None:
    hub = Hub(database)
    people(hub, land(B1, ANNA), land(C1, ANNA), land(B2, ANNA))
    people(hub, land(B1, {"gone": True}, 2))
    assert heir_of(hub, B1) == C1
    people(hub, land(C1, {"gone": True}, 2))
    assert heir_of(hub, B1) == B2
    people(hub, land(B2, OTTO, 2))
    assert heir_of(hub, B1) is None
    people(hub, land(B3, ANNA))
    assert heir_of(hub, B1) == B3
    people(hub, land(B1, ANNA, 3))
    with database.read() as c:
        assert store.heirs(c, [1]) == {}


def test_what_waited_and_is_resolved_live_waits_no_more(database: Database) -> None:
    hub = Hub(database)
    people(hub, land(B1, ANNA))
    land_pending(hub, [land(C1, OTTO), land(B3, OTTO)])
    assert people(hub, land(C1, ANNA, 2)) == {frozenset((B1, C1))}
    with database.read() as c:
        assert [r.key for r in c.exec_driver_sql("SELECT key FROM record WHERE pending = 1")] == ["3"]


POINTS = sorted({"raw stored", "normalised", "candidates", "links", "golden", "history", "outbox", "pre-commit"})


@pytest.mark.parametrize("point", POINTS, ids=lambda p: re.sub(" ", "-", p))
def test_a_unit_that_fails_at_any_step_leaves_every_table_as_it_was(
    database: Database, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """The fail points of the crash tests, with an error in place of the kill: what survives must be the same."""
    hub = Hub(database)
    people(hub, land(B1, ANNA), land(B2, OTTO))
    before = everything(database)

    def fails(_process: int, _signal: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "kill", fails)
    monkeypatch.setenv("HUB_FAIL", point)
    with pytest.raises(OSError, match="disk is full"):
        hub.do(land(C1, {**ANNA, "email": "b@x.example"}))
    monkeypatch.delenv("HUB_FAIL")
    assert everything(database) == before
    people(hub, land(C1, ANNA))
