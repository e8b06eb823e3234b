"""Acts of a steward: what they make, what refuses them, and that a preview is what follows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from sqlalchemy import text

from hub.db import Database
from hub.errors import Conflict, Gone, NotFound, Refused, Stale, Unprocessable
from hub.matching import store as matching_store
from hub.model import RecordId, Verdict
from hub.resolve.bulk import Bulk
from hub.resolve.resolver import Resolver
from hub.settings import Config
from hub.stewardship import lookups, review_store
from hub.stewardship.acts import (
    Arrange,
    DecideAll,
    DropValue,
    KeepApart,
    Merge,
    SetValue,
    Split,
    Suspend,
    Unmerge,
    UnmergeAll,
    WithdrawInputs,
)
from hub.stewardship.queue import Queue
from hub.stewardship.run import Acts
from tests import tiny
from tests.promises.test_promises import Hub, land_pending
from tests.promises.test_undo import Desk, acts, histories, some
from tests.steward import Steward

ANNA = {
    "given_name": "Anna",
    "family_name": "Maier",
    "birth_date": "1980-02-03",
    "email": "a@x.example",
    "phone": "+4915112345678",
}
OTTO = {"given_name": "Otto", "family_name": "Weber", "birth_date": "1991-05-06", "email": "o@x.example"}


def record(source: str, key: str) -> RecordId:
    return RecordId(source, "people", key)


A, B, C, D, E = record("bill", "1"), record("crm", "1"), record("bill", "2"), record("crm", "2"), record("bill", "3")


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def land(desk: Hub, id: RecordId, values: dict[str, Any], version: int = 1, **more: Any) -> None:
    assert desk.do(("land", (id, {"id": id.key, "v": version, **values, **more})))


def version(desk: Desk, id: RecordId) -> int:
    with desk.database.read() as c:
        return int(
            c.execute(
                text(
                    "SELECT c.version FROM customer c JOIN membership m ON m.cluster = c.cluster JOIN record r ON r.rid = m.rid"
                    " WHERE r.source=:s AND r.key=:k"
                ),
                {"s": id.source, "k": id.key},
            ).scalar()
            or 0
        )


def words(database: Database) -> set[frozenset[RecordId]]:
    return tiny.partition(database)


def test_a_merge_holds_all_records_of_both_whatever_the_guards_say(desk: Desk) -> None:
    for id in (A, B):
        land(desk, id, ANNA)
    for id in (C, D):  # D and B are of a stream without duplicates
        land(desk, id, OTTO)
    done = desk.acts.do(Merge(desk.customer(A), desk.customer(D)), by="ann", reason="married")
    assert words(desk.database) == {frozenset((A, B, C, D))}
    assert len(done.inputs["decisions"]) >= 2
    desk.acts.undo(done.id, by="ann", why="no")
    assert words(desk.database) == {frozenset((A, B)), frozenset((C, D))}


def test_a_merge_that_contradicts_a_no_is_refused_with_the_path_and_changes_nothing(desk: Desk) -> None:
    land(desk, A, ANNA)
    land(desk, B, ANNA)
    land(desk, C, OTTO)
    Steward(desk.resolver).decide(B, C, Verdict.NO_MATCH, by="ann", reason="seen")
    before = tiny.answer(desk.database)
    with pytest.raises(Conflict, match=f"{B} = {A} = {C}, yet {C} and {B} are kept apart|= .* are kept apart"):
        desk.acts.do(Merge(desk.customer(A), desk.customer(C)), by="bob", reason="")
    assert tiny.answer(desk.database) == before and [act.kind for act in desk.acts.listed()] == ["decide"]


def test_a_split_keeps_each_side_whole_and_the_two_apart(desk: Desk) -> None:
    for id in (A, B, C, E):
        land(desk, id, ANNA)
    assert words(desk.database) == {frozenset((A, B, C, E))}
    desk.acts.do(Split(desk.customer(A), (B, E)), by="ann", reason="two people")
    assert words(desk.database) == {frozenset((A, C)), frozenset((B, E))}
    land(desk, E, OTTO, 2)  # it goes its way, and the sides stay apart
    assert words(desk.database) == {frozenset((A, C)), frozenset((B,)), frozenset((E,))}


def test_unmerging_a_record_that_a_decision_holds_is_refused_until_that_is_undone(desk: Desk) -> None:
    land(desk, A, ANNA)
    land(desk, C, OTTO)
    merged = desk.acts.do(Merge(desk.customer(A), desk.customer(C)), by="ann", reason="")
    with pytest.raises(Conflict, match=f"{A} = {C}"):
        desk.acts.do(Unmerge(C), by="bob", reason="")
    desk.acts.undo(merged.id, by="bob", why="")
    desk.acts.do(KeepApart(desk.customer(A), desk.customer(C)), by="bob", reason="")
    with pytest.raises(Conflict, match="already"):
        desk.acts.do(KeepApart(desk.customer(A), desk.customer(C)), by="bob", reason="")


@pytest.mark.parametrize("record", [A, C])
def test_what_was_unmerged_is_decided_whichever_of_the_two_was_named(desk: Desk, record: RecordId) -> None:
    for id in (A, C):
        land(desk, id, ANNA)
    desk.acts.do(Unmerge(record), by="ann", reason="twins")
    with desk.database.read() as connection:
        (stands,) = matching_store.standing_decisions(connection)
        assert stands.left < stands.right
        assert stands.weight is not None
        assert lookups.open_pairs(connection, after=(0, 0), limit=5) == []
        assert [label.weight for label in review_store.labels(connection)] == [stands.weight]
    assert Queue(desk.resolver, kept=0).page().items == ()
    with pytest.raises(Conflict, match="already"):
        desk.acts.do(DecideAll(((A, C),), Verdict.NO_MATCH), by="ann", reason="twins")


def test_unmerge_all_leaves_every_record_alone(desk: Desk) -> None:
    for id in (A, B, C):
        land(desk, id, ANNA)
    done = desk.acts.do(UnmergeAll(desk.customer(A)), by="ann", reason="a shared mailbox")
    assert words(desk.database) == {frozenset((x,)) for x in (A, B, C)}
    desk.acts.undo(done.id, by="ann", why="")
    assert words(desk.database) == {frozenset((A, B, C))}


def test_a_stale_version_is_refused_and_nothing_is_done(desk: Desk) -> None:
    land(desk, A, ANNA)
    land(desk, C, OTTO)
    a, c = desk.customer(A), desk.customer(C)
    seen = {a: version(desk, A), c: version(desk, C)}
    land(desk, C, {**OTTO, "given_name": "Ottokar"}, 2)
    with pytest.raises(Stale):
        desk.acts.do(Merge(a, c), by="ann", reason="", versions=seen)
    with pytest.raises(Stale):
        desk.acts.preview(Merge(a, c), by="ann", versions=seen)
    seen[c] += 1
    desk.acts.do(Merge(a, c), by="ann", reason="", versions=seen)


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (Merge("cus_nobody", "cus_nobody"), NotFound),
        (Unmerge(record("bill", "99")), NotFound),
        (Unmerge(C), Conflict),
        (Unmerge(D), Gone),
        (Suspend("nowhere", 0, 1), NotFound),
        (Suspend("bill", 0, 1), NotFound),
        (WithdrawInputs("nobody", 0, 2**60), NotFound),
    ],
)
def test_what_cannot_be_is_refused(desk: Desk, act: Any, error: type[Refused]) -> None:
    land(desk, C, OTTO)
    land(desk, D, ANNA)
    land(desk, D, {}, 2, gone=True)
    with pytest.raises(error):
        desk.acts.do(act, by="ann", reason="")


def test_a_split_names_records_of_the_customer_and_leaves_some(desk: Desk) -> None:
    land(desk, A, ANNA)
    land(desk, C, OTTO)
    for records in ((C,), (A,), ()):
        with pytest.raises(Unprocessable):
            desk.acts.do(Split(desk.customer(A), records), by="ann", reason="")


def test_a_value_set_by_hand_is_previewed_with_the_records_it_would_be_written_to(database: Database) -> None:
    bill = tiny.CONFIG.sources["bill"]
    stream = bill.streams["people"].model_copy(update={"write_back": _write_back()})
    sources = {**tiny.CONFIG.sources, "bill": bill.model_copy(update={"streams": {"people": stream}})}
    config = Config(
        folder=tiny.CONFIG.folder, customers=tiny.CONFIG.customers, access=tiny.CONFIG.access, sources=sources
    )
    desk = Desk(database)
    desk.resolver = Resolver(database, config)
    desk.acts = Acts(desk.resolver)
    land(desk, A, ANNA)
    land(desk, B, ANNA)
    act = SetValue(desk.customer(B), "phone", ("+4915100000000",))
    seen = desk.acts.preview(act, by="ann")
    assert [(w.record, w.attributes) for w in seen.writes] == [(A, ("phone",))]
    assert seen.before[0].values["phone"] == ["+4915112345678"] and seen.after[0].values["phone"] == ["+4915100000000"]
    assert seen.before[0].records == seen.after[0].records == (A, B)
    assert seen.counts == {"inputs overrides": 1, "updated": 1}
    desk.acts.do(act, by="ann", reason="she called")
    desk.acts.do(DropValue(desk.customer(A), "phone"), by="ann", reason="she called again")
    with pytest.raises(Unprocessable):
        desk.acts.do(SetValue(desk.customer(B), "phone", (), until=1), by="ann", reason="")


def _write_back() -> Any:
    from hub.settings import WriteBack

    return WriteBack(attributes=("phone",))


@some
@given(history=histories, last=acts)
def test_a_preview_is_what_follows_and_leaves_no_trace(database: Database, history: list[Any], last: Any) -> None:
    desk = Desk(database)
    for command in history:
        desk.do(command)
    before = tiny.answer(database)
    try:
        act = desk.act(*last)
        seen = desk.acts.preview(act, by="ann")
    except Refused as error:
        assert tiny.answer(database) == before
        with pytest.raises(type(error)):
            desk.acts.do(desk.act(*last), by="ann", reason="")
        return
    assert tiny.answer(database) == before
    done = desk.acts.do(act, by="ann", reason="")
    assert sorted((c.kind, c.customer, c.attributes, c.other) for c in seen.changes) == sorted(
        (c.type.value, c.customer, c.attributes, c.other) for c in latest(done.changes)
    )
    answer = tiny.answer(database)
    for state in seen.after:
        assert answer[frozenset(state.records)][0] == state.values


def latest(changes: Any) -> list[Any]:
    return list(changes)


def test_a_big_suspension_is_settled_in_chunks_to_the_same_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for id in (A, B, C, E):
        land(desk, id, ANNA)
    land(desk, E, {}, 2, gone=True)
    land(desk, D, OTTO)
    before = tiny.answer(desk.database)
    act = Suspend("bill", 0, desk.database.clock.now())
    at_once = desk.acts.do(act, by="ann", reason="")
    expected = tiny.answer(desk.database)
    desk.acts.undo(at_once.id, by="ann", why="")
    monkeypatch.setattr("hub.stewardship.doing.AT_ONCE", 0)
    monkeypatch.setattr("hub.stewardship.run.CHUNK", 2)
    again = desk.acts.do(act, by="ann", reason="")
    assert tiny.answer(desk.database) == expected
    desk.check()
    desk.acts.undo(again.id, by="ann", why="")
    assert tiny.answer(desk.database) == before
    desk.check()


def test_a_source_that_repeats_suspended_rows_does_not_bring_them_back(desk: Desk) -> None:
    land(desk, A, ANNA)
    desk.acts.do(Suspend("bill", 0, desk.database.clock.now()), by="ann", reason="")
    assert words(desk.database) == set()
    assert desk.resolver.upsert("bill", "people", [{"id": "1", "v": 1, **ANNA}])[0].happened in ("unchanged", "deleted")
    assert words(desk.database) == set()
    land(desk, A, OTTO, 2)
    assert words(desk.database) == {frozenset((A,))}
    desk.check()


def test_a_dead_record_that_returns_through_the_bulk_path_does_not_stop_the_live_one(desk: Desk) -> None:
    """Found here: its companion's change asked for the heir of a record that is dead no more, but not resolved yet."""
    land(desk, A, ANNA)
    land(desk, B, ANNA)
    land(desk, A, {}, 2, gone=True)
    land_pending(desk, [("land", (A, {"id": "1", "v": 3, **ANNA}))])
    land(desk, B, {**ANNA, "given_name": "Hanna"}, 2)
    assert words(desk.database) == {frozenset((B,))}
    Bulk(desk.resolver, workers=1).run(train=False)
    assert words(desk.database) == {frozenset((A, B))}
    desk.check()


