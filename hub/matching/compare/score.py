"""The weight of one pair, in Python: the live engine. `batch.pairs` gives the same numbers in SQL."""

from __future__ import annotations

from dataclasses import dataclass

from hub.kinds import LEVELS
from hub.kinds.levels_base import MISSING, Forms, PythonForm, Texts
from hub.matching.compare.candidates import without_placeholders
from hub.matching.compare.model import TELLING, Comparison, FullNames, Model, Terms, meet, probability
from hub.matching.compare.standardised import CLAIMED
from hub.model import Part, Weighed

PRIOR, HOUSEHOLD, NAMESAKES, CLAIMED_PART, APART = "prior", "household", "namesakes", "claimed", "both names"
ALONE, DOUBT = "alone", "doubt"
_RIVALS = frozenset({PRIOR, HOUSEHOLD, NAMESAKES, CLAIMED_PART, APART, ALONE, DOUBT})
STRONG = 6_000  # milli-bits against, of one comparison: 64 to 1
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class PartExplained:
    """One line of an explanation: two values, how far they agree, in words, and what that weighs."""

    comparison: str
    level: str
    words: str
    left: str
    right: str
    weight: int


class Scorer:
    """A model ready to weigh: level functions bound to their columns."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._names = frozenset(w.comparison.name for w in model.comparisons if w.comparison.levels.name)
        self._numbers = frozenset(
            w.comparison.name for w in model.comparisons if w.comparison.levels is LEVELS["identifier"]
        )
        self._persons = any(w.comparison.levels is LEVELS["given_name"] for w in model.comparisons)
        self._doubts = model.doubted_levels
        self._compared: list[_Bound] = [
            (
                w.comparison.name,
                w.comparison.python(),
                tuple(
                    (level.strangers, level.household, level.namesakes, level.tf, model.terms.get(level.tf or ""))
                    for level in w.levels
                ),
                w.comparison.levels.shared,
                w.comparison.levels.contact,
                model.full_names
                if model.full_names is not None and model.full_names.family == w.comparison.name
                else None,
            )
            for w in model.comparisons
        ]

    def weigh(self, left: Forms, right: Forms) -> Weighed:
        """The match weight of two standardised records and its parts, which sum to it."""
        model = self.model
        if model.placeholders:
            left, right = without_placeholders(left, model), without_placeholders(right, model)
        claimed = _claimed(left, right)
        strangers, household, namesakes, proven = model.prior, model.household, model.namesakes, False
        parts = [Part(PRIOR, 0, model.prior)]
        for name, level_of, weights, shared, contact, names in self._compared:
            level = level_of(left, right)
            if level == MISSING:
                continue
            weight, against, namesake, tf, terms = weights[level]
            if terms is not None and tf is not None:
                rare = _rarest(left.get(tf), right.get(tf), terms)
                if names is not None and (full := names.of(left, right)) is not None:
                    weight += names.strangers
                    namesake += rare + full + names.namesakes
                weight += rare
                if (
                    not shared
                ):  # namesakes are often of one family or region: a rare family name tells them apart no better
                    against += rare
                    namesake += rare
            strangers += weight
            household += against
            namesakes += namesake
            if weight > 0 and not (contact and name in claimed):
                proven = True
            parts.append(Part(name, level, weight))
        if model.both_names is not None and set(model.both_names) <= {(p.comparison, p.level) for p in parts}:
            strangers += model.names_apart
            household += model.names_apart
            namesakes += model.names_apart
            parts.append(Part(APART, 0, model.names_apart))
        apart = meet(strangers, household)
        total = meet(apart, namesakes)
        if apart != strangers:
            parts.append(Part(HOUSEHOLD, 0, apart - strangers))
        if total != apart:
            parts.append(Part(NAMESAKES, 0, total - apart))
        if not proven and total >= model.join:
            parts.append(Part(CLAIMED_PART, 0, model.join - 1 - total))
            total = model.join - 1
        if model.join <= total < model.alone and not self._grounded(parts):
            parts.append(Part(ALONE, 0, model.join - 1 - total))
            total = model.join - 1
        if model.doubts and model.join <= total < self._doubt(parts):
            parts.append(Part(DOUBT, 0, model.join - 1 - total))
            total = model.join - 1
        return Weighed(total, tuple(parts))

    def _doubt(self, parts: list[Part]) -> int:
        """From which weight it joins: more where what was found in a comparison is another, the last of its levels."""
        return max((self._doubts.get((part.comparison, part.level), 0) for part in parts), default=0)

    def _grounded(self, parts: list[Part]) -> bool:
        """Is an identifier the same? Or do a name and something else that tells agree: of people, not all of it only nearly?"""
        named = told = same = False
        for part in parts:
            if part.comparison in self._numbers:
                if part.level == 0 and part.weight > 0:
                    return True
            elif part.comparison in self._names:
                named = named or part.weight > 0
                same = same or part.level == 0
            elif part.comparison not in _RIVALS and part.weight >= TELLING:
                told = True
                same = same or part.level == 0
        return named and told and (same or not self._persons)


_Bound = tuple[
    str, PythonForm, tuple[tuple[int, int, int, str | None, Terms | None], ...], bool, bool, FullNames | None
]
_scorers: dict[int, Scorer] = {}


def _scorer(model: Model) -> Scorer:
    """One scorer per model object: binding costs more than weighing."""
    found = _scorers.get(id(model))
    if found is None or found.model is not model:
        if len(_scorers) > 8:
            _scorers.clear()
        found = _scorers[id(model)] = Scorer(model)
    return found


def weigh(left: Forms, right: Forms, model: Model) -> Weighed:
    """The match weight of two standardised records, in milli-bits, with its parts."""
    return _scorer(model).weigh(left, right)


def contradicts(left: Forms, right: Forms, model: Model) -> bool:
    """Does strong evidence stand against two records, that what agrees does not outweigh?

    Some comparison says so by itself (another birth date, senior and junior), and the pair would not join: what joins
    them all the same is a third record that does not say, or shares with both.
    """
    weighed, doubted = weigh(left, right, model), model.doubted_levels
    return weighed.weight < model.join and any(
        (part.weight <= -STRONG and part.comparison not in _RIVALS)
        or doubted.get((part.comparison, part.level), 0) >= STRONG
        for part in weighed.parts
    )


def _claimed(left: Forms, right: Forms) -> frozenset[str]:
    one, two = left.get(CLAIMED), right.get(CLAIMED)
    if not one and not two:
        return _NONE
    return frozenset(one or ()) | frozenset(two or ())


def _rarest(left: Texts, right: Texts, terms: Terms) -> int:
    """The adjustment for the rarest value that both sides hold."""
    if isinstance(left, str):
        return terms.of(left)
    if not left or not right:
        return 0
    shared = set(left).intersection(right)
    return max(map(terms.of, shared)) if shared else 0


def explain(left: Forms, right: Forms, model: Model) -> list[PartExplained]:
    """The parts of a weight with values and words, strongest first after the prior."""
    weighed = weigh(left, right, model)
    known = {w.comparison.name: w for w in model.comparisons}
    lines = []
    for part in weighed.parts:
        compared = known.get(part.comparison)
        if compared is None:
            lines.append(PartExplained(part.comparison, "", _WORDS[part.comparison], "", "", part.weight))
            continue
        level = compared.comparison.levels.levels[part.level]
        one, two = (_shown(side, compared.comparison) for side in (left, right))
        lines.append(PartExplained(part.comparison, level.name, level.words, one, two, part.weight))
    return sorted(lines, key=lambda line: (line.comparison != PRIOR, -abs(line.weight), line.comparison))


def _shown(side: Forms, c: Comparison) -> str:
    """A record's own values of a comparison, of the columns that it reads: a name as it is compared, an address with its place."""
    columns = [c.columns["value"]]
    if "street" in c.columns:
        columns += [c.columns[role] for role in ("postcode", "city")]
    elif "words" in c.columns and side.get(c.columns["words"]):
        columns = [c.columns["words"]]
    return ", ".join(text for name in columns if (text := _text(side.get(name))))


def _text(value: Texts) -> str:
    return "" if value is None else value if isinstance(value, str) else ", ".join(value)


def chance(weight: int) -> str:
    """A weight as a chance in words: '99.3 %'."""
    return f"{100 * probability(weight):.1f} %"


_WORDS = {
    PRIOR: "how often two records are one customer, before anything is compared",
    HOUSEHOLD: "what members of one household share is not counted twice",
    NAMESAKES: "what a name brings with it is not counted twice",
    APART: "given and family name are both another, which one person's rarely are",
    ALONE: "names alone agree, or neither a name nor an identifier does, which is no identity",
    DOUBT: "another name or suffix, which joins only where the rest leaves no doubt",
    CLAIMED_PART: "only unverified contact details agree, which never joins by itself",
}
