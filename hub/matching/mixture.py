"""Unsupervised training: which share of one customer's pairs, of housemates and of strangers has each level.

Pure numpy over counts of agreement patterns. Three kinds of pairs are told apart by EM:
- *same*: two records of one customer;
- *household*: two people who share what a household shares (family name, address, landline ...) and
  nothing else: their given names, birth dates and numbers agree no more often than those of strangers;
- *strangers*: every level as often as in random pairs.

The posterior of a pair uses all its levels at the odds of the whole data, so it needs no correction
for blocking. The shares are: a comparison learns only from pairs that some candidate rule found
without looking at it, else rules would make what they look at seem to agree always.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hub.matching.model import Comparison

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Patterns:
    """Counts of agreement patterns among candidate pairs.

    levels    pattern x comparison, -1 where missing
    eligible  pattern x comparison: found without looking at that comparison
    rare      bits that term frequencies add against strangers; `rare_alone` those that a household does not share
    count     pairs of the pattern (weighted up when the pairs are a sample)
    """

    levels: Ints
    eligible: NDArray[np.bool_]
    rare: Floats
    rare_alone: Floats
    count: Floats


@dataclass(frozen=True)
class Random:
    """Levels of random pairs, per comparison: shares, and how many pairs had both values."""

    shares: tuple[Floats, ...]
    pairs: tuple[int, ...]


@dataclass(frozen=True)
class Mixture:
    """What training found. Shares per comparison and level; numbers of pairs of each kind."""

    same: tuple[Floats, ...]
    household: tuple[Floats, ...]
    strangers: tuple[Floats, ...]
    same_pairs: float
    household_pairs: float
    all_pairs: float
    seen: tuple[bool, ...]  # did the comparison meet any data
    rounds: int
    moved: float  # largest change of a share in the last round


BELIEF = 30.0  # pairs that the shipped shares count for


def fit(comparisons: tuple[Comparison, ...], patterns: Patterns, random: Random, *, records: int, rounds: int = 60) -> Mixture:
    """EM until no share moves by more than a thousandth, or `rounds`."""
    total = records * (records - 1) / 2
    shipped = [np.array([level.m for level in c.levels.levels]) for c in comparisons]
    same = [m / m.sum() for m in shipped]
    strangers = [_smoothed(random.shares[k], random.pairs[k], c) for k, c in enumerate(comparisons)]
    observed = [u.copy() for u in strangers]
    household = [_household(c, u) for c, u in zip(comparisons, strangers, strict=True)]
    believed = [h.copy() for h in household]
    same_pairs, household_pairs = 0.2 * records, 0.2 * records
    moved, done = 1.0, 0
    for done in range(1, rounds + 1):  # noqa: B007
        posterior = _posterior(patterns, same, household, strangers, (same_pairs, household_pairs, total))
        weight_same, weight_household = posterior[0] * patterns.count, posterior[1] * patterns.count
        before = [m.copy() for m in same]
        for k, c in enumerate(comparisons):
            same[k] = _shares(patterns, weight_same, k, shipped[k] / shipped[k].sum() * BELIEF)
            if c.levels.shared:
                household[k] = _shares(patterns, weight_household, k, believed[k] * BELIEF)
            share = min(0.5, same_pairs / total)
            strangers[k] = _cleaned(observed[k], same[k], share, random.pairs[k], c)
            if not c.levels.shared:
                household[k] = _household(c, strangers[k])
        same_pairs, household_pairs = max(1.0, float(weight_same.sum())), max(1.0, float(weight_household.sum()))
        moved = max((float(np.abs(a - b).max()) for a, b in zip(same, before, strict=True)), default=0.0)
        if moved < 0.001:
            break
    seen = tuple(bool((patterns.levels[:, k] >= 0).any()) for k in range(len(comparisons)))
    return Mixture(tuple(same), tuple(household), tuple(strangers), same_pairs, household_pairs, total, seen, done, moved)


def _posterior(
    patterns: Patterns, same: list[Floats], household: list[Floats], strangers: list[Floats], pairs: tuple[float, float, float]
) -> tuple[Floats, Floats]:
    """Chances that each pattern is one customer, or one household."""
    one, home, rest = np.log2(pairs[0]), np.log2(pairs[1]), np.log2(max(pairs[2] - pairs[0] - pairs[1], 1.0))
    m = np.full(len(patterns.count), one)
    h = np.full(len(patterns.count), home) - patterns.rare_alone
    u = np.full(len(patterns.count), rest) - patterns.rare
    for k in range(patterns.levels.shape[1]):
        at = patterns.levels[:, k]
        for sums, shares in ((m, same[k]), (h, household[k]), (u, strangers[k])):
            sums += np.append(np.log2(np.maximum(shares, 1e-12)), 0.0)[at]  # -1, missing, takes the 0 at the end
    top = np.maximum(np.maximum(m, h), u)
    em, eh, eu = np.exp2(m - top), np.exp2(h - top), np.exp2(u - top)
    whole = em + eh + eu
    return em / whole, eh / whole


def _shares(patterns: Patterns, weight: Floats, k: int, belief: Floats) -> Floats:
    """Shares of a comparison's levels under weights, starting from a belief."""
    usable = patterns.eligible[:, k] & (patterns.levels[:, k] >= 0)
    counts = np.bincount(patterns.levels[usable, k], weights=weight[usable], minlength=len(belief)) + belief
    return counts / counts.sum()


def _smoothed(shares: Floats, pairs: int, comparison: Comparison) -> Floats:
    shipped = np.array([level.u for level in comparison.levels.levels])
    shipped = shipped / shipped.sum()
    counts = shares * pairs + shipped * 10
    return counts / counts.sum()


def _cleaned(observed: Floats, same: Floats, share: float, pairs: int, comparison: Comparison) -> Floats:
    """Random pairs hold pairs of one customer too: take them out. In small data they are most of what agrees."""
    if pairs == 0:
        return observed
    left = np.maximum(observed - share * same, observed * 0.05)
    return left / left.sum()


def _household(comparison: Comparison, strangers: Floats) -> Floats:
    """Housemates before learning: as shipped where a household shares, else as strangers, with the twins and
    namesakes that the shipped share of the level says."""
    levels = comparison.levels.levels
    if comparison.levels.shared:
        shares = np.array([level.u if level.h is None else level.h for level in levels])
    else:
        shares = np.array([u if level.h is None else max(u, level.h) for level, u in zip(levels, strangers, strict=True)])
        shares[-1] = max(1e-6, 1 - shares[:-1].sum())
    return shares / shares.sum()
