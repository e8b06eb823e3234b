"""The words of the hub as frozen values. No I/O, no library but the standard one.

Times are integers: microseconds since 1970 UTC. Weights are integers: milli-bits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

BIT = 1000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Composite = tuple[tuple[str, str], ...]
Plain = str | dict[str, str]  # a value as JSON knows it
Value = str | Composite  # a composite (an address) is its parts, sorted by name


class RecordId(NamedTuple):
    """One row of one stream. Sorts by (source, stream, key): the order of every tie-break."""

    source: str
    stream: str
    key: str

    def __str__(self) -> str:
        return f"{self.source}/{self.stream}/{self.key}"

    @classmethod
    def parse(cls, text: str) -> RecordId:
        """`source/stream/key`; the key may hold slashes. ValueError when a part is missing."""
        source, stream, key = text.split("/", 2)
        return cls(source, stream, key)


class Pair(NamedTuple):
    """Two records in (source, stream, key) order."""

    left: RecordId
    right: RecordId

    @classmethod
    def of(cls, a: RecordId, b: RecordId) -> Pair:
        return cls(min(a, b), max(a, b))


class Verdict(StrEnum):
    MATCH = "match"
    NO_MATCH = "no_match"
    UNSURE = "unsure"


class Rule(StrEnum):
    """Survivorship rules."""

    MOST_TRUSTED = "most_trusted"
    MOST_RECENT = "most_recent"
    MOST_FREQUENT = "most_frequent"
    MOST_COMPLETE = "most_complete"
    UNION = "union"
    MIN = "min"
    MAX = "max"
    MOST_RESTRICTIVE = "most_restrictive"


class ChangeType(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    MERGED = "merged"
    SPLIT = "split"
    RETIRED = "retired"
    ERASED = "erased"


class Sight(StrEnum):
    """How a role sees a field. What is not named is hidden."""

    SHOW = "show"
    MASK = "mask"
    FIRST_LETTER = "first_letter"
    LAST_4 = "last_4"
    DOMAIN = "domain"
    YEAR = "year"
    PSEUDONYM = "pseudonym"
    HIDE = "hide"


class Cell(NamedTuple):
    """A field of one landed version, cleaned. No values means null; absent fields have no cell."""

    values: tuple[Value, ...] = ()
    cleared: bool = False  # explicitly emptied by the source: may win as an empty value
    valid: bool = True  # failed validation lowers trust
    date: int | None = None  # mapped date of the value
    start: int | None = None  # in effect from, inclusive
    end: int | None = None  # in effect until, exclusive

    def in_effect(self, now: int) -> bool:
        return (self.start is None or self.start <= now) and (self.end is None or now < self.end)


@dataclass(frozen=True, slots=True)
class Version:
    """One landed version of a record, mapped and cleaned.

    `order` is total: (source version or landing, generation, content hash). Generation 0 is a
    row, odd numbers are tombstones, even ones rows that came back after one at the same version.
    """

    record: RecordId
    order: tuple[str, int, str]
    landed: int  # landing sequence, given by the hub
    cells: Mapping[str, Cell] = field(default_factory=dict)
    observed: int | None = None  # source time
    unread: frozenset[str] = frozenset()  # attributes of which it holds something that cannot be read

    @property
    def tombstone(self) -> bool:
        return self.order[1] % 2 == 1


@dataclass(frozen=True, slots=True)
class Decision:
    id: int
    pair: Pair
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Override:
    """A value that a person set (empty: cleared), anchored to a record."""

    id: int
    anchor: RecordId
    attribute: str
    values: tuple[Value, ...]
    at: int
    until: int | None = None
    by: str = ""
    reason: str = ""


BEFORE_ALL: tuple[str, int, str] = ("", -1, "")  # the version order of a record that nobody has made yet


@dataclass(frozen=True, slots=True)
class Write:
    """The hub wrote a value (its hash) over what `record` held at version order `base`; `BEFORE_ALL`: it made the record.

    parts: the hashes of its single values; arrived: when the source had confirmed it, None: nobody knows that it did.
    """

    record: RecordId
    attribute: str
    value_hash: str
    base: tuple[str, int, str]
    origin: str = ""
    parts: tuple[str, ...] = ()
    arrived: int | None = None


class Part(NamedTuple):
    """One comparison's share of a match weight: its level's number and milli-bits."""

    comparison: str
    level: int
    weight: int


class Weighed(NamedTuple):
    weight: int
    parts: tuple[Part, ...]


def to_micros(moment: datetime) -> int:
    """Aware datetimes only: a naive one has no instant."""
    if moment.tzinfo is None:
        raise ValueError("a time needs a zone")
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int) -> datetime:
    seconds, rest = divmod(micros, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def composite(parts: Mapping[str, str]) -> Composite:
    return tuple(sorted(parts.items()))


def plain(value: Value) -> Plain:
    """A value as JSON knows it."""
    return value if isinstance(value, str) else dict(value)


def from_plain(value: object) -> Value:
    return value if type(value) is str else composite(value) if isinstance(value, Mapping) else str(value)


def canonical(value: object) -> bytes:
    """One spelling per JSON value: the bytes that hashes are made of."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str).encode()


def digest(value: object, size: int = 16) -> str:
    return hashlib.blake2b(canonical(value), digest_size=size).hexdigest()
