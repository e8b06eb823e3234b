"""A landed row of consents -> what somebody said: to which purpose, by which channel, when, and what shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from hub.connectors.mapping.identity import record_of
from hub.connectors.mapping.mapper import Mapper
from hub.connectors.mapping.paths import path
from hub.errors import BadRecord
from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context
from hub.kinds.moment import micros_of
from hub.kinds.reading import text_of
from hub.model import RecordId, digest
from hub.settings import CONSENT, Config, CustomerType, Stream, recipe_dump

READER = 1  # raised when the same row is read otherwise: rows are then read again

GRANTED, WITHDRAWN, DENIED, OBJECTED = "granted", "withdrawn", "denied", "objected"
STRICTNESS = {GRANTED: 0, WITHDRAWN: 1, DENIED: 2, OBJECTED: 3}  # of what counts as an answer
ASKED, PREFERRED = "asked", "preferred"  # asked: double opt-in was sent, which is no answer yet; a channel preferred
RESTRICTED, LIFTED = "restricted", "lifted"  # of the whole customer, whatever the purpose
STATES = (*STRICTNESS, ASKED, PREFERRED, RESTRICTED, LIFTED)
PROVABLE = ("signed in", "double opt-in")  # how a person says something that can be proved to come from them


@dataclass(frozen=True, slots=True)
class ConsentSaid:
    """What was said, without whose it is. `how`: signed in, double opt-in, call, letter, form ...; `text`: the version of
    the text that was agreed to; `where`: a page, a shop, a call."""

    purpose: str
    channel: str
    state: str
    at: int
    text: str = ""
    how: str = ""
    where: str = ""

    @property
    def provable(self) -> bool:
        return self.how in PROVABLE


@dataclass(frozen=True)
class Statement:
    """What was said by (or for) the owner of a source record."""

    owner: RecordId
    said: ConsentSaid

    @cached_property
    def order(self) -> tuple[int, int, str]:
        """Which of two statements of one record holds: the later, of one time the stricter, then by content."""
        s = self.said
        content = digest([s.purpose, s.channel, s.state, s.at, s.text, s.how, s.where])
        return s.at, STRICTNESS.get(s.state, int(s.state == RESTRICTED)), content


class StatementReading:
    """Reads the rows of one stream of consents. Thread-safe. `hash`: of all that its answers depend on."""

    def __init__(self, name: str, stream: Stream, owner: tuple[str, str] | None):
        """owner: (source, stream) of the records that own its rows; None where each row names its owner whole."""
        assert stream.of is not None
        self.owner = owner
        self._mapper = Mapper(name, stream, CustomerType(attributes=CONSENT))
        self._key = path(stream.of.key)
        kinds = {a.kind: KINDS[a.kind].version for a in CONSENT.values()}
        self.hash = digest([READER, recipe_dump(stream, {"write_back"}), owner, kinds], 8)

    def read(self, raw: Mapping[str, object]) -> Statement:
        """BadRecord when nobody could own it, or when it does not say what, when and to which purpose."""
        try:
            return self._read(raw)
        except BadRecord:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a row does to us, it is set aside and the others go on
            raise BadRecord(f"could not be read ({type(error).__name__})") from None

    def owners(self, raw: Mapping[str, object]) -> list[RecordId]:
        """Whose a row is, whatever else of it can be read. BadRecord: that cannot."""
        return [record_of(raw, self._key, self.owner, "of")]

    def _read(self, raw: Mapping[str, object]) -> Statement:
        (owner,) = self.owners(raw)
        cells, problems = self._mapper.read(raw)
        for attribute, reason in problems:
            raise BadRecord(f"{attribute}: {reason}")
        given = {name: text_of(cell.values[0]) for name, cell in cells.items() if cell.values}
        state = _state(given.get("state", ""))
        purpose = given.get("purpose", "")
        if not purpose and state not in (RESTRICTED, LIFTED, PREFERRED):
            raise BadRecord("purpose: does not say what for")
        if "at" not in given:
            raise BadRecord("at: does not say when")
        return Statement(
            owner,
            ConsentSaid(
                purpose,
                given.get("channel", "").casefold(),
                state,
                micros_of(given["at"]),
                given.get("text", ""),
                given.get("how", "").casefold(),
                given.get("where", ""),
            ),
        )


def _state(text: str) -> str:
    word = text.strip().casefold()
    if word in STATES:
        return word
    read = KINDS["consent"].clean(text, Context())
    if isinstance(read, Cleaned):
        return text_of(read.value)
    raise BadRecord(f"state: none of {', '.join(STATES)}")


def statement_readings(config: Config) -> dict[tuple[str, str], StatementReading]:
    """What reads each stream of consents whose owner the configuration has; the hub's own too."""
    found = {}
    for source in config.sources.values():
        for name, stream in source.streams.items():
            owner = config.owner_stream(source.name, stream) if stream.consent else None
            if owner is not None:
                found[source.name, name] = StatementReading(name, stream, owner)
    for own, stream in config.own_consents.items():
        found[own] = StatementReading("consent", stream, None)
    return found
