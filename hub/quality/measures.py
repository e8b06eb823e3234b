"""How good a clustering is, against the truth. Pure; a million records in seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Quality:
    """Shares in 0..1. Pairwise: of pairs put together; B-cubed: of the companions of an average record."""

    records: int
    customers: int
    true_customers: int
    precision: float
    recall: float
    f1: float
    b3_precision: float
    b3_recall: float
    b3_f1: float
    sizes: Mapping[int, int]  # records in a cluster -> clusters

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def evaluate(found: Sequence[Hashable], truth: Sequence[Hashable]) -> Quality:
    """Compare two labellings of the same records, position by position."""
    if len(found) != len(truth):
        raise ValueError("as many found labels as true ones are needed")
    clusters, customers = Counter(found), Counter(truth)
    both = Counter(zip(found, truth, strict=True))
    joined, together = sum(map(_pairs, clusters.values())), sum(map(_pairs, customers.values()))
    right = sum(map(_pairs, both.values()))
    precision, recall = _share(right, joined), _share(right, together)
    records = len(found)
    b3_precision = _share(sum(n * n / clusters[c] for (c, _), n in both.items()), records)
    b3_recall = _share(sum(n * n / customers[t] for (_, t), n in both.items()), records)
    return Quality(
        records, len(clusters), len(customers), precision, recall, f1(precision, recall),
        b3_precision, b3_recall, f1(b3_precision, b3_recall), dict(sorted(Counter(clusters.values()).items())),
    )  # fmt: skip


def f1(precision: float, recall: float) -> float:
    """Harmonic mean."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _pairs(size: int) -> int:
    return size * (size - 1) // 2


def _share(part: float, whole: float) -> float:
    """An empty whole has nothing wrong with it."""
    return part / whole if whole else 1.0
