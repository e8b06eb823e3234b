"""A landed row of interactions -> what happened, whose it is and when; or why it cannot be read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.connectors.mapping.identity import composite_key, record_key
from hub.connectors.mapping.mapper import Mapper
from hub.connectors.mapping.paths import path
from hub.errors import BadRecord
from hub.kinds.moment import micros_of
from hub.model import RecordId, plain
from hub.settings import Config, CustomerType, InteractionType, Stream


@dataclass(frozen=True, slots=True)
class Interaction:
    """One thing that happened. `values` are plain: attribute -> its values."""

    type: str
    owner: RecordId
    at: int
    values: Mapping[str, list[Any]]


class Reading:
    """Reads the rows of one stream of interactions. Thread-safe."""

    def __init__(self, name: str, stream: Stream, kind: InteractionType, owner: tuple[str, str]) -> None:
        assert stream.of is not None
        self.kind, self.type, self.owner = kind, stream.interaction, owner
        self._mapper = Mapper(name, stream, CustomerType(attributes=kind.attributes))
        self._key = path(stream.of.key)
        self._key_of = composite_key if self._key.items else record_key

    def read(self, raw: Mapping[str, Any]) -> Interaction:
        """BadRecord when nobody could own it, when it has no time, or when what figures are made of cannot be read."""
        try:
            key = self._key_of(self._key.get(raw))
        except BadRecord as error:
            raise BadRecord(f"the owner: {error}") from None
        cells, problems = self._mapper.read(raw)
        for attribute, reason in problems:
            if attribute in self.kind.counted:
                raise BadRecord(f"{attribute}: {reason}")
        at = cells.get(self.kind.at)
        if at is None or not at.values:
            raise BadRecord(f"{self.kind.at}: does not say when it happened")
        values = {name: [plain(v) for v in cell.values] for name, cell in sorted(cells.items()) if cell.values}
        return Interaction(self.type, RecordId(*self.owner, key), micros_of(at.values[0]), values)


def readings(config: Config) -> dict[tuple[str, str], Reading]:
    """What reads each stream of interactions of which the configuration has the type and the owner."""
    found = {}
    for source in config.sources.values():
        for name, stream in source.streams.items():
            kind, owner = config.interactions.get(stream.interaction), config.owner_stream(source.name, stream)
            if kind is not None and owner is not None:
                found[source.name, name] = Reading(name, stream, kind, owner)
    return found
