"""Is what a caller says what the hub holds? Tolerant as people are: spelling, a slip, day and month exchanged. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations
from typing import Any

from hub.golden_record.misspellings import slips
from hub.golden_record.search_terms import BACKWARDS, tokens
from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context
from hub.kinds.reading import joined, plain_vowels, text_of, words
from hub.landing.sealing import opens
from hub.model import Value, from_plain
from hub.settings import Attribute

NAMES = frozenset({"given_name", "family_name", "person_name", "company_name"})
DATES = frozenset({"birth_date", "date"})
PLACES = frozenset({"city", "line1", "region"})  # parts of an address that may be misspelt
WORDS = 5  # of a name, in any order
DIGITS = 6  # at the end of a phone number, that are enough


def says(given: Attribute, part: str, held: Iterable[Any], answer: str, key: bytes) -> bool:
    """Does an answer name one of the values (plain) that are held? `part`: of an address; `key`: what secret words are
    sealed with."""
    if KINDS[given.kind].secret:
        return any([opens(key, text_of(from_plain(value)), answer) for value in held])
    return any(_same(given, part, from_plain(value), answer) for value in held)


def _same(given: Attribute, part: str, value: Value, answer: str) -> bool:
    if part:
        held = "" if isinstance(value, str) else dict(value).get(part, "")
        return bool(held) and _alike("postal_address" if part in PLACES else "", held, answer)
    if given.kind in DATES:
        return text_of(value) in _dates(given.kind, answer)
    if given.kind == "phone":
        digits = "".join(c for c in answer if c.isdigit()).lstrip("0")
        held = next(iter(tokens("phone", value))).removeprefix(BACKWARDS)
        return len(digits) >= DIGITS and held.startswith(digits[::-1])
    return _alike(given.kind, text_of(value), answer)


def _alike(kind: str, held: str, answer: str) -> bool:
    if kind not in NAMES and kind != "postal_address":
        return joined(held) == joined(answer) != ""
    mine, theirs = ([plain_vowels(w) for w in words(text).split()] for text in (held, answer))
    return 0 < len(mine) == len(theirs) <= WORDS and any(
        all(a == b or slips(a, b) is not None for a, b in zip(mine, order, strict=True))
        for order in permutations(theirs)
    )


def _dates(kind: str, answer: str) -> set[str]:
    """All that a date as it was said may mean: day first, month first, and the two exchanged."""
    found: set[str] = set()
    for day_first in (True, False):
        cleaned = KINDS[kind].clean(answer, Context(day_first=day_first))
        if isinstance(cleaned, Cleaned):
            said = text_of(cleaned.value)
            year, _, rest = said.partition("-")
            found |= {said, "-".join((year, *reversed(rest.split("-"))))}
    return found
