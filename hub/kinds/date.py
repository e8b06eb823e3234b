"""Dates, shown as ISO 'YYYY-MM-DD'. Times lose their time of day, as written (no zone is applied).

Read are ISO, 19800301, 1.3.1980 (day first), 3 Mar 1980, March 3rd, 1980, and 03/04/1980 where the stream says which
comes first or only one order is possible. Two-digit years only where the order is clear, and only in dates that name
the month or where the stream says the order; 00 to 29 are read as 2000 to 2029.

Forms: "" ISO; digits 'YYYYMMDD'; year 'YYYY'; month_day 'MM-DD'; swapped  ISO with day and month exchanged, where
that is another date.
"""

from __future__ import annotations

import re
from datetime import date

from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import HIDDEN, hidden, only, read, text_of, to_ascii, word_set
from hub.model import Value

NAMES = ("", "digits", "year", "month_day", "swapped")
PLACEHOLDERS = frozenset({"1900-01-01", "1901-01-01", "1899-12-30", "1899-12-31", "1970-01-01", "1800-01-01",
"1753-01-01",
                          "1111-11-11", "9999-12-31", "9999-01-01", "2999-12-31", "2099-12-31", "0001-01-01",
                          "1900-01-02"})  # fmt: skip
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ]\d\d?(?::?\d\d){0,2}(?:[.,]\d+)?\s?(?:Z|UTC|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)
_TIME = re.compile(
    r"[T ,]\s*\d\d?:\d\d(:\d\d([.,]\d+)?)?\s*([AaPp]\.?[Mm]\.?)?\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?$", re.ASCII
)
_YEAR_FIRST = re.compile(r"(\d{4})[-/. ](\d\d?)[-/. ](\d\d?)\.?", re.ASCII)
_YEAR_LAST = re.compile(r"(\d\d?)([-/. ])\s?(\d\d?)[-/. ]\s?(\d{4}|\d\d)", re.ASCII)
_CJK = re.compile(r"(\d{4})\s?[年년]\s?(\d\d?)\s?[月월]\s?(\d\d?)\s?[日일]", re.ASCII)
_ZEROS = re.compile(r"[0/.\-: T]+")
_WORDY = re.compile(r"[a-z]+|\d+")
_MONTHS = {
    1: "january jan januar janvier enero ene gennaio gen januari janeiro janv styczen stycznia yanvarya yanvar",
    2: "february feb februar fevrier fev fevr febrero febbraio februari fevereiro luty lutego fevralya fevral",
    3: "march mar marz maerz mrz mars marzo maart mrt marco marzec marca marta mart",
    4: "april apr avril avr abril abr aprile kwiecien kwietnia aprelya aprel",
    5: "may mai mayo maggio mag mei maio maj maja maya",
    6: "june jun juni juin junio giugno giu junho czerwiec czerwca iyunya iyun",
    7: "july jul juli juillet juil julio luglio lug julho lipiec lipca iyulya iyul",
    8: "august aug aout agosto ago augustus aou sierpien sierpnia avgusta avgust",
    9: "september sep sept septembre septiembre settembre set setembro wrzesien wrzesnia sentyabrya sentyabr",
    10: "october oct oktober okt octobre octubre ottobre ott outubro out pazdziernik pazdziernika oktyabrya oktyabr",
    11: "november nov novembre noviembre novembro listopad listopada noyabrya noyabr",
    12: "december dec dezember dez decembre diciembre dic dicembre dezembro grudzien grudnia dekabrya dekabr",
}  # fmt: skip
_MONTH = {word: month for month, known in _MONTHS.items() for word in known.split()}
_FILLERS = word_set(
    """
    st nd rd th de del of the den der le er di dia g r monday tuesday wednesday thursday friday saturday sunday mon
    tue wed thu fri sat sun
    """
)


def iso(year: int, month: int, day: int) -> str | Problem:
    """ISO text of a possible date."""
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return Problem("no such date")


