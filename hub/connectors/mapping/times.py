"""Source times and versions, read without a clock. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from hub.connectors.base import JSON
from hub.kinds.instants import DIGITS, instant, iso_moment, iso_text, sortable
from hub.model import from_micros, to_micros

__all__ = ["instant", "iso_text", "repeated", "shift_back", "version_text"]

WIDTH, MOST = 20, 30  # digits of a number as it is padded; of a larger one
EXACT = Context(prec=60)


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


def version_text(
    value: JSON, day_first: bool | None = None, zone: ZoneInfo | None = None
) -> tuple[str | None, int | None]:
    """A version as text that sorts in version order, and its instant when it is a time.

    Times become UTC text, numbers are padded to 20 digits (larger ones to 30, after those), any other text stays. None, empty and
    nested values are no version.
    """
    if value is None or isinstance(value, bool | list | dict):
        return None, None
    text = str(value).replace("\x00", "").strip()  # PostgreSQL cannot store it
    if not text:
        return None, None
    if DIGITS.fullmatch(text):
        return _padded(text), None
    if isinstance(value, float):
        return _padded(format(Decimal(text), "f")) if abs(value) < 1e30 else None, None
    iso = iso_moment(text, zone)
    if iso is not None:
        return sortable(iso), to_micros(iso)
    moment = instant(text, day_first, zone)
    return (text[:200], None) if moment is None else (iso_text(moment), moment)


def _padded(text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:  # pragma: no cover - the pattern allows only numbers
        return text
    negative, number = number < 0, number.copy_abs()
    large = number >= Decimal(10) ** WIDTH
    width, sign = (MOST, ":") if large else (WIDTH, "")  # ':' sorts after digits
    if negative:  # '-' sorts before digits, '-!' before '-0', and the complement turns the order round
        sign, number = "-!" if large else "-", EXACT.subtract(Decimal(10) ** width, number)
    whole, _, rest = format(number, "f").partition(".")
    rest = rest.rstrip("0")
    return sign + whole.rjust(width, "0") + (f".{rest}" if rest else "")


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
    if len(value) < 10:  # 20250101
        return earlier.strftime("%Y%m%d") if value.isdigit() else value
    earlier = earlier.replace(tzinfo=None) if naive else earlier.astimezone(moment.tzinfo)
    digits = re.search(r"\.(\d+)", value)
    text = earlier.isoformat(sep=value[10], timespec="microseconds" if digits else "seconds")
    if digits and len(digits[1]) == 3:
        text = text.replace(f".{earlier.microsecond:06d}", f".{earlier.microsecond // 1000:03d}")
    return text.replace("+00:00", "Z") if value.endswith("Z") else text
