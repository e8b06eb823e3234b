"""The review queue over a hub: what is on it, what takes it off, and how people share it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from hub.db import Database
from hub.errors import Conflict, NotFound, Refused, Unprocessable
from hub.model import RecordId, Verdict
from hub.stewardship import review_store
from hub.stewardship.acts import KeepApart, Merge, SetValue
from hub.stewardship.items import ranked
from hub.stewardship.queue import PAIRS, Queue, Shown
from hub.stewardship.ranking import derive
from hub.stewardship.run import Acts
from tests import tiny
from tests.promises.test_promises import Hub
from tests.promises.test_undo import Desk, histories, some
from tests.steward import Steward

ANNA = {"given_name": "Anna", "family_name": "Maier", "birth_date": "1980-02-03", "email": "a@x.example"}
HANNA = {"given_name": "Otto", "family_name": "Maier", "birth_date": "1980-02-03", "email": "a@x.example"}
SECOND = 1_000_000


def record(source: str, key: str) -> RecordId:
    return RecordId(source, "people", key)


A, B, C, D = record("bill", "1"), record("crm", "1"), record("bill", "2"), record("crm", "2")


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def queue(desk: Desk) -> Queue:
    return Queue(desk.resolver, kept=0)


def land(desk: Hub, id: RecordId, values: dict[str, Any], version: int = 1, **more: Any) -> None:
    assert desk.do(("land", (id, {"id": id.key, "v": version, **values, **more})))


def listed(queue: Queue, **asked: Any) -> list[Shown]:
    return list(queue.page(**asked).items)


def test_a_ranking_that_ages_still_serves_while_the_next_is_made_and_what_was_settled_is_never_shown(
    desk: Desk,
) -> None:
    queue = Queue(desk.resolver, kept=3_000)  # three looks at the clock of a test
    land(desk, B, ANNA)
    land(desk, D, ANNA)
    assert len(listed(queue)) == 1
    Steward(desk.resolver).decide(B, D, Verdict.NO_MATCH, by="ann", reason="twins")
    for _ in range(5):
        assert listed(queue) == []


def test_a_refusal_is_listed_with_its_guard_and_closed_by_one_decision(desk: Desk, queue: Queue) -> None:
    for id in (B, D):
        land(desk, id, ANNA)
    (only,) = listed(queue)
    assert (only.item.kind, only.left, only.right) == ("refused", B, D) and "crm/people" in only.words
    number = Steward(desk.resolver).decide(B, D, Verdict.NO_MATCH, by="ann", reason="twins")
    assert listed(queue) == []
    Steward(desk.resolver).withdraw(number, by="ann", why="")
    assert len(listed(queue)) == 1
    Acts(desk.resolver).do(Merge(desk.customer(B), desk.customer(D)), by="ann", reason="one")
    assert listed(queue) == []


def test_keeping_two_customers_apart_closes_all_that_is_between_them(desk: Desk, queue: Queue) -> None:
    for id in (A, B, D):
        land(desk, id, ANNA)
    assert [s.item.kind for s in listed(queue)] == ["refused"]
    apart = sorted(tiny.partition(desk.database), key=len)
    Acts(desk.resolver).do(KeepApart(desk.customer(min(apart[0])), desk.customer(min(apart[1]))), by="ann", reason="")
    assert listed(queue) == []


def test_unsure_hides_an_item_until_its_weight_moves(desk: Desk, queue: Queue) -> None:
    for id in (B, D):
        land(desk, id, ANNA)
    Steward(desk.resolver).decide(B, D, Verdict.UNSURE, by="ann", reason="no idea")
    assert listed(queue) == []
    land(desk, D, {**ANNA, "phone": "+4915112345678"}, 2)
    assert listed(queue) == []  # that is no evidence about the pair
    land(desk, B, {**ANNA, "phone": "+4915112345678"}, 2)
    assert len(listed(queue)) == 1


def test_an_override_whose_anchor_is_gone_is_listed_until_it_returns(desk: Desk, queue: Queue) -> None:
    land(desk, A, ANNA)
    Acts(desk.resolver).do(SetValue(desk.customer(A), "given_name", ("Zoe",)), by="ann", reason="")
    land(desk, A, {}, 2, gone=True)
    (only,) = listed(queue, kinds=["override"])
    assert only.left == only.right == A and only.words
    land(desk, A, ANNA, 3)
    assert listed(queue, kinds=["override"]) == []


def test_a_no_that_the_evidence_turned_against_comes_up_again_and_a_new_word_settles_it(
    desk: Desk, queue: Queue
) -> None:
    land(desk, A, ANNA)
    land(desk, B, {"given_name": "Otto", "family_name": "Weber", "birth_date": "1991-05-06"})
    Steward(desk.resolver).decide(A, B, Verdict.NO_MATCH, by="ann", reason="strangers")
    assert listed(queue) == []
    land(desk, B, {**ANNA, "phone": "+4915112345678"}, 2)
    land(desk, A, {**ANNA, "phone": "+4915112345678"}, 2)
    assert [s.item.kind for s in listed(queue)] in (["contradicted"], ["changed"])
    Steward(desk.resolver).decide(A, B, Verdict.NO_MATCH, by="ann", reason="I know, yet they are two")
    assert listed(queue) == []


def test_a_decision_that_came_up_again_goes_with_its_record(desk: Desk) -> None:
    queue = Queue(desk.resolver, kept=2**60)
    land(desk, A, ANNA)
    land(desk, B, {"given_name": "Otto", "family_name": "Weber", "birth_date": "1991-05-06"})
    Steward(desk.resolver).decide(A, B, Verdict.NO_MATCH, by="ann", reason="strangers")
    land(desk, B, {**ANNA, "phone": "+4915112345678"}, 2)
    land(desk, A, {**ANNA, "phone": "+4915112345678"}, 2)
    assert len(listed(queue)) == 1
    land(desk, B, {}, 3, gone=True)
    assert listed(queue) == []


def test_as_many_are_told_of_as_there_is_to_decide_on(desk: Desk, queue: Queue) -> None:
    def told() -> int:
        with desk.database.read() as connection:
            return review_store.open_count(connection)

    assert told() == 0
    for id in (A, B, D):
        land(desk, id, ANNA)
    pairs = [(s.left, s.right) for s in listed(queue)]
    assert told() == len(pairs) > 0
    number = Steward(desk.resolver).decide(*pairs[0], Verdict.NO_MATCH, by="ann", reason="twins")
    assert told() == len(listed(queue)) == len(pairs) - 1
    Steward(desk.resolver).withdraw(number, by="ann", why="")
    Steward(desk.resolver).decide(*pairs[0], Verdict.UNSURE, by="ann", reason="later")
    assert told() == len(listed(queue)) == len(pairs) - 1


def test_items_are_claimed_for_a_while_assigned_commented_and_escalated(desk: Desk, queue: Queue) -> None:
    for id in (B, D):
        land(desk, id, ANNA)
    queue.claim(D, B, by="ann", lasts=60 * SECOND)
    with pytest.raises(Conflict, match="somebody else"):
        queue.claim(B, D, by="bob")
    assert listed(queue, user="bob") == [] and len(listed(queue, user="ann")) == 1
    with pytest.raises(Conflict):
        queue.release(B, D, by="bob")
    desk.database.clock.time += 61 * SECOND  # type: ignore[attr-defined]
    assert len(listed(queue, user="bob")) == 1
    queue.claim(B, D, by="bob")
    queue.release(B, D, by="bob")
    queue.assign(B, D, to="eve", due=desk.database.clock.now())
    queue.comment(B, D, by="bob", words="same handwriting")
    (only,) = listed(queue, assigned_to="eve")
    assert (
        only.item.due is not None
        and [n.text for n in only.notes] == ["same handwriting"]
        and listed(queue, assigned_to="bob") == []
    )
    with pytest.raises(Unprocessable):
        queue.comment(B, D, by="bob", words=" ")
    with pytest.raises(NotFound):
        queue.claim(B, record("crm", "77"), by="bob")


def test_a_claim_follows_its_records_to_other_customers(desk: Desk, queue: Queue) -> None:
    for id in (B, D):
        land(desk, id, ANNA)
    queue.claim(B, D, by="ann")
    land(desk, A, ANNA)  # joins one of them, and the item has another pair perhaps
    assert listed(queue, user="bob") == []


def test_a_kept_ranking_never_shows_what_was_settled_meanwhile(desk: Desk) -> None:
    kept = Queue(desk.resolver, kept=3600 * SECOND)
    for id in (B, D):
        land(desk, id, ANNA)
    assert len(listed(kept)) == 1
    Steward(desk.resolver).decide(B, D, Verdict.NO_MATCH, by="ann", reason="")
    assert listed(kept) == []


def test_a_ranking_outlives_its_process_and_only_an_empty_page_waits_for_the_next(desk: Desk) -> None:
    for id in (B, D):
        land(desk, id, ANNA)
    assert len(listed(Queue(desk.resolver, kept=3600 * SECOND))) == 1
    desk.database.clock.time += 7200 * SECOND  # type: ignore[attr-defined]  # nobody served meanwhile
    land(desk, A, {}, 1)
    Acts(desk.resolver).do(SetValue(desk.customer(A), "given_name", ("Zoe",)), by="ann", reason="")
    land(desk, A, {}, 2, gone=True)
    started = Queue(desk.resolver, kept=3600 * SECOND)
    assert [s.item.kind for s in listed(started)] == ["refused"]  # at once, as it was: the override comes with the next
    Steward(desk.resolver).decide(B, D, Verdict.NO_MATCH, by="ann", reason="twins")
    assert [s.item.kind for s in listed(started)] == ["override"]


def test_labels_are_the_newest_words_and_propose_without_changing_anything(desk: Desk, queue: Queue) -> None:
    for id in (B, D):
        land(desk, id, ANNA)
    land(desk, C, {"given_name": "Otto", "family_name": "Weber"})
    Steward(desk.resolver).decide(B, D, Verdict.NO_MATCH, by="ann", reason="")
    Steward(desk.resolver).decide(B, C, Verdict.UNSURE, by="ann", reason="")
    (label,) = queue.labelled_pairs()
    assert not label.match and label.weight is not None
    (made,) = queue.proposals()
    assert made.false_joins == 1 and made.proposed > label.weight and made.proposed_false_joins == 0
    assert len(tiny.partition(desk.database)) == 3


@some
@given(history=histories)
def test_pages_neither_repeat_nor_skip_and_deciding_empties_the_queue(database: Database, history: list[Any]) -> None:
    desk = Desk(database)
    for command in history:
        desk.do(command)
    queue = Queue(desk.resolver, kept=0)
    whole = listed(queue, limit=200)
    with desk.database.read() as connection:
        derived = ranked(derive(connection, desk.resolver.recipe(connection), lambda _type: 0), 0)
        counted = review_store.open_count(connection)
    assert counted == sum(i.kind in PAIRS for i in derived)
    assert [(s.item.left, s.item.right, s.item.worth, s.item.number) for s in whole] == [
        (i.left, i.right, i.worth, i.number) for i in derived
    ]
    paged: list[Shown] = []
    page = queue.page(limit=1)
    while True:
        paged += page.items
        if page.after is None:
            break
        page = queue.page(limit=1, after=page.after)
    assert [(s.left, s.right, s.item.kind) for s in paged] == [(s.left, s.right, s.item.kind) for s in whole]
    for _ in range(40):
        todo = [s for s in listed(queue) if s.item.kind in ("grey", "refused", "cut")]
        if not todo:
            break
        try:
            Steward(desk.resolver).decide(todo[0].left, todo[0].right, Verdict.NO_MATCH, by="ann", reason="")
        except Refused:
            Steward(desk.resolver).decide(todo[0].left, todo[0].right, Verdict.MATCH, by="ann", reason="")
    assert [s for s in listed(queue) if s.item.kind in ("grey", "refused", "cut")] == []
