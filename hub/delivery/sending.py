"""Sending writes to a system: each gets an answer, whatever the system does."""

from __future__ import annotations

from collections.abc import Sequence

from hub.connectors.base import Connector, FieldWrite, WriteResult
from hub.errors import HubError


def send(connector: Connector, stream: str, writes: Sequence[FieldWrite]) -> list[WriteResult]:
    """A result for each write. While the system is away they are to be tried again."""
    try:
        results = connector.write(stream, writes) if writes else []
    except HubError as error:
        results = [WriteResult(w.key or "", "retry", str(error)) for w in writes]
    return complete(writes, results)


def complete(sent: Sequence[object], results: Sequence[WriteResult]) -> list[WriteResult]:
    """A result for each write: of those that the connector did not answer nothing is known, so they are tried again."""
    missing = [WriteResult("", "retry", "the connector gave no answer to this write")] * (len(sent) - len(results))
    return [*results[: len(sent)], *missing]
