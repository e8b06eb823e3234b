"""What only the whole configuration shows: names that lead nowhere, variables that are not set. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from hub.errors import Fault
from hub.kinds import KINDS
from hub.kinds.base import Context, Problem
from hub.model import Sight
from hub.settings.access import Role
from hub.settings.config import CONSENT, CONTACT, SAID, SELF, STAFF, Config
from hub.settings.consent_checks import consent_faults, purpose_faults
from hub.settings.customers import Attribute, CustomerType
from hub.settings.interactions import InteractionType
from hub.settings.relation_checks import name_faults, relation_faults
from hub.settings.relations import RelationType
from hub.settings.sign_in import sign_in_faults
from hub.settings.sources import Source, Stream, WriteBack


def missing_variables(config: Config, source: Source, env: Mapping[str, str]) -> Iterator[Fault]:
    """Variables that a source's connector needs and that are not set."""
    file = f"{config.folder / 'sources' / source.name}.yaml"
    for field, value in source.connector.model_dump().items():
        for name, variable in value.items() if isinstance(value, dict) else [(field, value)]:
            if name.endswith("_env") and variable and variable not in env and f"{variable}_FILE" not in env:
                yield Fault(
                    f"{file}: connector.{field}",
                    f"the environment variable {variable} is not set",
                    f"export {variable}=... or {variable}_FILE=/path/to/it",
                )


def source_faults(config: Config, source: Source) -> Iterator[Fault]:
    """Names in a source's file that lead nowhere."""
    file = f"{config.folder / 'sources' / source.name}.yaml"
    if source.name in (STAFF, SELF, CONTACT):
        yield Fault(file, f"'{source.name}' is the hub's own word: no source may have this name", "rename the file")
    for name, stream in source.streams.items():
        yield from stream.faults(f"{file}: streams.{name}")
        yield from _check_stream(config, source.name, file, name, stream)


def access_faults(config: Config) -> Iterator[Fault]:
    """Names in access.yaml that lead nowhere, and types of one name."""
    for name in config.interactions.keys() & config.customers.keys():
        yield Fault(
            f"{config.folder / 'interactions' / name}.yaml",
            "a customer type has this name too",
            "rename the file: a role's view names both",
        )
    yield from sign_in_faults(
        config.access.sign_in,
        {n: r.may for n, r in config.access.roles.items()},
        {n: [s for s, of in source.streams.items() if of.customer] for n, source in config.sources.items()},
        str(config.folder / "access.yaml"),
    )
    yield from name_faults(config)
    known_types: dict[str, CustomerType | InteractionType | RelationType] = {
        **config.relations,
        **config.interactions,
        **config.customers,
        SAID: CustomerType(attributes=CONSENT),
    }
    for role, rights in config.access.roles.items():
        yield from _check_rows(config, role, rights)
        known_figures = {"*", *config.figures.figures, *config.figures.segments}
        for name in (n for n in rights.figures if n not in known_figures):
            at = f"{config.folder / 'access.yaml'}: roles.{role}.figures"
            yield Fault(at, f"unknown figure or segment '{name}'", f"known: {', '.join(sorted(known_figures))}")
        for type_name, view in rights.views.items():
            where = f"{config.folder / 'access.yaml'}: roles.{role}.views.{type_name}"
            if type_name not in known_types:
                what = "unknown customer or interaction type" if config.interactions else "unknown customer type"
                yield Fault(where, f"{what} '{type_name}'", f"known: {', '.join(known_types)}")
                continue
            known = known_types[type_name].attributes
            for attribute in view.keys() - known.keys() - {"*"}:
                yield Fault(f"{where}.{attribute}", f"unknown attribute '{attribute}'", f"known: {', '.join(known)}")
            yield from _check_sights(where, known, view)
        yield from _check_asks(config, role, rights)
        for name in rights.purposes if config.purposes else ():
            if name not in config.purposes:
                where = f"{config.folder / 'access.yaml'}: roles.{role}.purposes"
                yield Fault(where, f"unknown purpose '{name}'", f"known: {', '.join(config.purposes)}")
    yield from purpose_faults(config)
    for name, purpose in config.purposes.items():
        for type_name, attributes in (purpose.uses or {}).items():
            where = f"{config.folder / 'purposes.yaml'}: purposes.{name}.uses.{type_name}"
            if type_name not in known_types:
                yield Fault(where, f"unknown type '{type_name}'", f"known: {', '.join(known_types)}")
                continue
            known = known_types[type_name].attributes
            for attribute in sorted(set(attributes) - known.keys() - {"*"}):
                yield Fault(where, f"unknown attribute '{attribute}'", f"known: {', '.join(known)}")


