"""Secret word: a security word or a memorable date that a caller is asked for. The hub keeps nothing of it but a slow hash.

A row is sealed before anything of it is kept (`hub.landing.sealing`), so what is cleaned here is sealed already.
Anything else is refused: nobody types a secret word into the hub. Never shown, searched, compared or written.
"""

from __future__ import annotations

import re

from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import hidden_mask, read
from hub.model import Value

SEALED = re.compile(r"sealed:[0-9a-f]{32}:[0-9a-f]{64}")


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    text = read(raw)
    if not isinstance(text, str):
        return text
    return Cleaned(text) if SEALED.fullmatch(text) else Problem("a secret word comes from a source alone")


def forms(value: Value) -> Forms:
    return {"": None}


SECRET_WORD = Kind(name="secret_word", clean=clean, forms=forms, mask=hidden_mask, keys=(), secret=True)
