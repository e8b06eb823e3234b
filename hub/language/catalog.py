"""What is said to customers, in their language. English is written in the code and the templates; another language is a
file LANGUAGE.po beside this one, compiled when it is first asked for."""

from __future__ import annotations

import io
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent
FIRST = "en"


@cache
def languages() -> tuple[str, ...]:
    """Those that there are words in, the one that everything is written in first."""
    return (FIRST, *sorted(path.stem for path in FOLDER.glob("*.po")))


@cache
def translations(language: str) -> NullTranslations:
    """The words of a language; of one that is not there, English."""
    if language == FIRST or language not in languages():
        return NullTranslations()
    compiled = io.BytesIO()
    with (FOLDER / f"{language}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)


def said_in(language: str, text: str, **values: object) -> str:
    """A text in a language, its {names} filled in."""
    told = translations(language).gettext(text) if text else ""  # of no words gettext tells about its file
    return told.format(**values) if values else told


def language_named(text: str) -> str | None:
    """The language that somebody's record names (de, de-AT, German, Deutsch), where there are words in it."""
    wanted = text.strip().casefold()
    for one in languages():
        names = {one, *(str(Locale(one).get_display_name(in_)).casefold() for in_ in (FIRST, one))}
        if wanted in names or wanted.replace("_", "-").partition("-")[0] == one:
            return one
    return None


def first_named(*told: object) -> str:
    """The first of these that names a language that there are words in; else the one that everything is written in."""
    return next((found for text in told if text and (found := language_named(str(text)))), FIRST)


def chosen(accepted: str) -> str:
    """The language to answer in, of an Accept-Language header."""
    wanted: list[tuple[float, str]] = []
    for part in accepted.split(",")[:20]:
        name, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((float(quality or 1), name.partition("-")[0].lower()))
        except ValueError:
            continue
    known = [name for weight, name in sorted(wanted, key=lambda w: -w[0]) if name in languages() and weight > 0]
    return known[0] if known else FIRST
