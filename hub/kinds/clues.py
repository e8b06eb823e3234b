"""What may be told of two texts without reading them: from one number of each.

A text's outline is 64 bits: which letters it holds, how often, and its length. Two texts that are the same, or alike, have
outlines that are, so outlines never rule out what is there; now and then they let pass what is not (an anagram). A level names
the clues without which it cannot be: `hub.matching.compare.shortlist` leaves out most pairs by them, a property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple
from zlib import crc32

How = Literal["same", "near", "two", "like", "within"]
Outline = Callable[[str], int]

LENGTH_AT = 58  # the bits above hold the length
LETTERS = (1 << LENGTH_AT) - 1
LONGEST_TOLD = 63


class Clue(NamedTuple):
    """How a feature of one record is to one of the other.

    same    the same text
    near    one letter changed, added, dropped, or two neighbours swapped
    two     two such letters
    like    at most a third of the letters differ
    within  the letters of one are among those of the other
    """

    how: How
    left: str
    right: str


Needs = tuple[tuple[Clue, ...], ...]  # one of these, all of its clues; of none: nothing is needed


def clue(how: How, feature: str, other: str = "") -> Clue:
    """Two records' features by name: the same one of both, or one of either against another of the other."""
    return Clue(how, feature, other or feature)


def one_of(*clues: Clue) -> Needs:
    return tuple((c,) for c in clues)


ALWAYS: Needs = ()


def letters(text: str) -> int:
    """An outline that knows how often each letter is there, but not where."""
    bits = 0
    for letter in set(text):
        held = (letter, text.count(letter))
        bits |= _known.get(held) or _often(*held)
    return bits | min(len(text), LONGEST_TOLD) << LENGTH_AT


def places(text: str) -> int:
    """An outline that knows which letter stands where: for texts that line up, as dates do."""
    bits = 0
    for place, letter in enumerate(text):
        bits |= 1 << (7 * place + ord(letter)) % LENGTH_AT
    return bits | min(len(text), LONGEST_TOLD) << LENGTH_AT


_known: dict[tuple[str, int], int] = {}


def _often(letter: str, times: int) -> int:
    """The bits of a letter that is there so many times: one for each time."""
    found = _known.get((letter, times))
    if found is None:
        found = _known[letter, times] = _bit(letter, times) | (_often(letter, times - 1) if times > 1 else 0)
    return found


def _bit(letter: str, time: int) -> int:
    """a-z and 0-9 have a bit of their own the first time; what is rarer shares the rest."""
    if time == 1 and "a" <= letter <= "z":
        return 1 << ord(letter) - ord("a")
    if time == 1 and "0" <= letter <= "9":
        return 1 << 26 + ord(letter) - ord("0")
    return 1 << 36 + crc32(f"{letter}{time}".encode()) % (LENGTH_AT - 36)


def whole(text: str) -> str:
    return text


@dataclass(frozen=True)
class Feature:
    """A text that clues look at: of the first role that has one, or a part of it, as an outline."""

    roles: tuple[str, ...]
    part: Callable[[str], str] = whole
    outline: Outline = letters
