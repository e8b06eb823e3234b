"""Unsupervised training: which share of one customer's pairs, of housemates and of strangers has each level.

Pure numpy over counts of agreement patterns. Four kinds of pairs are told apart by EM:
- *same*: two records of one customer;
- *household*: two people who share what a household shares (family name, address, landline ...) and
  nothing else: their given names, birth dates and numbers agree no more often than those of strangers;
- *namesakes*: two people of one name, and whatever goes with a name (its e-mail addresses, its sex);
- *strangers*: every level as often as in random pairs.

The posterior of a pair uses all its levels at the odds of the whole data, so it needs no correction
for blocking. The shares are: a comparison learns only from pairs that some candidate rule found
without looking at it, else rules would make what they look at seem to agree always.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hub.kinds.levels_address import COMPANY_ADDRESS
from hub.kinds.levels_company import ALL_WORDS, COMPANY_NAME, PART, RARE_PART, RARE_WORDS, SIMILAR, SOME
from hub.kinds.levels_values import COMPANY_PHONE
from hub.matching.compare.model import Comparison

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Patterns:
    """Counts of agreement patterns among candidate pairs.

    levels    pattern x comparison, -1 where missing
    eligible  pattern x comparison: found without looking at that comparison
    rare      bits that term frequencies add against strangers; `rare_alone` those that a household does not share;
              `rare_named` against namesakes
    count     pairs of the pattern (weighted up when the pairs are a sample)
    mask      bits of the rules that found it
    """

    levels: Ints
    eligible: NDArray[np.bool_]
    rare: Floats
    rare_alone: Floats
    rare_named: Floats
    count: Floats
    mask: Ints


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
    namesakes: tuple[Floats, ...]
    strangers: tuple[Floats, ...]
    same_pairs: float
    household_pairs: float
    namesake_pairs: float
    all_pairs: float
    seen: tuple[bool, ...]  # did the comparison meet any data
    rounds: int
    posterior: Floats  # chance of each pattern to be one customer
    moved: float  # largest change of a share in the last round


BELIEF = 30.0  # pairs that the shipped shares count for
OFTENER, AT_MOST = (
    3.0,
    2.0,
)  # a level shipped so many times as often among housemates is learned as at most so many times its shipped share

SISTERS_TO_ONE = 4.0  # pairs of one company to a pair of sisters, where nothing but names is there to tell
REPEATED_AT_MOST = 4.0  # times the pairs of one company that repeated names tell of
ENOUGH, AT_TWO_PLACES = 20.0, 0.1  # pairs that tell how names are told; the share of them that may have two addresses
_TELLING = (COMPANY_NAME, COMPANY_PHONE, COMPANY_ADDRESS)
_WITHIN, _BESIDE = (
    (RARE_WORDS, ALL_WORDS, RARE_PART, PART),
    (SIMILAR, SOME),
)  # of two names: one in the other; each with its own
ELSEWHERE = len(COMPANY_ADDRESS.levels) - 1
SELDOM = 0.002  # shipped share of strangers up to which a level is one that rare words make


def fit(
    comparisons: tuple[Comparison, ...],
    patterns: Patterns,
    random: Random,
    *,
    records: int,
    apart: float | None = None,
    repeated: float | None = None,
    rounds: int = 60,
) -> Mixture:
    """EM until no share moves by more than a thousandth, or `rounds`. `apart`: pairs of two people of one full name, where the
    names themselves have told: what EM would make of them depends on how little else there is to compare. `repeated`: about how many
    pairs are of one customer, where nothing but a name is there: one comparison cannot tell who is who, so what strangers look
    like stays as shipped (by how rare words are, which the names have told)."""
    total = records * (records - 1) / 2
    shipped = [np.array([level.m for level in c.levels.levels]) for c in comparisons]
    same = [m / m.sum() for m in shipped]
    observed = [_smoothed(random.shares[k], random.pairs[k], c) for k, c in enumerate(comparisons)]
    if repeated is not None:
        observed = [_rarely(c, u) for c, u in zip(comparisons, observed, strict=True)]
    strangers = [u.copy() for u in observed]
    household = [_household(c, u) for c, u in zip(comparisons, strangers, strict=True)]
    namesakes = [_namesakes(c, m, u) for c, m, u in zip(comparisons, same, strangers, strict=True)]
    housed, named = [h.copy() for h in household], [x.copy() for x in namesakes]
    pairs = np.array([0.2 * records, 0.2 * records, 0.1 * records])
    if repeated is not None:
        pairs = np.array([repeated, repeated / SISTERS_TO_ONE, 1.0])
    moved, done, weights = 1.0, 0, np.zeros((3, len(patterns.count)))
    for done in range(1, rounds + 1):  # noqa: B007
        weights = _posterior(patterns, (same, household, namesakes, strangers), pairs, total) * patterns.count
        before = [m.copy() for m in same]
        for k, c in enumerate(comparisons):
            same[k] = _bounded(_shares(patterns, weights[0], k, shipped[k] / shipped[k].sum() * BELIEF), c)
            if repeated is not None:
                continue
            strangers[k] = _cleaned(observed[k], same[k], min(0.5, pairs[0] / total), random.pairs[k])
            if c.levels.shared:
                household[k] = _with_fixed(
                    _shares(patterns, weights[1], k, housed[k] * BELIEF),
                    [level.h is None for level in c.levels.levels],
                    strangers[k],
                )
            else:
                household[k] = _household(c, strangers[k])
            if c.levels.named:
                namesakes[k] = _with_fixed(
                    _shares(patterns, weights[2], k, named[k] * BELIEF),
                    [level.n is None for level in c.levels.levels],
                    strangers[k],
                )
            else:
                namesakes[k] = _namesakes(c, same[k], strangers[k])
        pairs = np.maximum(1.0, weights.sum(axis=1))
        if repeated is not None:
            found = min(max(pairs[0], repeated), REPEATED_AT_MOST * repeated)
            pairs = np.array([found, found / SISTERS_TO_ONE, 1.0])
        if apart is not None:  # and those whose names are misspelt
            pairs[2] = max(
                1.0, apart / math.prod(float(same[k][0]) for k, c in enumerate(comparisons) if c.levels.name)
            )
        moved = max((float(np.abs(a - b).max()) for a, b in zip(same, before, strict=True)), default=0.0)
        if moved < 0.001:
            break
    seen = tuple(bool((patterns.levels[:, k] >= 0).any()) for k in range(len(comparisons)))
    return Mixture(
        tuple(same), tuple(household), tuple(namesakes), tuple(strangers), float(pairs[0]), float(pairs[1]), float(pairs[2]),
        total, seen, done, weights[0] / patterns.count, moved,
    )  # fmt: skip


def told_otherwise(comparisons: Sequence[Comparison], patterns: Patterns) -> bool:
    """Are companies of one telephone mostly one site, whose name is told in several ways?

    Sisters share the number of their group and a word of its name, and have addresses of their own. One site has one address,
    and of its names one is mostly in the other. Too few such pairs tell nothing: then no.
    """
    at = [next((k for k, c in enumerate(comparisons) if c.levels is levels), None) for levels in _TELLING]
    if None in at:
        return False
    name, phone, place = (patterns.levels[:, k] for k in at)
    within, beside, elsewhere = (
        float(patterns.count[(phone == 0) & (place >= 0) & found].sum())
        for found in (np.isin(name, _WITHIN), np.isin(name, _BESIDE), np.isin(name, _BESIDE) & (place == ELSEWHERE))
    )
    return beside >= ENOUGH and within > beside and elsewhere <= AT_TWO_PLACES * beside


def _posterior(patterns: Patterns, shares: tuple[list[Floats], ...], pairs: Floats, total: float) -> Floats:
    """Chances that each pattern is one customer, one household, two namesakes (rows)."""
    strangers = max(total - float(pairs.sum()), 1.0)
    logs = np.log2(np.append(pairs, strangers))[:, None] + np.zeros(len(patterns.count))
    logs[1] -= patterns.rare_alone
    logs[2] -= patterns.rare_named
    logs[3] -= patterns.rare
    for k in range(patterns.levels.shape[1]):
        at = patterns.levels[:, k]
        for kind in range(4):  # -1, missing, takes the 0 at the end
            logs[kind] += np.append(np.log2(np.maximum(shares[kind][k], 1e-12)), 0.0)[at]
    chances = np.exp2(logs - logs.max(axis=0))
    found: Floats = (chances / chances.sum(axis=0))[:3]
    return found


def _shares(patterns: Patterns, weight: Floats, k: int, belief: Floats) -> Floats:
    """Shares of a comparison's levels under weights, starting from a belief."""
    usable = patterns.eligible[:, k] & (patterns.levels[:, k] >= 0)
    counts = np.bincount(patterns.levels[usable, k], weights=weight[usable], minlength=len(belief)) + belief
    return _normal(counts)