def _check_asks(config: Config, role: str, rights: Role) -> Iterator[Fault]:
    where = f"{config.folder / 'access.yaml'}: roles.{role}"
    if rights.break_glass and rights.break_glass not in config.access.roles:
        known = ", ".join(config.access.roles)
        yield Fault(f"{where}.break_glass", f"unknown role '{rights.break_glass}'", f"known: {known}")
    if "break_glass" in rights.may and not rights.break_glass:
        yield Fault(f"{where}.break_glass", "is missing", "name the role as which it sees the customer then")
    for type_name, names in rights.asks.items():
        of = config.customers.get(type_name)
        if of is None:
            yield Fault(
                f"{where}.asks.{type_name}",
                f"unknown customer type '{type_name}'",
                f"known: {', '.join(config.customers)}",
            )
            continue
        for name in names:
            attribute, _, part = name.partition(".")
            parts = KINDS[of.attributes[attribute].kind].parts if attribute in of.attributes else ()
            if attribute not in of.attributes or (part or None) not in (parts or (None,)):
                known = ", ".join(a for a in of.attributes)
                yield Fault(
                    f"{where}.asks.{type_name}", f"unknown attribute '{name}'", f"known: {known}; of an address a part"
                )


OF_KINDS = {Sight.DOMAIN: ("email",), Sight.YEAR: ("birth_date", "date", "moment")}  # sights that not all kinds have


def _check_sights(where: str, known: Mapping[str, Attribute], view: Mapping[str, Sight]) -> Iterator[Fault]:
    for attribute, sight in view.items():
        if attribute in known and KINDS[known[attribute].kind].secret and sight is not Sight.HIDE:
            yield Fault(
                f"{where}.{attribute}",
                "is a secret word: nobody sees it",
                f"name it under asks, and {attribute} is compared with what a caller says",
            )
            continue
        kinds = OF_KINDS.get(sight)
        if kinds and (attribute == "*" or (attribute in known and known[attribute].kind not in kinds)):
            yield Fault(
                f"{where}.{attribute}",
                f"'{sight.value}' shows nothing of it",
                f"it is a sight of the kinds {', '.join(kinds)}; write mask",
            )


def _check_rows(config: Config, role: str, rights: Role) -> Iterator[Fault]:
    for permission in sorted({"admin", "metrics"} & set(rights.may)) if rights.rows else ():
        yield Fault(
            f"{config.folder / 'access.yaml'}: roles.{role}.rows",
            f"a role with rows may not have the permission '{permission}': its counts and acts are of all customers",
            "take one of them away",
        )
    for type_name, rows in rights.rows.items():
        where = f"{config.folder / 'access.yaml'}: roles.{role}.rows.{type_name}"
        if type_name not in config.customers:
            yield Fault(where, f"unknown customer type '{type_name}'", f"known: {', '.join(config.customers)}")
            continue
        if not (rows.sources or rows.where or rows.consent or rows.restricted):
            yield Fault(
                where, "no condition", "name sources, where or consent, or remove it: then all customers are seen"
            )
        for source in rows.sources:
            if source not in config.sources:
                yield Fault(f"{where}.sources", f"unknown source '{source}'", f"known: {', '.join(config.sources)}")
        for name, values in rows.where.items():
            yield from _check_condition(config.customers[type_name], f"{where}.where.{name}", name, values)


