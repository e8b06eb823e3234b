"""What every kind does first: raw value -> tidy text, and text -> ASCII.

Tidy text is NFC, without control characters, with single spaces, at most 4 KiB. Words that say
nothing ('n/a', '-', 'unknown') read as None.
"""

from __future__ import annotations

import string
import unicodedata
from datetime import date, datetime
from decimal import Decimal

from anyascii import anyascii

from hub.kinds.base import Form, Forms, Problem
from hub.model import Value

LIMIT = 4096  # bytes of UTF-8
HIDDEN = "***"


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


NOTHING = word_set(
    """
    n/a n.a. n.a n\\a #n/a n/k none null nil nul undefined unknown unkown unspecified (null) (none) (unknown) (blank)
    [null]
    <null> <none> tbd tba blank empty unbekannt k.a. k.a inconnu inconnue desconocido desconocida sconosciuto onbekend
    okänd
    ukendt nieznany неизвестно
    """
) | {"not available", "not applicable", "not provided", "not known", "not specified", "not given", "no data",
     "keine angabe", "nicht bekannt", "non communiqué", "no aplica", "no disponible"}  # fmt: skip
_MARKS = string.punctuation + " –—…·•¿"
_JOINERS = "\u200c\u200d"  # they shape Persian and Indic words, so they stay inside a text
_BIGGEST_INT = 1 << 4000

_SPACED: dict[int, str | None] = {code: " " for code in range(128) if not chr(code).isalnum()} | {
    ord("'"): None,
    ord("`"): None,
}
_SPACED |= {ord(upper): upper.lower() for upper in string.ascii_uppercase}
_LETTERS: dict[int, str | None] = {code: (chr(code).lower() if chr(code).isalpha() else " ") for code in range(128)}
_LETTERS |= {ord("'"): None, ord("`"): None}
_JOINED: dict[int, str | None] = {code: (chr(code).lower() if chr(code).isalnum() else None) for code in range(128)}
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


def read(raw: object) -> str | Problem | None:
    """The tidy text of a raw value; None when it says nothing; a Problem when it is not one text."""
    if type(raw) is not str:
        told = _as_text(raw)
        if not isinstance(told, str):
            return told
        raw = told
    if len(raw) > LIMIT:
        return Problem("longer than 4 KiB")
    if not raw.isprintable():
        raw = _without_controls(raw)
    if raw.isascii():
        text = " ".join(raw.split())
    else:
        text = " ".join(unicodedata.normalize("NFC", raw).split()).strip(" \u200c\u200d")
        if len(text) > LIMIT // 4 and len(text.encode("utf-8", "replace")) > LIMIT:
            return Problem("longer than 4 KiB")
    if says_nothing(text):
        return None
    return text


def says_nothing(text: str) -> bool:
    """Empty, punctuation only, or a word for 'no value' in one of the common languages."""
    return not text.strip(_MARKS) or (len(text) < 20 and text.lower() in NOTHING) or text == "NaN"


def _as_text(raw: object) -> str | Problem | None:
    if raw is None:
        return None
    if isinstance(raw, str):
        return str(raw)
    if isinstance(raw, bool):
        return Problem("true or false where a text was expected")
    if isinstance(raw, int):
        return str(int(raw)) if -_BIGGEST_INT < raw < _BIGGEST_INT else Problem("longer than 4 KiB")
    if isinstance(raw, float | Decimal):
        return _number_text(raw)
    if isinstance(raw, date):  # a datetime is a date too
        return raw.isoformat(" ") if isinstance(raw, datetime) else raw.isoformat()
    if isinstance(raw, dict):
        return Problem("an object where one value was expected") if raw else None
    if isinstance(raw, list | tuple | set | frozenset):
        return Problem("a list where one value was expected") if raw else None
    return Problem(f"a value of type {type(raw).__name__} where a text was expected")


def _number_text(raw: float | Decimal) -> str | Problem | None:
    """Files turn identifiers into 1234.0: whole numbers lose their fraction."""
    number = Decimal(repr(raw)) if isinstance(raw, float) else raw
    if number.is_nan():
        return None
    if not number.is_finite():
        return Problem("not a finite number")
    if abs(number.adjusted()) > 300:
        return Problem("a number out of range")
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _without_controls(raw: str) -> str:
    kept = []
    for char in raw:
        if char.isspace():
            kept.append(" ")
        elif char in _JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Cs"):
            kept.append(char)
    return "".join(kept)


def text_of(value: Value) -> str:
    """A value as one text, whatever its shape."""
    return value if isinstance(value, str) else " ".join(text for _, text in value)


def to_ascii(text: str) -> str:
    """Transliterated, case kept. A text without any ASCII reading is spelled by its code points: equality stays."""
    if text.isascii():
        return text
    return anyascii(text) or " ".join(f"u{ord(char):x}" for char in text)


def words(text: str) -> str:
    """Lower-case ASCII letters and digits, single spaces between words: O'Neil-Smith -> 'oneil smith'."""
    return _split_or_spelled(text, _SPACED)


def letters(text: str) -> str:
    """As `words`, without digits: for personal names."""
    return _split_or_spelled(text, _LETTERS)


def joined(text: str) -> str:
    """Lower-case ASCII letters and digits in one word."""
    found = to_ascii(text).translate(_JOINED)
    return found or joined_codes(text)


def joined_codes(text: str) -> str:
    return "".join(f"u{ord(char):x}" for char in text)


def _split_or_spelled(text: str, table: dict[int, str | None]) -> str:
    found = " ".join(to_ascii(text).translate(table).split())
    return found or joined_codes(text)


def plain_vowels(word: str) -> str:
    """One spelling for both transliterations of an umlaut: mueller, muller -> muller. Also aa, ae, oe."""
    if "e" not in word and "a" not in word:
        return word
    return word.replace("ae", "a").replace("oe", "o").replace("ue", "u").replace("aa", "a")


def or_none(text: str) -> Form:
    """Forms have no empty text: it would match other empty texts."""
    return text or None


def only(main: str, names: tuple[str, ...]) -> Forms:
    """Forms of a placeholder: the main one, so that it is recognised, and nothing to match on."""
    forms: Forms = dict.fromkeys(names)
    forms[""] = or_none(main)
    return forms


def hidden(shown: str, value: str) -> str:
    """`shown` unless it gives the whole value away. Stars are three whatever the length."""
    return HIDDEN if value in shown else shown


def initial_mask(value: Value) -> Value:
    """'Maria' -> 'M***'. Values of one or two characters show nothing."""
    text = text_of(value)
    return hidden(text[0] + HIDDEN, text) if len(text) > 2 else HIDDEN


def hidden_mask(value: Value) -> Value:
    """Shows nothing."""
    return HIDDEN
