"""Two values beside each other: which letters and digits differ. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby

EXCHANGED = 3  # letters that differ in place, or are swapped, between values of one length
GAP = "\N{OPEN BOX}"  # where the other side has something more
ALIKE = 0.5  # below that, two values are different as a whole and single letters say nothing

Piece = tuple[str, bool]  # a run of characters, and whether it differs


@dataclass(frozen=True, slots=True)
class Marked:
    """A value in pieces. `same`: the other side has it as it is; `alone`: the other side has nothing there at all."""

    pieces: tuple[Piece, ...]
    same: bool = False
    alone: bool = False


def marked(left: Sequence[str], right: Sequence[str]) -> tuple[tuple[Marked, ...], tuple[Marked, ...]]:
    """The values of both sides, each beside the one of the other side that is most like it."""
    return tuple(_beside(v, right) for v in left), tuple(_beside(v, left) for v in right)


def _beside(value: str, others: Sequence[str]) -> Marked:
    if not others:
        return Marked(((value, False),), alone=True)
    if value in others:
        return Marked(((value, False),), same=True)
    nearest = max(others, key=lambda o: (_alike(value, o), o))
    if _alike(value, nearest) < ALIKE:
        return Marked(((value, True),))
    return Marked(_pieces(value, nearest))


def _alike(a: str, b: str) -> float:
    return SequenceMatcher(None, a.casefold(), b.casefold(), autojunk=False).ratio()


def _pieces(value: str, other: str) -> tuple[Piece, ...]:
    """The runs of a value. Where the other one has more, the place shows as a gap that differs."""
    if len(value) == len(other) and sum(a != b for a, b in zip(value, other, strict=True)) <= EXCHANGED:
        return _runs((a, a != b) for a, b in zip(value, other, strict=True))
    found: list[Piece] = []
    for what, start, end, _, _ in SequenceMatcher(None, value, other, autojunk=False).get_opcodes():
        found.append((GAP if start == end else value[start:end], what != "equal"))
    return tuple(found)


def _runs(letters: Iterable[Piece]) -> tuple[Piece, ...]:
    return tuple(("".join(c for c, _ in run), differs) for differs, run in groupby(letters, key=lambda piece: piece[1]))
