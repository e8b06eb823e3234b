"""What of the queue a page is about: by kind, by source, by how likely it is; and how the address says it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query

from hub.errors import BadRequest, Fault
from hub.matching.compare.model import probability
from hub.stewardship.queue import Shown

KINDS = {
    "grey": "not sure",
    "refused": "kept apart",
    "cut": "held by a thread",
    "changed": "changed since",
    "contradicted": "contradicted",
    "override": "value by hand",
    "disputed": "changed back there",
}
PAIRS = tuple(k for k in KINDS if k not in ("override", "disputed"))  # kinds that two records are looked at for


class Filter:
    """Items of a kind, with a record of a source, whose pairs are one customer in so many of 100 cases."""

    def __init__(
        self,
        kind: Annotated[str, Query(max_length=20)] = "",
        source: Annotated[str, Query(max_length=200)] = "",
        least: Annotated[int, Query(ge=0, le=100)] = 0,
        most: Annotated[int, Query(ge=0, le=100)] = 100,
    ):
        if kind and kind not in KINDS:
            raise BadRequest("no such kind of items", [Fault("?kind", "unknown", f"known: {', '.join(KINDS)}")])
        self.kind, self.source, self.least, self.most = kind, source, least, most

    @property
    def kinds(self) -> list[str] | None:
        return [self.kind] if self.kind else None

    def allows(self, shown: Shown) -> bool:
        if self.source and self.source not in (shown.left.source, shown.right.source):
            return False
        if (self.least, self.most) == (0, 100):
            return True
        weight = shown.item.weight
        return weight is not None and self.least <= 100 * probability(weight) <= self.most

    @property
    def query(self) -> str:
        """As addresses say it."""
        said = {"kind": self.kind, "source": self.source, "least": self.least or "", "most": self.most % 100 or ""}
        return urlencode({n: v for n, v in said.items() if v})


Filtered = Annotated[Filter, Depends(Filter)]
