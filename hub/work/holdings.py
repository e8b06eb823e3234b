"""How much the hub holds: customers by type, and of each source how many records and how many customers they turned out to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub import db
from hub.golden_record import store as golden_store
from hub.matching import store as matching_store


@dataclass(frozen=True, slots=True)
class Holding:
    """Records of a source, of one customer type."""

    source: str
    type: str
    records: int
    customers: int

    @property
    def duplicates(self) -> int:
        """Records whose customer has another record in the same source."""
        return self.records - self.customers


@dataclass(frozen=True, slots=True)
class Holdings:
    customers: Mapping[str, int]  # by type
    sources: Sequence[Holding]

    @property
    def records(self) -> int:
        return sum(h.records for h in self.sources)


def holdings(database: db.Units) -> Holdings:
    """Looks through all records: for a page, not for every second."""
    with database.read() as connection:
        found = [Holding(*row) for row in matching_store.by_source(connection)]
        return Holdings(golden_store.counts(connection), found)
