"""Phone numbers, shown as E.164 ('+4930123456'), with ';ext=12' when an extension was given.

A number without '+' needs the stream's country. Without one its digits are kept as they are (valid=False).

Forms:
""        the digits of the E.164 number, no extension: '4930123456'
national  the national number without country code and leading zero: '30123456'
last8     the last eight digits: agrees when one side lost its country
last7     the last seven digits: of a number told locally, without its area
last6     the last six digits
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from hub.kinds import levels_values
from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import HIDDEN, hidden, only, or_none, read, text_of
from hub.model import Value

NAMES = ("", "national", "last8", "last7", "last6")
SAME, COUNTING = "0000000000", "1234567890"  # what stands for every number of one digit, and for 123456...
PLACEHOLDERS = frozenset({SAME, COUNTING})
_NOT_DIGITS = re.compile(r"[^0-9]+")
SHORTEST = 7  # digits of a national number that may follow a country's code without a plus
FEWEST = 5  # digits of a number among words
FULL = 10  # digits of a number of the North American plan
SPELLED_IN_LETTERS = frozenset({"US", "CA", "AU", "NZ", "PR", "BS", "BB", "JM", "TT", "DO", "BM", "GU", "VI"})
_VANITY = re.compile(r"\+?[\d ().-]*\d[\d ().-]*[A-Z][A-Z-]{2,}[A-Z\d-]*")
_EXTENSION = re.compile(
    r"(?:(?<=[\d\s,;)])(?:ext(?:ension|n)?|x|app(?:arat)?|alanumero|dahili|intern|durchwahl|dw|nebenst(?:elle)?|nst|klappe|kl|poste|int(?:erno)?"
    r"|wewn?(?:\u0119trzny)?|anexo|ramal|extensi[oó]n|toestel|tst|lokal(?:nummer)?|lok|anknytning|ankn|linka|mell[eé]k"
    r"|доб(?:авочный)?|дод|εσωτ|שלוחה|вн|внутр|内線|分機|分机|转|轉|내선)\s*[.:#=]?)\s*(\d{1,7})\W*$",
    re.IGNORECASE,
)
_RUN = re.compile(r"\+?\(?\d[\d ()./\u2010-\u2015-]*")
# Digits that belong to a word: 'room 5 030 1234567', '030 1234567 24h'.
_ROOM = re.compile(r"(?:^|(?<=[^\W\d_][\s.]))[1-9]\d{0,3}\s+(?=0\d|\+\d)|(?<=\d)\s\d{1,3}(?=[^\W\d_])")
# Which storey or hour it is, after the number: '2. Stock', '2nd floor', '3 Etage', '9 Uhr'.
_WHERE_OR_WHEN = re.compile(
    r"(?<=\d)(?:[ ,;/]+|\s[-\u2013]\s)\d{1,2}(?:\s?\.\s?[^\W\d_]|(?:st|nd|rd|th|er|e|º|ª)\b"
    r"|\s(?:etage|stock|og|eg|piso|andar|[ée]tage|floor|piano|planta|verdieping|uhr)\b).*$",
    re.IGNORECASE,
)
# And where the word comes first: 'Stock 3'. The digits before it are the number's.
_STOREY = re.compile(
    r"[ ,;/]+(?:etage|stock|og|eg|piso|andar|[ée]tage|floor|piano|planta|verdieping|uhr)\.?\s?\d{1,2}\b.*$",
    re.IGNORECASE,
)
_LABELLED = re.compile(r"\D*[^\W\d_]\W*\d{1,6}\s+")  # what a word before the number counts: ID 4411
_AREA = re.compile(  # before the number of a subscriber, with its country's code or not
    r"(?:\+\d{1,3}[ .-]?)?\(0?\d{1,5}\)\s?|\+\d{1,3}[ .-]\d{1,5}[ /-]|0\d{1,5}[ /-]"
)
_DATE = re.compile(r"[0-3]?\d\.[01]?\d\.(?:19|20)\d\d")
_COUNTED = re.compile(r"(?<!\S)\d{1,2}(?:\.\s?(?=[^\W\d_])|[.)]\s)|\s\+\s")  # 2. Nr.; 1) ... 2) ...; one + another
# One of a firm's desks and another: 030 999888-0/-12. The first one's number is what is told in full.
_OTHER_DESK = re.compile(r"((?:\D*\d){7,}\D*-\s?\d{1,4})\s?/\s?-?\s?\d{1,4}")
_FLOAT = re.compile(r"(\d{7,})\.0")  # of a numeric column that went through a spreadsheet
_AMID = re.compile(r"\d[^\W\d_]+\d")  # a letter for a digit: 03O 1234567
_SIMPLE = re.compile(r"\+?[0-9 ()./-]{6,24}")


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    """E.164 where the country is known. Numbers outside their country's numbering plan are kept with valid=False."""
    text = read(raw)
    if not isinstance(text, str):
        return text
    country = (context.country or "").upper() or None
    return _clean(text, country)


