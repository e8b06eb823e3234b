"""All that a configuration says, and the hash of what derived rows depend on. Pure."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from hub.model import digest
from hub.settings.access import Access
from hub.settings.base import Strict, recipe_dump
from hub.settings.customers import CustomerType
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
