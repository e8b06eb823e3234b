"""Numbers over time, drawn as bars, one a day. Pure: the page writes the SVG and, for who does not see it, its table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

HIGH, WIDE = 60, 10  # of a plot, and of a day in it


@dataclass(frozen=True, slots=True)
class DayBar:
    """A day: its number, and its bar from the top."""

    day: date
    value: int
    x: int
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Plot:
    """A number over days. `now`: the last one. `address`: the rows behind it."""

    title: str
    unit: str
    now: int
    most: int
    width: int
    columns: tuple[DayBar, ...]
    address: str

    @property
    def told(self) -> tuple[DayBar, ...]:
        """The days that hold something, the newest first."""
        return tuple(c for c in reversed(self.columns) if c.value)


def plot(title: str, values: Iterable[tuple[date, int]], days: Sequence[date], *, unit: str, address: str) -> Plot:
    """Days of which nothing is known count as nothing."""
    by_day: dict[date, int] = {}
    for day, value in values:
        by_day[day] = by_day.get(day, 0) + value
    most = max([1, *(by_day.get(d, 0) for d in days)])
    columns = []
    for n, day in enumerate(days):
        value = by_day.get(day, 0)
        height = max(1, round(HIGH * value / most)) if value > 0 else 0
        columns.append(DayBar(day, value, n * WIDE, HIGH - height, height))
    return Plot(title, unit, columns[-1].value if columns else 0, most, WIDE * len(days), tuple(columns), address)


def days_to(last: date, count: int) -> list[date]:
    return [last - timedelta(days=n) for n in reversed(range(count))]
