"""Moments: a time in UTC, 'YYYY-MM-DDTHH:MM:SSZ'. A time that says no zone is in the stream's; a date alone is its midnight.

03/04/2024 is read only where the stream says which comes first. Forms: "" the same in small letters; day 'yyyy-mm-dd'.
"""

from __future__ import annotations

from datetime import datetime

from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.instants import instant
from hub.kinds.reading import HIDDEN, hidden, or_none, read, text_of, to_ascii
from hub.model import Value, from_micros, to_micros


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    text = read(raw)
    if not isinstance(text, str):
        return text
    micros = instant(text, context.day_first, context.zone)
    if micros is None:
        return Problem("not a time, or day and month cannot be told apart; say day_first in the stream")
    try:
        return Cleaned(spelled(micros))
    except (ValueError, OverflowError):
        return Problem("a time out of range")


def spelled(micros: int) -> str:
    """A moment as it is shown."""
    return from_micros(micros).replace(tzinfo=None).isoformat() + "Z"


def micros_of(value: Value) -> int:
    """A cleaned moment as microseconds since 1970 UTC."""
    return to_micros(datetime.fromisoformat(text_of(value)))


def forms(value: Value) -> Forms:
    text = to_ascii(text_of(value)).lower()
    return {"": or_none(text), "day": or_none(text[:10])}


def mask(value: Value) -> Value:
    """The year only."""
    text = text_of(value)
    return hidden(f"{text[:4]}-{HIDDEN}", text) if text[:4].isdigit() else HIDDEN


MOMENT = Kind(name="moment", clean=clean, forms=forms, mask=mask, keys=("", "day"))