_E164 = re.compile(r"\+[1-9]\d{4,16}(?:;ext=\d{1,20})?")


@lru_cache(maxsize=200_000)
def _clean(text: str, country: str | None) -> Cleaned | Problem:
    if text[:4].lower() == "tel:":
        text = text[4:].strip()
    if any(map(str.isalpha, text)):
        return _among_words(text, country)
    if _DATE.fullmatch(text):
        return Problem("a date, not a phone number")
    whole = _FLOAT.fullmatch(text) or _OTHER_DESK.fullmatch(text)
    return _numbered(whole[1] if whole else text, country)


def _numbered(text: str, country: str | None) -> Cleaned | Problem:
    """A number without words."""
    if text.startswith("00") and not text.startswith("000"):
        text = "+" + text[2:]
    text = _with_plus(text, country)
    if _SIMPLE.fullmatch(text) and (quick := _quick(text, country)):
        return quick
    return _by_library(text, country)


def _with_plus(text: str, country: str | None) -> str:
    """'49 171 1234567' in Germany has lost its plus: what follows the country's code is a number of its own there."""
    plan = _plan(country) if country and not text.startswith(("+", "0")) else None
    digits = _NOT_DIGITS.sub("", text)
    if plan is None or not digits.startswith(plan.code) or plan.code == "1":
        return text
    rest = digits[len(plan.code) :]
    return f"+{digits}" if len(rest) >= SHORTEST and plan.national.fullmatch(rest) else text


def _among_words(text: str, country: str | None) -> Cleaned | Problem:
    """A number and words. Which storey or hour it is goes, unless its digits are the number's own: '01 42 68 53 00 étage'."""
    place = _STOREY.search(text) or _WHERE_OR_WHEN.search(text)
    if place is None or len(_NOT_DIGITS.sub("", place[0])) >= FEWEST:  # so many are another number
        return _worded(text, country)
    found, whole = _worded(text[: place.start()], country), _worded(text, country)
    return whole if not _is_valid(found) and _is_valid(whole) else found


def _is_valid(found: Cleaned | Problem) -> bool:
    return isinstance(found, Cleaned) and found.valid


def _worded(text: str, country: str | None) -> Cleaned | Problem:
    """A number among words: an extension where they say so, a number spelled in letters where that is usual; other
    words are left out. Never are letters read as digits else."""
    if _is_vanity(text, country):
        return _in_letters(text, country)
    extension = _EXTENSION.search(text)
    if extension is not None:
        text = text[: extension.start()]
    if _AMID.search(text):
        return Problem("letters in a phone number")
    numbers = [run[0].strip(" ./-(") for run in _RUN.finditer(_COUNTED.sub(" | ", _ROOM.sub(" | ", text)))]
    found = _the_one([number for number in numbers if len(_NOT_DIGITS.sub("", number)) >= FEWEST], country)
    if not _is_valid(found) and (label := _LABELLED.match(text)):
        other = _numbered(text[label.end() :], country)
        found = other if _is_valid(other) else found
    if extension is None or isinstance(found, Problem) or ";" in str(found.value):
        return found
    return Cleaned(f"{found.value};ext={extension[1]}", found.valid)


def continued(texts: list[str]) -> list[str]:
    """'(495) 123-45-67' and '123-45-68' share their area code: a shorter one that begins with neither zero, plus nor bracket."""
    area = _AREA.match(texts[0])
    if area is None:
        return texts
    rest = len(_NOT_DIGITS.sub("", texts[0][area.end() :]))
    return [area[0] + t if len(_NOT_DIGITS.sub("", t)) == rest and t[:1] in "123456789" else t for t in texts]


def within(text: str, context: Context) -> list[str]:
    """Numbers of a text that holds two or more, each right in its plan, if no other digits are left over."""
    from phonenumbers import PhoneNumberMatcher

    country = (context.country or "").upper() or None
    text = _COUNTED.sub(" | ", text)
    found = [match.raw_string for match in PhoneNumberMatcher(text, country)]
    rest = text
    for number in found:
        rest = rest.replace(number, " ", 1)
    left = any(len(_NOT_DIGITS.sub("", run)) >= FEWEST for run in rest.split())
    return [] if left or len(found) < 2 else found


def _the_one(texts: list[str], country: str | None) -> Cleaned | Problem:
    """The one among digits that is a telephone number: not a date, nor a post office box."""
    numbers = [(text, _numbered(text, country)) for text in texts]
    for right in (
        [one for _, one in numbers],
        [one for _, one in numbers if isinstance(one, Cleaned) and one.valid],
        [one for text, one in numbers if text[0] in "0+"],
    ):
        if len(right) == 1:
            return right[0]
    return Problem("several phone numbers in one value" if numbers else "letters in a phone number")


def _in_letters(text: str, country: str | None) -> Cleaned | Problem:
    """Letters beyond the number are there for the word, and not dialled: 1300 FLOWERS."""
    found = whole = _by_library(text, country)
    while not _is_valid(found) and text[-1:].isalpha():
        text = text[:-1]
        found = _by_library(text, country)
    return found if _is_valid(found) else whole