def _normal(counts: Floats) -> Floats:
    shares: Floats = counts / counts.sum()
    return shares


def _smoothed(shares: Floats, pairs: int, comparison: Comparison) -> Floats:
    """Shares of random pairs, where half an event of each level is believed beforehand."""
    shipped = np.array([level.u for level in comparison.levels.levels])
    shipped = shipped / shipped.sum()
    found = (shares * pairs + 0.5) / (pairs + 0.5 / shipped)
    return _normal(found)


def _rarely(comparison: Comparison, observed: Floats) -> Floats:
    """Levels that rare words make are as seldom among strangers as shipped: what is seen of them is mostly one customer's."""
    shipped = np.array([level.u for level in comparison.levels.levels])
    return _normal(np.where(shipped < SELDOM, np.minimum(shipped, observed), observed))


def _cleaned(observed: Floats, same: Floats, share: float, pairs: int) -> Floats:
    """Random pairs hold pairs of one customer too: take them out. In small data they are most of what agrees."""
    if pairs == 0:
        return observed
    left = np.maximum(observed - share * same, observed * 0.05)
    return _normal(left)


def _namesakes(comparison: Comparison, same: Floats, strangers: Floats) -> Floats:
    """Namesakes before learning: names as of one customer, the rest as among strangers."""
    if comparison.levels.name:
        return same
    levels = comparison.levels.levels
    shares = np.array([u if level.n is None else level.n for level, u in zip(levels, strangers, strict=True)])
    return _normal(shares)


