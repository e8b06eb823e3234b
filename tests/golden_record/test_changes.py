"""Which change each customer id gets out of a rebuild."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.golden_record.changes import Change, State, changed_attributes, derive
from hub.model import ChangeType

COUNT = int(os.environ.get("HUB_EXAMPLES", "12")) * 20
some = settings(max_examples=COUNT, deadline=None)


def state(members: str, **values: str) -> State:
    return State(frozenset(map(int, members)), {a: [v] for a, v in values.items()}, {})


def test_a_first_record_creates() -> None:
    assert derive({}, {"a": state("1", name="Anna")}, {}, frozenset()) == [Change("a", ChangeType.CREATED, ("name",))]


def test_nothing_that_differs_is_no_change() -> None:
    assert derive({"a": state("1", name="Anna")}, {"a": state("1", name="Anna")}, {}, frozenset()) == []


def test_another_value_updates_and_names_the_attributes() -> None:
    before, after = state("1", name="Anna", city="X", job="baker"), state("1", name="Hanna", city="X", mail="m")
    assert derive({"a": before}, {"a": after}, {}, frozenset()) == [
        Change("a", ChangeType.UPDATED, ("job", "mail", "name"))
    ]
    assert changed_attributes(None, after) == ("city", "mail", "name")


def test_another_lineage_of_the_same_values_is_an_update_of_no_attribute() -> None:
    before, after = state("1", name="Anna"), State(frozenset({1}), {"name": ["Anna"]}, {"name": {"rule": "union"}})
    assert derive({"a": before}, {"a": after}, {}, frozenset()) == [Change("a", ChangeType.UPDATED, ())]


def test_two_that_become_one_tell_each_other() -> None:
    found = derive(
        {"a": state("1", name="A"), "b": state("2", name="B")}, {"a": state("12", name="B")}, {"b": "a"}, frozenset()
    )
    assert found == [Change("a", ChangeType.MERGED, ("name",), ("b",)), Change("b", ChangeType.MERGED, (), ("a",))]


def test_one_that_parts_tells_both() -> None:
    found = derive(
        {"a": state("12", name="A")}, {"a": state("1", name="A"), "b": state("2", name="B")}, {}, frozenset()
    )
    assert found == [Change("a", ChangeType.SPLIT, (), ("b",)), Change("b", ChangeType.SPLIT, ("name",), ("a",))]


def test_the_last_record_leaving_retires() -> None:
    assert derive({"a": state("1")}, {}, {"a": None}, frozenset()) == [Change("a", ChangeType.RETIRED, ())]


def test_an_id_that_is_shown_again_is_not_created_twice() -> None:
    found = derive({}, {"a": state("1", name="A")}, {}, frozenset({"a"}))
    assert found == [Change("a", ChangeType.SPLIT, ("name",))]


def test_a_record_that_moves_over_is_told_on_both_sides() -> None:
    found = derive({"a": state("12"), "b": state("3")}, {"a": state("1"), "b": state("23")}, {}, frozenset())
    assert found == [Change("a", ChangeType.SPLIT, (), ("b",)), Change("b", ChangeType.MERGED, (), ("a",))]


# --- properties -----------------------------------------------------------------------------------------


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, State]:
    """Some records in some customers; a customer's id is its first record's letter."""
    homes = draw(st.lists(st.sampled_from([None, 1, 2, 3, 4]), min_size=4, max_size=4))
    members: dict[int, set[int]] = {}
    for record, home in enumerate(homes, 1):
        if home is not None:
            members.setdefault(home, set()).add(record)
    return {"abcd"[min(m) - 1]: State(frozenset(m), {"x": [draw(st.sampled_from("AB"))]}, {}) for m in members.values()}


@some
@given(worlds(), worlds(), st.frozensets(st.sampled_from("abcd")))
def test_each_id_that_differs_has_one_change_and_no_other_has_any(
    before: dict[str, State], after: dict[str, State], seen: frozenset[str]
) -> None:
    homes = {r: id for id, s in after.items() for r in s.members}
    leads = {id: homes.get("abcd".index(id) + 1) for id in before}
    found = derive(before, after, leads, seen | before.keys())
    assert [c.customer for c in found] == sorted(
        id for id in before.keys() | after.keys() if before.get(id) != after.get(id)
    )
    for change in found:
        gone = change.customer not in after
        assert (change.type in (ChangeType.RETIRED,) or (change.type is ChangeType.MERGED and gone)) == gone
        assert change.type is not ChangeType.CREATED or change.customer not in before
        assert set(change.other) <= {*before, *after} - {change.customer}


@some
@given(worlds(), worlds())
def test_a_subscriber_that_applies_every_change_holds_what_the_hub_holds(
    before: dict[str, State], after: dict[str, State]
) -> None:
    homes = {r: id for id, s in after.items() for r in s.members}
    held = dict(before)
    for change in derive(before, after, {id: homes.get("abcd".index(id) + 1) for id in before}, frozenset(before)):
        if change.customer in after:
            assert set(change.attributes) == set(changed_attributes(held.get(change.customer), after[change.customer]))
            held[change.customer] = after[change.customer]
        else:
            del held[change.customer]
    assert held == after
