"""One of the attribute's options, in any case and with any signs between its words; without options, any words.

Forms: "" the same words in small letters.
"""

from __future__ import annotations

from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import hidden_mask, or_none, read, text_of, words
from hub.model import Value


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    if isinstance(raw, bool):
        raw = "true" if raw else "false"
    text = read(raw)
    if not isinstance(text, str):
        return text
    if not context.options:
        return Cleaned(text)
    said = words(text)
    found = next((option for option in context.options if words(option) == said), None)
    return Cleaned(found) if found is not None else Problem("none of the options")


def forms(value: Value) -> Forms:
    return {"": or_none(words(text_of(value)))}


CHOICE = Kind(name="choice", clean=clean, forms=forms, mask=hidden_mask)
