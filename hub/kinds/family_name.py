"""Family names.

Forms (lower-case ASCII; a generational suffix is left out of all of them):
""       every word, letters only, one space between: 'van der Berg' -> 'van der berg', "O'Neil" -> 'oneil'
plain    without particles, in one word, umlauts in one spelling: Müller, Mueller, Muller -> 'muller'; 'van der Berg'
-> 'berg'
last     last word of a double name: 'Garcia Lopez' -> 'lopez'
first    first word that is no particle: 'garcia'
first4   first four letters of `plain`
sound    double metaphone (primary) of `plain`
sorted   words without particles, sorted: 'Lopez Garcia' and 'Garcia-Lopez' -> 'garcia lopez'
"""

from __future__ import annotations

from hub.kinds import levels_names
from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.given_name import sound
from hub.kinds.name_suffix import split_suffix
from hub.kinds.names import sensible_case, without_particles
from hub.kinds.reading import initial_mask, letters, only, or_none, plain_vowels, read, text_of, word_set
from hub.model import Value

NAMES = ("", "plain", "last", "first", "first4", "sound", "sorted")
PLACEHOLDERS = word_set(
    """
    test tester testing lastname surname nachname familienname apellido nom last name lname customer kunde user guest
    gast
    xx xxx xxxx asdf qwerty qwertz azerty abc anonymous anonym dummy sample example noname
    """
) | {"last name", "no name", "family name", "test test", "not known"}

LIKE_NOTHING = frozenset({"Null", "Nil", "Nul", "Blank", "Empty"})  # names that read like 'no value', written as names


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    """A family name as shown; particles and mixed case stay. 'Null' is one, 'NULL' and 'null' are none."""
    if isinstance(raw, str) and raw.strip() in LIKE_NOTHING:
        return Cleaned(raw.strip())
    text = read(raw)
    if not isinstance(text, str):
        return text
    if not any(map(str.isalpha, text)):
        return Problem("no letters in a family name")
    return Cleaned(sensible_case(text))


def forms(value: Value) -> Forms:
    whole = letters(split_suffix(text_of(value))[0])
    if whole in PLACEHOLDERS:
        return only(whole, NAMES)
    words = whole.split() or [""]
    if len(words) > 1:
        words = without_particles(words)
    plain = plain_vowels("".join(words))
    return {
        "": or_none(whole),
        "plain": or_none(plain),
        "last": or_none(words[-1]),
        "first": or_none(words[0]),
        "first4": or_none(plain[:4]),
        "sound": sound(plain),
        "sorted": or_none(" ".join(sorted(words)) if len(words) > 1 else words[0]),
    }


FAMILY_NAME = Kind(
    name="family_name",
    clean=clean,
    forms=forms,
    mask=initial_mask,
    keys=("", "plain", "last", "first", "first4", "sound", "sorted"),
    placeholders=PLACEHOLDERS,
    version=3,
    levels=levels_names.FAMILY_NAME,
    compares={"value": "plain", "words": "", "sound": "sound"},
)