def test_records_of_several_customers_are_arranged_as_one_says_and_come_back(desk: Desk) -> None:
    for id in (A, B, E):
        land(desk, id, ANNA)
    land(desk, C, OTTO)
    before = words(desk.database)
    assert before == {frozenset((A, B, E)), frozenset((C,))}
    among = desk.customer(A), desk.customer(C)
    done = desk.acts.do(Arrange(among, ((A, C), (B,))), by="ann", reason="looked at together")
    found = words(desk.database)
    assert any({A, C} <= group and B not in group for group in found)  # E is where the evidence has it
    with pytest.raises(Conflict, match="stands already"):
        desk.acts.do(Arrange((desk.customer(A), desk.customer(B)), ((A, C), (B,))), by="ann", reason="again")
    for groups, why in ((((A, A),), "two groups"), (((A, record("bill", "99")),), "no record of these")):
        with pytest.raises(Unprocessable) as refused:
            desk.acts.do(Arrange((desk.customer(A),), groups), by="ann", reason="")
        assert why in str(refused.value.faults[0].what)
    desk.acts.undo(done.id, by="ann", why="")
    assert words(desk.database) == before


def test_one_verdict_on_many_pairs_is_one_act_and_what_contradicts_stops_all_of_it(desk: Desk) -> None:
    for n, id in enumerate((A, B, C, E)):
        land(desk, id, {"given_name": f"Anna{n}", "family_name": f"Maier{n}", "email": f"a{n}@x.example"})
    before = words(desk.database)
    done = desk.acts.do(DecideAll(((A, B), (C, E)), Verdict.MATCH), by="ann", reason="the file says so")
    assert words(desk.database) == {frozenset((A, B)), frozenset((C, E))}
    with pytest.raises(Conflict, match="already"):
        desk.acts.do(DecideAll(((B, A),), Verdict.MATCH), by="ann", reason="")
    with pytest.raises(Conflict):
        desk.acts.do(DecideAll(((A, C), (A, B)), Verdict.NO_MATCH), by="bob", reason="")
    assert words(desk.database) == {frozenset((A, B)), frozenset((C, E))}
    desk.acts.undo(done.id, by="ann", why="")
    assert words(desk.database) == before
