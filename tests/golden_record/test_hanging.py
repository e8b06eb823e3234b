"""Names that hang together: from one record, and in full as the parts say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.golden_record.hanging import agrees, composed
from hub.golden_record.survivorship import Golden, Member, Standings, golden_values
from hub.landing.fold import Held
from hub.model import Cell, Override, RecordId
from hub.settings import CustomerType, Stream

COUNT = int(os.environ.get("HUB_EXAMPLES", "12")) * 20  # pure, so cheap
NAMES = {
    "given_name": {"kind": "given_name", "survivorship": {"rule": "most_frequent", "fallbacks": ["most_trusted"]}},
    "middle_name": {"kind": "given_name"},
    "family_name": {"kind": "family_name", "survivorship": {"rule": "most_frequent", "fallbacks": ["most_trusted"]}},
    "full_name": {"kind": "person_name", "matching": False},
}


def customer(**more: Any) -> CustomerType:
    return CustomerType.model_validate({"attributes": NAMES, **more})


def member(number: int, trust: float = 50, *, verified: bool = True, at: int | None = None, **said: str) -> Member:
    given = {"customer": "person", "key": "id", "map": {a: a for a in said}, "trust": {"default": trust}}
    stream = Stream.model_validate({**given, "verified": "all" if verified else "none"})
    held = {a: Held(Cell((text,)), at, 1) for a, text in said.items()}
    return Member(RecordId("s", "people", str(number)), number, held, Standings(stream, NAMES))


def names(
    *members: Member, type_: CustomerType | None = None, by_hand: Mapping[str, str] | None = None
) -> dict[str, Any]:
    overrides = [
        Override(n, members[0].record, a, (text,), n) for n, (a, text) in enumerate((by_hand or {}).items(), 1)
    ]
    found = golden_values(members, overrides, type_ or customer(), 0)
    return {a: g.values[0] for a, g in found.items() if g.values}


def test_given_and_family_name_are_of_one_record() -> None:
    married = member(1, 90, given_name="Katharina", family_name="Schmidt")
    maiden = member(2, 60, given_name="Kathi", family_name="Maier")
    other = member(3, 50, family_name="Maier")
    found = names(married, maiden, other)
    assert (found["given_name"], found["family_name"]) in {("Katharina", "Schmidt"), ("Kathi", "Maier")}
    apart = names(married, maiden, other, type_=customer(together=[]))
    assert (apart["given_name"], apart["family_name"]) == ("Katharina", "Maier")


def test_what_the_best_record_leaves_out_comes_from_one_that_agrees_with_it() -> None:
    best = member(1, 90, family_name="Maier")
    whole = member(2, 20, given_name="Anna", family_name="Maier")
    other = member(3, 60, given_name="Berta", family_name="Schulz")
    found = names(best, whole, other)
    assert (found["given_name"], found["family_name"]) in {("Anna", "Maier"), ("Berta", "Schulz")}


def test_a_checked_name_is_not_displaced_by_a_claim_that_says_more() -> None:
    found = names(member(1, family_name="Maier"), member(2, verified=False, given_name="Anna", family_name="Schulz"))
    assert found["family_name"] == "Maier"


def test_a_full_name_is_made_of_the_parts_that_won() -> None:
    found = names(
        member(1, 90, given_name="Katharina", family_name="Schmidt"),
        member(2, 20, full_name="Kathi Maier", given_name="Kathi", family_name="Maier"),
    )
    assert found["full_name"] == "Katharina Schmidt"


def test_one_that_somebody_gave_and_that_says_the_same_stays_as_it_was_given() -> None:
    found = names(
        member(1, 90, given_name="Katharina", family_name="Schmidt"),
        member(2, 80, full_name="Kathi Maier"),
        member(3, 20, full_name="Dr. Katharina Schmidt"),
    )
    assert found["full_name"] == "Dr. Katharina Schmidt"


def test_where_only_full_names_were_given_the_best_of_them_stays() -> None:
    assert names(member(1, 90, full_name="Anna Maier"), member(2, full_name="A Meyer")) == {"full_name": "Anna Maier"}


def test_a_row_that_contradicts_itself_is_read_by_its_parts() -> None:
    found = names(member(1, given_name="Anna", family_name="Maier", full_name="Anne Meyer"))
    assert found["full_name"] == "Anna Maier"


def test_a_name_set_by_hand_is_in_the_full_name_too() -> None:
    anna = member(1, given_name="Anna", family_name="Maier", full_name="Anna Maier")
    assert names(anna, by_hand={"family_name": "Schmidt"})["full_name"] == "Anna Schmidt"
    assert names(anna, by_hand={"full_name": "Frau A. Maier"})["full_name"] == "Frau A. Maier"


def test_how_a_full_name_was_made_is_told() -> None:
    members = member(1, 90, given_name="Ann", family_name="Lee"), member(2, 10, full_name="Bo Li")
    found = golden_values(members, [], customer(), 0)["full_name"]
    assert (found.rule, [part for part, _ in found.of]) == ("composed", ["given_name", "family_name"])
    assert [ref.rid for ref in found.lost] == [2]


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ({"given_name": "Anna", "family_name": "Maier"}, "Anna Maier"),
        ({"given_name": "Anna", "middle_name": "Maria", "family_name": "Maier", "name_suffix": "Jr."}, "Anna Maria Maier Jr."),
        ({"given_name": "Peter", "middle_name": "Peter", "family_name": "Maier"}, "Peter Maier"),
        ({"given_name": "小明", "family_name": "王"}, "王小明"),
        ({"family_name": "Maier"}, "Maier"),
    ],
)  # fmt: skip
def test_a_full_name_as_it_is_written(parts: dict[str, Any], whole: str) -> None:
    assert composed(parts) == whole
    assert agrees(whole, "person_name", {p: parts[p] for p in parts if p != "middle_name" or parts[p] != "Peter"})


def test_groups_are_checked() -> None:
    for bad in (
        [["given_name", "nickname"]],
        [["given_name"]],
        [["given_name", "family_name"], ["family_name", "middle_name"]],
    ):
        with pytest.raises(ValidationError):
            customer(together=bad)


some_names = st.fixed_dictionaries(
    {}, optional={"given_name": st.sampled_from(["Anna", "Berta"]), "family_name": st.sampled_from(["Maier", "Schulz"])}
)


@settings(max_examples=COUNT, deadline=None)
@given(st.lists(st.tuples(some_names, st.sampled_from([20, 50, 90]), st.booleans()), min_size=1, max_size=4))
def test_names_are_somebodys_and_do_not_depend_on_the_order(said: list[tuple[dict[str, str], int, bool]]) -> None:
    members = [member(n, trust, verified=sure, **given) for n, (given, trust, sure) in enumerate(said, 1)]
    expected = names(*members)
    assert all(names(*other) == expected for other in permutations(members))
    whole = [m for m in said if len(m[0]) == 2]
    if whole and len({sure for _, _, sure in said}) == 1:  # somebody says both, and nobody is surer
        assert expected in [given for given, _, _ in whole]


def test_lineage_of_a_group_keeps_what_lost() -> None:
    members = [
        member(1, 90, given_name="Katharina", family_name="Schmidt"),
        member(2, 60, given_name="Kathi", family_name="Maier"),
        member(3, 50, family_name="Maier"),
    ]
    found: Golden = golden_values(members, [], customer(), 0)["family_name"]
    assert {ref.rid for ref in (*found.won, *found.lost)} == {1, 2, 3}
