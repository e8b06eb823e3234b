"""Precision and recall without truth: from a few pairs that a steward labels. Pure.

The population is every pair of records that the hub compared (its candidates) or put together. It is cut into strata by match
weight and by whether the pair is together now; each stratum gives a random sample, larger where the model is unsure or pairs are many.

- *precision*: of the pairs that are together, the share that are one customer.
- *recall*: of the pairs in the population that are one customer, the share that are together. What blocking never
  compared is not in it: the model's `recall_lost_by_blocking` estimates that, and `overall` multiplies the two.

Each stratum's share of true pairs has a Beta posterior; sampled numbers of true pairs give the intervals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from hub.model import BIT

EDGES = (-16, -8, -4, -1, 1, 4, 8, 16)  # bits: where strata meet
LEAST = 4  # pairs of each stratum that are drawn
TEMPER = 0.75  # how far a weight is believed beforehand: its log-odds times this
RIGHT = 0.8  # how sure we are beforehand that a stratum is as the model expects
DRAWS = 4_000
SIDES = (-1, 0, 1)
_HALF = 0.5 - 1e-6

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stratum:
    """Pairs of like weight. `pairs`: how many there are; `counted`: the share of them that was counted to know it (1: all);
    `expected`: the share of true pairs that the model leads to expect."""

    name: str
    together: bool
    pairs: float
    expected: float
    counted: float = 1.0


@dataclass(frozen=True, slots=True)
class Labelled:
    """A stratum with what was found in its sample."""

    stratum: Stratum
    labelled: int
    same: int


@dataclass(frozen=True, slots=True)
class Interval:
    """A share in 0..1: the middle of what is plausible, and the bounds of the 95 % that are most so."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """`plain`: precision and recall by the sample's shares alone (Horvitz-Thompson), None where a stratum has no label."""

    labelled: int
    precision: Interval
    recall: Interval
    f1: Interval
    overall: Interval  # recall with what blocking is estimated to lose
    plain: tuple[float, float] | None

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Population:
    """Every pair: weight (milli-bits), together, and how many pairs it stands for."""

    weights: Ints
    together: NDArray[np.bool_]
    stands_for: Floats

    def strata(self) -> tuple[Ints, list[Stratum]]:
        """The stratum of each pair, by place in the list of strata; empty strata are left out."""
        bins = np.digitize(self.weights / BIT, EDGES) + (len(EDGES) + 1) * self.together.astype(np.int64)
        used, place = np.unique(bins, return_inverse=True)
        expected = _tempered(self.weights)
        made = []
        for n, code in enumerate(used):
            inside = place == n
            pairs = float(self.stands_for[inside].sum())
            made.append(
                Stratum(
                    _name(int(code)),
                    bool(code > len(EDGES)),
                    pairs,
                    float(np.average(expected[inside], weights=self.stands_for[inside])),
                    float(inside.sum()) / pairs,
                )
            )
        return place.astype(np.int64), made


def draw(population: Population, sample: int, *, seed: int = 0) -> tuple[list[tuple[int, Stratum]], list[Stratum]]:
    """About `sample` pairs to label: (place in the population, stratum), in random order; and all strata."""
    place, strata = population.strata()
    rng = np.random.default_rng(seed)
    available = [int((place == n).sum()) for n in range(len(strata))]
    chosen: list[tuple[int, Stratum]] = []
    for n, size in enumerate(allocation(strata, available, sample)):
        chosen.extend((int(at), strata[n]) for at in rng.choice(np.flatnonzero(place == n), size, replace=False))
    return [chosen[at] for at in rng.permutation(len(chosen))], strata


def allocation(strata: Sequence[Stratum], available: Sequence[int], sample: int) -> list[int]:
    """Pairs to draw from each stratum (Neyman): as many as its uncertainty bears on the totals, and a few of each."""
    need = [s.pairs * math.sqrt(max(s.expected * (1 - s.expected), 1e-9)) for s in strata]
    sizes = [min(LEAST, have) for have in available]
    while (left := sample - sum(sizes)) > 0:
        room = [n if have > size else 0.0 for n, have, size in zip(need, available, sizes, strict=True)]
        if not any(room):
            break
        target = [size + left * r / sum(room) for size, r in zip(sizes, room, strict=True)]
        more = [min(have, max(size, int(t))) for have, size, t in zip(available, sizes, target, strict=True)]
        if more == sizes:  # less than one each: the neediest gets it
            more[max(range(len(room)), key=room.__getitem__)] += 1
        sizes = more
    return sizes


