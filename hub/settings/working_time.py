"""`config/working_hours.yaml`: when people work, and how long after a moment something is due. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator

from hub.model import from_micros, to_micros
from hub.settings.base import Strict

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEK: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TERM = re.compile(r"(\d{1,4}) (working )?(minute|hour|day)s?")
SHIFT = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
FARTHEST = 4_000  # days that are looked through for working time


class WorkingHours(Strict):
    """When people work. Each day from when to when, as "09:00-17:00"."""

    zone: str = "UTC"  # time zone, as Europe/Berlin
    days: dict[Weekday, str] = Field(
        default=dict.fromkeys(WEEK[:5], "09:00-17:00")
    )  # day of the week -> hours; a day not named is free
    holidays: tuple[date, ...] = ()  # days on which nobody works

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"'{zone}' is no time zone; write for example Europe/Berlin")
        return zone

    @field_validator("days")
    @classmethod
    def _hours(cls, days: dict[Weekday, str]) -> dict[Weekday, str]:
        for day, hours in days.items():
            found = SHIFT.fullmatch(hours)
            if not found or found[3] + found[4] <= found[1] + found[2]:
                raise ValueError(f"{day}: '{hours}' is no time of a day; write for example 09:00-17:00")
        if not days:
            raise ValueError("nobody ever works; name one day at least")
        return days

    @cached_property
    def _shifts(self) -> dict[int, tuple[time, time]]:
        """Day of the week -> from when to when."""
        found = {}
        for day, hours in self.days.items():
            begin, end = hours.split("-")
            found[WEEK.index(day)] = (time.fromisoformat(begin), time.fromisoformat(end))
        return found

    @cached_property
    def _ends(self) -> dict[tuple[date, int], int]:
        """Day and number of working days -> when people leave then: as many as were asked for."""
        return {}

    def after(self, at: int, term: str) -> int:
        """So long after a moment (microseconds UTC): `30 minutes`, `4 working hours`, `2 working days`.

        Working hours count while people work. A working day ends when people leave: the first after Friday is Monday.
        """
        found = TERM.fullmatch(term)
        assert found, "checked when it was read"
        n, unit = int(found[1]), found[3]
        if not found[2]:
            return at + n * (UNITS[unit] // timedelta(microseconds=1))
        if unit == "day":
            return self._days_after(at, n)
        left = n * UNITS[unit]
        for begin, end in self._from(at):
            if end - begin >= left:
                return to_micros(begin + left)
            left -= end - begin
        return at

    def _days_after(self, at: int, n: int) -> int:
        """When people leave on the n-th working day after that of a moment."""
        zone = ZoneInfo(self.zone)
        today = from_micros(at).astimezone(zone).date()
        if (today, n) in self._ends:
            return self._ends[today, n]
        ends = (end for _, end in self._from(at) if end.astimezone(zone).date() > today or n == 0)
        found = next((end for i, end in enumerate(ends, 1) if i >= n), None)
        answer = at if found is None else to_micros(found)
        if n and found is not None:
            self._ends[today, n] = answer  # the same for all of a day
        return answer

    def _from(self, at: int) -> Iterator[tuple[datetime, datetime]]:
        """Stretches of work from a moment on, in UTC."""
        zone, start = ZoneInfo(self.zone), from_micros(at)
        day = start.astimezone(zone).date()
        for n in range(FARTHEST):
            here = day + timedelta(days=n)
            shift = self._shifts.get(here.weekday())
            if shift is None or here in self.holidays:
                continue
            begin, end = (datetime.combine(here, t, zone).astimezone(UTC) for t in shift)
            if end > start:
                yield max(begin, start), end


def checked_term(text: str) -> str:
    """ValueError when it is no term."""
    if text and not TERM.fullmatch(text):
        raise ValueError(f"'{text}' is no term; write for example 2 working days, 4 working hours or 30 minutes")
    return text
