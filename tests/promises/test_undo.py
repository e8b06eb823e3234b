"""Undo over random histories, on both databases: what is taken back was never there, whatever came meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import text

from hub.db import Database
from hub.errors import Gone, NotFound, Refused
from hub.golden_record import lookups as golden_lookups
from hub.golden_record import store as golden_store
from hub.golden_record.customers import find_customer
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.model import Override, RecordId, Verdict, from_plain
from hub.resolve.bulk import Bulk
from hub.stewardship import doing, run
from hub.stewardship.acts import (
    Act,
    Arrange,
    Decide,
    DecideAll,
    DropValue,
    KeepApart,
    Merge,
    SetValue,
    Split,
    Suspend,
    Unmerge,
    UnmergeAll,
    Withdraw,
    WithdrawInputs,
)
from hub.stewardship.run import Acts
from tests import tiny
from tests.promises.test_promises import Hub, decisions, ids, land_pending, overrides, rows

COUNT = int(os.environ.get("HUB_EXAMPLES", "6"))
some = settings(
    max_examples=COUNT, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)

two = st.tuples(ids, ids)
acts = st.one_of(
    two.map(lambda p: ("merge", p)),
    two.map(lambda p: ("merge", p)),
    two.map(lambda p: ("keep_apart", p)),
    ids.map(lambda i: ("unmerge", i)),
    st.tuples(ids, st.sets(ids, min_size=1, max_size=3)).map(lambda p: ("split", p)),
    ids.map(lambda i: ("unmerge_all", i)),
    st.lists(ids, min_size=2, max_size=4, unique=True).map(lambda i: ("arrange", (i[:2], i[2:]) if i[2:] else (i,))),
    st.tuples(st.lists(two, min_size=1, max_size=3), st.sampled_from(Verdict)).map(lambda d: ("decide_all", d)),
    overrides.map(lambda o: ("set_value", o)),
    overrides.map(lambda o: ("drop_value", o)),
    decisions.map(lambda d: ("decide", d)),
    st.integers(0, 3).map(lambda n: ("withdraw", n)),
)
histories = st.lists(
    st.one_of(
        rows().map(lambda r: ("land", r)),
        rows().map(lambda r: ("land", r)),
        rows().map(lambda r: ("land", r)),
        acts,
        acts,
        st.integers(0, 5).map(lambda n: ("undo", n)),
    ),
    min_size=6,
    max_size=18,
)
# of few records, many of them deleted: so that what is left of one may be a tombstone, or an older version than it was born with
lives = rows(of=st.sampled_from(tiny.IDS[:5]), seldom_gone=2).map(lambda r: ("land", r))
crowded = st.one_of(histories, st.lists(st.one_of(lives, lives, lives, lives, acts), min_size=3, max_size=12))


class Desk(Hub):
    """A hub with a steward at it. Remembers what each landing brought, and the acts done."""

    def __init__(self, database: Database):
        super().__init__(database)
        self.acts = Acts(self.resolver)
        self.done: list[str] = []
        self.landed: dict[int, Any] = {}  # landing number -> what was sent

    def do(self, command: tuple[str, Any]) -> bool:
        kind, what = command
        try:
            if kind == "land":
                self._land(command, lambda: super(Desk, self).do(command))
            elif kind == "wait":  # for the bulk path
                self._land(("land", what), lambda: land_pending(self, [("land", what)]))
            elif kind == "undo":
                self.acts.undo(self.done[what], by="bob", why="mistake")
            else:
                self.done.append(self.acts.do(self.act(kind, what), by="bob", reason="seen").id)
        except (Refused, IndexError):
            return False
        return True

    def _land(self, command: tuple[str, Any], land: Callable[[], object]) -> None:
        before = self._landings()
        land()
        if self._landings() > before:
            self.landed[self._landings()] = command

    def act(self, kind: str, what: Any) -> Act:
        if kind == "decide":
            return Decide(*what[0], what[1])
        if kind == "withdraw":
            return Withdraw(next(iter(self._standing()[what:]), 0))  # 0: there is none
        if kind == "drop_value":
            return DropValue(self.customer(what[0]), what[1])
        if kind == "merge":
            return Merge(self.customer(what[0]), self.customer(what[1]))
        if kind == "keep_apart":
            return KeepApart(self.customer(what[0]), self.customer(what[1]))
        if kind == "unmerge":
            return Unmerge(what)
        if kind == "unmerge_all":
            return UnmergeAll(self.customer(what))
        if kind == "split":
            return Split(self.customer(what[0]), tuple(sorted(what[1])))
        if kind == "arrange":
            among = tuple(dict.fromkeys(self.customer(id) for group in what for id in group))
            return Arrange(among, tuple(tuple(sorted(group)) for group in what))
        if kind == "decide_all":
            return DecideAll(tuple(what[0]), what[1])
        if kind == "suspend":
            return Suspend(what, 0, self.database.clock.now())
        return SetValue(self.customer(what[0]), what[1], what[2])

    def _standing(self) -> list[int]:
        with self.database.read() as c:
            return [d.id for d in matching_store.standing_decisions(c)]

    def _landings(self) -> int:
        with self.database.read() as c:
            return int(c.execute(text("SELECT coalesce(max(landed), 0) FROM version")).scalar() or 0)

    def check_ids(self) -> None:
        """Every id ever minted leads in one hop to the customer of its record, to its heir's, or to 410."""
        with self.database.read() as c:
            minted = c.execute(text("SELECT rid, mint, born, died FROM record")).fetchall()
            home = {r.rid: r.cluster for r in c.execute(text("SELECT rid, cluster FROM membership"))}
            for rid, mint, born, died in minted:
                try:
                    found = find_customer(c, mint)
                except (Gone, NotFound):
                    assert born is None or died is not None
                    continue
                assert found.cluster == home.get(rid, found.cluster)
                assert (rid in home) == (born is not None and died is None)


