"""All that a configuration says, and the hash of what derived rows depend on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from pydantic import Field

from hub.errors import Fault
from hub.model import digest
from hub.settings.access import Access
from hub.settings.base import Strict, recipe_dump
from hub.settings.campaigns import Campaign
from hub.settings.customers import Attribute, CustomerType
from hub.settings.drops import FileDrop
from hub.settings.figures import Figures
from hub.settings.guidance import GuidanceCard
from hub.settings.interactions import InteractionType
from hub.settings.lists import WorkList
from hub.settings.processes import Process
from hub.settings.purposes import Answering, Purpose, QuietCustomers
from hub.settings.relations import RelationType
from hub.settings.sources import Owner, Source, Stream
from hub.settings.working_time import WorkingHours

# What each stream was hashed with when all kinds of systems stood in one model: hubs made then must not go stale.
_FIRST_FILE = {"pattern": "*", "format": "auto", "encoding": "auto", "delimiter": "auto", "quote": '"', "columns": [], "records": "@"}  # fmt: skip
_FIRST_SECTIONS: dict[str, object] = {"table": None, "query": None, "file": _FIRST_FILE, "rest": None}


STAFF = "staff"  # the hub's own source: what staff write down
SELF = "self"  # the hub's own source: what people say of themselves
SAID = "consent"  # what a role's view calls it what people agreed to
CONTACT = "contact"  # stands for a source where a row is whose who holds an e-mail address or a telephone number

CONSENT = {
    "purpose": Attribute(kind="text"),
    "channel": Attribute(kind="text"),
    "state": Attribute(kind="text"),
    "at": Attribute(kind="moment"),
    "text": Attribute(kind="text"),
    "how": Attribute(kind="text"),
    "where": Attribute(kind="text"),
}  # what a row of consents may say: which version of a text was agreed to, how it was said and where


CLAIMED_KINDS = frozenset(
    {"email", "phone"}
)  # what anybody can type: checked only where a code that was sent there came back
PROVED = "_proved"  # ends the name of the stream of such


def own_streams(customers: Mapping[str, CustomerType]) -> dict[tuple[str, str], Stream]:
    """Streams of what people say of themselves, two for each customer type: all that they say, and the contact points
    that were proved to be theirs. A value holds from the moment that it was said, or from the day that it names."""
    found: dict[tuple[str, str], Stream] = {}
    for name, given in customers.items():
        rows = {
            **{"customer": name, "key": "id", "version": "at", "records": "partial", "null_means": "cleared"},
            **{
                "trust": {"default": 100},
                "map": {a: f'values."{a}"' for a in given.sayable},
                "dates": dict.fromkeys(given.sayable, "at"),
            },
            "effective_from": dict.fromkeys(given.sayable, "from"),
        }
        checked = [a for a in given.sayable if given.attributes[a].kind not in CLAIMED_KINDS]
        found[SELF, name] = Stream.model_validate({**rows, "verified": checked})
        found[SELF, name + PROVED] = Stream.model_validate({**rows, "verified": "all"})
    return found


class Config(Strict):
    """All that `config/` says. `hash` is part of the recipe."""

    folder: Path
    customers: dict[str, CustomerType]
    sources: dict[str, Source]
    access: Access
    interactions: dict[str, InteractionType] = Field(default_factory=dict)
    purposes: dict[str, Purpose] = Field(default_factory=dict)
    answering: Answering = Answering()
    retention: QuietCustomers = QuietCustomers()
    relations: dict[str, RelationType] = Field(default_factory=dict)
    figures: Figures = Figures()
    lists: dict[str, WorkList] = Field(default_factory=dict)
    guidance: dict[str, GuidanceCard] = Field(default_factory=dict)
    campaigns: dict[str, Campaign] = Field(default_factory=dict)
    processes: dict[str, Process] = Field(default_factory=dict)
    hours: WorkingHours = WorkingHours()
    drops: dict[str, FileDrop] = Field(default_factory=dict)
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
        types = {n: recipe_dump(t, {"title", "learn"}) for n, t in self.customers.items()}
        return digest({"streams": streams, "types": types}, 8)

    @cached_property
    def logged(self) -> dict[str, Stream]:
        """Streams of the hub's own source: what staff write down, one for each type of interactions. A row names its owner whole."""
        return {
            name: Stream(interaction=name, key="id", of=Owner(key="of"), map={a: f'values."{a}"' for a in t.attributes})
            for name, t in self.interactions.items()
        }

    @cached_property
    def own_consents(self) -> dict[tuple[str, str], Stream]:
        """Streams of the hub's own sources: consents that staff write down, and those that people give themselves."""
        said = Stream(consent=True, key="id", of=Owner(key="of"), map={a: f'values."{a}"' for a in CONSENT})
        return {(source, "consent"): said for source in (STAFF, SELF)}

    @cached_property
    def own_customers(self) -> dict[tuple[str, str], Stream]:
        """Streams of the hub's own source: what people say of themselves."""
        return own_streams(self.customers)

    @cached_property
    def streams(self) -> dict[tuple[str, str], Stream]:
        """All streams by source and name, those of what people say of themselves too."""
        found = {(s.name, n): stream for s in self.sources.values() for n, stream in s.streams.items()}
        return {**found, **self.own_customers}

    def stream(self, source: str, stream: str) -> Stream | None:
        if source == SELF:
            return self.own_customers.get((source, stream))
        found = self.sources.get(source)
        return found.streams.get(stream) if found else None

    def owner_stream(self, source: str, stream: Stream) -> tuple[str, str] | None:
        """(source, stream) of the records that own a stream's rows; None where none, or more than one, could be meant."""
        return None if stream.of is None else self.stream_of(source, stream.of)

    def stream_of(self, source: str, owner: Owner) -> tuple[str, str] | None:
        """(source, stream) of the records that an owner names, in a row of this source."""
        if owner.contact:
            return CONTACT, ""
        name = owner.source or source
        found = self.sources.get(name)
        customers = [n for n, s in found.streams.items() if s.customer] if found else []
        if owner.stream:
            return (name, owner.stream) if owner.stream in customers else None
        return (name, customers[0]) if len(customers) == 1 else None
