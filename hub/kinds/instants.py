"""Times as sources write them -> microseconds since 1970 UTC, without a clock. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hub.model import from_micros, to_micros

DIGITS = re.compile(r"[+-]?\d{1,30}(\.\d{1,18})?")
_DAY_MONTH_YEAR = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_LAST = 4_102_444_800_000_000  # 2100: later epoch numbers are read in the next smaller unit


def instant(value: object, day_first: bool | None = None, zone: ZoneInfo | None = None) -> int | None:
    """Microseconds since 1970 UTC of a source's time, None when it is none.

    Reads ISO dates and times (without a zone of their own: in `zone`, else UTC), epoch seconds, milliseconds or microseconds, and
    31.12.2024-like dates where the order of day and month is certain. A date alone is its midnight.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _epoch(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    iso = iso_moment(text, zone)
    if iso is not None:
        return to_micros(iso)
    if match := _DAY_MONTH_YEAR.fullmatch(text):
        return _written(match, day_first, zone)
    if DIGITS.fullmatch(text) and len(text.split(".")[0].lstrip("+-")) >= 9:
        return _epoch(float(text) if "." in text else int(text))
    return None


def iso_moment(text: str, zone: ZoneInfo | None) -> datetime | None:
    if len(text) < 8 or (len(text) > 8 and text.replace(".", "").isdigit()):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone or UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _epoch(number: float) -> int | None:
    """Seconds, milliseconds, microseconds or nanoseconds, told apart by size."""
    if not abs(number) < 1e19:  # NaN too
        return None
    for factor in (1_000_000, 1000, 1):
        micros = round(number * factor) if isinstance(number, float) else number * factor
        if abs(micros) < _LAST:
            return micros
    return int(number) // 1000 if abs(number) < _LAST * 1000 else None


def _written(match: re.Match[str], day_first: bool | None, zone: ZoneInfo | None) -> int | None:
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    if first > 12 or second > 12:
        day_first = first > 12
    elif day_first is None and match[2] == ".":
        day_first = True  # 1.2.2024 is the first of February wherever dots are written
    elif day_first is None and first != second:
        return None
    day, month = (first, second) if day_first else (second, first)
    try:
        moment = datetime(
            year, month, day, int(match[5] or 0), int(match[6] or 0), int(match[7] or 0), tzinfo=zone or UTC
        )
        return to_micros(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def iso_text(micros: int) -> str:
    """`YYYY-MM-DDTHH:MM:SS.ffffffZ`: sorts as text in time order."""
    return sortable(from_micros(micros))


def sortable(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")[:26] + "Z"
