"""What Segment's own clients send, and RudderStack's: messages that come by themselves to `/v1/batch` and its kin.

A message becomes a row of each stream that takes its type. Nothing is pulled, and nothing can be written back.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Literal

from pydantic import Field

from hub.connectors.base import JSON, Cursor, Discovered, FieldWrite, Page, WriteResult
from hub.connectors.mapping.times import instant
from hub.errors import Fault
from hub.model import from_micros
from hub.settings import Connection, Source, Stream, secret, source_of_kind

Call = Literal["identify", "track", "page", "screen", "group", "alias"]

AHEAD = 300_000_000  # a client's clock may be five minutes ahead of the hub's
OF_DELIVERY = ("sentAt", "writeKey")  # how it was sent, not what happened: differs when it is sent again


class SegmentConnection(Connection):
    kind: Literal["segment"]
    write_key_env: str  # variable that holds the write key which the clients send
    alias: Literal["keep", "match"] = (
        "keep"  # match: an alias joins its two records, as a decision; keep: it is only kept
    )


class SegmentStream(Stream):
    """Messages of some types. Those of identify are the person's traits; an absent trait says nothing."""

    calls: tuple[Call, ...] = ("identify",)  # types of messages that are its rows
    events: tuple[str, ...] = ()  # of track: only events of these names; none named: all
    records: Literal["full", "partial"] = "partial"
    key: str = "userId || anonymousId"
    version: str | None = "timestamp"  # which of two messages is newer

    def faults(self, where: str) -> Iterator[Fault]:
        if self.write_back:
            yield Fault(f"{where}.write_back", "nothing can be written to those who send events", "remove it")
        if self.listing == "complete":
            yield Fault(f"{where}.listing", "events are never a complete listing", "remove it")
        if not self.customer and "key" not in self.model_fields_set:
            yield Fault(f"{where}.key", "is missing: each event is a row of its own", "add key: messageId")


@source_of_kind
class SegmentSource(Source):
    connector: SegmentConnection
    streams: dict[str, SegmentStream] = Field(min_length=1)

    def connect(self, *, env: Mapping[str, str], base_folder: Path, now: Callable[[], int]) -> Messages:
        return Messages(self)

    def knows(self, write_key: str, env: Mapping[str, str]) -> bool:
        """Is this the source's write key? Compared in constant time."""
        return hmac.compare_digest(write_key.encode(), secret(self.connector.write_key_env, env).encode())

    def streams_of(self, message: Mapping[str, JSON]) -> Iterator[str]:
        """The streams that a message is a row of."""
        for name, stream in self.streams.items():
            named = not stream.events or message.get("type") != "track" or message.get("event") in stream.events
            if message.get("type") in stream.calls and named:
                yield name

    def people(self) -> str | None:
        """The stream of customers that identify fills; None when there is none."""
        return next((n for n, s in self.streams.items() if s.customer and "identify" in s.calls), None)


def as_row(message: Mapping[str, JSON], now: int) -> dict[str, JSON]:
    """A message as it is kept: the same whenever it is sent again. One from the future happened when it came."""
    row = {name: value for name, value in message.items() if name not in OF_DELIVERY}
    context = row.get("context")
    if not row.get("traits") and isinstance(context, dict) and isinstance(context.get("traits"), dict):
        row["traits"] = context["traits"]  # where RudderStack's clients say them
    given = row.get("timestamp") or row.get("originalTimestamp")
    moment = instant(given) if isinstance(given, str) else None
    if moment is None or moment > now + AHEAD:
        row |= {"timestamp": from_micros(now).astimezone(UTC).isoformat(), "originalTimestamp": given}
    else:
        row["timestamp"] = given
    return row


def of_alias(message: Mapping[str, JSON]) -> tuple[str, str] | None:
    """The two names that an alias says are one person's; None when it does not say both."""
    names = [message.get("previousId"), message.get("userId") or message.get("anonymousId")]
    first, second = (str(n) if isinstance(n, str | int) and not isinstance(n, bool) else "" for n in names)
    return (first, second) if first and second and first != second else None


class Messages:
    """The `segment` connector: there is nothing to pull, messages are pushed."""

    def __init__(self, source: SegmentSource) -> None:
        self._source = source

    def discover(self) -> list[Discovered]:
        return []

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        yield Page((), cursor or {}, complete=True)

    def write(self, stream: str, writes: Sequence[FieldWrite]) -> list[WriteResult]:
        return [WriteResult(w.key or "", "rejected", "nothing can be written to those who send events") for w in writes]

    def close(self) -> None:
        pass