def remaining(desk: Desk) -> Any:
    """The answer of a hub that was given only what is left: versions not suspended, decisions and overrides that stand."""
    with desk.database.read() as c:
        stored = matching_store.standing_decisions(c)
        names = {
            r.rid: RecordId(r.source, r.stream, r.key)
            for r in c.execute(text("SELECT rid, source, stream, key FROM record"))
        }
        suspended = {r.landed for r in c.execute(text("SELECT landed FROM version WHERE suspended IS NOT NULL"))}
        numbers = [r.id for r in c.execute(text("SELECT id FROM override WHERE withdrawn_at IS NULL ORDER BY id"))]
        overrides_ = list(golden_lookups.overrides(c, numbers).values())
    other = Hub(desk.database)  # empties the database
    for number, command in sorted(desk.landed.items()):
        if number not in suspended:
            other.do(command)
    with other.database.unit() as c:
        seeds, golden = set(), set()
        for d in stored:
            left, right = (landing.record_named(c, names[r]) for r in (d.left, d.right))
            if left is not None and right is not None:
                first, second = sorted((left.rid, right.rid))
                matching_store.add_decision(c, first, second, d.verdict, reason="", by="", at=d.at)
                seeds |= {first, second}
        for o in sorted(overrides_, key=lambda o: (o.at, o.id)):
            anchor = landing.record_named(c, names[o.anchor])
            if anchor is not None:
                golden_store.add_override(
                    c, anchor.rid, Override(0, anchor.id, o.attribute, tuple(map(from_plain, o.values)), o.at, o.until)
                )
                golden.add(anchor.rid)
        other.resolver.settle(c, other.resolver.recipe(c), (), seeds=seeds, golden=golden)
    return tiny.answer(other.database)


@some
@given(history=histories, data=st.data())
def test_any_act_undone_in_any_order_leaves_what_the_rest_gives(
    database: Database, history: list[Any], data: st.DataObject
) -> None:
    desk = Desk(database)
    for command in history:
        desk.do(command)
    order = data.draw(st.permutations(range(len(desk.done))))
    for number in order[: data.draw(st.integers(0, len(order)))]:
        desk.do(("undo", number))
        desk.do(("land", data.draw(rows())))  # updates go on meanwhile
    found = tiny.answer(database)
    desk.check_ids()
    assert found == remaining(desk)


