"""What happened with a record in a month, counted; and months. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from hub.model import RecordId, from_micros, to_micros

Cell = tuple[RecordId, int]  # a record and a month: 202405
MOST = 9 * 10**18  # a sum goes so far and no further, as 64 bits hold it: more is no money


class Tally(NamedTuple):
    owner: RecordId
    month: int
    type: str
    channel: str
    state: str
    currency: str
    cost_currency: str
    n: int
    seconds: int
    amount: int
    least: int
    most: int
    cost: int
    first: int
    last: int


def held(units: int) -> int:
    """A sum of minor units as it is kept."""
    return max(-MOST, min(MOST, units))


def month_of(at: int) -> int:
    """The month of a time, in UTC: 202405."""
    moment = from_micros(at)
    return moment.year * 100 + moment.month


def months_back(month: int, n: int) -> int:
    """So many months before."""
    at = month // 100 * 12 + month % 100 - 1 - n
    return at // 12 * 100 + at % 12 + 1


def begin(month: int) -> int:
    return to_micros(datetime(month // 100, month % 100, 1, tzinfo=UTC))
