"""What a source took back is golden only where somebody stated it later; by example, and against a naive restatement."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.golden_record.survivorship import Golden, Member, Standings, golden_values
from hub.landing.fold import fold
from hub.matching.recipe import hash_values
from hub.model import Cell, RecordId, Version
from hub.settings import CustomerType, Stream

COUNT = int(os.environ.get("HUB_EXAMPLES", "12")) * 20  # pure, so cheap
some = settings(max_examples=COUNT, deadline=None)

NOW = 1_000_000
PERSON = CustomerType.model_validate(
    {
        "attributes": {
            "phone": {"kind": "text", "many": True, "survivorship": "union"},
            "address": {"kind": "postal_address", "survivorship": "most_trusted"},
        }
    }
)
Word = tuple[str, ...] | None  # what a version says; None: nothing


def member(
    name: str, *words: Word, attribute: str = "phone", start: int = 1, dated: bool = True, **stream: Any
) -> Member:
    """A record whose n-th version, at the time start + n, says the n-th word."""
    id = RecordId(name, "people", "1")
    versions = [
        Version(
            id,
            (f"{n:03}", 0, f"c{n}"),
            n + 1,
            {} if word is None else {attribute: Cell(word)},
            (start + n) if dated else None,
        )
        for n, word in enumerate(words)
    ]
    found = fold(versions, [], hash_values, partial=False, spelling=PERSON.spelling)
    assert found is not None
    given = Stream.model_validate({"customer": "person", "key": "id", "map": {}, "verified": "all", **stream})
    return Member(id, ord(name[0]), found.held, Standings(given, PERSON.attributes))


def golden(*members: Member, attribute: str = "phone") -> Golden | None:
    return golden_values(sorted(members, key=lambda m: m.record), [], PERSON, NOW).get(attribute)


def values(*members: Member, attribute: str = "phone") -> set[Any]:
    found = golden(*members, attribute=attribute)
    return set(found.values) if found else set()


def test_a_changed_value_replaces_the_old_one_that_another_source_still_holds() -> None:
    billing, crm = member("billing", ("X",)), member("crm", ("X",), ("Y",))
    assert values(billing, crm) == {"Y"}
    found = golden(billing, crm)
    assert found is not None
    assert [ref.rid for ref in found.taken] == [billing.rid]


def test_what_somebody_stated_later_stands() -> None:
    crm = member("crm", ("X",), ("Y",))
    assert values(member("billing", ("Z",), ("Z",), ("X",)), crm) == {"X", "Y"}
    assert values(member("billing", ("X",), start=3), crm) == {"X", "Y"}


def test_it_stands_for_all_who_hold_it_once_somebody_stated_it_later() -> None:
    found = golden(member("a", ("X",)), member("crm", ("X",), ("Y",)), member("z", ("X",), start=9))
    assert found is not None
    assert len(found.won) == 3


def test_a_source_that_owns_the_attribute_is_not_spoken_over() -> None:
    assert values(member("billing", ("X",), owns=["phone"]), member("crm", ("X",), ("Y",))) == {"X", "Y"}


def test_a_claim_takes_no_checked_value_back_and_revives_none() -> None:
    claim = member("web", ("X",), ("Y",), verified="none")
    assert values(member("billing", ("X",)), claim) == {"X", "Y"}
    crm = member("crm", ("X",), ("Y",))
    found = golden(member("billing", ("X",)), crm, web := member("web", ("X",), start=9, verified="none"))
    assert found is not None  # the later claim stands, as a claim
    assert [(ref.rid, value) for ref, value in zip(found.won, found.values, strict=True)][1:] == [(web.rid, "X")]
    assert values(member("app", ("X",), verified="none"), claim) == {"Y"}


def test_an_undated_source_takes_back_its_own_word_alone() -> None:
    assert values(member("billing", ("X",)), member("files", ("X",), ("Y",), dated=False)) == {"X", "Y"}
    assert values(member("files", ("X",), dated=False), member("crm", ("X",), ("Y",))) == {"Y"}


def test_what_nobody_states_any_more_is_empty_and_says_why() -> None:
    found = golden(member("billing", ("X",)), member("crm", ("X",), None))
    assert found is not None
    assert found.values == ()
    assert len(found.taken) == 1


def test_an_address_that_one_moved_from_is_not_kept_by_the_one_more_trusted() -> None:
    def at(line: str) -> tuple[Any, ...]:
        return ((("city", "Berlin"), ("line1", line)),)

    billing = member("billing", at("Hauptstraße 1"), attribute="address", trust={"default": 95})
    moved = member("crm", at("Hauptstr. 1"), at("Neue Gasse 2"), attribute="address", trust={"default": 50})
    assert values(billing, moved, attribute="address") == set(at("Neue Gasse 2"))
    spelled = member("crm", at("Hauptstr. 1"), at("Hauptstraße 1"), attribute="address", trust={"default": 50})
    assert values(billing, spelled, attribute="address") == set(at("Hauptstraße 1"))


histories = st.lists(
    st.lists(st.sets(st.sampled_from("XYZ"), max_size=2).map(lambda s: tuple(sorted(s))), min_size=1, max_size=4),
    min_size=1,
    max_size=3,
)


def naive(words: Sequence[Sequence[tuple[str, ...]]], starts: Sequence[int]) -> set[str]:
    """Said now by a record, since a time after which no record stopped to say it."""
    found = set()
    for value in "XYZ":
        stated, ended = [], [-1]
        for said, start in zip(words, starts, strict=True):
            there = [value in word for word in said]
            if there[-1]:
                n = len(there)
                while n and there[n - 1]:
                    n -= 1
                stated.append(start + n)
            else:
                ended += [start + n for n in range(1, len(there)) if there[n - 1] and not there[n]]
        if stated and max(stated) > max(ended):
            found.add(value)
    return found


@some
@given(histories, st.lists(st.integers(0, 3), min_size=3, max_size=3))
def test_what_stands_is_what_the_naive_restatement_says(words: list[list[tuple[str, ...]]], starts: list[int]) -> None:
    members = [member(name, *said, start=start) for name, said, start in zip("abc", words, starts, strict=False)]
    assert values(*members) == naive(words, starts[: len(words)])
