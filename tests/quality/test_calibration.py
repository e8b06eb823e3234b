"""The calibration benchmark's figures, table and picture, on weights whose truth is made to fit or to miss."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.calibration import Calibration, calibration, page, picture, rows
from hub.matching.compare.model import default_model
from tests.matching.world import customer_type


def made(slope: float) -> Calibration:
    rng = np.random.default_rng(5)
    weights = rng.uniform(-12, 14, 60_000)
    return calibration(
        weights,
        rng.random(len(weights)) < 1 / (1 + np.exp2(-slope * weights)),
        default_model(customer_type()),
        60_000,
        5,
    )


def test_weights_that_mean_what_they_say_have_slope_one_and_no_error() -> None:
    found = made(1.0)
    assert found.slope == pytest.approx(1, abs=0.05)
    assert found.error < 0.01
    assert sum(low <= b.chance <= high for b in found.bins for low, high in [b.interval]) >= 0.85 * len(found.bins)


def test_weights_that_are_too_sure_show_it() -> None:
    found = made(0.5)
    assert found.slope == pytest.approx(0.5, abs=0.05)
    assert found.error > 0.02


def test_page_and_picture_hold_every_bin() -> None:
    found = made(1.0)
    told = page(found, "the command")
    assert all(" | ".join(row) in told for row in rows(found))
    assert picture(found).count("<circle") == len(found.bins)
    assert ElementTree.fromstring(picture(found)).tag.endswith("svg")  # noqa: S314
