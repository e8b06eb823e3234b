"""Source times and versions, read without a clock. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from hub.connectors.base import JSON
from hub.model import from_micros, to_micros

_DIGITS = re.compile(r"[+-]?\d{1,30}(\.\d{1,18})?")
_DAY_MONTH_YEAR = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_LAST = 4_102_444_800_000_000  # 2100: later epoch numbers are read in the next smaller unit


def instant(value: JSON, day_first: bool | None = None, zone: ZoneInfo | None = None) -> int | None:
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
    iso = _iso(text, zone)
    if iso is not None:
        return to_micros(iso)
    if match := _DAY_MONTH_YEAR.fullmatch(text):
        return _written(match, day_first, zone)
    if _DIGITS.fullmatch(text) and len(text.split(".")[0].lstrip("+-")) >= 9:
        return _epoch(float(text) if "." in text else int(text))
    return None


def _iso(text: str, zone: ZoneInfo | None) -> datetime | None:
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


def repeated(value: JSON | datetime, zone: ZoneInfo) -> timedelta | None:
    """How much the clocks go back, of a local time that comes twice: nobody can tell which of the two is meant."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        return None
    if moment.tzinfo is not None:
        return None
    first, second = (moment.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return first - second if first is not None and second is not None and first > second else None


def iso_text(micros: int) -> str:
    """`YYYY-MM-DDTHH:MM:SS.ffffffZ`: sorts as text in time order."""
    return _sortable(from_micros(micros))


def _sortable(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


def version_text(
    value: JSON, day_first: bool | None = None, zone: ZoneInfo | None = None
) -> tuple[str | None, int | None]:
    """A version as text that sorts in version order, and its instant when it is a time.

    Times become UTC text, numbers are padded to 20 digits, any other text stays. None, empty and
    nested values are no version.
    """
    if value is None or isinstance(value, bool | list | dict):
        return None, None
    text = str(value).replace("\x00", "").strip()  # PostgreSQL cannot store it
    if not text:
        return None, None
    if _DIGITS.fullmatch(text):
        return _padded(text), None
    if isinstance(value, float):
        return _padded(format(Decimal(text), "f")) if abs(value) < 1e30 else None, None
    iso = _iso(text, zone)
    if iso is not None:
        return _sortable(iso), to_micros(iso)
    moment = instant(text, day_first, zone)
    return (text[:200], None) if moment is None else (iso_text(moment), moment)


def _padded(text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:  # pragma: no cover - the pattern allows only numbers
        return text
    negative, number = number < 0, abs(number)
    if negative:  # '-' sorts before digits, and the complement turns the order round
        number = Decimal(10) ** 20 - number
    whole, _, rest = format(number, "f").partition(".")
    rest = rest.rstrip("0")
    return ("-" if negative else "") + whole.rjust(20, "0") + (f".{rest}" if rest else "")


def shift_back(value: JSON, micros: int) -> JSON:
    """The same version, `micros` earlier, in the spelling it came in. Other versions stay."""
    if not isinstance(value, str) or micros <= 0:
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    naive = moment.tzinfo is None
    earlier = from_micros(to_micros(moment.replace(tzinfo=UTC) if naive else moment) - micros)
    if len(value) == 10:  # a date: whole days, rounded down
        return earlier.date().isoformat()
    earlier = earlier.replace(tzinfo=None) if naive else earlier.astimezone(moment.tzinfo)
    digits = re.search(r"\.(\d+)", value)
    text = earlier.isoformat(sep=value[10], timespec="microseconds" if digits else "seconds")
    if digits and len(digits[1]) == 3:
        text = text.replace(f".{earlier.microsecond:06d}", f".{earlier.microsecond // 1000:03d}")
    return text.replace("+00:00", "Z") if value.endswith("Z") else text
