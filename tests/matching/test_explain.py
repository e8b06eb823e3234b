"""Explanations: why together, why not, and how a customer was built."""

from __future__ import annotations

from typing import Any

import pytest

from hub.db import Database
from hub.errors import NotFound
from hub.golden_record.customers import find_customer
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.matching.explain import ClusterStory, Explain, PairStory
from hub.model import RecordId, Verdict
from hub.stewardship.acts import Merge
from hub.stewardship.run import Acts
from tests.promises.test_promises import Hub
from tests.steward import Steward

ANNA = {
    "given_name": "Anna",
    "family_name": "Maier",
    "birth_date": "1980-02-03",
    "email": "a@x.example",
    "phone": "+4915112345678",
}
OTTO = {
    "given_name": "Otto",
    "family_name": "Weber",
    "birth_date": "1991-05-06",
    "email": "o@x.example",
    "phone": "+4915187654321",
}


def land(hub: Hub, id: RecordId, values: dict[str, Any], version: int = 1, **more: Any) -> None:
    assert hub.do(("land", (id, {"id": id.key, "v": version, **values, **more})))


def record(source: str, key: str) -> RecordId:
    return RecordId(source, "people", key)


A, B, C, D = record("bill", "1"), record("crm", "1"), record("bill", "2"), record("crm", "2")


@pytest.fixture
def hub(database: Database) -> Hub:
    return Hub(database)


def why_pair(hub: Hub, left: RecordId, right: RecordId) -> PairStory:
    with hub.database.read() as connection:
        return Explain(connection, hub.resolver.recipe(connection)).pair(left, right)


def why_customer(hub: Hub, id: str) -> ClusterStory:
    with hub.database.read() as connection:
        members = matching_store.members_of(connection, [cluster := find_customer(connection, id).cluster])[cluster]
        names = [i.id for i in landing.records(connection, members).values()]
        return Explain(connection, hub.resolver.recipe(connection)).cluster(min(names))


def reasons(story: PairStory) -> list[str]:
    return [o.reason for o in story.obstacles]


def test_a_pair_is_told_as_a_waterfall_that_ends_at_its_weight(hub: Hub) -> None:
    land(hub, A, ANNA)
    land(hub, B, ANNA)
    story = why_pair(hub, B, A)
    assert (story.left, story.right, story.together, story.obstacles) == (A, B, True, ())
    assert story.lines[0].start == 0 and story.lines[-1].end == story.weight >= story.join
    assert all(
        x.end == y.start and x.end - x.start == x.weight for x, y in zip(story.lines, story.lines[1:], strict=False)
    )
    email = next(line for line in story.lines if line.comparison == "email")
    assert (email.left, email.right, email.attributes) == ("a@x.example", "a@x.example", ("email",)) and email.words
    assert {k.rule for k in story.keys if k.shared} >= {"email"}


def test_records_that_share_no_key_were_never_candidates(hub: Hub) -> None:
    land(hub, A, ANNA)
    land(hub, B, OTTO)
    story = why_pair(hub, A, B)
    assert reasons(story) == ["never_candidates"]
    assert any(k.rule == "email" and k.left == ("a@x.example",) and k.right == ("o@x.example",) for k in story.keys)


def test_records_below_the_threshold_are_told_by_how_much(hub: Hub) -> None:
    land(hub, A, {"family_name": "Maier", "birth_date": "1980-02-03", "given_name": "Anna"})
    land(hub, B, {"family_name": "Maier", "birth_date": "1980-02-03", "given_name": "Otto"})
    story = why_pair(hub, A, B)
    assert (
        not story.together
        and reasons(story)[0] in ("below_review", "below_join")
        and "bits" in story.obstacles[0].words
    )


def test_a_block_over_its_cap_is_named(hub: Hub) -> None:
    listed = [record("bill", str(n)) for n in range(6)]
    for n, id in enumerate(listed):
        land(hub, id, {"given_name": f"Name{n}", "family_name": f"Other{n}", "email": "a@x.example"})
    story = why_pair(hub, listed[0], listed[5])
    assert reasons(story) == ["over_cap"] and story.obstacles[0].attributes == ("email",)


def test_a_guard_is_named_with_what_it_looks_at(hub: Hub) -> None:
    land(hub, B, ANNA)
    land(hub, D, ANNA)
    story = why_pair(hub, B, D)
    assert reasons(story) == ["guard"] and "crm/people" in story.obstacles[0].words


def test_a_persons_no_is_named_and_so_is_its_effect_on_a_third(hub: Hub) -> None:
    for id in (A, B, C):
        land(hub, id, ANNA)
    Steward(hub.resolver).decide(A, C, Verdict.NO_MATCH, by="ann", reason="father and son")
    story = why_pair(hub, A, C)
    assert reasons(story) == ["decision"] and "father and son" in story.obstacles[0].words
    alone = next(s for s in (why_pair(hub, A, B), why_pair(hub, B, C)) if not s.together)
    assert reasons(alone) == ["guard"] and f"{A} ≠ {C}" in alone.obstacles[0].words


def test_a_deleted_record_is_told_so_and_an_unknown_one_is_not_there(hub: Hub) -> None:
    land(hub, A, ANNA)
    land(hub, B, ANNA)
    land(hub, B, {}, 2, gone=True)
    assert reasons(why_pair(hub, A, B)) == ["gone"]
    with pytest.raises(NotFound):
        why_pair(hub, A, record("bill", "99"))


def test_a_customer_is_told_step_by_step(hub: Hub) -> None:
    land(hub, A, ANNA)
    land(hub, B, ANNA)
    land(hub, D, ANNA)
    land(hub, C, OTTO)
    Acts(hub.resolver).do(Merge(hub.customer(A), hub.customer(C)), by="ann", reason="one person")
    story = why_customer(hub, hub.customer(A))
    assert set(story.records) >= {A, C}
    assert [s.what for s in story.steps] == ["decided", "joined", "refused", "refused"]
    assert "crm/people" in story.steps[-1].words and all(s.words for s in story.steps)
    assert story.decisions[0].reason == "one person"
    merged = why_pair(hub, A, C)
    assert merged.together and merged.path == (A, C) and merged.decisions[0].by == "ann"