def _with_fixed(shares: Floats, which: Sequence[bool], strangers: Floats) -> Floats:
    """Levels that a name or a household does not explain (the very same address for namesakes, the whole name of a company for
    its sisters) stay as among strangers, whatever the data suggests: else records of one customer would pass for two."""
    fixed = np.array(which)
    free = np.where(fixed, 0.0, shares)
    found: Floats = np.where(fixed, strangers, free / free.sum() * (1 - strangers[fixed].sum()))
    return found


def _bounded(shares: Floats, comparison: Comparison) -> Floats:
    """What speaks for two members of a household (another given name, a company name that only begins alike) is never learned as
    what one customer looks like: where little else tells the two apart, one of them would swallow the other."""
    most = np.array(
        [
            AT_MOST * level.m if level.h is not None and level.h > OFTENER * level.m and not level.free else 1.0
            for level in comparison.levels.levels
        ]
    )
    over = np.maximum(shares - most, 0.0)
    rest = np.where(over > 0, 0.0, shares)
    found: Floats = np.minimum(shares, most) + over.sum() * rest / rest.sum()
    return found


def _household(comparison: Comparison, strangers: Floats) -> Floats:
    """Housemates before learning: as shipped where a household shares, else as strangers, with the twins and
    namesakes that the shipped share of the level says."""
    levels = comparison.levels.levels
    if comparison.levels.shared:
        shares = np.array([level.u if level.h is None else level.h for level in levels])
    else:
        shares = np.array(
            [u if level.h is None else max(u, level.h) for level, u in zip(levels, strangers, strict=True)]
        )
        shares[-1] = max(1e-6, 1 - shares[:-1].sum())
    return _normal(shares)
