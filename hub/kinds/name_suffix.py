"""Generational suffixes: Jr, Sr, II, III, IV. Degrees (PhD, MD) are kept as they are written.

Forms: "" the suffix as one word: 'jr', 'sr', 'ii', 'iii', 'phd'.
"""

from __future__ import annotations

import re

from hub.kinds import levels_values
from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import hidden_mask, joined, or_none, read, text_of
from hub.model import Value

GENERATIONS = {
    "jr": "Jr", "jnr": "Jr", "junior": "Jr", "jun": "Jr", "filho": "Jr", "fils": "Jr",
    "sr": "Sr", "snr": "Sr", "senior": "Sr", "sen": "Sr",
    "2nd": "II", "3rd": "III", "4th": "IV", "5th": "V", "ii": "II", "iii": "III", "iv": "IV", "v": "V", "vi": "VI",
}  # fmt: skip
_TAIL = re.compile(
    r"^(?P<name>.*[^\s,])[\s,]+\(?(?P<suffix>jr|jnr|junior|sr|snr|senior|2nd|3rd|4th|5th|ii|iii|iv)\.?\)?$",
    re.IGNORECASE | re.ASCII,
)


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    text = read(raw)
    if not isinstance(text, str):
        return text
    return Cleaned(GENERATIONS.get(joined(text), text))


def split_suffix(text: str) -> tuple[str, str | None]:
    """('Smith', 'Jr') of 'Smith, Jr.'; (text, None) when there is no generational suffix.

    A lone 'V' or 'I' at the end is left: it is as often an initial.
    """
    if not 4 <= len(text) <= 300 or text[-1].isspace():
        return text, None
    found = _TAIL.match(text)
    if not found:
        return text, None
    return found["name"], GENERATIONS[found["suffix"].lower()]


def forms(value: Value) -> Forms:
    text = joined(text_of(value))
    return {"": or_none(GENERATIONS.get(text, text).lower())}


NAME_SUFFIX = Kind(name="name_suffix", clean=clean, forms=forms, mask=hidden_mask, levels=levels_values.SUFFIX_WORD)
