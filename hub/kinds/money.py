"""Money: an amount with exactly as many decimals as its ISO 4217 currency has, and the currency. Never a float.

Read are {amount, currency}, '12.50 EUR' and 'EUR 1,250.00'; an amount alone where the attribute's scheme names the
currency. More decimals than the currency has are a problem, never rounded. Forms: "" '12.50 eur'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

from hub.kinds import number
from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import HIDDEN, or_none, read, text_of, words
from hub.model import Value

PARTS = ("amount", "currency")
_EXPONENTS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}
_AFTER = re.compile(r"(?P<amount>[^A-Za-z]+?)\s*(?P<currency>[A-Za-z]{3})")
_BEFORE = re.compile(r"(?P<currency>[A-Za-z]{3})\s*(?P<amount>[^A-Za-z]+)")
_DIGITS = 18  # of an amount in minor units: what 64 bits hold


def exponent(currency: str) -> int:
    """How many decimals a currency has."""
    return _EXPONENTS.get(currency, 2)


@lru_cache(512)
def known_currency(text: str) -> str | None:
    """The ISO 4217 code that a text is."""
    import pycountry  # 100 ms to import

    code = text.strip().upper()
    return code if len(code) == 3 and pycountry.currencies.get(alpha_3=code) is not None else None


def minor(value: Value) -> tuple[int, str]:
    """A cleaned amount in minor units, and its currency: 12.50 EUR is (1250, EUR)."""
    parts = {} if isinstance(value, str) else dict(value)
    currency = parts["currency"]
    return int(Decimal(parts["amount"]).scaleb(exponent(currency))), currency


def shown(units: int, currency: str) -> str:
    """Minor units as an amount: (1250, EUR) is 12.50."""
    return format(Decimal(units).scaleb(-exponent(currency)), f".{exponent(currency)}f")


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    if isinstance(raw, tuple) and all(isinstance(p, tuple) and len(p) == 2 for p in raw):
        raw = {name: text for name, text in raw if isinstance(name, str)}
    if isinstance(raw, Mapping):
        return _of_parts(raw.get("amount"), raw.get("currency"), context)
    text = read(raw)
    if not isinstance(text, str):
        return text
    found = _AFTER.fullmatch(text) or _BEFORE.fullmatch(text)
    return _of_parts(found["amount"], found["currency"], context) if found else _of_parts(text, None, context)


def _of_parts(amount: object, currency: object, context: Context) -> Cleaned | Problem | None:
    given = number.clean(amount, context)
    if not isinstance(given, Cleaned):
        return given
    code = read(currency)
    if isinstance(code, Problem):
        return code
    named = code or context.scheme
    if not named:
        return Problem("an amount without a currency")
    known = known_currency(named)
    if known is None:
        return Problem("not a currency of ISO 4217")
    units = Decimal(text_of(given.value)).scaleb(exponent(known))
    if units != units.to_integral_value():
        return Problem("more decimals than the currency has")
    if abs(units) >= 10**_DIGITS:
        return Problem("an amount out of range")
    return Cleaned((("amount", shown(int(units), known)), ("currency", known)))


def forms(value: Value) -> Forms:
    return {"": or_none(words(text_of(value)))}


def mask(value: Value) -> Value:
    """Shows nothing: neither how much nor of what."""
    return HIDDEN if isinstance(value, str) else (("amount", HIDDEN),)


MONEY = Kind(name="money", clean=clean, forms=forms, mask=mask, parts=PARTS)
