"""What psycopg reads for a source: values that Python has no word for come as the database's own text."""

from __future__ import annotations

import psycopg
from psycopg.types.datetime import (
    DateLoader,
    IntervalLoader,
    TimeLoader,
    TimestampLoader,
    TimestamptzLoader,
    TimetzLoader,
)
from psycopg.types.json import set_json_loads

from hub.connectors.base import Foreign
from hub.connectors.rows import parse_json


def read_anything(connection: Foreign) -> None:
    """One value that the driver cannot read must not stop a stream. Other drivers' connections stay as they are."""
    if isinstance(connection, psycopg.Connection):
        set_json_loads(parse_json, connection)
        for name, loader in _TOLERANT.items():
            connection.adapters.register_loader(name, loader)


def _tolerant(base: type[Foreign]) -> type[Foreign]:
    """A loader that gives the database's own text for values that Python has no word for: infinity, BC, year 10000."""

    class Tolerant(base):  # type: ignore[misc]
        def load(self, data: Foreign) -> Foreign:
            try:
                return super().load(data)
            except (psycopg.Error, ValueError, OverflowError):
                return bytes(data).decode("utf-8", "replace")

    return Tolerant


_TOLERANT = {
    name: _tolerant(loader)
    for name, loader in {
        "date": DateLoader,
        "time": TimeLoader,
        "timetz": TimetzLoader,
        "timestamp": TimestampLoader,
        "timestamptz": TimestamptzLoader,
        "interval": IntervalLoader,
    }.items()
}
