"""Precision and recall from a labelled sample: its intervals cover the truth as often as they say."""

from __future__ import annotations

import os
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from hub.model import BIT
from hub.quality.sampling import Labelled, Population, Stratum, allocation, draw, estimate

REPEATS = 1_000 if os.environ.get("HUB_PROVE") else 150
SAMPLE = 200

Truth = NDArray[np.bool_]


def simulated(kind: str) -> tuple[Population, Truth]:
    """A hub's pairs with their truth. The weights of each kind are wrong in another way; `calibrated` are right."""
    rng = np.random.default_rng(7)
    if kind == "calibrated":  # most pairs strangers, each true with the chance that its weight says
        weights = np.concatenate([rng.normal(-14, 7, 120_000), rng.normal(14, 8, 6_000)])
        true = rng.random(len(weights)) < 1 / (1 + np.exp2(-weights))
    else:
        middle, spread, strangers = {"sharp": (10, 5, 60_000), "blunt": (3, 4, 40_000), "optimistic": (16, 6, 80_000)}[
            kind
        ]
        true = np.concatenate([np.ones(5_000, bool), np.zeros(strangers, bool)])
        weights = np.where(true, rng.normal(middle, spread, len(true)), rng.normal(-9, 4.0, len(true)))
        weights = weights * (1.6 if kind == "sharp" else 1.0) + (3.0 if kind == "optimistic" else 0.0)
    together = weights + rng.normal(0, 1.5, len(weights)) > 2
    return Population((weights * BIT).astype(np.int64), together, np.ones(len(weights))), true


def labelled(population: Population, true: Truth, sample: int, seed: int) -> list[Labelled]:
    chosen, strata = draw(population, sample, seed=seed)
    counts, same = Counter(s for _, s in chosen), Counter(s for at, s in chosen if true[at])
    return [Labelled(s, counts[s], same[s]) for s in strata]


@pytest.mark.parametrize("kind", ["calibrated", "sharp", "blunt", "optimistic"])
def test_the_95_percent_interval_covers_the_truth_in_at_least_93_percent(kind: str) -> None:
    population, true = simulated(kind)
    held = population.together
    precision, recall = float(true[held].mean()), float(held[true].mean())
    covered, widths = Counter[str](), []
    for seed in range(REPEATS):
        found = estimate(labelled(population, true, SAMPLE, seed), seed=seed, draws=1_000)
        covered["precision"] += found.precision.low <= precision <= found.precision.high
        covered["recall"] += found.recall.low <= recall <= found.recall.high
        widths.append((found.precision.high - found.precision.low, found.recall.high - found.recall.low))
    shares = {what: n / REPEATS for what, n in covered.items()}
    print(
        kind,
        f"precision {precision:.3f}, recall {recall:.3f}, covered {shares}, mean widths {np.mean(widths, axis=0).round(3)}",
    )
    assert min(shares["precision"], shares["recall"]) >= 0.93
    assert np.mean(widths) < 0.35  # an interval that covers because it says nothing would be no estimate


def test_the_same_labels_and_seed_give_the_same_estimate() -> None:
    population, true = simulated("blunt")
    found = labelled(population, true, SAMPLE, 3)
    assert estimate(found, seed=1) == estimate(found, seed=1)
    assert draw(population, SAMPLE, seed=3)[0] == draw(population, SAMPLE, seed=3)[0]


def test_a_full_count_is_known_exactly() -> None:
    found = estimate(
        [Labelled(Stratum("together", True, 40, 0.9), 40, 38), Labelled(Stratum("apart", False, 100, 0.01), 100, 2)]
    )
    assert (found.precision.low, found.precision.estimate, found.precision.high) == (0.95, 0.95, 0.95)
    assert (found.recall.low, found.recall.estimate, found.recall.high) == (0.95, 0.95, 0.95)
    assert found.plain == (0.95, 0.95)


def test_labels_that_contradict_the_model_win() -> None:
    sure = Stratum("together", True, 10_000, 1 - 1e-6)
    found = estimate([Labelled(sure, 60, 40)])
    assert found.precision.low < 2 / 3 < found.precision.high
    assert found.precision.high < 0.8


def test_what_blocking_loses_lowers_the_overall_recall() -> None:
    found = estimate([Labelled(Stratum("together", True, 40, 0.9), 40, 40)], lost_by_blocking=0.1)
    assert found.recall.estimate == 1
    assert found.overall.estimate == pytest.approx(0.9)


def test_a_hub_without_pairs_has_an_estimate() -> None:
    found = estimate([])
    assert (found.precision.estimate, found.recall.estimate, found.labelled) == (1, 1, 0)


def test_each_stratum_gives_some_and_none_gives_more_than_it_has() -> None:
    strata = [Stratum("a", True, 3, 0.9), Stratum("b", True, 1_000, 0.5), Stratum("c", False, 100_000, 1e-5)]
    sizes = allocation(strata, [3, 1_000, 500], 100)
    assert sum(sizes) == 100
    assert sizes[0] == 3
    assert min(sizes[1:]) >= 4
    assert allocation(strata, [3, 5, 6], 100) == [3, 5, 6]
