"""The recipe: configuration, models and library versions that derived rows were made by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version

from sqlalchemy import Connection

from hub.connectors.mapping.identity import Identifier
from hub.connectors.mapping.mapper import Mapper
from hub.errors import NotFound
from hub.kinds import KINDS
from hub.matching import store
from hub.matching.compare.model import Model, default_model
from hub.matching.compare.standardised import Standardiser
from hub.model import Value, digest, plain
from hub.settings import Config, CustomerType, Stream

PARSERS = (
    "phonenumbers",
    "email-validator",
    "anyascii",
    "nameparser",
    "nicknames",
    "python-stdnum",
    "pycountry",
    "cleanco",
)


FIRST = "8a9825861a76"  # what stood here while every version was 1, by the bytes of files: hubs made then are not stale
# Raised when what a reader answers changes: stored rows made by the old one are stale. A kind's version is its own.
READERS = {
    "mapping": 6,  # several values in one cell; a full name where the parts of it are empty; family name first
    "fold": 3,  # what cannot be read takes nothing away; what its source took back
    "standardised": 1,
    "sketch": 1,
    "search": 2,  # streets, phone numbers from their end, words that can be misspelt
    "model": 3,  # nearness of names and mailboxes by their length
}


def readers_hash(readers: Mapping[str, int], kinds: Mapping[str, int]) -> str:
    """Of the versions of all that reads and cleans values."""
    raised = {
        name: number for name, number in {**readers, **{f"kind {k}": n for k, n in kinds.items()}}.items() if number > 1
    }
    return digest([FIRST, raised], 6) if raised else FIRST


@lru_cache(1)
def kinds_hash() -> str:
    """Of what reads and cleans values: the parsing libraries' versions, and those of the hub's own readers and kinds."""
    own = readers_hash(READERS, {name: kind.version for name, kind in KINDS.items()})
    return digest({"own": own, **{name: version(name) for name in PARSERS}}, 6)


@dataclass(frozen=True)
class Recipe:
    """Everything that turns landed rows into clusters, by customer type and stream."""

    config: Config
    models: Mapping[str, Model]

    @cached_property
    def hash(self) -> str:
        return digest([self.base, {n: m.hash for n, m in self.models.items()}], 8)

    @cached_property
    def origin(self) -> str:
        """Of the recipes that weigh what there is alike, the same: models forget what nobody says any more."""
        return digest([self.base, {n: m.origin for n, m in self.models.items()}], 8)

    @cached_property
    def base(self) -> str:
        """The recipe less its models: what standardised rows depend on."""
        return digest([self.config.hash, kinds_hash()], 8)

    @cached_property
    def mappers(self) -> dict[tuple[str, str], Mapper]:
        return {
            (source, name): Mapper(name, stream, self.config.customers[stream.customer])
            for (source, name), stream in self.config.streams.items()
            if stream.customer
        }

    @cached_property
    def identifiers(self) -> dict[tuple[str, str], Identifier]:
        """What names the rows of each stream, of customers or not."""
        return {name: Identifier(stream) for name, stream in self.config.streams.items()}

    @cached_property
    def standardisers(self) -> dict[str, Standardiser]:
        return {name: Standardiser(customer) for name, customer in self.config.customers.items()}

    def stream(self, source: str, stream: str) -> Stream:
        found = self.config.stream(source, stream)
        if found is None:
            raise NotFound(f"no stream '{stream}' of source '{source}' is configured")
        return found

    def customer(self, type_name: str) -> CustomerType:
        return self.config.customers[type_name]


def read_recipe(connection: Connection, config: Config, cached: Recipe | None = None) -> Recipe:
    """The recipe in force: the configuration with each type's promoted model, else the shipped defaults."""
    found = store.promoted_hashes(connection)
    if (
        cached is not None
        and cached.config is config
        and all(
            (n not in found and m.hash == default_of(config, n).hash) or found.get(n) == m.hash
            for n, m in cached.models.items()
        )
    ):
        return cached
    models = {}
    for name in config.customers:
        promoted = store.promoted(connection, name) if name in found else None
        models[name] = Model.from_json(promoted.body) if promoted else default_of(config, name)
    return Recipe(config, models)


_DEFAULTS: dict[tuple[str, str], Model] = {}


def default_of(config: Config, name: str) -> Model:
    key = (config.hash, name)
    if key not in _DEFAULTS:
        _DEFAULTS[key] = default_model(config.customers[name])
    return _DEFAULTS[key]


def hash_values(values: tuple[Value, ...]) -> str:
    """What the write log keeps of a field's values."""
    return digest([plain(v) for v in values], 12)
