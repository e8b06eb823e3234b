"""A record's sketch: the outlines of what is compared, eight bytes each, kept beside its forms. Pure.

Most pairs that share a key are strangers, and their sketches show it: only of the others are the forms read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from hub.kinds.clues import LETTERS, Feature
from hub.kinds.levels_base import Forms
from hub.matching.compare.model import Comparison

VALUES = 2  # of a list, each has an outline of its own; with more of them, any may be there
ABSENT = 0
ANY = 2**64 - 1
_EMPTY = LETTERS  # a part without a letter: there, and like no other
REMEMBERED = 20_000  # texts of a feature whose outlines are kept

Slots = tuple[int, ...]  # places in a sketch: of a list's values one each


@dataclass(frozen=True)
class _Place:
    """Where a feature stands in a sketch, and what it is made of."""

    columns: tuple[str, ...]
    feature: Feature
    slots: Slots
    known: dict[str, int]

    def outline(self, text: str) -> int:
        """Made anew, and kept: names and cities repeat."""
        if len(self.known) >= REMEMBERED:
            self.known.clear()
        found = self.known[text] = self.feature.outline(self.feature.part(text)) or _EMPTY
        return found


_Key = tuple[Any, ...]
_Way = tuple[
    str, Slots, Callable[[str], int | None], Callable[[str], int]
]  # of a column to a place: the column that goes before it there, slots, outlines that are kept and made


class Layout:
    """Which outlines a sketch of a customer type holds, in which order. A feature that two comparisons look at is there once."""

    def __init__(self, comparisons: Iterable[Comparison]) -> None:
        self._comparisons = {c.name: c for c in comparisons}
        self._places: dict[_Key, _Place] = {}
        self.width = 0
        for comparison in self._comparisons.values():
            for name in _names(comparison):
                self._add(comparison, name)
        self._packed = struct.Struct(f"<{self.width}Q")
        self._of_column: dict[str, list[_Way]] = {}
        for place in self._places.values():
            for column in place.columns:
                first = "" if column == place.columns[0] else place.columns[0]
                self._of_column.setdefault(column, []).append((first, place.slots, place.known.get, place.outline))

    def _add(self, comparison: Comparison, name: str) -> None:
        key = _key(comparison, name)
        if key is not None and key not in self._places:
            count = VALUES if comparison.many else 1
            slots = tuple(range(self.width, self.width + count))
            self._places[key] = _Place(key[0], comparison.levels.feature(name), slots, {})
            self.width += count

    def sketch(self, forms: Forms) -> bytes:
        outlines, places = [ABSENT] * self.width, self._of_column
        for column, value in forms.items():
            if not value or column not in places:
                continue
            for first, slots, known, outline in places[column]:
                if first and forms.get(first):
                    continue  # it is made of the first that is there
                if type(value) is str:
                    outlines[slots[0]] = known(value) or outline(value)
                elif len(value) <= len(slots):
                    for slot, text in zip(slots, value, strict=False):
                        outlines[slot] = known(text) or outline(text)
                else:
                    outlines[slots[0]] = ANY
        return self._packed.pack(*outlines)

    def has(self, comparison: Comparison) -> bool:
        """Does a sketch tell of this comparison? A model may be older than the configuration."""
        return self._comparisons.get(comparison.name) == comparison

    def slots(self, comparison: Comparison, name: str) -> Slots:
        """Where a feature of a comparison stands; nowhere, when the customer type lacks it."""
        key = _key(comparison, name)
        return () if key is None else self._places[key].slots

    def outlines_of(self, column: str, texts: Iterable[str]) -> dict[int, list[int]]:
        """By slot, the outlines that these texts have as values of a column that is compared."""
        keys = {_key(c, "value") for c in self._comparisons.values() if c.columns["value"] == column}
        places = [self._places[key] for key in keys if key is not None]
        listed = list(texts)
        return {slot: [place.outline(t) for t in listed] for place in places for slot in place.slots}


def _names(comparison: Comparison) -> list[str]:
    """Features that a comparison's clues look at; its value in any case, as that may be a placeholder."""
    levels = comparison.levels
    clues = [c for level in levels.levels for all_of in level.needs for c in all_of] + [
        c for all_of in levels.silent for c in all_of
    ]
    return list(dict.fromkeys(["value", *levels.present, *(name for c in clues for name in (c.left, c.right))]))


def _key(comparison: Comparison, name: str) -> _Key | None:
    feature = comparison.levels.feature(name)
    columns = tuple(comparison.columns[role] for role in feature.roles if role in comparison.columns)
    return (columns, feature.part, feature.outline) if columns else None
