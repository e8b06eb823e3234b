"""Misspellings: what two spellings of one word have in common, and how near they are. Pure.

A word is kept under itself, under itself less one letter each time, and under its sound. Two words that are one slip
apart (a letter wrong, too many, missing, or two swapped) share one of these, so that what is near is looked up, never
searched for. Only words of names, companies and addresses are kept so: they repeat, and there are few of them.
"""

from __future__ import annotations

from functools import lru_cache

from rapidfuzz.distance import OSA

from hub.kinds.given_name import sound

COUNTED = frozenset({"given_name", "family_name", "person_name", "company_name", "postal_address"})  # kinds
SHORTEST, LONGEST = 3, 24  # letters of a word that is looked for misspelt
TWO_SLIPS_FROM = 8  # letters of a word in which two slips are one word still


@lru_cache(20_000)
def near(word: str) -> frozenset[str]:
    """What a word is kept under. None of numbers, and of words too short or too long to be told from others."""
    if not SHORTEST <= len(word) <= LONGEST or not word.isalpha():
        return frozenset()
    sounding = sound(word)
    less = (word[:i] + word[i + 1 :] for i in range(len(word)))
    return frozenset({word, *less, *((f"~{sounding}",) if sounding and len(sounding) > 1 else ())})


def slips(typed: str, word: str) -> int | None:
    """How far a word is from what was typed: 1, or 2 (also of words that sound alike); None: another word, or the same."""
    found = OSA.distance(typed, word, score_cutoff=2)
    if found == 0 or found > 2:
        return None
    if len(typed) == SHORTEST and len(word) <= SHORTEST and typed[0] != word[0]:
        return None  # of three letters too many others are one slip apart
    if found == 2 and len(typed) < TWO_SLIPS_FROM and not (len(typed) > SHORTEST and sound(typed) == sound(word)):
        return None
    return int(found)
