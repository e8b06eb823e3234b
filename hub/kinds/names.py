"""What the name kinds share: particles and letter case.

Case is only mended where a whole name shouts or whispers (SMITH, smith): McDonald, van der Berg and DiCaprio stay.
"""

from __future__ import annotations

import re
import unicodedata

from hub.kinds.reading import word_set

PARTICLES = word_set(
    """
    van von vom zu zum zur der den des de del della delle dello di da dal dalla das do dos du la le les lo los las el al
    ter ten te 't y e i of af av bin ibn binti bint ben bat abu ap ab st san santa
    """
)
# Particles that are given names (or their initials) too, where they stand first and are written as one: Ben Smith, Al Gore.
ALSO_GIVEN = word_set("ben al des di del dal lo bin abu bat el ab ap do la san della santa e i y")
_LOWERED = PARTICLES - {"st", "san", "santa", "bin", "ben", "ibn", "abu", "ap", "ab", "al", "bat", "i", "e", "el"}
_WORD = re.compile(r"[^\s\-'’.]+")
_MC = re.compile(r"^Mc([a-z])(?=[a-z]{2})")


def sensible_case(text: str) -> str:
    """'SMITH-JONES' -> 'Smith-Jones', 'van der berg' -> 'van der Berg'; mixed case is left alone."""
    shouting = text.isupper()
    if not (shouting or text.islower()):
        return text
    if shouting and len(text) <= 2:  # initials: AJ
        return text
    words = text.split(" ")
    two = len(words) == 2 and words[0].lower() in ALSO_GIVEN  # may be all of a name: DES LYNAM
    done = [
        _word(word, last=at == len(words) - 1 or (two and at == 0), alone=len(words) == 1)
        for at, word in enumerate(words)
    ]
    return unicodedata.normalize("NFC", " ".join(done).replace("i̇", "i"))


def _word(word: str, *, last: bool, alone: bool) -> str:
    low = word.lower()
    if low in _LOWERED and not last and not alone:
        return low
    return _MC.sub(lambda found: "Mc" + found[1].upper(), _WORD.sub(lambda found: _capital(found[0]), word))


def _capital(word: str) -> str:
    first = word[0].title()  # not upper(): Georgian has capitals, and no word begins with one
    return (first if len(first) == 1 else word[0].lower()) + word[1:].lower()  # one letter stays one: ß is no SS


def without_particles(words: list[str]) -> list[str]:
    """Words that are not particles; all of them when nothing else is left."""
    return [word for word in words if word not in PARTICLES] or words