def _check_condition(of: CustomerType, where: str, name: str, values: Iterable[str]) -> Iterator[Fault]:
    attribute, _, part = name.partition(".")
    if attribute not in of.attributes:
        yield Fault(where, f"unknown attribute '{attribute}'", f"known: {', '.join(of.attributes)}")
        return
    parts = KINDS[of.attributes[attribute].kind].parts
    if bool(parts) != bool(part) or (part and part not in parts):
        known = f"write {attribute}.PART, with one of {', '.join(parts)}" if parts else f"write {attribute}"
        yield Fault(where, f"unknown part '{part}'" if part else "has parts", known)
    elif not values:
        yield Fault(where, "no values", "list the values that it may have")
    elif not part:
        for value in values:
            if not isinstance(clean_value(of, attribute, value), str):
                yield Fault(where, f"'{value}' is no value of the kind '{of.attributes[attribute].kind}'", "correct it")


def clean_value(of: CustomerType, attribute: str, value: str) -> object:
    """A value as golden records hold it; None when it is none of the attribute's kind."""
    given = of.attributes[attribute]
    found = KINDS[given.kind].clean(value, Context(scheme=given.scheme))
    return None if found is None or isinstance(found, Problem) else found.value


def _check_stream(config: Config, source: str, file: str, name: str, stream: Stream) -> Iterator[Fault]:
    where = f"{file}: streams.{name}"
    if not stream.customer:
        if stream.write_back:
            yield Fault(f"{where}.write_back", f"rows of a stream of {stream.sort}s are not written", "remove it")
        if stream.interaction and config.interactions:
            yield from _check_interaction(config, source, where, stream)
        if stream.consent:
            yield from consent_faults(config, source, where, stream)
        if stream.relation and config.relations:
            yield from relation_faults(config, source, where, stream)
        return
    if stream.customer not in config.customers:
        yield Fault(
            f"{where}.customer", f"unknown customer type '{stream.customer}'", f"known: {', '.join(config.customers)}"
        )
        return
    known = config.customers[stream.customer].attributes
    named: dict[str, Iterable[str]] = {
        "map": stream.map,
        "dates": stream.dates,
        "effective_from": stream.effective_from,
        "effective_to": stream.effective_to,
        "trust": stream.trust.__pydantic_extra__ or {},
        "verified": () if isinstance(stream.verified, str) else stream.verified,
        "owns": stream.owns,
        "write_back.attributes": stream.write_back.attributes if stream.write_back else (),
        "write_back.creates": stream.write_back.creates if stream.write_back else (),
        "write_back.when.has": stream.write_back.when.has if stream.write_back else (),
    }
    for section, attributes in named.items():
        for attribute in attributes:
            if attribute not in known:
                yield Fault(
                    f"{where}.{section}.{attribute}",
                    f"'{stream.customer}' has no attribute '{attribute}'",
                    f"known: {', '.join(known)}",
                )
    for attribute, path in stream.map.items():
        if isinstance(path, dict) and attribute in known:
            yield from _unknown_parts(where, attribute, known[attribute], path)
    yield from _check_secrets(where, stream, known)
    if stream.write_back:
        yield from _check_write_back(config, f"{where}.write_back", stream, stream.write_back)


def _check_secrets(where: str, stream: Stream, known: Mapping[str, Attribute]) -> Iterator[Fault]:
    """Secret words are sealed by their column before a row is kept, and never leave."""
    secrets = [a for a in known if KINDS[known[a].kind].secret]
    mapped = [a for a in secrets if a in stream.map]
    others = [t for a, given in stream.map.items() if a not in mapped for t in _texts(given)]
    others += [t for t in (stream.key, stream.version, stream.observed, stream.deleted) if t]
    others += [t for dates in (stream.dates, stream.effective_from, stream.effective_to) for t in dates.values()]
    for name in mapped:
        column = stream.map[name]
        if not (isinstance(column, str) and _COLUMN.fullmatch(column)):
            yield Fault(
                f"{where}.map.{name}", "is a secret word: no expression", "map it to one column of the row itself"
            )
        elif any(re.search(rf"\b{re.escape(column)}\b", text) for text in others):
            yield Fault(
                f"{where}.map.{name}", f"'{column}' is used elsewhere too", "a secret word has a column of its own"
            )
    for name in secrets:
        if stream.write_back and (name in stream.write_back.written or name in stream.write_back.when.has):
            yield Fault(f"{where}.write_back.{name}", "is a secret word: the hub does not have it", "remove it")


