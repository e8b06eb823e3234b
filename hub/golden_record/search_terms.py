"""Which tokens a value is found by, and which a person's words ask for. Pure.

Tokens hold only a-z and 0-9, so that a range of tokens means the same under any collation. They are
few on purpose: each is a row. What a prefix finds (the local part of an e-mail) needs no token of its own. A phone
number is kept from its end on, so that its last digits are a prefix. Misspellings are `misspellings`'.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from hub.kinds.given_name import relatives
from hub.kinds.reading import joined, letters, plain_vowels, text_of, words
from hub.model import Value

LONGEST = 40  # characters of a token
TAIL = 8  # digits by which a phone number is found, however it is written
ENDING = 4  # digits of a phone number that are enough to look for it by its end
BACKWARDS = "0t"  # begins the token of a phone number, which is written from its end: no other token begins so
MOST_WORDS = 8  # of one value, and of one query
PREFIX_FROM = 2  # characters

Tokens = set[str]
REMEMBERED = 20_000  # values whose tokens are kept: names and cities repeat


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a query: a token equal to one of `exact` or, less well, of `others` matches, or one that begins with
    one of `prefixes`. `others` are names of the same family: Bob of Robert."""

    exact: tuple[str, ...]
    prefixes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@lru_cache(REMEMBERED)
def tokens(kind_name: str, value: Value) -> frozenset[str]:
    """The tokens of one value. Kinds that nobody searches by (consents, categories, free text) have none."""
    make = _BY_KIND.get(kind_name)
    return frozenset() if make is None else frozenset(t[:LONGEST] for t in make(value) if t)


def query_tokens(text: str) -> list[Term]:
    """What was typed, as terms that must all be found. Digits with spaces between them are one number."""
    found: list[Term] = []
    for piece in _pieces(text):
        term = _number(piece) if _digits(piece) and not re.search(r"[^\W\d]", piece) else _word(piece)
        if term is not None and term not in found:
            found.append(term)
    return found[:MOST_WORDS]


_NUMBER = re.compile(r"(?<![\w@.])\+?\(?\d[\d\s()/.\-]{5,}\d(?![\w@])")


def _pieces(text: str) -> list[str]:
    """Words and phone-like numbers, in order."""
    pieces: list[str] = []
    at = 0
    for number in _NUMBER.finditer(text):
        pieces.extend(text[at : number.start()].split())
        whole = number[0]
        # Two numbers side by side (a postcode and a house number) are no phone number.
        pieces.extend([whole] if whole[0] in "+(0" or len(_digits(whole)) > TAIL else whole.split())
        at = number.end()
    return [*pieces, *text[at:].split()]


def _number(piece: str) -> Term | None:
    digits = _digits(piece)
    bare = digits.lstrip("0")
    exact = dict.fromkeys([digits[:LONGEST], bare[:LONGEST], _backwards(bare)])
    ends = [_backwards(bare), _backwards(bare[-TAIL:])] if len(bare) >= TAIL else [_backwards(digits)]
    prefixes = [digits[:LONGEST], *(e for e in ends if len(digits) >= ENDING)]
    return Term(tuple(t for t in exact if t), tuple(dict.fromkeys(p for p in prefixes if len(p) >= PREFIX_FROM)))


def _backwards(digits: str) -> str:
    return BACKWARDS + digits[::-1][: LONGEST - len(BACKWARDS)] if digits else ""


def _word(piece: str) -> Term | None:
    """Letters and digits in one word; what is written with inner marks (O'Neil, a-b@c.de) is joined as its token is."""
    whole = joined(piece)[:LONGEST]
    if not whole:
        return None
    parts = words(piece).split()
    inner = parts if len(parts) > 1 and "@" not in piece and "." not in piece else []
    plain = plain_vowels(whole)
    exact = dict.fromkeys([whole, plain, _street_word(plain), *(plain_vowels(p) for p in inner if len(p) > 2)])
    prefixes = dict.fromkeys([whole, plain, _street_word(plain)]) if len(whole) >= PREFIX_FROM else ()
    others = sorted({plain_vowels(name) for name in relatives(whole)} - exact.keys())
    return Term(tuple(exact), tuple(prefixes), tuple(others))


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isdigit())


def _name(value: Value) -> Tokens:
    """Each word; a hyphenated or apostrophised name also as one. Müller, Mueller and Muller are one token."""
    text = text_of(value)
    whole = {joined(w) for w in text.split()[:MOST_WORDS]}
    return {plain_vowels(w) for w in whole | set(letters(text).split()[:MOST_WORDS])}


def _company(value: Value) -> Tokens:
    return {plain_vowels(w) for w in words(text_of(value)).split()[:MOST_WORDS]}


def _whole(value: Value) -> Tokens:
    return {joined(text_of(value))}


def _phone(value: Value) -> Tokens:
    return {_backwards(_digits(text_of(value).partition(";")[0]))}


def _address(value: Value) -> Tokens:
    """Street and house number, postcode, city; a city of several words also as one."""
    if isinstance(value, str):
        return set()
    parts = dict(value)
    found = {joined(parts[name]) for name in ("postcode", "city") if parts.get(name)}
    for name in ("line1", "city"):
        found.update(words(parts.get(name, "")).split()[:MOST_WORDS] if parts.get(name) else ())
    return {_street_word(plain_vowels(word)) for word in found}


_STREETS = (("strasse", "str"), ("street", "st"), ("road", "rd"), ("avenue", "ave"))


def _street_word(word: str) -> str:
    """One spelling: Hauptstraße, Hauptstrasse, Hauptstr. -> hauptstr."""
    for long, short in _STREETS:
        if word.endswith(long):
            return word.removesuffix(long) + short
    return word


_BY_KIND: dict[str, Callable[[Value], Tokens]] = {
    "given_name": _name,
    "family_name": _name,
    "person_name": _name,
    "company_name": _company,
    "email": _whole,
    "phone": _phone,
    "birth_date": _whole,
    "postal_address": _address,
    "identifier": _whole,
    "domain": _whole,
}
