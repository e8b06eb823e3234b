"""Free text: occupation, birth place, notes. Forms: "" every word, lower-case ASCII; sound  of the first word."""

from __future__ import annotations

from hub.kinds import levels_values
from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.given_name import sound
from hub.kinds.reading import hidden_mask, or_none, read, text_of, words
from hub.model import Value


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    if isinstance(raw, bool):
        return Cleaned("true" if raw else "false")
    text = read(raw)
    return Cleaned(text) if isinstance(text, str) else text


def forms(value: Value) -> Forms:
    whole = words(text_of(value))
    return {"": or_none(whole), "sound": sound(whole.partition(" ")[0])}


TEXT = Kind(name="text", clean=clean, forms=forms, mask=hidden_mask, keys=("", "sound"), levels=levels_values.FREE_TEXT)
