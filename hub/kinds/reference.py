"""References: the key of another row, a ticket's number, a campaign's code; kept as written.

Forms: "" its letters and digits in one word, in small letters.
"""

from __future__ import annotations

from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import hidden_mask, joined, or_none, read, text_of
from hub.model import Value


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    text = read(raw)
    return Cleaned(text) if isinstance(text, str) else text


def forms(value: Value) -> Forms:
    return {"": or_none(joined(text_of(value)))}


REFERENCE = Kind(name="reference", clean=clean, forms=forms, mask=hidden_mask)
