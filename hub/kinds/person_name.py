"""A full name in one column. It stands for title, given, middle and family name and suffix (`expand`).

Forms (lower-case ASCII): "" every word; sorted  the words sorted, titles and suffixes left out, so that the order
of the parts does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.name_suffix import split_suffix
from hub.kinds.names import sensible_case
from hub.kinds.reading import initial_mask, letters, only, or_none, read, text_of
from hub.model import Value

NAMES = ("", "sorted")
PLACEHOLDERS = frozenset({"test", "test test", "test user", "john doe", "jane doe", "max mustermann", "erika mustermann",
                          "no name", "first last", "firstname lastname", "vorname nachname", "guest", "customer"})  # fmt: skip
_TITLES = frozenset("mr mrs ms miss mx dr prof professor sir madam dame lord lady rev herr frau hr fr mme mlle m sr sra don dona ing dipl".split())


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    text = read(raw)
    if not isinstance(text, str):
        return text
    if not any(map(str.isalpha, text)):
        return Problem("no letters in a name")
    return Cleaned(sensible_case(text))


def forms(value: Value) -> Forms:
    text = text_of(value)
    whole = letters(text)
    if whole in PLACEHOLDERS:
        return only(whole, NAMES)
    words = letters(split_suffix(text)[0]).split()
    bare = [word for word in words if word not in _TITLES] or words
    return {"": or_none(whole), "sorted": or_none(" ".join(sorted(bare)))}


def expand(value: Value) -> Mapping[str, str]:
    """Attribute -> raw text: title, given_name, middle_name, family_name, name_suffix, as far as the name has them.

    'Family, Given' is understood; Chinese, Japanese and Korean names are read family first.
    """
    return _expand(text_of(value))


@lru_cache(maxsize=100_000)  # a parse takes 0.4 ms
def _expand(text: str) -> Mapping[str, str]:
    name = _parse(text)
    parts = {
        "title": name.title,
        "given_name": name.first,
        "middle_name": name.middle,
        "family_name": name.last,
        "name_suffix": name.suffix,
    }
    return {part: str(found) for part, found in parts.items() if found}


def _parse(text: str) -> Any:
    from nameparser import HumanName  # 250 ms to import

    return HumanName(text)


PERSON_NAME = Kind(
    name="person_name", clean=clean, forms=forms, mask=initial_mask, keys=("", "sorted"), expand=expand, placeholders=PLACEHOLDERS
)
