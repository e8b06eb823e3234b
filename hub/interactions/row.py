"""A landed row of interactions -> what happened, whose it is and when; or why it cannot be read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.connectors.mapping.identity import composite_key, record_key
from hub.connectors.mapping.mapper import Mapper
from hub.connectors.mapping.paths import path
from hub.errors import BadRecord
from hub.kinds import KINDS
from hub.kinds.duration import seconds_of
from hub.kinds.moment import micros_of
from hub.kinds.money import minor
from hub.model import Cell, RecordId, Value, digest, plain
from hub.settings import Config, CustomerType, InteractionType, Stream, recipe_dump

READER = 1  # raised when the same row is read otherwise: rows are then read again
NOTHING = (0, "")


@dataclass(frozen=True, slots=True)
class Interaction:
    """One thing that happened. `values` are plain: attribute -> its values.

    counts   does it count, or is its state one in which it does not?
    seconds  how long it took
    amount   what it is worth, in minor units of its currency; zero and "" where it says none
    cost     what it cost, likewise
    """

    type: str
    owner: RecordId
    at: int
    values: Mapping[str, list[Any]]
    channel: str = ""
    state: str = ""
    counts: bool = True
    seconds: int = 0
    amount: tuple[int, str] = NOTHING
    cost: tuple[int, str] = NOTHING


class Reading:
    """Reads the rows of one stream of interactions. Thread-safe. `hash`: of all that its answers depend on."""

    def __init__(self, name: str, stream: Stream, kind: InteractionType, owner: tuple[str, str]) -> None:
        assert stream.of is not None
        self.kind, self.type, self.owner = kind, stream.interaction, owner
        self._mapper = Mapper(name, stream, CustomerType(attributes=kind.read_as))
        self._key = path(stream.of.key)
        self._key_of = composite_key if self._key.items else record_key
        said = recipe_dump(kind, {"title", "customer_title"})
        kinds = {a.kind: KINDS[a.kind].version for a in kind.attributes.values()}
        self.hash = digest([READER, said, recipe_dump(stream, {"write_back"}), owner, kinds], 8)

    def read(self, raw: Mapping[str, Any]) -> Interaction:
        """BadRecord when nobody could own it, when it has no time, or when what figures are made of cannot be read."""
        try:
            return self._read(raw)
        except BadRecord:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a row does to us, it is set aside and the others go on
            raise BadRecord(f"could not be read ({type(error).__name__})") from None

    def _read(self, raw: Mapping[str, Any]) -> Interaction:
        try:
            key = self._key_of(self._key.get(raw))
        except BadRecord as error:
            raise BadRecord(f"the owner: {error}") from None
        cells, problems = self._mapper.read(raw)
        for attribute, reason in problems:
            if attribute in self.kind.counted:
                raise BadRecord(f"{attribute}: {reason}")
        at = _first(cells, self.kind.at)
        if at is None:
            raise BadRecord(f"{self.kind.at}: does not say when it happened")
        state = _first(cells, self.kind.state)
        return Interaction(
            self.type,
            RecordId(*self.owner, key),
            micros_of(at),
            {name: [plain(v) for v in cell.values] for name, cell in sorted(cells.items()) if cell.values},
            channel=str(_first(cells, self.kind.channel) or ""),
            state=str(state or ""),
            counts=state not in self.kind.void,
            seconds=seconds_of(spent) or 0 if (spent := _first(cells, self.kind.spent)) else 0,
            amount=minor(amount) if (amount := _first(cells, self.kind.amount)) else NOTHING,
            cost=minor(cost) if (cost := _first(cells, self.kind.cost)) else NOTHING,
        )


def _first(cells: Mapping[str, Cell], name: str) -> Value | None:
    cell = cells.get(name)
    return cell.values[0] if cell is not None and cell.values else None


def readings(config: Config) -> dict[tuple[str, str], Reading]:
    """What reads each stream of interactions of which the configuration has the type and the owner."""
    found = {}
    for source in config.sources.values():
        for name, stream in source.streams.items():
            kind, owner = config.interactions.get(stream.interaction), config.owner_stream(source.name, stream)
            if kind is not None and owner is not None:
                found[source.name, name] = Reading(name, stream, kind, owner)
    return found
