"""When a request has to be answered: a month after it came, two more where it is extended in time. Pure.

A month ends on the day of the same number, or on the last day of a shorter month, at the end of that day in UTC.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, time

from hub.model import from_micros, to_micros


def first_due(opened: int) -> int:
    """The end of the first month."""
    return _months_later(opened, 1)


def extended_due(opened: int) -> int:
    """The end of the third."""
    return _months_later(opened, 3)


def _months_later(at: int, months: int) -> int:
    day = from_micros(at).astimezone(UTC).date()
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    last = day.replace(year=year, month=month, day=min(day.day, monthrange(year, month)[1]))
    return to_micros(datetime.combine(last, time.max, UTC))
