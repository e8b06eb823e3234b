"""A key stands for what was made from the moment of its commit: whatever happens before the answer is out."""

from __future__ import annotations

from typing import Any

import pytest

from hub.access.authentication.principals import Principal
from hub.api.idempotency import IN_FLIGHT, Mark, once
from hub.errors import Conflict
from hub.open import Hub
from hub.stewardship.acts import Merge
from hub.stewardship.run import Acts
from tests.access.population import fill

ASKER = Principal(id="k1", kind="staff", role="steward", name="Eva", source=None)


def two_customers(hub: Hub) -> tuple[str, str]:
    fill(hub)
    found = [
        hub.resolver.upsert("billing", "customers", [{"id": key, "first": first, "last": last, "updated": "1"}])[0]
        for key, first, last in (("90", "Otto", "Zander"), ("91", "Ida", "Quint"))
    ]
    assert found[0].customer and found[1].customer
    return found[0].customer, found[1].customer


def test_an_act_whose_answer_failed_is_not_done_again(hub: Hub) -> None:
    a, b = two_customers(hub)
    made: list[str] = []

    def make(mark: Mark) -> str:
        made.append(Acts(hub.resolver).do(Merge(a, b), by="Eva", reason="r", mark=mark).id)
        return made[-1]

    def fails(_act: str) -> tuple[int, Any]:
        raise RuntimeError("the process is about to die")

    with pytest.raises(RuntimeError):
        once(hub, ASKER, "one", ["request"], make, fails)
    told = once(hub, ASKER, "one", ["request"], make, lambda act: (201, {"act": act}))
    again = once(hub, ASKER, "one", ["request"], make, lambda act: (201, {"act": "another"}))
    assert len(made) == 1
    assert told.body == again.body == f'{{"act":"{made[0]}"}}'.encode()
    assert told.headers["idempotency-replayed"] == "true"


def test_an_act_that_was_rolled_back_is_done_by_the_next_try(hub: Hub) -> None:
    a, b = two_customers(hub)

    def fails(mark: Mark) -> str:
        def dies(connection: Any, act: str) -> None:
            mark(connection, act)
            raise RuntimeError("just before the commit")

        return Acts(hub.resolver).do(Merge(a, b), by="Eva", reason="r", mark=dies).id

    with pytest.raises(RuntimeError):
        once(hub, ASKER, "one", ["request"], fails, lambda act: (201, act))
    done = once(
        hub,
        ASKER,
        "one",
        ["request"],
        lambda mark: Acts(hub.resolver).do(Merge(a, b), by="Eva", reason="r", mark=mark).id,
        lambda act: (201, act),
    )
    assert "idempotency-replayed" not in done.headers
    assert len(Acts(hub.resolver).listed()) == 1


def test_what_runs_longer_than_a_minute_is_not_done_twice(hub: Hub) -> None:
    """Who was at it is taken for dead only while nothing came of it."""
    a, b = two_customers(hub)

    def slow(mark: Mark) -> str:
        act = Acts(hub.resolver).do(Merge(a, b), by="Eva", reason="r", mark=mark).id
        hub.database.clock.at += 2 * IN_FLIGHT  # type: ignore[attr-defined]
        second = once(hub, ASKER, "one", ["request"], slow, lambda told: (201, told))
        assert second.body == f'"{act}"'.encode()
        return act

    once(hub, ASKER, "one", ["request"], slow, lambda told: (201, told))
    assert len(Acts(hub.resolver).listed()) == 1


def test_who_was_taken_for_dead_before_anything_was_done_does_nothing_any_more(hub: Hub) -> None:
    a, b = two_customers(hub)

    def merge(mark: Mark) -> str:
        return Acts(hub.resolver).do(Merge(a, b), by="Eva", reason="r", mark=mark).id

    def late(mark: Mark) -> str:
        hub.database.clock.at += 2 * IN_FLIGHT  # type: ignore[attr-defined]
        once(hub, ASKER, "one", ["request"], merge, lambda told: (201, told))
        with hub.database.unit() as connection:
            mark(connection, "made twice")
        return "made twice"

    with pytest.raises(Conflict, match="answered meanwhile"):
        once(hub, ASKER, "one", ["request"], late, lambda told: (201, told))
    (act,) = Acts(hub.resolver).listed()
    assert once(hub, ASKER, "one", ["request"], late, lambda told: (201, told)).body == f'"{act.id}"'.encode()


def test_the_same_request_meanwhile_is_told_to_wait(hub: Hub) -> None:
    def make(_mark: Mark) -> str:
        with pytest.raises(Conflict):
            once(hub, ASKER, "one", ["request"], make, lambda told: (201, told))
        return "x"

    assert once(hub, ASKER, "one", ["request"], make, lambda told: (201, told)).status_code == 201