# of two records, so that one act often takes back what another made
first_two = st.sampled_from((tiny.IDS[0], tiny.IDS[3]))
tight = st.lists(
    st.one_of(
        st.sampled_from([Verdict.MATCH, Verdict.NO_MATCH]).map(lambda v: ("decide", ([tiny.IDS[0], tiny.IDS[3]], v))),
        st.just(("withdraw", 0)),
        st.tuples(first_two, st.just("phone"), st.sampled_from([(), ("Zoe",)])).map(lambda o: ("set_value", o)),
        first_two.map(lambda i: ("drop_value", (i, "phone"))),
    ),
    min_size=2,
    max_size=5,
)


@some
@given(history=st.one_of(tight, tight, histories), data=st.data())
def test_the_order_in_which_acts_are_undone_tells_nothing(
    database: Database, history: list[Any], data: st.DataObject
) -> None:
    """Also where one act took back what another had made: it comes back with the second undo only if the first stands."""
    history = [person(tiny.IDS[0], 1, **ANNA), person(tiny.IDS[3], 1, **OTTO), *history]
    answers = []
    undone: list[int] | None = None
    for _ in range(2):
        desk = Desk(database)
        for command in history:
            desk.do(command)
        if undone is None:
            undone = data.draw(
                st.lists(st.sampled_from(range(len(desk.done))), unique=True) if desk.done else st.just([])
            )
        for number in data.draw(st.permutations(undone)):
            assume(desk.do(("undo", number)))  # refused: what stands rules out what would come back
        answers.append(tiny.answer(database))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(
    ("made", "taken_back"),
    [
        (("decide", ([tiny.IDS[0], tiny.IDS[3]], Verdict.MATCH)), ("withdraw", 0)),
        (("set_value", (tiny.IDS[0], "phone", ("Zoe",))), ("drop_value", (tiny.IDS[3], "phone"))),
    ],
)
def test_what_was_made_and_taken_back_is_gone_once_both_acts_are_undone(
    database: Database, made: Any, taken_back: Any, order: tuple[int, int]
) -> None:
    desk = Desk(database)
    for command in (person(tiny.IDS[0], 1, **ANNA), person(tiny.IDS[3], 1, **(OTTO if made[0] == "decide" else ANNA))):
        assert desk.do(command)
    before = tiny.answer(database)
    assert desk.do(made) and tiny.answer(database) != before
    assert desk.do(taken_back) and tiny.answer(database) == before
    for number in order:
        assert desk.do(("undo", number))
    assert tiny.answer(database) == before


