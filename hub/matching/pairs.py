"""What pairs of records have in common: their order, their bounds, their type's salt. Pure."""

from __future__ import annotations

from functools import lru_cache

from hub.matching.clusters.cluster import Limits
from hub.matching.compare.model import Model
from hub.model import BIT, digest
from hub.settings import CustomerType

RidPair = tuple[int, int]


def ordered(a: int, b: int) -> RidPair:
    return (a, b) if a < b else (b, a)


def limits_of(model: Model, customer: CustomerType) -> Limits:
    bounds = customer.matching
    return Limits(model.join, bounds.largest, bounds.component, round(bounds.bridge_bits * BIT))


@lru_cache
def type_salt(type_name: str) -> int:
    """Keeps the keys of customer types apart: a person and a company with one phone are no candidates."""
    return int(digest(type_name, 8), 16) >> 1
