"""Money, moments, durations, counts, choices, references: what is read, and what is a problem."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.kinds import KINDS, money
from hub.kinds.base import Cleaned, Context, Problem
from hub.kinds.duration import seconds_of
from hub.kinds.moment import micros_of


def clean(kind: str, raw: Any, **context: Any) -> Any:
    found = KINDS[kind].clean(raw, Context(**context))
    return found.value if isinstance(found, Cleaned) else found


def euros(amount: str, currency: str = "EUR") -> tuple[tuple[str, str], ...]:
    return (("amount", amount), ("currency", currency))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("12.5 EUR", euros("12.50")),
        ("eur 1,250.00", euros("1250.00")),
        ("1.250,50 EUR", euros("1250.50")),
        ({"amount": "-3", "currency": "usd"}, euros("-3.00", "USD")),
        ({"amount": 1200, "currency": "JPY"}, euros("1200", "JPY")),
        ({"amount": "1.234", "currency": "KWD"}, euros("1.234", "KWD")),
    ],
)
def test_money_has_the_decimals_of_its_currency(raw: Any, expected: Any) -> None:
    assert clean("money", raw) == expected


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("12.50", "without a currency"),
        ({"amount": "12.50"}, "without a currency"),
        ("12.505 EUR", "more decimals"),
        ("1.5 JPY", "more decimals"),
        ("12 ABC", "ISO 4217"),
        ("1e30 EUR", "number"),
        ("99999999999999999.99 EUR", "out of range"),
    ],
)
def test_money_that_nobody_could_add_up_is_a_problem(raw: Any, reason: str) -> None:
    found = clean("money", raw)
    assert isinstance(found, Problem)
    assert reason in found.reason


def test_an_amount_alone_takes_the_currency_of_its_attribute() -> None:
    assert clean("money", "12.50", scheme="EUR") == euros("12.50")
    assert clean("money", "12.50 USD", scheme="EUR") == euros("12.50", "USD")


@given(st.integers(-(10**17), 10**17), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
def test_minor_units_come_back_exactly(units: int, currency: str) -> None:
    value = clean("money", {"amount": money.shown(units, currency), "currency": currency})
    assert money.minor(value) == (units, currency)


def test_a_mask_of_money_shows_neither_amount_nor_currency() -> None:
    assert "12" not in str(KINDS["money"].mask(euros("12.50")))
    assert "EUR" not in str(KINDS["money"].mask(euros("12.50")))


@pytest.mark.parametrize(
    ("raw", "context", "expected"),
    [
        ("2024-05-01T12:00:00+02:00", {}, "2024-05-01T10:00:00Z"),
        ("2024-05-01", {}, "2024-05-01T00:00:00Z"),
        ("2024-07-01 12:00", {"zone": ZoneInfo("Europe/Berlin")}, "2024-07-01T10:00:00Z"),
        ("3.4.2024", {}, "2024-04-03T00:00:00Z"),
        ("03/04/2024", {"day_first": False}, "2024-03-04T00:00:00Z"),
        (1_714_557_600, {}, "2024-05-01T10:00:00Z"),
    ],
)
def test_moments_are_in_utc(raw: Any, context: Any, expected: str) -> None:
    assert clean("moment", raw, **context) == expected


def test_a_date_that_could_be_two_is_a_problem() -> None:
    assert "told apart" in clean("moment", "03/04/2024").reason
    assert isinstance(clean("moment", "soon"), Problem)


def test_a_moment_comes_back_to_the_microsecond() -> None:
    assert micros_of(clean("moment", "1970-01-01T00:00:01.000002Z")) == 1_000_002


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [("PT1M30S", 90), ("1:30:00", 5400), ("12:30", 750), ("90 s", 90), ("1.5 hours", 5400), ("P1DT1S", 86_401)],
)
def test_durations_are_whole_seconds(raw: str, seconds: int) -> None:
    assert seconds_of(clean("duration", raw)) == seconds


def test_a_duration_is_never_negative_and_has_a_unit() -> None:
    assert "negative" in clean("duration", "-5 min").reason
    assert "without a unit" in clean("duration", "5").reason
    assert clean("duration", "5", scheme="minutes") == "PT5M"
    assert clean("duration", clean("duration", "90", scheme="minutes"), scheme="minutes") == "PT1H30M"


def test_counts_are_whole_and_not_negative() -> None:
    assert clean("count", "1,200") == "1200"
    assert "negative" in clean("count", "-1").reason
    assert "whole" in clean("count", "1.5").reason


def test_a_choice_is_one_of_its_options() -> None:
    options = ("call back", "answered")
    assert clean("choice", "CALL_BACK", options=options) == "call back"
    assert "options" in clean("choice", "lost", options=options).reason
    assert clean("choice", "anything") == "anything"


def test_a_reference_stays_as_written() -> None:
    assert clean("reference", " R-00042/a ") == "R-00042/a"
    assert KINDS["reference"].forms("R-00042/a")[""] == "r00042a"
