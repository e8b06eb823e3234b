"""Source times and versions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.mapping.times import instant, iso_text, repeated, shift_back, version_text
from hub.model import to_micros

NOON = to_micros(datetime(2024, 2, 1, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    "value",
    [
        "2024-02-01T12:00:00Z",
        "2024-02-01 12:00:00",
        "2024-02-01T13:00:00+01:00",
        "2024-02-01 12:00:00.000+00",
        "20240201T120000",
        "1.2.2024 12:00",
        "01.02.2024, 12:00:00",
        1706788800,
        1706788800.0,
        1706788800000,
        1706788800000000,
        1706788800000000000,
        "1706788800",
        "1706788800000",
    ],
)
def test_one_instant_in_many_spellings(value: object) -> None:
    assert instant(value) == NOON


def test_order_of_day_and_month_is_never_guessed() -> None:
    assert instant("01/02/2024") is None
    assert instant("01/02/2024", day_first=True) == instant("2024-02-01")
    assert instant("01/02/2024", day_first=False) == instant("2024-01-02")
    assert instant("13/02/2024", day_first=False) == instant("2024-02-13")
    assert instant("02/02/2024") == instant("2024-02-02")


@pytest.mark.parametrize(
    "value", ["", "soon", "12", "2024-13-01", "31.02.2024", True, None, [], {}, float("nan"), float("inf"), "9" * 40]
)
def test_what_is_no_time_has_no_instant(value: object) -> None:
    assert instant(value) is None


@given(st.lists(st.integers(-(10**19), 10**19), min_size=2))
def test_whole_numbers_sort_as_text_as_they_do_as_numbers(numbers: list[int]) -> None:
    texts = [str(version_text(n)[0]) for n in numbers]
    assert [texts[i] for i in sorted(range(len(numbers)), key=numbers.__getitem__)] == sorted(texts)
    assert texts == [version_text(str(n))[0] for n in numbers]


@given(
    st.lists(
        st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)), min_size=2
    )
)
def test_times_sort_as_text_in_time_order_whatever_their_zone(moments: list[datetime]) -> None:
    zones = [m.isoformat() if i % 2 else m.isoformat().replace("+00:00", "Z") for i, m in enumerate(moments)]
    texts = [str(version_text(z)[0]) for z in zones]
    assert sorted(texts) == [iso_text(to_micros(m)) for m in sorted(moments)]


def test_a_decimal_version_sorts_between_whole_ones() -> None:
    texts = [str(version_text(v)[0]) for v in (1, "1.5", 2, 12.25, 100)]
    assert texts == sorted(texts)


@pytest.mark.parametrize("value", [None, "", "  ", True, [1], {"a": 1}])
def test_what_says_nothing_is_no_version(value: object) -> None:
    assert version_text(value) == (None, None)


@given(
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)),
    st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"]),
)
def test_going_back_keeps_the_spelling(moment: datetime, spelling: str) -> None:
    earlier = shift_back(moment.strftime(spelling), 300_000_000)
    assert earlier == (moment - timedelta(minutes=5)).strftime(spelling)
    assert shift_back(17, 300_000_000) == 17


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "value", ["2024-07-01T14:00:00", "2024-07-01 14:00", "01.07.2024 14:00", "2024-07-01T12:00:00Z"]
)
def test_a_time_without_a_zone_is_read_in_the_stream_s_own(value: str) -> None:
    moment = to_micros(datetime(2024, 7, 1, 12, tzinfo=UTC))
    assert instant(value, zone=BERLIN) == moment
    assert version_text(value, zone=BERLIN) == ("2024-07-01T12:00:00.000000Z", moment)


def test_the_hour_that_clocks_repeat_is_noticed() -> None:
    assert repeated("2024-10-27 02:30:00", BERLIN) == timedelta(hours=1)
    assert repeated(datetime(2024, 10, 27, 2, 30), BERLIN) == timedelta(hours=1)
    for value in ("2024-10-27 03:30:00", "2024-03-31 02:30:00", "2024-10-27T02:30:00+02:00", "no time", None, 7):
        assert repeated(value, BERLIN) is None


def test_numbers_of_any_length_sort_as_numbers() -> None:
    numbers = ["-99999999999999999999999", "-100000000000000000000", "-99999999999999999999", "-2", "0", "7", "99999999999999999999",
               "100000000000000000000", "1000000000000000000000", "999999999999999999999999999999"]  # fmt: skip
    texts = [version_text(n)[0] for n in numbers]
    assert texts == sorted(texts, key=str)
    assert len(set(texts)) == len(numbers)
