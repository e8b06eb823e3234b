"""Which candidates may reach a weight at all, told by their sketches. Pure.

Most pairs that share a key are strangers. A weight is never more than any of the three sums it is met from, and a sketch
tells which levels a comparison cannot have; so a pair is left out when one of the sums is too small with the best of the
levels that are left. What stays is weighed by its forms: a shortlist saves time and changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import Literal

import numpy as np
import numpy.typing as npt

from hub.kinds.clues import LENGTH_AT, LETTERS, Clue, How, Needs
from hub.matching.compare.model import Comparison, Model, Weights
from hub.matching.compare.sketch import ANY, Layout, Slots

RidPair = tuple[int, int]
Sums = tuple[int, int, int]  # against strangers, household, namesakes
Outlines = npt.NDArray[np.uint64]
Told = npt.NDArray[np.bool_]

AT_ONCE = 512  # pairs looked at together: what is made of them stays in the processor's own memory
Way = How | Literal["there"]
WAYS: tuple[Way, ...] = ("there", "same", "near", "two", "like", "within")
_Test = tuple[Way, int, int]  # how a slot of the left is to one of the right


class Shortlist:
    """A model ready to tell the hopeless from the hopeful."""

    def __init__(self, model: Model, layout: Layout) -> None:
        self.model, self.layout = model, layout
        clues: list[list[_Test]] = []  # by any of its tests a clue is given
        tables: list[npt.NDArray[np.int32]] = []
        powers: list[tuple[int, int, int]] = []  # comparison, clue, bit
        self._always = np.zeros(3, np.int32)
        for weights in model.comparisons:
            if not layout.has(weights.comparison):
                self._always += np.array([max(0, *sums) for sums in zip(*_most(weights, model), strict=True)], np.int32)
                continue
            own, table = _states(weights, model, layout)
            powers.extend((len(tables), len(clues) + n, 1 << n) for n in range(len(own)))
            clues.extend(own)
            tables.append(table)
        self._powers = np.zeros((len(tables), len(clues)), np.float32)
        for at, clue, power in powers:
            self._powers[at, clue] = power
        self._starts = np.cumsum([0, *map(len, tables)])
        self._table = np.concatenate([*tables, np.zeros((1, 3), np.int32)])
        self._place_tests(clues)
        self._find_placeholders([w for w in model.comparisons if layout.has(w.comparison)])

    def _place_tests(self, clues: Sequence[Sequence[_Test]]) -> None:
        """Each two slots are looked at once, for all ways of being alike; then each clue takes its answers, a test at a time."""
        slots = list(dict.fromkeys((left, right) for tests in clues for _, left, right in tests))
        self._left, self._right = (np.array([p[side] for p in slots], np.intp) for side in (0, 1))
        place = {(how, *pair): WAYS.index(how) * len(slots) + n for n, pair in enumerate(slots) for how in WAYS}
        most = max(map(len, clues), default=0)
        self._rounds = []
        for n in range(most):
            asked = [(c, place[tests[n]]) for c, tests in enumerate(clues) if n < len(tests)]
            self._rounds.append((np.array([c for c, _ in asked], np.intp), np.array([at for _, at in asked], np.intp)))

    def _find_placeholders(self, compared: Sequence[Weights]) -> None:
        """A placeholder is no evidence: it, or all of its attribute, counts as if it were not there."""
        found: list[tuple[int, int, list[int]]] = []  # slot, outline, comparisons that may be missing
        for column, texts in self.model.placeholders.items():
            attribute = column.partition(".")[0]
            touched = [
                n for n, w in enumerate(compared) if w.comparison.columns["value"].partition(".")[0] == attribute
            ]
            outlines = self.layout.outlines_of(column, texts)
            found.extend((slot, outline, touched) for slot, made in outlines.items() for outline in {*made, ANY})
            for n in touched if not outlines else ():  # sketches do not tell which records hold it
                part = slice(self._starts[n], self._starts[n + 1])
                self._table[part] = np.maximum(self._table[part], 0)
        self._hollow = found
        self._hollow_slots = np.array([slot for slot, _, _ in found], np.intp)
        self._hollow_outlines = np.array([[outline] for _, outline, _ in found], np.uint64)

    def bounds(self, left: Outlines, right: Outlines) -> npt.NDArray[np.int32]:
        """The most that each of the three sums can be, a row for each two sketches. A sketch is a column here."""
        told = _told(left[self._left], right[self._right])
        clues = np.zeros((self._powers.shape[1], left.shape[1]), np.bool_)
        for given, by in self._rounds:
            clues[given] |= told[by]
        states = (self._powers @ clues.astype(np.float32)).astype(np.intp)
        found = self._table[states + self._starts[:-1, None]]
        if self._hollow:
            hollow = (left[self._hollow_slots] == self._hollow_outlines) | (
                right[self._hollow_slots] == self._hollow_outlines
            )
            for n in np.flatnonzero(hollow.any(axis=1)):
                where = np.ix_(np.array(self._hollow[n][2], np.intp), np.flatnonzero(hollow[n]))
                found[where] = np.maximum(found[where], 0)
        sums: npt.NDArray[np.int32] = found.sum(axis=0, dtype=np.int32) + self._always
        return sums


def _told(one: Outlines, other: Outlines) -> Told:
    """Whether two outlines are alike in each of the ways, all slots by one way after those by another."""
    letters = np.uint64(LETTERS)
    there = (one != 0) & (other != 0)
    gone, new = np.bitwise_count(one & ~other & letters), np.bitwise_count(other & ~one & letters)
    most, least = np.maximum(gone, new), np.minimum(gone, new)
    long, short = (one >> np.uint64(LENGTH_AT)).astype(np.int8), (other >> np.uint64(LENGTH_AT)).astype(np.int8)
    answers: Mapping[Way, Told] = {
        "there": there,
        "same": one == other,
        "near": (most <= 1) & (np.abs(long - short) <= 1),
        "two": most <= 2,
        "like": 3 * most <= np.maximum(long, short),
        "within": least == 0,
    }
    wild = (one == ANY) | (other == ANY)
    return np.concatenate([(answers[way] | wild) & there for way in WAYS])


def _states(weights: Weights, model: Model, layout: Layout) -> tuple[list[list[_Test]], npt.NDArray[np.int32]]:
    """A comparison's clues, and the most that it adds to each sum in each state of them: bit n of a state is clue n.

    Bit 0: both sides say something. Without it nothing is compared.
    """
    comparison = weights.comparison
    levels = comparison.levels
    both = [test for name in levels.present for test in _tests(Clue("same", name, name), comparison, layout, "there")]
    needs = [level.needs for level in levels.levels]
    clues = list(dict.fromkeys(c for n in (*needs, levels.silent) for all_of in n for c in all_of))
    listed = {c: tests for c in clues if (tests := _tests(c, comparison, layout, c.how))}
    bit = {c: n + 1 for n, c in enumerate(listed)}
    most = _most(weights, model)
    table = np.zeros((2 << len(listed), 3), np.int32)
    for state in range(1, len(table), 2):
        told = {c for c, n in bit.items() if state >> n & 1}
        left = [sums for sums, n in zip(most, needs, strict=True) if _may_be(n, told)]
        if levels.silent and _may_be(levels.silent, told):
            left.append((0, 0, 0))
        table[state] = [max(sums) for sums in zip(*left, strict=True)]
    return [both, *listed.values()], table


def _may_be(needs: Needs, told: Collection[Clue]) -> bool:
    return not needs or any(all(c in told for c in all_of) for all_of in needs)


def _tests(clue: Clue, comparison: Comparison, layout: Layout, way: Way) -> list[_Test]:
    """Any value of one side with any of the other; of two features, either way round."""
    one, other = layout.slots(comparison, clue.left), layout.slots(comparison, clue.right)
    ways: list[tuple[Slots, Slots]] = [(one, other)] if one == other else [(one, other), (other, one)]
    return [(way, left, right) for a, b in ways for left, right in product(a, b)]


def _most(weights: Weights, model: Model) -> list[Sums]:
    """The most that each level adds to each sum, whatever the values are that agree."""
    comparison = weights.comparison
    rare = [
        max(
            (max([t.unseen, *t.frequent.values()]) for t in [model.terms.get(level.tf or "")] if t is not None),
            default=0,
        )
        for level in weights.levels
    ]
    shared = comparison.levels.shared
    names = model.full_names if model.full_names is not None and model.full_names.family == comparison.name else None
    full = [0 if names is None or level.tf not in model.terms else names.strangers for level in weights.levels]
    most = 0 if names is None else max([names.terms.unseen, *names.terms.frequent.values()]) + names.namesakes
    named = [r if names is None else max(0, r + most) if f else 0 for r, f in zip(rare, full, strict=True)]
    return [
        (level.strangers + r + max(0, f), level.household + (0 if shared else r), level.namesakes + n)
        for level, r, f, n in zip(weights.levels, rare, full, named, strict=True)
    ]


_shortlists: dict[int, Shortlist] = {}


def _shortlist(model: Model, layout: Layout) -> Shortlist:
    found = _shortlists.get(id(model))
    if found is None or found.model is not model or found.layout is not layout:
        if len(_shortlists) > 8:
            _shortlists.clear()
        found = _shortlists[id(model)] = Shortlist(model, layout)
    return found


def hopeful(
    pairs: Collection[RidPair], sketches: Mapping[int, bytes], model: Model, layout: Layout, floor: int
) -> list[RidPair]:
    """The pairs that may weigh `floor` milli-bits or more, by a bound that is never too low. Without two sketches nobody knows."""
    if not sketches or not layout.width:
        return list(pairs)
    kept = [p for p in pairs if p[0] not in sketches or p[1] not in sketches]
    listed = [p for p in pairs if p[0] in sketches and p[1] in sketches]
    shortlist = _shortlist(model, layout)
    place = {rid: n for n, rid in enumerate(sketches)}
    outlines = np.frombuffer(b"".join(sketches.values()), "<u8").reshape(len(place), layout.width).T.copy()
    least = floor - np.array([model.prior, model.household, model.namesakes])
    for start in range(0, len(listed), AT_ONCE):
        part = listed[start : start + AT_ONCE]
        left, right = (outlines[:, [place[p[side]] for p in part]] for side in (0, 1))
        good = (shortlist.bounds(left, right) >= least).all(axis=1)
        kept.extend(part[n] for n in np.flatnonzero(good))
    return kept
