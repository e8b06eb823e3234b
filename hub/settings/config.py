"""All that a configuration says, and the hash of what derived rows depend on. Pure."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field

from hub.errors import Fault
from hub.model import digest
from hub.settings.access import Access
from hub.settings.base import Strict, recipe_dump
from hub.settings.customers import CustomerType
from hub.settings.interactions import InteractionType
from hub.settings.purposes import Purpose
from hub.settings.sources import Source, Stream

# What each stream was hashed with when all kinds of systems stood in one model: hubs made then must not go stale.
_FIRST_FILE = {"pattern": "*", "format": "auto", "encoding": "auto", "delimiter": "auto", "quote": '"', "columns": [], "records": "@"}  # fmt: skip
_FIRST_SECTIONS: dict[str, Any] = {"table": None, "query": None, "file": _FIRST_FILE, "rest": None}


class Config(Strict):
    """All that `config/` says. `hash` is part of the recipe."""

    folder: Path
    customers: dict[str, CustomerType]
    sources: dict[str, Source]
    access: Access
    interactions: dict[str, InteractionType] = Field(default_factory=dict)
    purposes: dict[str, Purpose] = Field(default_factory=dict)
    aside: tuple[Fault, ...] = ()  # of sources left out, where the rest can go on without them

    @cached_property
    def hash(self) -> str:
        """Of what derived rows depend on: customer types and streams, not URLs, schedules or roles."""
        streams = {
            f"{source.name}/{name}": {**_FIRST_SECTIONS, **recipe_dump(stream, {"write_back"})}
            for source in self.sources.values()
            for name, stream in source.streams.items()
            if stream.customer
        }
        types = {n: recipe_dump(t, {"title"}) for n, t in self.customers.items()}
        return digest({"streams": streams, "types": types}, 8)

    def stream(self, source: str, stream: str) -> Stream | None:
        found = self.sources.get(source)
        return found.streams.get(stream) if found else None

    def owner_stream(self, source: str, stream: Stream) -> tuple[str, str] | None:
        """(source, stream) of the records that own a stream's rows; None where none, or more than one, could be meant."""
        if stream.of is None:
            return None
        name = stream.of.source or source
        found = self.sources.get(name)
        customers = [n for n, s in found.streams.items() if s.customer] if found else []
        if stream.of.stream:
            return (name, stream.of.stream) if stream.of.stream in customers else None
        return (name, customers[0]) if len(customers) == 1 else None
