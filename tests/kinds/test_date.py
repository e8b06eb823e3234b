"""Dates and birth dates."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context, Problem

KIND = KINDS["date"]
BIRTH = KINDS["birth_date"]


@pytest.mark.parametrize(
    "raw",
    [
        "1980-03-25",
        "1980-03-25T10:00:00Z",
        "1980-03-25 23:59:59.123+02:00",
        "19800325",
        19800325,
        19800325.0,
        "25.3.1980",
        "25.03.80",
        "25. 3. 1980",
        "1980/3/25",
        "25/03/1980",
        "03/25/1980",
        "25-03-1980",
        "25 Mar 1980",
        "March 25th, 1980",
        "25. März 1980",
        "25 de marzo de 1980",
        "25-MAR-80",
        "Tue, 25 Mar 1980 10:00:00 GMT",
        "1980年3月25日",
        "25.03.1980 00:00",
        date(1980, 3, 25),
        datetime(1980, 3, 25, 1, tzinfo=UTC),
        "03/25/1980 12:00 AM",
    ],
)
def test_one_day_in_many_spellings(raw: object) -> None:
    assert KIND.clean(raw, Context()) == Cleaned("1980-03-25")


@pytest.mark.parametrize(
    ("raw", "day_first", "found"),
    [
        ("03/04/1980", True, "1980-04-03"),
        ("03/04/1980", False, "1980-03-04"),
        ("3/4/80", True, "1980-04-03"),
        ("03/03/1980", None, "1980-03-03"),
        ("3.4.1980", False, "1980-04-03"),
        ("01/02/05", False, "2005-01-02"),
    ],
)
def test_the_stream_says_the_order(raw: str, day_first: bool | None, found: str) -> None:
    assert KIND.clean(raw, Context(day_first=day_first)) == Cleaned(found)


@pytest.mark.parametrize(
    "raw",
    [
        "03/04/1980",
        "3/4/80",
        "31.02.1980",
        "1980-13-01",
        "1980-02-30",
        "soon",
        "1980",
        "803",
        "33 Mar 1980",
        "29253",
        True,
        "3/25/80",
    ],
)
def test_what_is_unclear_or_impossible_is_a_problem(raw: object) -> None:
    assert isinstance(KIND.clean(raw, Context()), Problem)


@pytest.mark.parametrize("raw", ["0000-00-00", "00.00.0000", "00000000", "0000-00-00 00:00:00"])
def test_zeros_are_no_date(raw: str) -> None:
    assert KIND.clean(raw, Context()) is None


def test_an_order_that_contradicts_the_stream_is_a_problem() -> None:
    assert isinstance(KIND.clean("03/25/1980", Context(day_first=True)), Problem)


def test_forms() -> None:
    assert KIND.forms("1980-03-04") == {
        "": "1980-03-04",
        "digits": "19800304",
        "year": "1980",
        "month_day": "03-04",
        "swapped": "1980-04-03",
    }
    assert KIND.forms("1980-03-25")["swapped"] is None
    assert KIND.forms("1980-03-03")["swapped"] is None
    assert KIND.forms("1900-01-01")["year"] is None


@pytest.mark.parametrize(
    ("raw", "valid"), [("1980-03-25", True), ("1879-12-31", False), ("2036-01-01", False), ("2024-01-01", True)]
)
def test_births_outside_living_memory_are_kept_as_invalid(raw: str, valid: bool) -> None:
    assert BIRTH.clean(raw, Context()) == Cleaned(raw, valid)


def test_masks_keep_the_year() -> None:
    assert BIRTH.mask("1980-03-25") == "1980-***"
