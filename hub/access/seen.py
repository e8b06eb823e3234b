"""What a door hands out: frozen answers, already passed through a view. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hub.model import RecordId


class SeenCustomer(NamedTuple):  # as the changes are: very many are made
    """A customer in one view.

    version  counts the changes that the view shows; updated_at is the time of the last of them
    values   attribute -> value, a list where the attribute has many, None where it was cleared
    records  the crosswalk, for roles that may see it
    lineage  attribute -> why, when it was asked for
    etag     strong, made of all the above and the view; empty where many customers are told at once
    undated  of an answer as of a time: attributes whose sources give no date that early, so that they may be younger
    """

    id: str
    type: str
    version: int
    updated_at: int
    values: Mapping[str, object]
    records: tuple[RecordId, ...] | None = None
    lineage: Mapping[str, dict[str, object]] | None = None
    etag: str = ""
    undated: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class FoundCustomer:
    """A search hit; `matched` are the attributes that the words were found in."""

    id: str
    type: str
    values: Mapping[str, object]
    matched: tuple[str, ...]


class SeenChange(NamedTuple):
    """A change in one view. `data` is the customer as it is now, None when the id is not shown any more."""

    id: str
    type: str
    customer: str
    customer_type: str
    version: int
    at: int
    attributes: tuple[str, ...]
    other: tuple[str, ...]
    data: SeenCustomer | None = None


@dataclass(frozen=True, slots=True)
class SeenVersion:
    """One version in a customer's history. No values: the id was not shown from then on."""

    version: int
    type: str
    at: int
    attributes: tuple[str, ...]
    other: tuple[str, ...]
    values: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class SeenRecord:
    """What one source record says, in one view."""

    record: RecordId
    type: str
    customer: str | None
    alive: bool
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SeenPart:
    """One comparison's share, in words and milli-bits."""

    comparison: str
    level: str
    words: str
    weight: int


@dataclass(frozen=True, slots=True)
class SeenPair:
    """Why two records are, or may be, one customer. No weight: the view hides some of what it is made of."""

    left: RecordId
    right: RecordId
    weight: int | None
    parts: tuple[SeenPart, ...]


@dataclass(frozen=True, slots=True)
class SeenReview:
    """Two records that may be one customer, for a steward."""

    pair: SeenPair
    left: SeenRecord
    right: SeenRecord
    joins: bool  # weighs enough, but was refused or cut


@dataclass(frozen=True, slots=True)
class SeenMatch:
    """A customer that a probe would join, or come near to."""

    customer: str
    joins: bool
    record: RecordId | None
    weight: int | None


@dataclass(frozen=True, slots=True)
class Crosswalk:
    customer: str
    type: str
    records: tuple[RecordId, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """Why the records of a customer are one customer."""

    customer: str
    type: str
    complete: bool  # False: the view hides attributes that were compared
    records: tuple[SeenRecord, ...]
    pairs: tuple[SeenPair, ...]
    model: str  # which weighs them, in words


@dataclass(frozen=True, slots=True)
class OpenedView:
    """That somebody may see one customer as another role does, for some minutes, and why."""

    id: str
    principal: str
    name: str
    role: str
    seen_as: str
    customer: str
    reason: str
    at: int
    until: int


@dataclass(frozen=True, slots=True)
class SeenPage:
    """`more`: of the feed, that it was not looked through to its end, so that what follows need not be waited for."""

    data: tuple[Any, ...]
    next_cursor: str | None = field(default=None)
    more: bool = False
