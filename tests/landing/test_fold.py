"""Folding: runs, times, partial rows and echoes, by example and against a naive restatement."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.landing.fold import Folded, Held, Spelling, as_written, fold
from hub.matching.recipe import hash_values
from hub.model import BEFORE_ALL, Cell, RecordId, Version, Write

COUNT = int(os.environ.get("HUB_EXAMPLES", "12")) * 20  # pure, so cheap
some = settings(max_examples=COUNT, deadline=None)

R = RecordId("crm", "people", "1")
NULL = Cell()


def is_(text: str) -> Cell:
    return Cell((text,))


def version(n: int, cells: dict[str, Cell] | None, *, at: int | None = None, landed: int | None = None) -> Version:
    """The n-th version; no cells: a tombstone."""
    generation = 1 if cells is None else 0
    return Version(R, (f"{n:02}", generation, f"c{n}"), n if landed is None else landed, cells or {}, at)


def phones(*texts: str | None) -> list[Version]:
    """Versions with one field each; None: the field is null there."""
    return [version(n, {"phone": NULL if t is None else is_(t)}, at=100 * n) for n, t in enumerate(texts, 1)]


def wrote(text: str, over: int, attribute: str = "phone") -> Write:
    """The hub wrote a value over the n-th version."""
    return Write(R, attribute, hash_values((text,) if text else ()), (f"{over:02}", 0, f"c{over}"))


def folded(versions: Sequence[Version], *writes: Write, partial: bool = False, keep_deleted: bool = False) -> Folded:
    found = fold(versions, writes, hash_values, partial=partial, keep_deleted=keep_deleted)
    assert found is not None
    return found


def phone(versions: Sequence[Version], *writes: Write, partial: bool = False) -> Held | None:
    """What the field holds; what was taken back is looked at apart."""
    held = folded(versions, *writes, partial=partial).held.get("phone")
    return held if held is None else held._replace(taken=())


def taken(
    versions: Sequence[Version], *writes: Write, partial: bool = False, spelling: Spelling = as_written
) -> dict[object, int]:
    """What its source took back in the field, and when."""
    found = fold(versions, writes, hash_values, partial=partial, spelling=spelling)
    assert found is not None
    return {t.value: t.at for t in found.held["phone"].taken} if "phone" in found.held else {}


# --- runs and times -----------------------------------------------------------------------------------


def test_a_value_is_as_old_as_the_first_version_of_its_run() -> None:
    assert phone(phones("A", "B", "B", "B")) == Held(is_("B"), 200, 2)


def test_a_value_that_comes_back_begins_a_new_run() -> None:
    assert phone(phones("A", "B", "A")) == Held(is_("A"), 300, 3)


def test_a_mapped_date_is_the_time_of_a_value() -> None:
    dated = Cell(("A",), date=42)
    assert phone([version(1, {"phone": dated}, at=100)]) == Held(dated, 42, 1)
    assert phone([version(1, {"phone": is_("A")}, at=100), version(2, {"phone": dated}, at=200)]) == Held(dated, 42, 2)


def test_an_undated_version_gives_no_time_whenever_it_landed() -> None:
    assert phone([version(1, {"phone": is_("A")})]) == Held(is_("A"), None, 1)
    assert phone([version(1, {"phone": is_("A")}), version(2, {"phone": is_("B")})]) == Held(is_("B"), None, 2)


def test_a_tombstone_parts_no_run_and_leaves_the_last_live_content() -> None:
    a, b = phones("A", "A")
    gone = version(3, None)
    found = folded([a, b, gone])
    assert found.held["phone"] == Held(is_("A"), 100, 1)
    assert (found.died, found.latest) == (3, 3)
    back = version(4, {"phone": is_("A")}, at=400)
    again = folded([a, b, gone, back])
    assert again.held["phone"] == Held(is_("A"), 100, 1)
    assert again.died is None


def test_only_tombstones_are_nobody() -> None:
    assert fold([version(1, None)], [], hash_values, partial=False) is None
    assert fold([], [], hash_values, partial=False) is None


def test_a_stream_that_keeps_values_is_not_dead_after_its_delete() -> None:
    assert folded([*phones("A"), version(2, None)], keep_deleted=True).died is None


def test_an_older_version_that_lands_late_only_lengthens_the_run() -> None:
    late = version(1, {"phone": is_("A")}, at=100, landed=9)
    found = folded([version(2, {"phone": is_("A")}, at=200, landed=1), late])
    assert found.held["phone"] == Held(is_("A"), 100, 9)


def test_a_field_that_a_full_row_lacks_is_gone_and_one_that_a_partial_row_lacks_stays() -> None:
    rows = [version(1, {"phone": is_("A")}, at=100), version(2, {"email": is_("E")}, at=200)]
    full = folded(rows).held
    assert full["email"] == Held(is_("E"), 200, 2)
    assert full["phone"].cell == NULL  # nothing, but that it was taken back
    assert taken(rows) == {"A": 200}
    assert folded(rows, partial=True).held == {"email": Held(is_("E"), 200, 2), "phone": Held(is_("A"), 100, 1)}


def test_a_null_is_something_that_a_source_says() -> None:
    assert phone(phones("A", None)) == Held(NULL, 200, 2)
    assert phone(phones("A", None), partial=True) == Held(NULL, 200, 2)


def test_a_partial_row_without_the_field_does_not_part_its_run() -> None:
    rows = [*phones("A"), version(2, {}, at=200), version(3, {"phone": is_("A")}, at=300)]
    assert phone(rows, partial=True) == Held(is_("A"), 100, 1)
    assert phone(rows) == Held(is_("A"), 300, 3)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_cannot_be_read_takes_no_good_older_value_away(order: tuple[int, ...]) -> None:
    rows = phones("A", None, "B")
    rows[1] = replace(rows[1], unread=frozenset({"phone"}))
    assert phone([rows[n] for n in order[:3]]) == Held(is_("B"), 300, 3)
    assert phone([row for row in (rows[n] for n in order) if row is not rows[2]]) == Held(is_("A"), 100, 1)
    alone = phone([rows[1]])
    assert alone is not None and alone.cell.values == ()


# --- echoes ---------------------------------------------------------------------------------------------


def test_what_the_hub_wrote_reads_as_what_the_source_last_said() -> None:
    assert phone(phones("A", "X"), wrote("X", 1)) == Held(is_("A"), 100, 1)


def test_an_echo_stays_an_echo_while_the_source_repeats_it() -> None:
    assert phone(phones("A", "X", "X", "X"), wrote("X", 1)) == Held(is_("A"), 100, 1)


def test_an_echo_over_a_null_reads_as_null() -> None:
    assert phone(phones(None, "X"), wrote("X", 1)) == Held(NULL, 100, 1)


def test_an_echo_over_a_field_that_was_not_there_is_nothing() -> None:
    assert phone([version(1, {}, at=100), *phones("A", "X")[1:]], wrote("X", 1)) is None


def test_an_echo_in_a_partial_stream_whose_first_rows_lack_the_field() -> None:
    """Nothing stands before the echo there, so the hub's own word must not become the source's."""
    rows = [version(1, {}, at=100), version(2, {"phone": is_("X")}, at=200)]
    assert phone(rows, wrote("X", 1), partial=True) is None


def test_a_partial_stream_echoes_over_rows_without_the_field() -> None:
    rows = [*phones("A"), version(2, {}, at=200), version(3, {"phone": is_("X")}, at=300), version(4, {}, at=400)]
    assert phone(rows, wrote("X", 2), partial=True) == Held(is_("A"), 100, 1)
    assert phone(rows, wrote("X", 1), partial=True) == Held(is_("A"), 100, 1)


def test_the_source_changes_it_and_speaks_for_itself_again() -> None:
    assert phone(phones("A", "X", "B"), wrote("X", 1)) == Held(is_("B"), 300, 3)


def test_the_source_types_the_value_itself_later() -> None:
    assert phone(phones("A", "X", "B", "X"), wrote("X", 1)) == Held(is_("X"), 400, 4)


def test_a_value_that_stood_there_before_the_hub_wrote_is_the_sources_own() -> None:
    assert phone(phones("A", "X"), wrote("X", 2)) == Held(is_("X"), 200, 2)


def test_two_writes_one_after_the_other_are_both_echoes() -> None:
    assert phone(phones("A", "X", "Y"), wrote("X", 1), wrote("Y", 2)) == Held(is_("A"), 100, 1)


def test_two_writes_of_which_only_the_second_was_seen() -> None:
    assert phone(phones("A", "Y"), wrote("X", 1), wrote("Y", 1)) == Held(is_("A"), 100, 1)


def test_a_compensating_write_gives_the_source_its_value_with_its_old_time() -> None:
    assert phone(phones("A", "X", "A"), wrote("X", 1), wrote("A", 2)) == Held(is_("A"), 100, 1)


def test_the_source_going_back_by_itself_speaks_anew() -> None:
    assert phone(phones("A", "X", "A"), wrote("X", 1)) == Held(is_("A"), 300, 3)


def test_a_write_on_one_field_says_nothing_of_another() -> None:
    assert phone(phones("A", "X"), wrote("X", 1, "email")) == Held(is_("X"), 200, 2)


def test_another_value_than_the_hub_wrote_is_no_echo() -> None:
    assert phone(phones("A", "Z"), wrote("X", 1)) == Held(is_("Z"), 200, 2)


def test_a_cleared_field_that_the_hub_cleared_is_an_echo() -> None:
    assert phone(phones("A", None), wrote("", 1)) == Held(is_("A"), 100, 1)


# --- what was taken back ----------------------------------------------------------------------------------


def test_what_a_source_states_no_more_it_took_back_when_it_said_so() -> None:
    assert taken(phones("A", "B", "B")) == {"A": 200}
    assert taken(phones("A", "B", "C")) == {"A": 200, "B": 300}
    assert taken(phones("A", None)) == {"A": 200}


def test_what_it_states_again_it_did_not_take_back() -> None:
    assert taken(phones("A", "B", "A")) == {"B": 300}


def test_a_value_of_a_list_is_taken_back_alone_and_the_others_grow_no_younger() -> None:
    rows = [version(1, {"phone": Cell(("A", "B"))}, at=100), version(2, {"phone": Cell(("C", "B"))}, at=200)]
    assert taken(rows) == {"A": 200}
    held = folded(rows).held["phone"]
    assert [held.stated(n) for n in range(2)] == [200, 100]


def test_what_the_hub_put_there_is_taken_back_when_the_source_changes_it() -> None:
    assert taken(phones("A", "X", "B"), wrote("X", 1)) == {"X": 300}
    assert taken(phones("A", "X", "A"), wrote("X", 1)) == {"X": 300}


def test_what_the_hub_wrote_over_nobody_took_back() -> None:
    assert taken(phones("A", "X"), wrote("X", 1)) == {}
    assert taken(phones("A", "X", "Y"), wrote("X", 1), wrote("Y", 2)) == {}


def test_what_the_hub_put_there_and_no_pull_saw_is_taken_back_by_what_the_source_made_of_it_later() -> None:
    sure = replace(wrote("X", 1), parts=(hash_values(("X",)),), arrived=150)
    assert taken(phones("A", "B"), sure) == {hash_values(("X",)): 200, "A": 200}
    assert taken(phones("A", "B"), replace(sure, arrived=None)) == {"A": 200}  # perhaps it never arrived
    assert taken(phones("A", "X!"), replace(sure, arrived=201)) == {"A": 200}  # stored in its own way as it arrived
    assert taken(phones("A", "X", "B"), sure) == {"X": 300}


def test_without_a_time_of_its_own_nothing_is_taken_back_from_others() -> None:
    assert taken([version(1, {"phone": is_("A")}), version(2, {"phone": is_("B")})]) == {}


def test_another_spelling_takes_nothing_back() -> None:
    assert taken(phones("Hauptstr. 1", "hauptstr. 1"), spelling=lambda _, value: str(value).lower()) == {}


def test_silence_takes_back_in_a_full_stream_and_not_in_a_partial_one() -> None:
    rows = [*phones("A"), version(2, {}, at=200)]
    assert taken(rows) == {"A": 200}
    assert taken(rows, partial=True) == {}
    unread = replace(rows[1], unread=frozenset({"phone"}))
    assert taken([rows[0], unread]) == {}


# --- properties -------------------------------------------------------------------------------------------

texts = st.sampled_from(["A", "B", "X", None])
said = st.lists(st.one_of(texts, st.just("absent"), st.just("gone")), min_size=1, max_size=7)
writes = st.lists(st.tuples(st.sampled_from(["A", "B", "X", ""]), st.integers(1, 7)), max_size=4)


def versions_of(words: Sequence[str | None]) -> list[Version]:
    found = []
    for n, word in enumerate(words, 1):
        cells = None if word == "gone" else {} if word == "absent" else {"phone": NULL if word is None else is_(word)}
        found.append(version(n, cells, at=100 * n))
    return found


def naive(
    words: Sequence[str | None], logged: Sequence[tuple[str, int]], partial: bool
) -> tuple[str | None, int] | None:
    """(value, place of the version that first said it), told from the words alone; None: the source says nothing."""
    told = [(n, w) for n, w in enumerate(words, 1) if w != "gone" and not (partial and w == "absent")]
    if partial:  # before the first word there was nothing, from the first row on
        live = [n for n, w in enumerate(words, 1) if w != "gone"]
        told = ([(live[0], "absent")] if live and told and live[0] < told[0][0] else []) + told
    starts = [(n, w) for i, (n, w) in enumerate(told) if i == 0 or told[i - 1][1] != w]
    mine = len(starts) - 1
    while mine > 0:
        begun, word = starts[mine]
        over = range(starts[mine - 1][0], begun)
        spelled = "" if word in (None, "absent") else word
        if not any(text == spelled and base in over for text, base in logged):
            break
        mine -= 1
    if mine < 0 or starts[mine][1] == "absent":
        return None
    return starts[mine][1], starts[mine][0]


@some
@given(said, writes, st.booleans())
def test_folding_does_what_the_naive_restatement_does(
    words: list[str | None], logged: list[tuple[str, int]], partial: bool
) -> None:
    bases = {n: (f"{n:02}", 1 if w == "gone" else 0, f"c{n}") for n, w in enumerate(words, 1)}
    log = [Write(R, "phone", hash_values((t,) if t else ()), bases[n]) for t, n in logged if n in bases]
    found = fold(versions_of(words), log, hash_values, partial=partial)
    if all(w == "gone" for w in words):
        assert found is None
        return
    assert found is not None
    expected = naive(words, [(t, n) for t, n in logged if n in bases], partial)
    held = found.held.get("phone")
    if held is not None and expected is None:  # it says nothing, but that it took back
        assert held.cell == NULL
        assert held.taken
        held = None
    assert (None if held is None else ((held.cell.values or (None,))[0], held.landed)) == expected
    assert held is None or held.time == 100 * held.landed
    assert (found.died is not None) == (words[-1] == "gone")
    assert found.latest == len(words)


@some
@given(words=said, logged=writes, partial=st.booleans(), data=st.data())
def test_the_order_in_which_versions_and_writes_are_given_does_not_matter(
    words: list[str | None], logged: list[tuple[str, int]], partial: bool, data: st.DataObject
) -> None:
    log = [wrote(t, n) for t, n in logged]
    expected = fold(versions_of(words), log, hash_values, partial=partial)
    shuffled = data.draw(st.permutations(versions_of(words)))
    assert fold(shuffled, data.draw(st.permutations(log)), hash_values, partial=partial) == expected


@some
@given(said.filter(lambda w: w[-1] not in ("gone",)), st.sampled_from(["P", "Q"]), st.booleans(), st.integers(1, 3))
def test_a_write_and_its_echo_leave_every_field_as_it_was(
    words: list[str | None], new: str, partial: bool, repeats: int
) -> None:
    before = folded(versions_of(words), partial=partial).held
    after = folded(versions_of([*words, *[new] * repeats]), wrote(new, len(words)), partial=partial).held
    assert after == before


@some
@given(said, writes)
def test_a_write_that_nothing_echoes_changes_nothing(words: list[str | None], logged: list[tuple[str, int]]) -> None:
    if all(w == "gone" for w in words):
        return
    other = [wrote(f"never {t}", n) for t, n in logged]
    assert folded(versions_of(words), *other) == folded(versions_of(words))


# --- records that the hub made -------------------------------------------------------------------------------


def made_of(text: str, attribute: str = "phone", arrived: int | None = None) -> Write:
    """The hub made the record, with this value in it; empty: with none."""
    hash_ = hash_values((text,) if text else ())
    return Write(R, attribute, hash_, BEFORE_ALL, parts=(hash_values((text,)),) if text else (), arrived=arrived)


def test_what_a_record_was_made_of_is_an_echo_from_its_first_version_on() -> None:
    assert folded(phones("X"), made_of("X")).held == {}
    assert folded(phones("X", "X"), made_of("X")).held == {}
    assert folded(phones(None), made_of("")).held == {}


def test_what_somebody_changes_in_a_record_that_was_made_is_the_sources_word() -> None:
    assert phone(phones("X", "Y"), made_of("X")) == Held(is_("Y"), 200, 2)
    assert phone(phones("X", "Y", "X"), made_of("X")) == Held(is_("X"), 300, 3)
    assert phone(phones("Y"), made_of("X")) == Held(is_("Y"), 100, 1)


def test_what_it_was_made_of_is_taken_back_where_somebody_changed_it_before_a_pull_saw_it() -> None:
    found = fold(phones("Y"), [made_of("X", arrived=50)], hash_values, partial=False)
    assert found is not None
    assert [(t.at, t.hashed) for t in found.held["phone"].taken] == [(100, True)]
    assert fold(phones("X"), [made_of("X", arrived=50)], hash_values, partial=False) == replace(
        folded(phones("X"), made_of("X"))
    )


def test_a_later_write_over_a_record_that_was_made_is_an_echo_too() -> None:
    assert folded(phones("X", "Y"), made_of("X"), wrote("Y", 1)).held == {}