def _is_vanity(text: str, country: str | None) -> bool:
    """1-800-FLOWERS: capitals that fill a number up, in a country where numbers are told so."""
    usual = country in SPELLED_IN_LETTERS or text.startswith("+1")
    if not usual or not _VANITY.fullmatch(text):
        return False
    given = _NOT_DIGITS.sub("", text.partition(next(filter(str.isalpha, text)))[0]).removeprefix("1")
    letters = sum(map(str.isalpha, text))
    return len(given) < FULL <= len(given) + letters


class _Plan(NamedTuple):
    """One country's numbering plan, from the library's metadata."""

    code: str
    trunk: str | None  # what leads national numbers (0 in most of Europe); None: not a plain prefix, ask the library
    trunk_pattern: re.Pattern[str] | None
    national: re.Pattern[str]


@lru_cache(maxsize=512)
def _plan(region: str) -> _Plan | None:
    from phonenumbers import PhoneMetadata

    data = PhoneMetadata.metadata_for_region(region, None)
    if data is None or data.general_desc is None or not data.general_desc.national_number_pattern:
        return None
    leading = data.national_prefix_for_parsing
    plain = leading == data.national_prefix and not data.national_prefix_transform_rule
    return _Plan(
        str(data.country_code),
        data.national_prefix if plain else None,
        re.compile(leading) if leading else None,
        re.compile(data.general_desc.national_number_pattern),
    )


@lru_cache(maxsize=512)
def _main_region(code: str) -> str | None:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code))
    return regions[0] if regions else None


def _quick(text: str, country: str | None) -> Cleaned | None:
    """The library's answer at a twentieth of its time, for numbers where its rules leave no choice; else None."""
    digits = _NOT_DIGITS.sub("", text)
    if text[0] == "+":
        number = _national(digits)
        region = _main_region(digits[: len(digits) - len(number)]) if number != digits else None
        plan = _plan(region) if region else None
        if (
            plan is None
            or not plan.national.fullmatch(number)
            or (plan.trunk_pattern and plan.trunk_pattern.match(number))
        ):
            return None
    else:
        plan = _plan(country) if country else None
        if plan is None or digits.startswith((plan.code, "00", "011")):
            return None
        number = digits
        if plan.trunk_pattern and plan.trunk_pattern.match(digits):
            if not plan.trunk or plan.national.fullmatch(digits):
                return None
            number = digits[len(plan.trunk) :]
        if not plan.national.fullmatch(number):
            return None
    return Cleaned(f"+{plan.code}{number}", _placeholder(number) is None)


def _by_library(text: str, country: str | None) -> Cleaned | Problem:
    """Some 50 us."""
    import phonenumbers  # 130 ms to import

    try:
        number = phonenumbers.parse(text, country if country in phonenumbers.SUPPORTED_REGIONS else None)
    except phonenumbers.NumberParseException:
        return _unparsed(text)
    shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    region = _main_region(str(number.country_code))
    plan = _plan(region) if region else None
    national = shown[1 + len(str(number.country_code)) :]
    valid = plan.national.fullmatch(national) is not None if plan else phonenumbers.is_valid_number(number)
    if number.extension:
        shown += f";ext={number.extension}"
    if not valid and _E164.fullmatch(text):  # as it is written in full: no zeros are taken off what no plan knows
        return Cleaned(text, valid=False)
    return Cleaned(shown, valid and _placeholder(national) is None)


def _unparsed(text: str) -> Cleaned | Problem:
    if any(map(str.isalpha, text)):
        return Problem("letters in a phone number")
    digits = "".join(str(int(char)) for char in text if char.isdecimal())
    if digits.startswith("00") and not digits.startswith("000"):  # as a plus is read: so is what is cleaned again
        digits = digits[2:]
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
    national = _national(digits) if number.startswith("+") else digits
    stand_in = _placeholder(national)
    if stand_in:
        return only(stand_in, NAMES)
    return {
        "": or_none(digits),
        "national": or_none(national.lstrip("0")),
        "last8": digits[-8:] if len(digits) >= 8 else None,
        "last7": digits[-7:] if len(digits) >= 7 else None,
        "last6": digits[-6:] if len(digits) >= 6 else None,
    }


def mask(value: Value) -> Value:
    """'***67': the last two digits."""
    text = text_of(value)
    digits = _NOT_DIGITS.sub("", text.partition(";")[0])
    return hidden(HIDDEN + digits[-2:], text) if len(digits) >= 6 else HIDDEN


PHONE = Kind(
    name="phone",
    clean=clean,
    forms=forms,
    mask=mask,
    keys=("", "national", "last8", "last7"),
    placeholders=PLACEHOLDERS,
    listed=True,
    continued=continued,
    within=within,
    version=7,
    levels=levels_values.PHONE_NUMBER,
    compares={"value": "national"},
)
