"""A landed row of interactions -> what happened, whose it is and when; or why it cannot be read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from hub.connectors.mapping.identity import record_key, record_of
from hub.connectors.mapping.mapper import Mapper
from hub.connectors.mapping.paths import path
from hub.errors import BadRecord
from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context
from hub.kinds.duration import seconds_of
from hub.kinds.moment import micros_of
from hub.kinds.money import minor
from hub.kinds.reading import text_of
from hub.model import Cell, RecordId, Value, digest, plain
from hub.settings import CONTACT, STAFF, Config, CustomerType, Stream, folded, recipe_dump

READER = 3  # raised when the same row is read otherwise: rows are then read again
NOTHING = (0, "")


@dataclass(frozen=True, slots=True)
class Interaction:
    """One thing that happened. `values` are plain: attribute -> its values.

    seconds  how long it took
    amount   what it is worth, in minor units of its currency; zero and "" where it says none
    cost     what it cost, likewise: as it says itself, else by the tariff of its channel
    reference  what may lead to an offer of a campaign, folded
    """

    type: str
    owner: RecordId
    at: int
    values: Mapping[str, list[object]]
    channel: str = ""
    state: str = ""
    seconds: int = 0
    amount: tuple[int, str] = NOTHING
    cost: tuple[int, str] = NOTHING
    reference: str = ""


class Reading:
    """Reads the rows of one stream of interactions. Thread-safe. `hash`: of all that its answers depend on."""

    def __init__(self, source: str, name: str, stream: Stream, owner: tuple[str, str] | None, config: Config) -> None:
        """owner: (source, stream) of the records that own its rows; None where each row names its owner whole."""
        kind = config.interactions[stream.interaction]
        assert stream.of is not None
        self.kind, self.type, self.owner = kind, stream.interaction, owner
        cause = stream.caused_by
        self._cause = None if cause is None else (cause.source or source, cause.stream, path(cause.key))
        self._mapper = Mapper(name, stream, CustomerType(attributes=kind.read_as))
        self._key = path(stream.of.key or "''")
        self._contact = [(kind, path(text)) for kind, text in stream.of.contact.items()]
        self._context = Context(stream.country)
        self._figures = config.figures
        said = recipe_dump(kind, {"title", "customer_title", "contact"})
        kinds = {a.kind: KINDS[a.kind].version for a in kind.attributes.values()}
        tariffs = config.figures.model_dump(mode="json", include={"currency", "tariffs"})
        self.hash = digest([READER, said, recipe_dump(stream, {"write_back"}), owner, kinds, tariffs], 8)

    def read(self, raw: Mapping[str, object]) -> Interaction:
        """BadRecord when nobody could own it, when it has no time, or when what figures are made of cannot be read."""
        try:
            return self._read(raw)
        except BadRecord:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a row does to us, it is set aside and the others go on
            raise BadRecord(f"could not be read ({type(error).__name__})") from None

    def cause(self, raw: Mapping[str, object]) -> RecordId | None:
        """The record of what brought this version about, where the row names one."""
        if self._cause is None:
            return None
        source, stream, key = self._cause
        try:
            return RecordId(source, stream, record_key(key.get(raw)))
        except BadRecord:
            return None

    def owners(self, raw: Mapping[str, object]) -> list[RecordId]:
        """Whose a row is, whatever else of it can be read. BadRecord: that cannot."""
        return [self._owner(raw)]

    def _owner(self, raw: Mapping[str, object]) -> RecordId:
        if self._contact:
            points = (contact_point(kind, column.get(raw), self._context) for kind, column in self._contact)
            point = next((p for p in points if p is not None), None)
            if point is None:
                raise BadRecord("the owner: no e-mail address or telephone number that can be read")
            return point
        return record_of(raw, self._key, self.owner, "the owner")

    def _read(self, raw: Mapping[str, object]) -> Interaction:
        owner = self._owner(raw)
        cells, problems = self._mapper.read(raw)
        for attribute, reason in problems:
            if attribute in self.kind.counted:
                raise BadRecord(f"{attribute}: {reason}")
        at = _first(cells, self.kind.at)
        if at is None:
            raise BadRecord(f"{self.kind.at}: does not say when it happened")
        channel = str(_first(cells, self.kind.channel) or self.kind.only_channel)
        seconds = seconds_of(spent) or 0 if (spent := _first(cells, self.kind.spent)) else 0
        return Interaction(
            self.type,
            owner,
            micros_of(at),
            {name: [plain(v) for v in cell.values] for name, cell in sorted(cells.items()) if cell.values},
            channel=channel,
            state=str(_first(cells, self.kind.state) or ""),
            seconds=seconds,
            amount=minor(amount) if (amount := _first(cells, self.kind.amount)) else NOTHING,
            cost=minor(cost) if (cost := _first(cells, self.kind.cost)) else self._by_tariff(channel, at, seconds),
            reference=folded(text_of(said)) if (said := _first(cells, self.kind.reference)) else "",
        )

    def _by_tariff(self, channel: str, at: Value, seconds: int) -> tuple[int, str]:
        if channel not in self._figures.tariffs:
            return NOTHING
        cost = self._figures.cost_of(channel, date.fromisoformat(str(at)[:10]), seconds)
        return (cost, self._figures.currency) if cost else NOTHING


def contact_point(kind: str, raw: Any, context: Context) -> RecordId | None:
    """An e-mail address or a telephone number as the owner of a row: all its spellings are one."""
    cleaned = KINDS[kind].clean(raw, context) if isinstance(raw, str) else None
    if not isinstance(cleaned, Cleaned) or not cleaned.valid:
        return None
    form = KINDS[kind].forms(cleaned.value).get("")
    return RecordId(CONTACT, kind, str(form)) if form else None


def _first(cells: Mapping[str, Cell], name: str) -> Value | None:
    cell = cells.get(name)
    return cell.values[0] if cell is not None and cell.values else None


def readings(config: Config) -> dict[tuple[str, str], Reading]:
    """What reads each stream of interactions of which the configuration has the type and the owner."""
    found = {}
    for source in config.sources.values():
        for name, stream in source.streams.items():
            owner = config.owner_stream(source.name, stream)
            if stream.interaction in config.interactions and owner is not None:
                found[source.name, name] = Reading(source.name, name, stream, owner, config)
    for name, stream in config.logged.items():
        found[STAFF, name] = Reading(STAFF, name, stream, None, config)
    return found
