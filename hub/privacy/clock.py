"""When a request has to be answered, by the clock that the configuration names. Pure.

gdpr: a month after it came, two more where it is extended in time. A month ends on the day of the same number, or on the last
day of a shorter month. ccpa: the person is told within 10 business days that it came, and answered within 45 calendar days, 45
more where it is extended in time. Each at the end of that day, in UTC.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta

from hub.model import from_micros, to_micros
from hub.settings import Answering

ACKNOWLEDGED, ANSWERED = 10, 45  # of ccpa: business days, calendar days
SATURDAY = 5


def first_due(opened: int, rules: Answering) -> int:
    """Until when it has to be answered."""
    day = _day(opened)
    return _end(day + timedelta(ANSWERED) if rules.clock == "ccpa" else _months_later(day, 1))


def extended_due(opened: int, rules: Answering) -> int:
    """The same once it was extended."""
    day = _day(opened)
    return _end(day + timedelta(2 * ANSWERED) if rules.clock == "ccpa" else _months_later(day, 3))


def acknowledge_due(opened: int, rules: Answering) -> int | None:
    """Until when the person has to be told that it came; None: that is not asked for."""
    if rules.clock != "ccpa":
        return None
    day, left = _day(opened), ACKNOWLEDGED
    while left:
        day += timedelta(1)
        left -= day.weekday() < SATURDAY and day not in rules.holidays
    return _end(day)


def _months_later(day: date, months: int) -> date:
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    return day.replace(year=year, month=month, day=min(day.day, monthrange(year, month)[1]))


def _day(at: int) -> date:
    return from_micros(at).astimezone(UTC).date()


def _end(day: date) -> int:
    return to_micros(datetime.combine(day, time.max, UTC))
