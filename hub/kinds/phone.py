"""Phone numbers, shown as E.164 ('+4930123456'), with ';ext=12' when an extension was given.

A number without '+' needs the stream's country. Without one its digits are kept as they are (valid=False).

Forms:
""        the digits of the E.164 number, no extension: '4930123456'
national  the national number without country code and leading zero: '30123456'
last8     the last eight digits: agrees when one side lost its country
last6     the last six digits
"""

from __future__ import annotations

import re
from functools import lru_cache

from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import HIDDEN, hidden, only, or_none, read, text_of
from hub.model import Value

NAMES = ("", "national", "last8", "last6")
SAME, COUNTING = "0000000000", "1234567890"  # what stands for every number of one digit, and for 123456...
PLACEHOLDERS = frozenset({SAME, COUNTING})
_NOT_DIGITS = re.compile(r"[^0-9]+")


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    """E.164 where the country is known. A number that cannot exist in its country is kept with valid=False."""
    text = read(raw)
    if not isinstance(text, str):
        return text
    return _clean(text, (context.country or "").upper() or None)


@lru_cache(maxsize=200_000)  # a parse takes 46 us
def _clean(text: str, country: str | None) -> Cleaned | Problem:
    import phonenumbers

    if text[:4].lower() == "tel:":
        text = text[4:].strip()
    if text.startswith("00") and not text.startswith("000"):
        text = "+" + text[2:]
    try:
        number = phonenumbers.parse(text, country if country in phonenumbers.SUPPORTED_REGIONS else None)
    except phonenumbers.NumberParseException:
        return _unparsed(text)
    shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if number.extension:
        shown += f";ext={number.extension}"
    return Cleaned(shown, phonenumbers.is_valid_number(number) and _placeholder(str(number.national_number)) is None)


def _unparsed(text: str) -> Cleaned | Problem:
    if any(map(str.isalpha, text)):
        return Problem("letters in a phone number")
    digits = "".join(str(int(char)) for char in text if char.isdecimal())
    if not 5 <= len(digits) <= 17:
        return Problem("too few or too many digits for a phone number")
    return Cleaned(digits, valid=False)


def _placeholder(digits: str) -> str | None:
    """The stand-in for digits that nobody has: all the same, or counting up."""
    bare = digits.lstrip("0")
    if len(set(bare)) <= 1 and len(digits) >= 5:
        return SAME
    if len(bare) >= 6 and ("1234567890123456789".startswith(bare) or "9876543210".startswith(bare)):
        return COUNTING
    return None


@lru_cache(maxsize=1)
def _country_codes() -> frozenset[str]:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    return frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))


def _national(digits: str) -> str:
    """Digits of an international number without its country code (codes are prefix-free)."""
    codes = _country_codes()
    for length in (1, 2, 3):
        if digits[:length] in codes:
            return digits[length:]
    return digits


def forms(value: Value) -> Forms:
    text = text_of(value)
    number = text.partition(";")[0]
    digits = _NOT_DIGITS.sub("", number)
    national = (_national(digits) if number.startswith("+") else digits).lstrip("0")
    stand_in = _placeholder(national or digits) or _placeholder(digits)
    if stand_in:
        return only(stand_in, NAMES)
    return {
        "": or_none(digits),
        "national": or_none(national),
        "last8": digits[-8:] if len(digits) >= 8 else None,
        "last6": digits[-6:] if len(digits) >= 6 else None,
    }


def mask(value: Value) -> Value:
    """'***67': the last two digits."""
    text = text_of(value)
    digits = _NOT_DIGITS.sub("", text.partition(";")[0])
    return hidden(HIDDEN + digits[-2:], text) if len(digits) >= 6 else HIDDEN


PHONE = Kind(name="phone", clean=clean, forms=forms, mask=mask, keys=("", "national", "last8"), placeholders=PLACEHOLDERS)
