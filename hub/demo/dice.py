"""Random numbers that depend on a seed and a topic only.

Each question ("is the e-mail missing?") has a topic and so a stream of its own: switching one kind of noise off
leaves all else as it was. Only raw uniform doubles are drawn: those are the same on every machine and numpy version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Texts = NDArray[np.object_]


class Dice:
    """Uniform draws by topic."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def uniform(self, topic: str, size: int) -> Floats:
        """`size` doubles in [0, 1): the same for one seed and topic; a longer draw starts with the shorter one."""
        key = int.from_bytes(hashlib.blake2b(f"{self.seed}/{topic}".encode(), digest_size=16).digest(), "big")
        return np.random.Generator(np.random.Philox(key=key)).random(size)

    def chance(self, topic: str, size: int, share: float) -> Bools:
        return self.uniform(topic, size) < share

    def below(self, topic: str, size: int, limit: int | Ints) -> Ints:
        """Integers in [0, limit)."""
        return (self.uniform(topic, size) * limit).astype(np.int64)

    def choose(self, topic: str, size: int, weights: Sequence[float] | Floats) -> Ints:
        """Indexes drawn by weight."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        return np.searchsorted(edges / edges[-1], self.uniform(topic, size), side="right").clip(0, len(edges) - 1)


def zipf(count: int, shift: float, power: float) -> Floats:
    """Weights of ranks 1..count: 1 / (rank + shift) ** power."""
    weights: Floats = np.asarray(1.0 / (np.arange(1, count + 1) + shift) ** power, dtype=np.float64)
    return weights


def words(text: str) -> list[str]:
    """The words of a compact list."""
    return text.split()


def texts(values: Sequence[str]) -> Texts:
    """Text as an object array: strings of a pool are shared, not copied."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def scramble(index: Ints, size: int) -> Ints:
    """A one-to-one mix of 0..size-1: distinct indexes give distinct, unordered numbers. `size` < 3e9."""
    return (index * 2_654_435_761 + 40_503) % size if size % 2_654_435_761 else index
