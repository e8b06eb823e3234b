"""Which customers a view is of, and how a change reads in a view that has not all of them. Pure.

A customer outside the rows does not exist for the view. So nothing that is told may be made of a state that lies
outside: not the attributes in which it differs, not the ids of companions, not that it goes on elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from hub.consents.effective import AGREED, IS_RESTRICTED, allows
from hub.golden_record.search_terms import tokens
from hub.kinds.reading import joined
from hub.settings.access import RowLimits


def within(rows: RowLimits, values: Mapping[str, Sequence[object]], sources: Collection[str]) -> bool:
    """Do golden values (plain) and the sources of the records meet every condition?"""
    if rows.sources and not set(rows.sources) & set(sources):
        return False
    if not permitted(rows, values.get(AGREED, ())):
        return False
    return all(any(_is(value, name, wanted) for value in _of(values, name)) for name, wanted in rows.where.items())


def permitted(rows: RowLimits, said: Collection[object]) -> bool:
    """Does what is agreed with somebody, as words, leave the view to have them? Where they are, and whose they are, aside."""
    if IS_RESTRICTED in said and not rows.restricted:
        return False
    return not rows.consent or any(allows(said, wanted) for wanted in rows.consent)


def named(rows: RowLimits) -> frozenset[str]:
    """What of golden values the conditions look at."""
    return frozenset((AGREED, *(name.partition(".")[0] for name in rows.where)))


@dataclass(frozen=True, slots=True)
class HeldTerm:
    """One of these tokens stands in this attribute."""

    attribute: str
    tokens: tuple[str, ...]


def held_terms(rows: RowLimits, kinds: Mapping[str, str]) -> tuple[HeldTerm, ...]:
    """Search terms that every customer within the conditions holds, by attribute. Others may hold them too: they narrow what
    is read and compared, and decide nothing. A condition on what nobody searches by (a category, a country) has none.

    kinds: attribute -> the name of its kind.
    """
    found = []
    for name, wanted in rows.where.items():
        attribute, _, part = name.partition(".")
        held = [tokens(kinds[attribute], ((part, value),) if part else value) for value in wanted]
        if all(held) and not any(_read_otherwise() & set(value.casefold()) for value in wanted):
            found.append(HeldTerm(attribute, tuple(sorted({max(of, key=lambda t: (len(t), t)) for of in held}))))
    return tuple(found)


@cache
def _read_otherwise() -> frozenset[str]:
    """Characters that stand for another one in an equal text, which is read as other letters: the micro sign, of a Greek mu."""
    every = map(chr, range(sys.maxunicode + 1))
    changed = [(c, c.casefold()) for c in every if c.casefold() != c]
    return frozenset(c for one, other in changed if joined(one) != joined(other) for c in other)


def _of(values: Mapping[str, Sequence[object]], name: str) -> Sequence[object]:
    return values.get(name.partition(".")[0], ())


def _is(value: object, name: str, wanted: Collection[str]) -> bool:
    part = name.partition(".")[2]
    text = value.get(part) if part and isinstance(value, Mapping) else value
    return isinstance(text, str) and text.casefold() in {w.casefold() for w in wanted}


@dataclass(frozen=True, slots=True)
class Standpoint:
    """A customer before or after a change: is it there at all, is it within the rows?"""

    there: bool
    within: bool


def told(
    kind: str,
    attributes: Sequence[str],
    others: Sequence[str],
    before: Standpoint,
    after: Standpoint,
    known: Iterable[str],
    held: Iterable[str],
) -> tuple[str, tuple[str, ...], tuple[str, ...]] | None:
    """Kind, attributes and companions of a change as the view tells it; None: nothing happened for it.

    known: companions that were within the rows, on the side of the change where they are named.
    held: attributes that have a value after the change.
    """
    companions = tuple(o for o in others if o in set(known))
    if before.within and after.within:
        alone = bool(others) and not companions
        return ("updated" if alone else kind), tuple(attributes), companions
    if after.within:  # what it was like outside is not told, so neither is the difference
        new = not before.there and (kind == "created" or bool(companions))
        return (kind if new else "entered"), tuple(sorted(held)), (companions if new else ())
    if before.within:
        ended = not after.there and (kind in ("retired", "erased") or bool(companions))
        return (kind if ended else "left"), (), (companions if ended else ())
    return None
