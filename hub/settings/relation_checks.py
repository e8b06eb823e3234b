"""What only the whole configuration shows of relations: ends that lead nowhere, names that clash. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hub.errors import Fault
from hub.settings.config import Config
from hub.settings.sources import Stream


def relation_faults(config: Config, source: str, where: str, stream: Stream) -> Iterator[Fault]:
    """Of a stream of relations: its type, its two ends, what it is mapped to."""
    kind = config.relations.get(stream.relation)
    if kind is None:
        known = ", ".join(config.relations)
        yield Fault(f"{where}.relation", f"unknown relation type '{stream.relation}'", f"known: {known}")
        return
    for end, given in (("of", stream.of), ("to", stream.to)):
        if given is None:
            yield Fault(f"{where}.{end}", "is missing: a relation has two ends", f"write {end}: COLUMN, that end's key")
        elif given.contact:
            yield Fault(f"{where}.{end}.contact", "a relation is between records", "name the column of the key")
        elif config.stream_of(source, given) is None:
            remedy = "write its source and stream, as {key: COLUMN, source: crm, stream: companies}"
            yield Fault(f"{where}.{end}", "does not lead to one stream of customers", remedy)
    for attribute in stream.map:
        if attribute not in kind.attributes:
            known = ", ".join(kind.attributes)
            yield Fault(f"{where}.map.{attribute}", f"'{kind.name}' has no attribute '{attribute}'", f"known: {known}")


def name_faults(config: Config) -> Iterator[Fault]:
    """Relation types of a name that another type has too: a role's view names all."""
    for name in config.relations.keys() & (config.interactions.keys() | config.customers.keys()):
        where = f"{config.folder / 'relations' / name}.yaml"
        yield Fault(
            where, "a customer or interaction type has this name too", "rename the file: a role's view names both"
        )
