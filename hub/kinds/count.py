"""Counts: whole numbers, none of them negative. Forms: "" the same digits."""

from __future__ import annotations

from hub.kinds import number
from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import hidden_mask, or_none, text_of, words
from hub.model import Value


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    found = number.clean(raw, context)
    if not isinstance(found, Cleaned):
        return found
    text = text_of(found.value)
    if text.startswith("-"):
        return Problem("a negative count")
    return found if text.isdigit() else Problem("not a whole number")


def forms(value: Value) -> Forms:
    return {"": or_none(words(text_of(value)))}


COUNT = Kind(name="count", clean=clean, forms=forms, mask=hidden_mask)
