"""What every connector is: discover, read from a cursor, write with a result per row.

A connector turns an outside system into pages of raw rows and back. It never maps, cleans or
stores: `mapping` maps, `landing` stores. Reading may repeat rows (ties, boundaries, restarts):
landing them again changes nothing.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

Foreign: TypeAlias = Any  # what a library or another system hands over, before it is looked at
JSON: TypeAlias = object  # None, bool, int, float, str, list or dict of these
Cursor: TypeAlias = dict[str, Foreign]  # opaque to all but the connector that made it
Outcome = Literal["written", "unchanged", "conflict", "gone", "rejected", "retry"]

ROW_BYTES = 1 << 20  # a longer row is quarantined
ROW_DEPTH = 32  # so is one nested deeper
PAGE_ROWS = 1000
NESTED = frozenset({dict, list})
WIDEST = 2**63  # integers from here on are kept as text
LONGEST_WHOLE = 400  # digits
KEPT = 2000  # characters of a malformed row that are kept to look at


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row as the source gave it. `line` says where it stood: `customers.csv line 12`."""

    raw: dict[str, JSON]
    line: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read: to quarantine, never stopping the rest. `raw` is its beginning."""

    reason: str
    line: str
    raw: str


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and the cursor to store in the same transaction with them.

    complete     the read ends with this page
    listed_all   this read gave every row that the stream now has, each readable: what it did not
                 give is absent. Only on the last page, and never when a row could not be read
    notes        what the stream's owner should know: a column that vanished or came new, an empty folder
    """

    rows: tuple[SourceRow | BadRow, ...]
    cursor: Cursor
    complete: bool = False
    listed_all: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Discovered:
    """What could be a stream: its name there, its fields, a few raw rows."""

    stream: str
    fields: tuple[str, ...]
    sample: tuple[dict[str, JSON], ...] = ()


@dataclass(frozen=True, slots=True)
class FieldWrite:
    """Fields to set on one record of the source (key None: create it).

    With `expected`, the write happens only while the record still holds those raw values.
    A field name with dots reaches into nested objects where the source has them.

    `delete`: no fields; the record is to go, while it still holds what is expected.

    Of a record to create: `token` is the same whenever the same one is tried. `known` is given where an earlier try may
    have made it unseen: it is looked for first, and a record whose key is known is another one.
    """

    key: str | None
    fields: dict[str, JSON]
    expected: dict[str, JSON] | None = None
    token: str = ""
    known: Callable[[str], bool] | None = None
    delete: bool = False


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of one write.

    written    the record now holds the values, or is deleted (`current`: as the source keeps them, where it says so)
    unchanged  it held them already; of a record to create: an earlier try had made it
    conflict   it no longer holds what was expected; `current` is what it holds
    gone       there is no such record
    rejected   the source will not take it, however often it is tried
    retry      the source is away or busy, or refused the credentials: nothing is known to be written

    `untouched`: the write surely never reached the source. Without it, a retry may have been written unseen.
    """

    key: str
    outcome: Outcome
    detail: str = ""
    current: dict[str, JSON] | None = None
    untouched: bool = False


@runtime_checkable
class Connector(Protocol):
    def discover(self) -> list[Discovered]:
        """What there is to read. RetryLater when the source is away, ConfigError when it refuses us."""

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """Pages after `cursor` (None: from the beginning); at least one, the last one `complete`.
        Who asks for the next page has kept the one before.

        RetryLater when the source is away; ConfigError, naming the key in the source's file, when
        what the stream asks for is not there. Pages given before an error are good.
        """

    def write(self, stream: str, writes: Sequence[FieldWrite]) -> list[WriteResult]:
        """A result per write, in the same order. Never raises for what happens to one write."""

    def close(self) -> None:
        """Let go of connections. The connector can still be used after."""


@runtime_checkable
class Marking(Protocol):
    """A connector whose reading leaves marks in its system, such as how far it came."""

    def unmarked(self) -> Connector:
        """One that leaves none: for those who only look, and keep nothing."""


def jsonable(value: object) -> JSON:
    """A database's or file's value as JSON knows it.

    Decimals: an int when whole and 64 bits hold it, else text (a float would round). Longer integers: text. Times: ISO in UTC; one without a
    zone is taken as UTC. Bytes: base64. What JSON has no number for (NaN, infinity) is null.
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < WIDEST else format(Decimal(value), "f")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        if not value.is_finite():
            return None
        whole = value.adjusted() < LONGEST_WHOLE and value == value.to_integral_value()
        return jsonable(int(value)) if whole else format(value, "f")
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)).isoformat() + "Z"
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, Mapping):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(v) for v in value]
    return str(value)


def too_deep(value: JSON, limit: int = ROW_DEPTH) -> bool:
    """Is it nested deeper than `limit`? Walks without recursion: hostile rows must not exhaust the stack."""
    level = [value]
    for _ in range(limit + 1):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(item: JSON) -> list[JSON]:
    found = list(item.values()) if isinstance(item, dict) else item if isinstance(item, list) else []
    return [child for child in found if type(child) in NESTED]


def schema_notes(where: str, known: Sequence[str], seen: Sequence[str]) -> tuple[str, ...]:
    """What changed between two sets of columns, in words; nothing when none were known."""
    if not known:
        return ()
    gone = [name for name in known if name not in set(seen)]
    new = [name for name in seen if name not in set(known)]
    notes = []
    if gone:
        notes.append(f"{where}: no longer has {_named(gone)}")
    if new:
        notes.append(f"{where}: now also has {_named(new)}")
    return tuple(notes)


def _named(columns: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(f"'{visible(c)[:60]}'" for c in columns[:most])
    return shown + (f" and {len(columns) - most} more" if len(columns) > most else "")


def visible(name: str) -> str:
    """A name with what cannot be seen in it spelled: 'E-Mail\\u200b'. Spaces within stay spaces."""
    return "".join(
        c if c == " " or (c.isprintable() and not c.isspace()) else c.encode("unicode_escape").decode() for c in name
    )


def known_columns(columns: Sequence[str]) -> str:
    """The remedy of a fault about a missing column."""
    return f"columns there: {_named(list(columns), 40)}" if columns else "it has no columns"