_COLUMN = re.compile(r"[A-Za-z_]\w*")


def _texts(given: str | Mapping[str, str]) -> Iterable[str]:
    return [given] if isinstance(given, str) else given.values()


def _check_write_back(config: Config, where: str, stream: Stream, back: WriteBack) -> Iterator[Fault]:
    of = config.customers[stream.customer]
    for section, attributes in (("attributes", back.attributes), ("creates", back.creates)):
        for attribute in attributes:
            if attribute in of.attributes and attribute not in stream.map and attribute not in back.map:
                yield Fault(
                    f"{where}.{section}.{attribute}", "not mapped from this stream", "add it to map or write_back.map"
                )
    if back.deletes == "delete" and stream.on_delete == "keep_values":
        remedy = "remove on_delete, or write deletes: archive"
        yield Fault(
            f"{where}.deletes", "what the hub deletes there would go on counting: on_delete is keep_values", remedy
        )
    for attribute in back.when.has:
        if attribute in of.attributes and attribute not in back.written:
            yield Fault(f"{where}.when.has.{attribute}", "does not go there", "add it to attributes or creates")
    for source in back.when.sources:
        if source not in config.sources:
            yield Fault(f"{where}.when.sources", f"unknown source '{source}'", f"known: {', '.join(config.sources)}")
    for name, values in back.when.where.items():
        yield from _check_condition(of, f"{where}.when.where.{name}", name, values)


def _check_interaction(config: Config, source: str, where: str, stream: Stream) -> Iterator[Fault]:
    """A stream of interactions: its type, whose its rows are, what they are mapped to."""
    kind = config.interactions.get(stream.interaction)
    if kind is None:
        known = ", ".join(config.interactions)
        yield Fault(f"{where}.interaction", f"unknown interaction type '{stream.interaction}'", f"known: {known}")
        return
    if stream.of is None:
        yield Fault(f"{where}.of", "is missing: nobody could own a row", "write of: COLUMN, the owner's key")
    elif config.owner_stream(source, stream) is None:
        name = stream.of.source or source
        there = config.sources.get(name)
        streams = [f"{name}.{n}" for n, s in there.streams.items() if s.customer] if there else []
        yield Fault(
            f"{where}.of",
            "does not lead to one stream of customers",
            f"write source and stream of: {', '.join(streams) or 'a source that has customers'}",
        )
    if stream.caused_by is not None:
        cause = config.stream(stream.caused_by.source or source, stream.caused_by.stream)
        if cause is None or not cause.interaction:
            remedy = "name the stream of what changed it: caused_by: {stream: mails, key: mail_id}"
            yield Fault(f"{where}.caused_by", "does not lead to a stream of interactions", remedy)
    if kind.at not in stream.map:
        yield Fault(f"{where}.map", f"'{kind.at}' is missing: nobody could tell when it happened", "map it to a column")
    for attribute, path in stream.map.items():
        if attribute not in kind.attributes:
            yield Fault(
                f"{where}.map.{attribute}",
                f"'{stream.interaction}' has no attribute '{attribute}'",
                f"known: {', '.join(kind.attributes)}",
            )
        elif isinstance(path, dict):
            yield from _unknown_parts(where, attribute, kind.attributes[attribute], path)


def _unknown_parts(where: str, attribute: str, given: Attribute, path: Mapping[str, str]) -> Iterator[Fault]:
    parts = KINDS[given.kind].parts
    remedy = f"known: {', '.join(parts)}" if parts else f"'{attribute}' has no parts: map it to one expression"
    for part in path.keys() - set(parts):
        yield Fault(f"{where}.map.{attribute}.{part}", f"unknown part '{part}'", remedy)
