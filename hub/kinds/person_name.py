"""A full name in one column. It stands for title, given, middle and family name and suffix (`expand`).

Forms (lower-case ASCII): "" every word; sorted  the words sorted, titles and suffixes left out, so that the order
of the parts does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from hub.kinds import name_order
from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.name_order import by_script
from hub.kinds.name_suffix import split_suffix
from hub.kinds.names import ALSO_GIVEN, PARTICLES, sensible_case
from hub.kinds.reading import initial_mask, letters, only, or_none, read, text_of, word_set
from hub.model import Value

NAMES = ("", "sorted")
PLACEHOLDERS = frozenset({"test", "test test", "test user", "john doe", "jane doe", "max mustermann",
"erika mustermann",
                          "no name", "first last", "firstname lastname", "vorname nachname", "guest",
                          "customer"})  # fmt: skip
_TITLES = word_set(
    """
    mr mrs ms miss mx dr prof professor sir madam dame lord lady rev herr frau hr fr mme mlle m sr sra don dona ing dipl
    """
)
_LEADING = PARTICLES | {"und", "and", "zu", "dela"}  # 'von und zu Guttenberg'
# Words that address people and are hardly anybody's given name. Other titles are: Pastor Ruiz, Judge Reinhold.
_FORMS_OF_ADDRESS = _TITLES | word_set(
    """
    doctor doctors mister missus monsieur madame mademoiselle senor senora senorita signor signora signorina fraulein
    fraeulein docteur dottore dottoressa ingenieur reverend father mother brother sister colonel captain lieutenant
    sergeant general admiral president senator minister ambassador
    """
)


_HONOURS = re.compile(r"\b((?:dr|prof|dres)\.?)(?:\s?(?:h\.\s?c\.|e\.\s?h\.|mult\.)(?=\s))+", re.IGNORECASE)  # Dr. h.c.

# Titles that the parser does not know.
_ADDRESSED = re.compile(r"(familie|famille|familia|fam\.|fru|dipl\.?\s?-\s?\w+\.?)\s+(?=\S)", re.IGNORECASE)


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


def expand(value: Value, family_first: bool = False) -> Mapping[str, str]:
    """Attribute -> raw text: title, given_name, middle_name, family_name, name_suffix, as far as the name has them.

    'Family, Given' and 'FAMILY Given' are understood; Chinese, Japanese and Korean names are read family first, so
    are Russian ones that end on a patronymic, and all names of a source that writes them so.
    """
    return _expand(text_of(value), family_first)


@lru_cache(maxsize=100_000)  # a parse takes 0.4 ms
def _expand(text: str, family_first: bool = False) -> Mapping[str, str]:
    if len(text) > 300:  # no name, and the parser would take its time
        return {}
    turned = by_script(text) or (name_order.family_first(text, _FORMS_OF_ADDRESS) if family_first else None)
    if turned is not None:
        return _parse(turned)
    text = _HONOURS.sub(r"\1", text)
    if addressed := _ADDRESSED.match(text):
        found = dict(_expand(text[addressed.end() :], family_first))
        if "family_name" not in found and "given_name" in found:
            found["family_name"] = found.pop("given_name")
        return {**found, "title": " ".join([addressed[1], *([found["title"]] if "title" in found else [])])}
    words = text.split(" ")
    if (
        len(words) == 2
        and all(words)
        and text.replace(" ", "").isalpha()
        and text.isascii()
        and not _special().intersection(text.lower().split())
    ):
        given, family = reversed(words) if _shouts(words[0]) and not words[1].isupper() else words
        return {"given_name": given, "family_name": family}
    return _parse(_family_first(words))


@lru_cache(maxsize=1)
def _special() -> frozenset[str]:
    """Words that may be something else than a given or family name."""
    from nameparser.config import conjunctions, particles, suffixes, titles

    return _LEADING.union(
        _TITLES,
        titles.TITLES,
        titles.GIVEN_NAME_TITLES,
        titles.AFTER_GIVEN_TITLES,
        conjunctions.CONJUNCTIONS,
        particles.PARTICLES,
        suffixes.SUFFIX_ACRONYMS,
        suffixes.SUFFIX_WORDS,
    )


def _shouts(word: str) -> bool:
    return len(word) > 2 and word.isupper() and word.replace("-", "").replace("'", "").isalpha()


def _family_first(words: list[str]) -> str:
    """'DUPONT Jean Marie' -> 'DUPONT, Jean Marie': the French way of marking the family name."""
    size = 0
    while size < len(words) and (_shouts(words[size]) or (words[size].isupper() and words[size].lower() in PARTICLES)):
        size += 1
    rest = words[size:]
    if (
        0 < size < len(words)
        and any(map(_shouts, words[:size]))
        and not any(map(str.isupper, rest))
        and "," not in "".join(words)
    ):
        return " ".join(words[:size]) + ", " + " ".join(rest)
    return " ".join(words)


def _parse(text: str) -> Mapping[str, str]:
    from nameparser import HumanName  # 250 ms to import

    name = HumanName(text)
    parts = {
        "title": name.title,
        "given_name": name.first,
        "middle_name": name.middle,
        "family_name": name.last,
        "name_suffix": name.suffix,
    }
    given = parts["given_name"]
    if (
        given
        and set(given.lower().split()) <= _LEADING
        and parts["family_name"]
        and not parts["middle_name"]
        and not _also_given(given)
    ):
        parts["family_name"] = f"{parts.pop('given_name')} {parts['family_name']}"  # 'von Trapp'
        return {part: found for part, found in parts.items() if found}
    _nothing_else(parts)
    return {part: found for part, found in parts.items() if found}


def _also_given(word: str) -> bool:
    return word[:1].isupper() and word.lower() in ALSO_GIVEN


def _nothing_else(parts: dict[str, str]) -> None:
    """With nothing else to be the given name the first word is it, and the last the family name: titles and degrees
    are names too (Pastor Ruiz, Prince Adu, Yo-Yo Ma)."""
    title = parts["title"].split(" ")[-1]
    named = bool(title) and letters(title) not in _FORMS_OF_ADDRESS and "." not in title
    family = parts["family_name"].split(" ")
    if not parts["given_name"] and len(family) > 1 and _also_given(family[0]):
        parts["given_name"], parts["family_name"] = family[0], " ".join(family[1:])
    elif named and not (parts["given_name"] and parts["family_name"]):
        parts["title"] = parts["title"].removesuffix(title).strip()
        parts["family_name"] = parts["family_name"] or parts["given_name"]
        parts["given_name"] = title
    suffix = parts["name_suffix"]
    degree = " " in suffix or "." in suffix or not suffix.istitle() or bool(split_suffix(f"x {suffix}")[1])
    if suffix and not degree and not parts["family_name"]:
        parts["family_name"], parts["name_suffix"] = suffix, ""


PERSON_NAME = Kind(
    name="person_name",
    clean=clean,
    forms=forms,
    mask=initial_mask,
    keys=("", "sorted"),
    expand=expand,
    placeholders=PLACEHOLDERS,
    version=5,
)
