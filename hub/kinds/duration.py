"""Durations, as ISO 8601 with hours, minutes and seconds: 'PT1H5M', never negative.

Read are PT90S, 1:30:00 (hours first; 12:30 is minutes and seconds), '90 s', '12 min', '1.5 hours'; a number alone where
the attribute's scheme says its unit: seconds, minutes or hours. Parts of a second are rounded. Forms: "" whole seconds.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal

from hub.kinds import number
from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import hidden_mask, or_none, read, text_of, words
from hub.model import Value

_ISO = re.compile(
    r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?", re.IGNORECASE | re.ASCII
)
_CLOCK = re.compile(r"(?:(\d{1,6}):)?(\d{1,2}):(\d{2})(?:\.\d{1,9})?", re.ASCII)
_UNIT = re.compile(r"([^A-Za-z]+?)\s*([A-Za-z]+)\.?")
_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "sek"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "std"), 3600),
}
_LARGEST = 100 * 365 * 86_400


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    text = read(raw)
    if not isinstance(text, str):
        return text
    seconds = _seconds(text, context)
    if isinstance(seconds, Problem):
        return seconds
    if seconds < 0:
        return Problem("a negative duration")
    if seconds > _LARGEST:
        return Problem("a duration out of range")
    return Cleaned(spelled(int(seconds.to_integral_value(ROUND_HALF_EVEN))))


def _seconds(text: str, context: Context) -> Decimal | Problem:
    found = _ISO.fullmatch(text)
    if found and any(found.groups()):
        days, hours, minutes, seconds = (Decimal(part or 0) for part in found.groups())
        return days * 86_400 + hours * 3600 + minutes * 60 + seconds
    if clock := _CLOCK.fullmatch(text):
        return Decimal(int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + int(clock[3]))
    unit = context.scheme or ""
    if named := _UNIT.fullmatch(text):
        text, unit = named[1], named[2]
    given = number.clean(text, context)
    if not isinstance(given, Cleaned):
        return Problem("not a duration")
    if unit.lower() not in _SECONDS:
        return Problem("a duration without a unit; write for example 12 min")
    return Decimal(text_of(given.value)) * _SECONDS[unit.lower()]


def spelled(seconds: int) -> str:
    """Whole seconds as ISO 8601."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if n)
    return f"PT{parts or '0S'}"


def seconds_of(value: Value) -> int | None:
    """A cleaned duration in seconds; None when it is none."""
    found = _ISO.fullmatch(text_of(value))
    if not found or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (Decimal(part or 0) for part in found.groups())
    return int(days * 86_400 + hours * 3600 + minutes * 60 + seconds)


def forms(value: Value) -> Forms:
    seconds = seconds_of(value)
    return {"": or_none(words(text_of(value))) if seconds is None else str(seconds)}


DURATION = Kind(name="duration", clean=clean, forms=forms, mask=hidden_mask)