@settings(some, max_examples=max(3, COUNT // 4))
@given(history=histories)
def test_a_hub_with_acts_verifies(database: Database, history: list[Any]) -> None:
    desk = Desk(database)
    for command in history:
        desk.do(command)
    desk.check()


@some
@given(history=crowded, more=st.lists(lives, max_size=4), data=st.data())
def test_suspended_versions_count_as_not_there_and_lifting_restores(
    database: Database, history: list[Any], more: list[Any], data: st.DataObject
) -> None:
    desk = Desk(database)
    times = [database.clock.now()]
    for command in history:
        desk.do(command)
        times.append(database.clock.now())
    before = tiny.answer(database)
    since, until = sorted((data.draw(st.sampled_from(times)), data.draw(st.sampled_from(times))))
    source = data.draw(st.sampled_from(["bill", "crm", "web"]))
    try:
        done = desk.acts.do(Suspend(source, since, until), by="ann", reason="a bad file")
    except NotFound:
        return
    note(f"history {history}\nmore {more}")  # seldom wrong: whoever meets it can replay it
    desk.check_ids()
    suspended = tiny.answer(database)
    if not more:
        desk.acts.undo(done.id, by="ann", why="it was right")
        assert tiny.answer(database) == before
        desk.check_ids()
        done = desk.acts.do(Suspend(source, since, until), by="ann", reason="a bad file")
        assert tiny.answer(database) == suspended
    for command in more:
        desk.do(command)
    if data.draw(st.booleans()):
        desk.acts.undo(done.id, by="ann", why="it was right")
    found = tiny.answer(database)
    desk.check_ids()
    assert found == remaining(desk)


@settings(some, max_examples=max(3, COUNT // 4))
@given(history=crowded, back=st.booleans())
def test_a_hub_with_suspensions_verifies(database: Database, history: list[Any], back: bool) -> None:
    desk = Desk(database)
    for command in history:
        desk.do(command)
    try:
        done = desk.acts.do(Suspend("bill", 0, database.clock.now()), by="ann", reason="")
    except NotFound:
        return
    desk.check()
    if back:
        desk.acts.undo(done.id, by="ann", why="")
        desk.check()


def suspended_and_left(desk: Desk, source: str) -> doing.Done:
    """A suspension of very many records of which the process died before it settled them: they wait for the bulk path."""
    with desk.database.unit() as connection:
        one = doing.Doing(desk.resolver, connection, by="ann", reason="a bad file")
        return one.run(Suspend(source, 0, desk.database.clock.now()))


def meanwhile(patch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """In a bulk run, just before it looks for heirs."""
    heirs = Bulk._heirs

    def after_that(self: Bulk, *given: Any) -> None:
        happens()
        heirs(self, *given)

    patch.setattr(Bulk, "_heirs", after_that)


waiting = lives.map(lambda command: ("wait", command[1]))


@some
@given(
    history=st.lists(
        st.one_of(lives, lives, waiting, acts, decisions.map(lambda d: ("decide", d))), min_size=3, max_size=12
    ),
    data=st.data(),
)
def test_a_bulk_run_after_a_large_suspension_gives_what_the_rest_gives(
    database: Database, history: list[Any], data: st.DataObject
) -> None:
    desk = Desk(database)
    for command in history:
        desk.do(command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doing, "AT_ONCE", 0)  # none is few enough for one unit
        patch.setattr(run, "CHUNK", 1)
        try:
            done = (
                suspended_and_left(desk, "bill")
                if data.draw(st.booleans())
                else desk.acts.do(Suspend("bill", 0, database.clock.now()), by="ann", reason="a bad file")
            )
        except NotFound:
            return
        note(f"history {history}")
        for command in data.draw(st.lists(waiting, max_size=2)):
            desk.do(command)
        if data.draw(st.booleans()):
            desk.acts.undo(done.id, by="ann", why="it was right")
        meanwhile(patch, lambda: [desk.do(command) for command in data.draw(st.lists(waiting, max_size=2))])
        Bulk(desk.resolver, workers=1).run(train=False)
    found = tiny.answer(database)
    desk.check()
    desk.check_ids()
    assert found == remaining(desk)


@some
@given(history=histories, data=st.data())
def test_a_persons_inputs_of_a_window_are_withdrawn_and_given_back(
    database: Database, history: list[Any], data: st.DataObject
) -> None:
    desk = Desk(database)
    times = [database.clock.now()]
    for command in history:
        desk.do(command)
        times.append(database.clock.now())
    before = tiny.answer(database)
    since, until = sorted((data.draw(st.sampled_from(times)), data.draw(st.sampled_from(times))))
    who = data.draw(st.sampled_from(["ann", "bob"]))
    try:
        done = desk.acts.do(WithdrawInputs(who, since, until), by="eve", reason="gone rogue")
    except NotFound:
        return
    desk.check_ids()
    if data.draw(st.booleans()):
        desk.acts.undo(done.id, by="eve", why="no")
        assert tiny.answer(database) == before
    found = tiny.answer(database)
    assert found == remaining(desk)


# no value in common, none missing: nothing that a record holds tells whether it was Otto first
ANNA = {
    "given_name": "Anna",
    "family_name": "Maier",
    "birth_date": "1980-02-03",
    "email": "a@x.example",
    "phone": "+4915112345678",
    "tax_id": "T1",
}
OTTO = {
    "given_name": "Otto",
    "family_name": "Weber",
    "birth_date": "1991-05-06",
    "email": "b@x.example",
    "phone": "+4915187654321",
    "tax_id": "T2",
}


def person(id: RecordId, version: int, **values: Any) -> tuple[str, Any]:
    return "land", (id, {"id": id.key, "v": version, **values})


def test_a_record_of_which_a_tombstone_is_left_stays_dead_when_an_older_version_lands(database: Database) -> None:
    desk, a = Desk(database), tiny.IDS[0]
    desk.do(person(a, 2, given_name="Anna", family_name="Maier"))
    until = database.clock.now()
    desk.do(person(a, 4, gone=True))
    desk.acts.do(Suspend("bill", 0, until), by="ann", reason="a bad file")
    desk.do(person(a, 1, given_name="Anna", family_name="Meyer"))
    assert tiny.partition(database) == set()
    desk.check()
    desk.check_ids()


def test_a_record_that_was_born_earlier_again_shows_its_id_again(database: Database) -> None:
    desk, a, b = Desk(database), tiny.IDS[0], tiny.IDS[3]
    desk.do(person(a, 1, **OTTO))
    until = database.clock.now()
    desk.do(person(b, 1, **ANNA))
    desk.do(person(a, 2, **ANNA))
    before = tiny.answer(database)
    act = desk.acts.do(Suspend("bill", 0, until), by="ann", reason="a bad file")
    assert [shown for _, _, shown in tiny.answer(database).values()] == [b]
    desk.acts.undo(act.id, by="ann", why="it was right")
    assert (
        [shown for _, _, shown in tiny.answer(database).values()] == [shown for _, _, shown in before.values()] == [a]
    )
    desk.check()
    desk.check_ids()


def test_an_heir_shows_its_own_id_when_the_dead_record_was_born_later(database: Database) -> None:
    desk, a, b = Desk(database), tiny.IDS[3], tiny.IDS[0]
    desk.do(person(a, 1, **OTTO))
    until = database.clock.now()
    desk.do(person(b, 1, **ANNA))
    desk.do(person(a, 2, **ANNA))
    desk.do(person(a, 3, gone=True))
    assert [shown for _, _, shown in tiny.answer(database).values()] == [a]
    desk.acts.do(Suspend("crm", 0, until), by="ann", reason="a bad file")
    assert [shown for _, _, shown in tiny.answer(database).values()] == [b]
    desk.check()
    desk.check_ids()


def test_a_dead_record_finds_its_heir_again_that_only_a_decision_ties_to_it(database: Database) -> None:
    desk, a, b = Desk(database), tiny.IDS[0], tiny.IDS[3]
    desk.do(person(a, 1, given_name="Anna"))
    desk.do(person(b, 1, given_name="Otto"))
    assert desk.do(("decide", ((a, b), Verdict.MATCH)))
    for id, version, more in ((b, 2, {"gone": True}), (a, 2, {"gone": True}), (b, 3, {"given_name": "Otto"})):
        desk.do(person(id, version, **more))
        desk.check()
        desk.check_ids()
    with database.read() as c:
        assert find_customer(c, desk.customer(a)).id == desk.customer(a)


def test_a_dead_record_finds_an_heir_that_waited_for_the_bulk_path_once_that_ran(database: Database) -> None:
    desk, a, b = Desk(database), tiny.IDS[0], tiny.IDS[3]
    desk.do(person(a, 1, given_name="Anna"))
    land_pending(desk, [person(b, 1, given_name="Otto")])
    assert desk.do(("decide", ((a, b), Verdict.MATCH)))
    desk.do(person(a, 2, gone=True))
    with database.read() as c, pytest.raises(Gone):
        find_customer(c, desk.customer(a))
    Bulk(desk.resolver, workers=1).run(train=False)
    with database.read() as c:
        assert find_customer(c, desk.customer(a)).id == desk.customer(a)
    desk.check()
    desk.check_ids()


@pytest.mark.parametrize("back", [False, True], ids=["dies", "comes-back"])
def test_what_lands_while_a_bulk_run_looks_for_heirs_is_not_taken_for_settled(
    database: Database, back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, a, b = Desk(database), tiny.IDS[0], tiny.IDS[3]
    for command in (person(a, 1, **ANNA), person(b, 1, **ANNA), person(b, 2, gone=True)):
        desk.do(command)
    meanwhile(monkeypatch, lambda: land_pending(desk, [person(b, 3, **ANNA) if back else person(a, 2, gone=True)]))
    Bulk(desk.resolver, workers=1).run(train=False)
    assert tiny.partition(database) == ({frozenset((a, b))} if back else set())
    desk.check()
    desk.check_ids()


def test_who_was_suspended_but_not_settled_is_nobodys_heir_after_a_bulk_run(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doing, "AT_ONCE", 0)
    desk, a, b, c = Desk(database), tiny.IDS[0], tiny.IDS[3], tiny.IDS[6]
    for command in (person(a, 1, **ANNA), person(b, 1, **ANNA), person(b, 2, gone=True), person(a, 2, gone=True)):
        desk.do(command)
    suspended_and_left(desk, "bill")
    Bulk(desk.resolver, workers=1).run(train=False)
    desk.do(person(c, 1, **ANNA))
    desk.check()
    desk.check_ids()
    assert [shown for _, _, shown in tiny.answer(database).values()] == [b]


def test_a_large_suspension_of_others_says_nothing_of_who_stays(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doing, "AT_ONCE", 0)
    monkeypatch.setattr(run, "CHUNK", 1)
    desk, crm, b1, b2 = Desk(database), tiny.IDS[3], tiny.IDS[0], tiny.IDS[1]
    for id in (crm, b1, b2):
        desk.do(person(id, 1, **ANNA))
    assert tiny.partition(database) == {frozenset((crm, b1, b2))}
    stays = desk.customer(crm)
    desk.acts.do(Suspend("bill", 0, database.clock.now()), by="ann", reason="a bad file")
    with database.read() as c:
        told = {kind for (kind,) in c.execute(text("SELECT kind FROM change WHERE customer = :id"), {"id": stays})}
        moved = c.execute(text("SELECT count(*) FROM id_move WHERE id = :id"), {"id": stays}).scalar()
    assert told <= {"created", "updated"} and not moved
    desk.check()


def test_a_second_tombstone_moves_a_death_and_so_the_heirs(database: Database) -> None:
    desk, a, b, c = Desk(database), tiny.IDS[0], tiny.IDS[3], tiny.IDS[6]
    for id in (a, b, c):
        desk.do(person(id, 1, **ANNA))
    for id, version in ((b, 2), (a, 2), (b, 3)):
        desk.do(person(id, version, gone=True))
        desk.check()
        desk.check_ids()


def test_unmerge_merge_merge_undo(database: Database) -> None:
    desk = Desk(database)
    a, b, c = tiny.IDS[0], tiny.IDS[3], tiny.IDS[6]
    for id in (a, b):
        desk.do(
            (
                "land",
                (
                    id,
                    {
                        "id": id.key,
                        "v": 1,
                        "given_name": "Anna",
                        "family_name": "Maier",
                        "birth_date": "1980-02-03",
                        "email": "a@x.example",
                    },
                ),
            )
        )
    desk.do(
        ("land", (c, {"id": c.key, "v": 1, "given_name": "Otto", "family_name": "Weber", "birth_date": "1991-05-06"}))
    )
    first = tiny.answer(database)
    assert frozenset((a, b)) in first
    steps = [("unmerge", b), ("merge", (b, c)), ("undo", 0), ("merge", (a, b))]
    for step in steps[:2]:
        assert desk.do(step)
    assert frozenset((b, c)) in tiny.partition(database) and frozenset((a,)) in tiny.partition(database)
    assert desk.do(steps[2])  # the no is gone: all evidence and the merge hold
    assert tiny.partition(database) == {frozenset((a, b, c))}
    assert not desk.do(steps[3])  # one customer already
    assert desk.do(("undo", 1))
    assert tiny.answer(database) == first
    assert not desk.do(("undo", 1))
    desk.check()