def estimate(
    found: Sequence[Labelled], *, lost_by_blocking: float = 0.0, seed: int = 0, draws: int = DRAWS
) -> Estimate:
    """Precision and recall with 95 % intervals. The same labels and seed give the same numbers."""
    rng = np.random.default_rng(seed)
    held = sum(x.stratum.pairs for x in found if x.stratum.together)
    none = np.zeros(draws)
    total = {
        (side, t): none + sum((_true_pairs(x, side, rng, draws) for x in found if x.stratum.together is t), none)
        for side in SIDES
        for t in (True, False)
    }
    precision = _interval(*(np.minimum(total[side, True] / held, 1.0) if held else none + 1 for side in SIDES))
    shares = [(total[side, True], total[-side, False]) for side in SIDES]
    recall = _interval(*(np.where(a + b > 0, a / np.maximum(a + b, 1e-9), 1.0) for a, b in shares))
    f1 = _interval(*(2 * a / np.maximum(held + a + b, 1e-9) if held else none for a, b in shares))
    overall = Interval(*(x * (1 - lost_by_blocking) for x in (recall.estimate, recall.low, recall.high)))
    return Estimate(sum(x.labelled for x in found), precision, recall, f1, overall, _plain(found))


def _true_pairs(one: Labelled, side: int, rng: np.random.Generator, draws: int) -> Floats:
    """Plausible numbers of true pairs of a stratum: those labelled, and draws for the rest. `side`: for the lower bound, the middle, the upper.

    Before any label, the share of true pairs is either near what the model expects (Jeffreys' prior moved to that mean) or
    anything (Jeffreys' prior); the labels decide between the two. So a hundred thousand pairs that the model holds to be strangers do
    not swamp recall for want of labels, and labels that contradict the model still win. A bound leaves out the prior's
    half a pair on the other side: over many strata those halves would add up to pairs that nobody saw.
    """
    q, n, k = min(max(one.stratum.expected, 1e-7), 1 - 1e-7), one.labelled, one.same
    a, b = (0.5, 0.5 / q - 0.5) if q < 0.5 else (0.5 / (1 - q) - 0.5, 0.5)
    right = math.log(RIGHT) + _log_beta(a + k, b + n - k) - _log_beta(a, b)
    wrong = math.log(1 - RIGHT) + _log_beta(0.5 + k, 0.5 + n - k) - _log_beta(0.5, 0.5)
    believe = rng.random(draws) < 1 / (1 + math.exp(min(wrong - right, 700.0)))
    less_true, less_false = (_HALF if side < 0 else 0.0), (_HALF if side > 0 else 0.0)
    near = rng.beta(a + k - (less_true if q < 0.5 else 0.0), b + n - k - (less_false if q >= 0.5 else 0.0), draws)
    share = np.where(believe, near, rng.beta(0.5 + k - less_true, 0.5 + n - k - less_false, draws))
    size = np.full(draws, one.stratum.pairs)
    if one.stratum.counted < 1:  # the number of pairs is itself estimated, from a count of some
        size = rng.gamma(max(one.stratum.pairs * one.stratum.counted, 0.5), 1 / one.stratum.counted, draws)
    rest = np.maximum(np.rint(size).astype(np.int64) - n, 0)
    return np.asarray(k + rng.binomial(rest, share), np.float64)


def _plain(found: Sequence[Labelled]) -> tuple[float, float] | None:
    if any(x.labelled == 0 for x in found):
        return None
    true = {
        t: sum(x.stratum.pairs * x.same / x.labelled for x in found if x.stratum.together is t) for t in (True, False)
    }
    held, every = sum(x.stratum.pairs for x in found if x.stratum.together), true[True] + true[False]
    return true[True] / held if held else 1.0, true[True] / every if every else 1.0


def _interval(low: Floats, middle: Floats, high: Floats) -> Interval:
    at = float(np.median(middle))
    return Interval(at, min(at, float(np.quantile(low, 0.025))), max(at, float(np.quantile(high, 0.975))))


def _tempered(weights: Ints) -> Floats:
    return np.asarray(1 / (1 + np.exp2(np.clip(-TEMPER * weights / BIT, -60, 60))), np.float64)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _name(code: int) -> str:
    at, where = code % (len(EDGES) + 1), "together" if code > len(EDGES) else "apart"
    if at == 0:
        return f"{where}, below {EDGES[0]} bits"
    return f"{where}, {EDGES[at - 1]} to {EDGES[at]} bits" if at < len(EDGES) else f"{where}, from {EDGES[-1]} bits"


__all__ = ["Estimate", "Interval", "Labelled", "Population", "Stratum", "allocation", "draw", "estimate"]
