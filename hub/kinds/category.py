"""One of a few labels: sex, language, industry, title. Shown case-folded.

Words for the sexes in the common languages become 'male' and 'female'; m and f too. Titles lose their dot: 'Dr.' ->
'dr'.
Forms: "" the label in lower-case ASCII words.
"""

from __future__ import annotations

from hub.kinds import levels_values
from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import hidden_mask, or_none, read, text_of, words
from hub.model import Value

SEXES = {
    **dict.fromkeys(("m", "male", "man", "männlich", "maennlich", "mann", "masculin", "homme", "masculino", "hombre",
    "maschio", "мужской"), "male"),
    **dict.fromkeys(("f", "female", "woman", "weiblich", "féminin", "feminin", "femme", "femenino", "feminino",
    "mujer", "femmina", "женский"), "female"),
}  # fmt: skip


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    if isinstance(raw, bool):
        return Cleaned("true" if raw else "false")
    text = read(raw)
    if not isinstance(text, str):
        return text
    folded = text.casefold()
    if folded in SEXES:
        return Cleaned(SEXES[folded])
    if folded[-1] == "." and folded.count(".") == 1 and len(folded) > 2:  # 'M.' is Monsieur, no man's sex
        folded = folded[:-1]
    again = read(folded)  # folding may leave decomposed characters
    return Cleaned(again) if isinstance(again, str) else again


def forms(value: Value) -> Forms:
    return {"": or_none(words(text_of(value)))}


CATEGORY = Kind(name="category", clean=clean, forms=forms, mask=hidden_mask, levels=levels_values.CATEGORY_WORD)
