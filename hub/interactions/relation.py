"""A landed row of relations -> which two records belong together, and how; or why it cannot be read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.connectors.mapping.identity import record_of
from hub.connectors.mapping.mapper import Mapper
from hub.connectors.mapping.paths import path
from hub.errors import BadRecord
from hub.kinds import KINDS
from hub.kinds.moment import micros_of
from hub.model import Cell, RecordId, digest, plain
from hub.settings import Config, CustomerType, Stream, recipe_dump

READER = 1  # raised when the same row is read otherwise: rows are then read again


@dataclass(frozen=True, slots=True)
class Related:
    """Two records and how they belong together, from a time and until one. `values` are plain: attribute -> its values."""

    type: str
    left: RecordId
    right: RecordId
    since: int | None
    until: int | None
    values: Mapping[str, list[Any]]


class RelationReading:
    """Reads the rows of one stream of relations. Thread-safe. `hash`: of all that its answers depend on."""

    def __init__(
        self, name: str, stream: Stream, ends: tuple[tuple[str, str], tuple[str, str]], config: Config
    ) -> None:
        """ends: (source, stream) of the records that `of` and `to` name."""
        assert stream.of is not None
        assert stream.to is not None
        self.kind, self.type = config.relations[stream.relation], stream.relation
        self._mapper = Mapper(name, stream, CustomerType(attributes=self.kind.attributes))
        self._ends = [(where, path(given.key)) for where, given in zip(ends, (stream.of, stream.to), strict=True)]
        kinds = {a.kind: KINDS[a.kind].version for a in self.kind.attributes.values()}
        said = recipe_dump(self.kind, {"title", "reverse_title", "upward"})
        self.hash = digest([READER, said, recipe_dump(stream, {"write_back"}), ends, kinds], 8)

    def read(self, raw: Mapping[str, Any]) -> Related:
        """BadRecord when it has not two ends, or when its term cannot be read."""
        try:
            return self._read(raw)
        except BadRecord:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a row does to us, it is set aside and the others go on
            raise BadRecord(f"could not be read ({type(error).__name__})") from None

    def owners(self, raw: Mapping[str, Any]) -> list[RecordId]:
        """The two ends of a row, whatever else of it can be read. BadRecord: they cannot."""
        return [record_of(raw, key, where, name) for name, (where, key) in zip(("of", "to"), self._ends, strict=True)]

    def _read(self, raw: Mapping[str, Any]) -> Related:
        left, right = self.owners(raw)
        if left == right:
            raise BadRecord("to: is the same record as of")
        cells, problems = self._mapper.read(raw)
        for attribute, reason in problems:
            if attribute in (self.kind.since, self.kind.until):
                raise BadRecord(f"{attribute}: {reason}")
        values = {name: [plain(v) for v in cell.values] for name, cell in sorted(cells.items()) if cell.values}
        return Related(self.type, left, right, _time(cells, self.kind.since), _time(cells, self.kind.until), values)


def _time(cells: Mapping[str, Cell], name: str) -> int | None:
    cell = cells.get(name)
    return micros_of(cell.values[0]) if cell is not None and cell.values else None


def relation_readings(config: Config) -> dict[tuple[str, str], RelationReading]:
    """What reads each stream of relations of which the configuration has the type and both ends."""
    found = {}
    for source in config.sources.values():
        for name, stream in source.streams.items():
            left = stream.of and config.stream_of(source.name, stream.of)
            right = stream.to and config.stream_of(source.name, stream.to)
            if stream.relation in config.relations and left and right:
                found[source.name, name] = RelationReading(name, stream, (left, right), config)
    return found
