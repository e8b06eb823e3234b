"""What only the whole configuration shows of consents: owners and purposes that lead nowhere. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hub.errors import Fault
from hub.settings.config import CONSENT, SAID, Config
from hub.settings.sources import Stream


def consent_faults(config: Config, source: str, where: str, stream: Stream) -> Iterator[Fault]:
    """Of a stream of consents: whose its rows are, what they are mapped to."""
    if stream.of is None or stream.of.contact:
        yield Fault(f"{where}.of", "is missing: nobody could own a row", "write of: COLUMN, the owner's key")
    elif config.owner_stream(source, stream) is None:
        remedy = "write its source and stream, as {key: COLUMN, source: crm, stream: people}"
        yield Fault(f"{where}.of", "does not lead to one stream of customers", remedy)
    for attribute in stream.map.keys() - CONSENT.keys():
        yield Fault(f"{where}.map.{attribute}", f"consents have no '{attribute}'", f"known: {', '.join(CONSENT)}")
    for needed in ("purpose", "state", "at"):
        if needed not in stream.map:
            yield Fault(f"{where}.map", f"'{needed}' is missing", "map it to a column, or to a word: \"'marketing'\"")


def purpose_faults(config: Config) -> Iterator[Fault]:
    """Of purposes: customer types and attributes that answer to none; a type of the hub's own word."""
    for name in config.purposes:
        for type_name in config.purposes[name].consent_of or ():
            if type_name not in config.customers:
                where = f"{config.folder / 'purposes.yaml'}: purposes.{name}.consent_of"
                yield Fault(where, f"unknown customer type '{type_name}'", f"known: {', '.join(config.customers)}")
        known = [*config.customers, *config.interactions]
        for type_name in sorted(config.purposes[name].keeps.keys() - set(known)):
            where = f"{config.folder / 'purposes.yaml'}: purposes.{name}.keeps.{type_name}"
            yield Fault(where, f"unknown type of customers or interactions '{type_name}'", f"known: {', '.join(known)}")
    for type_name in config.retention.contracts:
        if type_name not in config.relations:
            where = f"{config.folder / 'purposes.yaml'}: retention.contracts"
            yield Fault(where, f"unknown type of relations '{type_name}'", f"known: {', '.join(config.relations)}")
    if not config.purposes:
        return
    for type_name, kind in config.customers.items():
        for attribute, given in kind.attributes.items():
            where = f"{config.folder / 'customers' / type_name}.yaml: attributes.{attribute}.purpose"
            if given.purpose and given.kind != "consent":
                yield Fault(where, f"is of kind '{given.kind}'", "only a consent answers to a purpose")
            elif given.purpose and given.purpose not in config.purposes:
                yield Fault(where, f"unknown purpose '{given.purpose}'", f"known: {', '.join(config.purposes)}")
    for types, folder in (
        (config.interactions, "interactions"),
        (config.relations, "relations"),
        (config.customers, "customers"),
    ):
        if SAID in types:
            yield Fault(f"{config.folder / folder / SAID}.yaml", "is the hub's own word", "rename the file")
