"""Numbers, as decimal text without exponent or trailing zeros: '1,200.50' -> '1200.5'.

Forms: "" the same text; magnitude  the number of digits before the point (0 for less than one), for rough agreement.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import hidden_mask, or_none, read, text_of
from hub.model import Value

NAMES = ("", "magnitude")
_PLAIN = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_THOUSANDS_COMMA = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)
_THOUSANDS_POINT = re.compile(r"[+-]?\d{1,3}(\.\d{3}){2,}(,\d+)?|[+-]?\d{1,3}(\.\d{3})+,\d+", re.ASCII)
_COMMA = re.compile(r"[+-]?\d+,(\d{1,2}|\d{4,})", re.ASCII)


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    """One decimal spelling. '1.234' is one point two three four; '1,234' is a thousand."""
    text = read(raw)
    if not isinstance(text, str):
        return text
    text = text.replace(" ", "").replace("'", "").replace("’", "")
    if _PLAIN.fullmatch(text):
        pass
    elif _THOUSANDS_COMMA.fullmatch(text):
        text = text.replace(",", "")
    elif _THOUSANDS_POINT.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif _COMMA.fullmatch(text):
        text = text.replace(",", ".")
    number = _decimal(text)
    return Cleaned(number) if number is not None else Problem("not a number")


def _decimal(text: str) -> str | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > 300:
        return None
    shown = format(number, "f")
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return "0" if shown in ("-0", "0") else shown


def forms(value: Value) -> Forms:
    text = text_of(value)
    number = _decimal(text) if text.isascii() else None
    if number is None:
        return dict.fromkeys(NAMES)
    whole = number.lstrip("-").partition(".")[0].lstrip("0")
    return {"": or_none(number), "magnitude": len(whole)}


NUMBER = Kind(name="number", clean=clean, forms=forms, mask=hidden_mask)
