"""Survivorship: every rule by example and by property, overrides, and effective dates up to the settable clock."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.db import Database, load
from hub.golden_record.survivorship import Golden, Member, Standings, _text, golden_values, revisit_at
from hub.landing import store as landing
from hub.landing.fold import Held
from hub.model import Cell, Override, RecordId, Rule, Value, canonical, composite, from_micros, plain, to_micros
from hub.quality.verify import Verify
from hub.resolve.resolver import Resolver
from hub.settings import CustomerType, Stream, Survivorship, duration_micros
from tests import tiny
from tests.steward import Steward

COUNT = int(os.environ.get("HUB_EXAMPLES", "12")) * 20  # pure, so cheap
some = settings(max_examples=COUNT, deadline=None)

YEAR = duration_micros("1y")
NOW = 1_700_000_000_000_000


def stream(trust: float = 50, verified: bool = True) -> Stream:
    return Stream.model_validate(
        {
            "customer": "person",
            "key": "id",
            "map": {},
            "trust": {"default": trust},
            "verified": "all" if verified else "none",
        }
    )


def says(
    name: str, *values: Value, at: int | None = None, trust: float = 50, verified: bool = True, cell: Cell | None = None
) -> Member:
    """A member that says something of `x`; its rid is the number that its name ends on."""
    rid = int(name)
    found = cell if cell is not None else Cell(tuple(values))
    return Member(
        RecordId("s", "people", name), rid, {"x": Held(found, at, rid)}, Standings(stream(trust, verified), ["x"])
    )


def customer(rule: str = "most_trusted", **more: Any) -> CustomerType:
    return CustomerType.model_validate(
        {"attributes": {"x": {"kind": "text", "many": rule == "union", "survivorship": {"rule": rule, **more}}}}
    )


def golden(
    members: Sequence[Member],
    rule: str = "most_trusted",
    overrides: Iterable[Override] = (),
    now: int = NOW,
    **more: Any,
) -> Golden | None:
    return golden_values(members, overrides, customer(rule, **more), now).get("x")


def value(members: Sequence[Member], rule: str = "most_trusted", **more: Any) -> Any:
    found = golden(members, rule, **more)
    return None if found is None else found.values


@some
@given(
    st.text(st.sampled_from('aÄ"\\ \x00\x7f\u2028\U0001f600'), max_size=4)
    | st.just((("city", "Köln"), ("line1", 'a"b')))
)
def test_the_short_way_to_a_values_spelling_ends_where_the_long_one_does(value: Value) -> None:
    assert _text(value) == canonical(plain(value)).decode()


# --- the rules ------------------------------------------------------------------------------------------


def test_most_trusted_takes_the_most_trusted_sources_word() -> None:
    assert value([says("1", "A", trust=20, at=9), says("2", "B", trust=90, at=1)]) == ("B",)


def test_with_a_half_life_newer_wins_once_trust_has_decayed_past_it() -> None:
    old, new = says("1", "A", trust=80, at=0), says("2", "B", trust=20, at=5 * YEAR)
    assert value([old, new]) == ("A",)
    assert value([old, new], half_life="2y") == ("B",)  # 80 -> 14 after 2.5 half-lives
    assert value([old, new], half_life="3y") == ("A",)  # 80 -> 25 after 5/3 half-lives


def test_with_a_half_life_an_undated_value_is_the_last() -> None:
    assert value([says("1", "A", trust=90), says("2", "B", trust=10, at=1)], half_life="2y") == ("B",)


def test_a_value_that_fails_validation_is_trusted_less() -> None:
    invalid = says("1", cell=Cell(("A",), valid=False), trust=90)
    assert value([invalid, says("2", "B", trust=30)]) == ("B",)
    assert value([invalid, says("2", "B", trust=20)]) == ("A",)


def test_most_recent_takes_the_latest_by_source_time() -> None:
    assert value(
        [says("1", "A", at=5, trust=90), says("2", "B", at=6, trust=1), says("3", "C", trust=99)], "most_recent"
    ) == ("B",)


def test_most_frequent_counts_a_record_once() -> None:
    two = [says("1", "A"), says("2", "A"), says("3", "B", trust=90)]
    assert value(two, "most_frequent") == ("A",)
    assert value([says("1", "A", "A", "A"), says("2", "B"), says("3", "B")], "most_frequent") == ("B",)


def test_most_frequent_counts_spellings_that_differ_in_case_together() -> None:
    assert value([says("1", "MAIER"), says("2", "Maier", trust=60), says("3", "Meyer", trust=90)], "most_frequent") == (
        "Maier",
    )


def test_most_complete_takes_the_value_with_most_parts_then_the_longest() -> None:
    short, full = (
        composite({"line1": "A very long street name indeed 1"}),
        composite({"city": "X", "line1": "B 1", "postcode": "1"}),
    )
    assert value([says("1", short, trust=99), says("2", full, trust=1)], "most_complete") == (full,)
    assert value([says("1", "J."), says("2", "Johann")], "most_complete") == ("Johann",)


def test_a_composite_survives_whole() -> None:
    a, b = composite({"city": "X", "line1": "A 1"}), composite({"city": "Y", "line1": "B 1", "postcode": "1"})
    for rule in Rule:
        assert set(value([says("1", a, at=1), says("2", b, at=2)], rule.value)) <= {a, b}


def test_union_keeps_every_value_once_the_best_first() -> None:
    members = [
        says("1", "A", "B", trust=20),
        says("2", "C", "A", trust=90),
        says("3", cell=Cell((), cleared=True), trust=95),
    ]
    assert value(members, "union") == ("C", "A", "B")


def test_min_and_max_compare_numbers_as_numbers() -> None:
    members = [says("1", "9"), says("2", "10"), says("3", "-2.5")]
    assert value(members, "min") == ("-2.5",)
    assert value(members, "max") == ("10",)
    assert value([says("1", "2020-01-02"), says("2", "2019-12-31")], "min") == ("2019-12-31",)


def test_the_most_restrictive_consent_holds() -> None:
    assert value(
        [says("1", "granted", trust=99), says("2", "denied", trust=1), says("3", "unknown")], "most_restrictive"
    ) == ("denied",)
    assert value([says("1", "granted", trust=99), says("3", "unknown", trust=1)], "most_restrictive") == ("unknown",)


def test_fallbacks_break_ties_before_trust_does() -> None:
    members = [says("1", "A", at=1, trust=90), says("2", "B", at=2, trust=10)]
    assert value(members, "most_frequent") == ("A",)
    assert value(members, "most_frequent", fallbacks=["most_recent"]) == ("B",)


def test_lineage_names_all_who_say_it_and_all_who_lost() -> None:
    found = golden([says("1", "A", trust=90), says("2", "A", trust=10), says("3", "B"), says("4", cell=Cell())])
    assert found is not None
    assert (found.rule, [r.rid for r in found.won], [r.rid for r in found.lost]) == ("most_trusted", [1, 2], [3])


# --- verified, null, cleared ------------------------------------------------------------------------------

RULES = [r.value for r in Rule]


@pytest.mark.parametrize("rule", RULES)
def test_a_verified_value_outranks_claimed_ones_under_every_rule(rule: str) -> None:
    claimed = [
        says(str(n), "denied" if rule == "most_restrictive" else v, at=10**9, trust=100, verified=False)
        for n, v in enumerate(("100 long words in a value", "100 long words in a value", "-100"), 1)
    ]
    found = golden([*claimed, says("9", "5", at=1, trust=1)], rule)
    assert found is not None
    assert found.values[0] == "5"
    assert found.verified


@pytest.mark.parametrize("rule", RULES)
def test_a_value_that_is_only_claimed_is_marked_so(rule: str) -> None:
    found = golden([says("1", "5", verified=False), says("2", "6", verified=False)], rule)
    assert found is not None
    assert not found.verified
    alone = golden([says("1", "5", verified=False)], rule)
    assert alone is not None
    assert not alone.verified


@pytest.mark.parametrize("rule", RULES)
def test_null_never_wins(rule: str) -> None:
    nothing = says("1", cell=Cell(), at=10**9, trust=100)
    assert value([nothing, says("2", "5", at=1, trust=1, verified=False)], rule) == ("5",)
    assert golden([nothing], rule) is None


def test_what_a_source_cleared_may_win() -> None:
    cleared = says("1", cell=Cell((), cleared=True), at=9, trust=90)
    assert value([cleared, says("2", "A", at=1, trust=10)]) == ()
    assert value([cleared]) == ()
    assert value([cleared, says("2", "A", at=1, trust=95)]) == ("A",)
    assert value([cleared, says("2", "A", at=1, trust=10)], "union") == ("A",)


# --- overrides ------------------------------------------------------------------------------------------------


def set_by_hand(number: int, *values: Value, anchor: str = "1", at: int = 1, until: int | None = None) -> Override:
    return Override(number, RecordId("s", "people", anchor), "x", values, at, until)


def test_an_override_wins_and_names_what_it_replaced() -> None:
    found = golden([says("1", "A"), says("2", "B", trust=90)], overrides=[set_by_hand(7, "Z")])
    assert found == Golden(("Z",), "override", (), found.lost if found else (), 7, True)
    assert {r.rid for r in found.lost} == {1, 2}


def test_an_override_may_clear_or_set_what_nobody_says() -> None:
    assert value([says("1", "A")], overrides=[set_by_hand(7)]) == ()
    assert value([says("1", cell=Cell())], overrides=[set_by_hand(7, "Z")]) == ("Z",)


def test_the_latest_override_wins_then_the_one_with_the_higher_number() -> None:
    members = [says("1", "A"), says("2", "B")]
    assert value(members, overrides=[set_by_hand(9, "old", at=1), set_by_hand(3, "new", at=2)]) == ("new",)
    assert value(members, overrides=[set_by_hand(9, "nine", anchor="2"), set_by_hand(3, "three")]) == ("nine",)


def test_an_override_whose_anchor_is_no_member_is_inactive() -> None:
    assert value([says("1", "A")], overrides=[set_by_hand(7, "Z", anchor="2")]) == ("A",)


def test_an_override_ends_at_its_time_and_an_earlier_one_stands_again() -> None:
    two = [set_by_hand(1, "first", at=1), set_by_hand(2, "second", at=2, until=NOW + 5)]
    assert value([says("1", "A")], overrides=two, now=NOW + 4) == ("second",)
    assert value([says("1", "A")], overrides=two, now=NOW + 5) == ("first",)


# --- time -------------------------------------------------------------------------------------------------------


def dated(name: str, text: str, start: int | None, end: int | None, trust: float = 50) -> Member:
    return says(name, cell=Cell((text,), start=start, end=end), trust=trust)


def test_a_value_counts_from_its_start_until_before_its_end() -> None:
    members = [dated("1", "new", NOW, NOW + 10, 90), says("2", "old", trust=1)]
    assert value(members, now=NOW - 1) == ("old",)
    assert value(members, now=NOW) == ("new",)
    assert value(members, now=NOW + 9) == ("new",)
    assert value(members, now=NOW + 10) == ("old",)


def test_the_next_look_is_at_the_first_edge_after_now() -> None:
    members = [dated("1", "new", NOW, NOW + 10), dated("2", "x", None, NOW + 3), says("3", "y")]
    overrides = [set_by_hand(1, "Z", until=NOW + 2)]
    assert revisit_at(members, overrides, NOW - 1) == NOW
    assert revisit_at(members, overrides, NOW) == NOW + 2
    assert revisit_at(members, overrides, NOW + 2) == NOW + 3
    assert revisit_at(members, [], NOW + 3) == NOW + 10
    assert revisit_at(members, overrides, NOW + 10) is None
    assert revisit_at([says("3", "y")], [], NOW) is None


# --- properties ---------------------------------------------------------------------------------------------------

times = st.sampled_from([None, 1, 2, 2 * YEAR])
cells = st.one_of(
    st.lists(st.sampled_from(["A", "a", "B", "10", "9", "denied", "granted"]), max_size=2, unique=True).map(
        lambda v: Cell(tuple(v))
    ),
    st.builds(
        Cell,
        st.just(("A",)),
        valid=st.booleans(),
        start=st.sampled_from([None, NOW + 1]),
        end=st.sampled_from([None, NOW]),
    ),
    st.just(Cell((), cleared=True)),
    st.just(composite({"city": "X", "line1": "A"})).map(lambda c: Cell((c,))),
)


@st.composite
def member_sets(draw: st.DrawFn) -> list[Member]:
    return [
        says(
            str(n),
            cell=draw(cells),
            at=draw(times),
            trust=draw(st.sampled_from([20.0, 50.0])),
            verified=draw(st.booleans()),
        )
        for n in range(1, draw(st.integers(1, 5)) + 1)
    ]


override_sets = st.lists(
    st.builds(
        set_by_hand,
        st.integers(1, 4),
        st.sampled_from(["Z", "Y"]),
        anchor=st.sampled_from(["1", "2", "8"]),
        at=st.sampled_from([1, 2]),
        until=st.sampled_from([None, NOW, NOW + 1]),
    ),
    max_size=3,
    unique_by=lambda o: o.id,
)
rules = st.sampled_from(RULES)
more = st.sampled_from([{}, {"fallbacks": ["most_recent"]}, {"half_life": "1y"}])


@some
@given(member_sets(), override_sets, rules, more, st.data())
def test_shuffling_the_members_never_changes_the_answer(
    members: list[Member], overrides: list[Override], rule: str, extra: dict[str, Any], data: st.DataObject
) -> None:
    expected = golden(members, rule, overrides, **extra)
    shuffled = data.draw(st.permutations(members))
    assert golden(shuffled, rule, data.draw(st.permutations(overrides)), **extra) == expected


@some
@given(member_sets(), override_sets, rules, more, st.data())
def test_renumbering_the_records_never_changes_the_value(
    members: list[Member], overrides: list[Override], rule: str, extra: dict[str, Any], data: st.DataObject
) -> None:
    """Row numbers are an accident of landing order; names are not."""
    numbers = data.draw(st.permutations(range(101, 101 + len(members))))
    again = [
        Member(m.record, n, {a: Held(h.cell, h.time, n) for a, h in m.held.items()}, m.standings)
        for m, n in zip(members, numbers, strict=True)
    ]
    expected, found = golden(members, rule, overrides, **extra), golden(again, rule, overrides, **extra)
    assert (expected is None) == (found is None)
    if expected is not None and found is not None:
        names = {m.rid: m.record for m in (*members, *again)}
        assert found.values == expected.values
        assert [names[r.rid] for r in found.won] == [names[r.rid] for r in expected.won]
        assert [names[r.rid] for r in found.lost] == [names[r.rid] for r in expected.lost]


@some
@given(member_sets(), override_sets, rules, more)
def test_a_golden_value_is_a_members_or_a_standing_override_and_lineage_conserves_them_all(
    members: list[Member], overrides: list[Override], rule: str, extra: dict[str, Any]
) -> None:
    found = golden(members, rule, overrides, **extra)
    in_effect = [m for m in members if m.held["x"].cell.in_effect(NOW)]
    said = {(m.rid, i): v for m in in_effect for i, v in enumerate(m.held["x"].cell.values)}
    cleared = {(m.rid, 0) for m in in_effect if m.held["x"].cell.cleared}
    standing = [o for o in overrides if o.anchor in {m.record for m in members} and (o.until is None or o.until > NOW)]
    if found is None:
        assert not said
        assert not cleared
        assert not standing
        return
    refs = [(r.rid, r.index) for r in (*found.won, *found.lost)]
    assert sorted(refs) == sorted({*said, *cleared})
    if found.override is not None:
        best = max(standing, key=lambda o: (o.at, o.id))
        assert (found.values, found.override) == (best.values, best.id)
        return
    assert not standing
    assert set(found.values) <= set(said.values())
    assert found.values or cleared
    assert all(said.get((r.rid, r.index)) in (*found.values, None) for r in found.won)


@some
@given(member_sets(), rules, more)
def test_a_claimed_value_never_stands_before_a_verified_one(
    members: list[Member], rule: str, extra: dict[str, Any]
) -> None:
    found = golden(members, rule, **extra)
    sure = {m.rid for m in members if m.standings.by["x"].verified}
    if found is not None and any(r.rid in sure for r in (*found.won, *found.lost)):
        if rule == "union" and not any(
            m.held["x"].cell.values and m.held["x"].cell.in_effect(NOW) for m in members if m.rid in sure
        ):
            return  # only cleared ones are sure: nothing of theirs is in a union
        assert found.won[0].rid in sure
        assert found.verified


@some
@given(member_sets(), rules, more, st.sampled_from([1, YEAR, 100 * YEAR]))
def test_no_rule_looks_at_the_clock(members: list[Member], rule: str, extra: dict[str, Any], later: int) -> None:
    timeless = [m for m in members if m.held["x"].cell.start is None and m.held["x"].cell.end is None]
    assert golden(timeless, rule, now=NOW, **extra) == golden(timeless, rule, now=NOW + later, **extra)


def test_the_default_of_an_attribute_is_most_trusted() -> None:
    assert Survivorship().rule is Rule.MOST_TRUSTED


# --- effective dates, on both databases ------------------------------------------------------------------------------


class Told:
    """A clock that shows what it is told, a microsecond later at each look."""

    def __init__(self, at: str):
        self.at = micros(at)

    def set(self, at: str) -> None:
        self.at = micros(at)

    def now(self) -> int:
        self.at += 1
        return self.at


def micros(iso: str) -> int:
    from datetime import datetime

    return to_micros(datetime.fromisoformat(iso + "T00:00:00+00:00"))


@pytest.fixture
def clock(database: Database) -> Iterator[Told]:
    before, database.clock = database.clock, Told("2024-01-01")
    yield database.clock
    database.clock = before


A, B = RecordId("bill", "people", "1"), RecordId("crm", "people", "1")


def mover(database: Database) -> Resolver:
    """One person in two sources; billing knows a phone number from March on, until June."""
    hub = tiny.resolver(database)
    base = {
        "id": "1",
        "v": 1,
        "given_name": "Anna",
        "family_name": "Maier",
        "birth_date": "1980-02-03",
        "email": "a@x.example",
        "at": "2023-01-01T00:00:00Z",
    }
    hub.upsert(
        "bill",
        "people",
        [{**base, "phone": "+4915112345678", "phone_from": "2024-03-01T00:00:00Z", "phone_to": "2024-06-01T00:00:00Z"}],
    )
    hub.upsert("crm", "people", [{**base, "phone": "+4915187654321"}])
    assert tiny.partition(database) == {frozenset((A, B))}
    return hub


def served(database: Database) -> tuple[list[str], int, int | None]:
    with database.read() as c:
        found = c.exec_driver_sql("SELECT body, version, revisit_at FROM customer").one()
    return load(found.body).get("phone"), found.version, found.revisit_at


OLD, NEW = ["+4915187654321"], ["+4915112345678"]


def test_a_value_dated_later_takes_effect_by_itself_and_ends_by_itself(database: Database, clock: Told) -> None:
    hub = mover(database)
    phone, version, again = served(database)
    assert (phone, again) == (OLD, micros("2024-03-01"))
    assert hub.tick() == 0
    clock.set("2024-02-29")
    assert hub.tick() == 0
    clock.set("2024-03-01")
    assert hub.tick() == 1
    assert served(database) == (NEW, version + 1, micros("2024-06-01"))
    assert hub.tick() == 0
    assert not Verify(hub).run().total
    clock.set("2024-06-01")
    assert hub.tick() == 1
    assert served(database) == (OLD, version + 2, None)
    assert not Verify(hub).run().total


def test_a_hub_that_slept_past_both_dates_makes_no_change(database: Database, clock: Told) -> None:
    hub = mover(database)
    _, version, _ = served(database)
    clock.set("2025-01-01")
    hub.tick()
    assert served(database) == (OLD, version, None)
    assert hub.tick() == 0


def test_an_override_ends_by_itself(database: Database, clock: Told) -> None:
    hub = mover(database)
    with database.read() as c:
        info = landing.record_named(c, A)
    assert info is not None
    Steward(hub).override(
        info.mint, "phone", ("+4915100000000",), by="ann", reason="on leave", until=micros("2024-02-01")
    )
    assert served(database)[0] == ["+4915100000000"]
    assert served(database)[2] == micros("2024-02-01")
    clock.set("2024-02-01")
    assert hub.tick() == 1
    assert served(database)[0] == OLD
    assert served(database)[2] == micros("2024-03-01")
    assert not Verify(hub).run().total


def test_a_landing_after_a_date_was_reached_does_not_wait_for_the_tick(database: Database, clock: Told) -> None:
    hub = mover(database)
    clock.set("2024-04-01")
    assert hub.tick() == 1
    row = {
        "id": "1",
        "v": 2,
        "given_name": "Hanna",
        "family_name": "Maier",
        "birth_date": "1980-02-03",
        "email": "a@x.example",
        "phone": OLD[0],
    }
    hub.upsert("crm", "people", [row])
    assert served(database)[0] == NEW
    assert from_micros(clock.now()).year == 2024
    assert not Verify(hub).run().total