def parse(raw: object, context: Context) -> str | Problem | None:
    """ISO date of a raw value."""
    if (
        type(raw) is str
        and len(raw) == 10
        and raw[4] == "-"
        and raw[:4] != "0000"
        and raw.isascii()
        and (found := _ISO.fullmatch(raw))
    ):
        return iso(int(found[1]), int(found[2]), int(found[3]))
    text = read(raw)
    if not isinstance(text, str):
        return text
    if len(text) > 64 or not any(map(str.isdecimal, text)):
        return Problem("not a date")
    if _ZEROS.fullmatch(text):  # 0000-00-00
        return None
    return _parse(text, context)


def _parse(text: str, context: Context) -> str | Problem:
    if found := _ISO.fullmatch(text) or _CJK.fullmatch(text):
        return iso(int(found[1]), int(found[2]), int(found[3]))
    text = _TIME.sub("", text)
    if text.isdigit() and text.isascii():
        if len(text) != 8:
            return Problem("not a date: digits only, but not YYYYMMDD")
        return iso(int(text[:4]), int(text[4:6]), int(text[6:]))
    if found := _YEAR_FIRST.fullmatch(text):
        return iso(int(found[1]), int(found[2]), int(found[3]))
    if found := _YEAR_LAST.fullmatch(text):
        return _ordered(int(found[1]), int(found[3]), found[4], dotted=found[2] == ".", context=context)
    return _worded(text)


def _ordered(first: int, second: int, year: str, *, dotted: bool, context: Context) -> str | Problem:
    """Day and month in the order that the dots, the stream or the numbers say."""
    day_first = True if dotted else context.day_first
    if len(year) == 2 and day_first is None:
        return Problem("a two-digit year in a date of unknown order")
    if day_first is None:
        if first <= 12 and second <= 12 and first != second:
            return Problem("day and month cannot be told apart; say day_first in the stream")
        day_first = first > 12
    day, month = (first, second) if day_first else (second, first)
    if month > 12 and day <= 12 and not dotted:
        return Problem("day and month are in another order than day_first says")
    return iso(_full_year(year), month, day)


def _full_year(year: str) -> int:
    if len(year) > 2:
        return int(year)
    return int(year) + (2000 if int(year) < 30 else 1900)


def _worded(text: str) -> str | Problem:
    """'3 Mar 1980', 'March 3rd, 1980', '3. März 1980'."""
    found = [word for word in _WORDY.findall(to_ascii(text).lower()) if word not in _FILLERS]
    months = [word for word in found if word.isalpha()]
    numbers = [word for word in found if not word.isalpha()]
    if len(months) != 1 or months[0] not in _MONTH or len(numbers) != 2:
        return Problem("not a date")
    year = next((number for number in numbers if len(number) == 4), None)
    if year is None:
        first, year = numbers
        if len(year) != 2 or len(first) > 2 or found[-1] != year:
            return Problem("not a date")
        return iso(_full_year(year), _MONTH[months[0]], int(first))
    day = numbers[1] if numbers[0] == year else numbers[0]
    if len(day) > 2:
        return Problem("not a date")
    return iso(int(year), _MONTH[months[0]], int(day))


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    found = parse(raw, context)
    return Cleaned(found) if isinstance(found, str) else found


def forms(value: Value) -> Forms:
    text = text_of(value)
    if text in PLACEHOLDERS:
        return only(text, NAMES)
    if len(text) != 10 or not text.isascii() or not _ISO.fullmatch(text):
        return only(to_ascii(text).lower(), NAMES)
    year, month, day = text[:4], text[5:7], text[8:]
    swapped = f"{year}-{day}-{month}" if day <= "12" and day != month else None
    return {"": text, "digits": year + month + day, "year": year, "month_day": text[5:], "swapped": swapped}


def mask(value: Value) -> Value:
    """The year only: '1980-***'."""
    text = text_of(value)
    return hidden(f"{text[:4]}-{HIDDEN}", text) if _ISO.fullmatch(text) else HIDDEN


DATE = Kind(name="date", clean=clean, forms=forms, mask=mask, keys=("", "year", "month_day"), placeholders=PLACEHOLDERS)
