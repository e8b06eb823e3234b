"""The pure queue: doubt, worth, order, what closes an item, and what labels speak for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.model import BIT
from hub.stewardship.items import (
    Bounds,
    Decided,
    FoundItem,
    Item,
    Label,
    doubt,
    doubted,
    pair_items,
    position,
    propose,
    ranked,
    values_changed,
)

PERSON = Bounds(join=7 * BIT, review=0, margin=3 * BIT, attributes=6)


def found(left: int, right: int, bits: float, clusters: tuple[int, int] | None = None, agree: int = 0) -> FoundItem:
    parts = [(f"c{n}", 0, BIT) for n in range(agree)]
    return FoundItem(left, right, round(bits * BIT), parts, frozenset(clusters or (left, right)), "person", 2)


def items(*pairs: FoundItem, decided: tuple[Decided, ...] = ()) -> list[Item]:
    return ranked(pair_items(pairs, decided, {"person": PERSON}), 0)


def test_doubt_is_largest_where_the_model_knows_nothing_and_where_guard_and_evidence_contradict() -> None:
    assert doubt(0, 7 * BIT) == doubt(9 * BIT, 7 * BIT) == 0.25
    assert doubt(3 * BIT, 7 * BIT) > doubt(6 * BIT, 7 * BIT)


def test_a_decision_on_records_that_agree_in_less_is_worth_more() -> None:
    assert [i.left for i in items(found(1, 2, 3, agree=5), found(3, 4, 3, agree=1))] == [3, 1]
    assert values_changed([("a", 0, -5), ("b", 0, 9)], 6) == 5 and values_changed([("a", 0, 9)], 1) == 1


def test_two_customers_make_one_item_by_their_strongest_pair() -> None:
    (only,) = items(found(1, 3, 2, (1, 3)), found(2, 3, 4, (1, 3)), found(2, 4, 4, (1, 3)))
    assert (only.left, only.right, only.kind) == (2, 3, "grey")
    assert items(found(1, 2, 8))[0].kind == "apart"


def test_a_no_between_any_two_records_closes_the_item() -> None:
    assert items(found(1, 3, 2, (1, 3)), decided=(Decided(frozenset((3, 1)), False, None),)) == []


def test_unsure_hides_until_the_weight_changes_its_whole_bits() -> None:
    unsure = Decided(frozenset((1, 2)), True, 2 * BIT + 900)
    assert items(found(1, 2, 2.1), decided=(unsure,)) == []
    assert len(items(found(1, 2, 3.1), decided=(unsure,))) == 1


def test_what_is_overdue_comes_first() -> None:
    low = Item("grey", 8, 9, frozenset((8, 9)), "person", 0, 5, 1, 0, due=10)
    high = Item("grey", 1, 2, frozenset((1, 2)), "person", 0, 500, 1, 0, due=30)
    assert [i.left for i in ranked([high, low], 9)] == [1, 8] and [i.left for i in ranked([high, low], 10)] == [8, 1]


def test_a_decision_comes_up_again_when_evidence_turned_against_it_or_its_ground_moved() -> None:
    assert doubted(False, 2 * BIT, 11 * BIT, True, PERSON) == "contradicted"
    assert doubted(False, 11 * BIT, 12 * BIT, False, PERSON) is None  # it was said in full sight of that
    assert doubted(True, 5 * BIT, -4 * BIT, True, PERSON) == "contradicted"
    assert doubted(True, None, -9 * BIT, True, PERSON) is None
    assert doubted(True, 5 * BIT, 3 * BIT, True, PERSON) == "changed"
    assert doubted(True, 5 * BIT, 5 * BIT + 10, True, PERSON) is None  # not materially
    assert doubted(True, 5 * BIT, 3 * BIT, False, PERSON) is None  # another model alone changes no ground


def test_labels_speak_for_a_threshold_and_wrong_joins_count_thrice() -> None:
    labels = [
        Label(n, n + 100, "person", match, bits * BIT)
        for n, (match, bits) in enumerate([(True, 9), (False, 8), (True, 5), (True, 4), (False, 2)])
    ]
    made = propose(labels, "person", 7 * BIT)
    assert (made.proposed, made.false_joins, made.missed) == (8 * BIT + 1, 1, 2) or made.proposed_false_joins == 0
    assert made.proposed_false_joins * 3 + made.proposed_missed <= made.false_joins * 3 + made.missed
    assert propose(labels, "organisation", 7 * BIT).proposed == 7 * BIT  # nothing is known of those


weights = st.integers(-3, 12).map(lambda b: b * BIT)


@given(st.lists(st.tuples(st.booleans(), weights), max_size=8), weights)
def test_a_proposal_is_never_worse_than_today_on_the_labels(given_: list[tuple[bool, int]], join: int) -> None:
    made = propose([Label(n, n + 100, "person", m, w) for n, (m, w) in enumerate(given_)], "person", join)
    assert 3 * made.proposed_false_joins + made.proposed_missed <= 3 * made.false_joins + made.missed
    if made.false_joins == made.missed == 0:
        assert made.proposed == join


@given(
    st.lists(
        st.builds(
            lambda a, b, w, d: Item("grey", a, b, frozenset((a, b)), "person", 0, w, 1, 0, due=d),
            st.integers(1, 3),
            st.integers(4, 6),
            st.integers(0, 3),
            st.sampled_from([None, 1, 9]),
        ),
        max_size=8,
        unique_by=lambda i: (i.left, i.right),
    )
)
def test_the_order_is_total_so_pages_neither_repeat_nor_skip(listed: list[Item]) -> None:
    order = [position(i, 5) for i in ranked(listed, 5)]
    assert order == sorted(set(order))
