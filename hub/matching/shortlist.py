"""Which candidates may reach a weight at all. Pure.

Most pairs that share a key are strangers, and two or three comparisons show it. A weight is never more than any of the
three sums it is met from, so a pair is left out as soon as one of them, with the best that is still to come, is too small.
What stays is weighed in full: a shortlist saves time and changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from hub.kinds.levels_base import MISSING, PythonForm
from hub.matching.candidates import without_placeholders
from hub.matching.model import Model, Weights

assert MISSING == -1  # a missing comparison reads the last entry of its sums, which is nothing

Forms = Mapping[str, Any]
RidPair = tuple[int, int]
Sums = tuple[int, ...]


class _Compared(NamedTuple):
    """A comparison: the columns without which it is missing, and the most that each level adds to each sum."""

    columns: tuple[str, ...]
    level: PythonForm
    strangers: Sums
    household: Sums
    namesakes: Sums


class _Step(NamedTuple):
    """A comparison of a plan, with the most that the later ones can add."""

    level: PythonForm
    strangers: Sums
    household: Sums
    namesakes: Sums
    rest: tuple[int, int, int]


class Shortlist:
    """A model ready to tell the hopeless from the hopeful."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._compared = sorted((_bound(w, model) for w in model.comparisons), key=lambda c: min(c.household) - max(c.household))
        self._plans: dict[int, tuple[_Step, ...]] = {}
        self._bits: dict[str, int] = {}
        for n, compared in enumerate(self._compared):
            for name in compared.columns:
                self._bits[name] = self._bits.get(name, 0) | 1 << n

    def present(self, forms: Forms) -> int:
        """The comparisons that a record has something to say in, as bits."""
        present, bits = 0, self._bits
        for name, value in forms.items():
            if value and name in bits:
                present |= bits[name]
        return present

    def plan(self, present: int) -> tuple[_Step, ...]:
        """What to compare when both records have these, the most telling first."""
        found = self._plans.get(present)
        if found is None:
            rest = (0, 0, 0)
            steps: list[_Step] = []
            for n in reversed(range(len(self._compared))):
                if present >> n & 1:
                    _, level, strangers, household, namesakes = self._compared[n]
                    steps.append(_Step(level, strangers, household, namesakes, rest))
                    rest = (rest[0] + max(strangers), rest[1] + max(household), rest[2] + max(namesakes))
            found = self._plans[present] = tuple(reversed(steps))
        return found

    def may_reach(self, left: Forms, right: Forms, present: int, floor: int) -> bool:
        model = self.model
        strangers, household, namesakes = model.prior - floor, model.household - floor, model.namesakes - floor
        for level_of, s, h, n, (more_s, more_h, more_n) in self.plan(present):
            level = level_of(left, right)
            strangers += s[level]
            household += h[level]
            namesakes += n[level]
            if household + more_h < 0 or strangers + more_s < 0 or namesakes + more_n < 0:
                return False
        return strangers >= 0 and household >= 0 and namesakes >= 0


def _bound(weights: Weights, model: Model) -> _Compared:
    comparison = weights.comparison
    value = comparison.columns["value"]
    own = tuple(c for c in comparison.columns.values() if c.partition(".")[0] == value.partition(".")[0])
    rare = [max((max([t.unseen, *t.frequent.values()]) for t in [model.terms.get(level.tf or "")] if t is not None), default=0) for level in weights.levels]
    shared = comparison.levels.shared
    names = model.full_names if model.full_names is not None and model.full_names.family == comparison.name else None
    full = [0 if names is None or level.tf not in model.terms else names.strangers for level in weights.levels]
    most = 0 if names is None else max([names.terms.unseen, *names.terms.frequent.values()]) + names.namesakes
    named = [r if names is None else max(0, r + most) if f else 0 for r, f in zip(rare, full, strict=True)]
    return _Compared(
        own, comparison.levels.python(comparison.columns),
        (*(level.strangers + r + max(0, f) for level, r, f in zip(weights.levels, rare, full, strict=True)), 0),
        (*(level.household + (0 if shared else r) for level, r in zip(weights.levels, rare, strict=True)), 0),
        (*(level.namesakes + r for level, r in zip(weights.levels, named, strict=True)), 0),
    )


_shortlists: dict[int, Shortlist] = {}


def _shortlist(model: Model) -> Shortlist:
    found = _shortlists.get(id(model))
    if found is None or found.model is not model:
        if len(_shortlists) > 8:
            _shortlists.clear()
        found = _shortlists[id(model)] = Shortlist(model)
    return found


def hopeful(pairs: Collection[RidPair], forms: Mapping[int, Forms], model: Model, floor: int) -> list[RidPair]:
    """The pairs that may weigh `floor` milli-bits or more, by a bound that is never too low."""
    shortlist = _shortlist(model)
    bare: dict[int, tuple[Forms, int]] = {}
    for rid in {r for p in pairs for r in p}:
        found = without_placeholders(forms[rid], model) if model.placeholders else forms[rid]
        bare[rid] = (found, shortlist.present(found))
    kept = []
    for pair in pairs:
        (left, there), (right, here) = bare[pair[0]], bare[pair[1]]
        if shortlist.may_reach(left, right, there & here, floor):
            kept.append(pair)
    return kept
