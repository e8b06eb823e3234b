"""Values as they were: references (record, landed version, index) turned back into values.

History keeps no values. A reference is read by mapping the landed row again, under the configuration
of the recipe that made it; so what was erased from landing is gone from history too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection

from hub.connectors.mapping.mapper import Mapper
from hub.errors import BadRecord
from hub.golden_record import lookups, store
from hub.golden_record.hanging import composed
from hub.golden_record.lineage import Lineage, Values, Why
from hub.golden_record.run import build, standings
from hub.golden_record.survivorship import Member
from hub.landing import store as landing
from hub.landing.fold import Held, fold
from hub.landing.store import RecordInfo, StoredVersion
from hub.matching import store as matching_store
from hub.matching.prepare import unread
from hub.matching.recipe import hash_values
from hub.model import Cell, Override, Plain, Value, Version, from_plain, plain
from hub.settings import Config, CustomerType, Stream, own_streams

RECIPES_KEPT = 8


def _stream_of(found: Mapping[str, object]) -> Stream:
    """A stream as it is mapped: how it was read does not matter any more."""
    return Stream.model_validate({name: value for name, value in found.items() if name in Stream.model_fields})


class Mappers:
    """Mappers of one recipe, made when first asked for."""

    def __init__(self, streams: Mapping[str, Stream], types: Mapping[str, CustomerType]):
        own = {f"{source}/{name}": stream for (source, name), stream in own_streams(types).items()}
        self._streams, self._types = {**own, **streams}, types
        self._made: dict[str, Mapper | None] = {}

    @classmethod
    def of_config(cls, config: Config) -> Mappers:
        return cls(
            {
                f"{s.name}/{n}": stream
                for s in config.sources.values()
                for n, stream in s.streams.items()
                if stream.customer
            },
            config.customers,
        )

    @classmethod
    def of_document(cls, document: str | Mapping[str, object]) -> Mappers:
        found: Mapping[str, Any] = json.loads(document) if isinstance(document, str) else document
        return cls(
            {n: _stream_of(s) for n, s in found["streams"].items()},
            {n: CustomerType.model_validate(t) for n, t in found["types"].items()},
        )

    def of(self, source: str, stream: str) -> Mapper | None:
        name = f"{source}/{stream}"
        if name not in self._made:
            given = self._streams.get(name)
            self._made[name] = (
                None
                if given is None
                else Mapper(stream, given.model_copy(update={"write_back": None}), self._types[given.customer])
            )
        return self._made[name]


class Recipes:
    """Mappers by recipe hash. A recipe without a row is read by today's configuration."""

    def __init__(self, config: Config):
        self._today = Mappers.of_config(config)
        self._known: dict[str, Mappers] = {}

    def mappers(self, connection: Connection, hash_: str) -> Mappers:
        if hash_ not in self._known:
            document = store.recipe_config(connection, hash_)
            if len(self._known) >= RECIPES_KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[hash_] = self._today if document is None else Mappers.of_document(document)
        return self._known[hash_]


class References:
    """The values behind some lineage's references, under one recipe. Loads what is asked for, once.

    base: of the recipe, where it is the one in force: what records hold by it is stored, and need not be read from their rows again.
    """

    def __init__(
        self, connection: Connection, mappers: Mappers, lineages: Iterable[Lineage], *, base: str | None = None
    ):
        lines = [line for lineage in lineages for line in _lines(lineage)]
        refs = {
            (a, ref[0], ref[1])
            for a, line in lines
            for ref in (*line["won"], *line.get("lost", ()), *line.get("taken", ()))
        }
        numbers = {line["override"] for _, line in lines if line.get("override") is not None}
        rids = {rid for _, rid, _ in refs}
        self.records = landing.records(connection, rids)
        self.overrides = lookups.overrides(connection, numbers) if numbers else {}
        self._held = {} if base is None else matching_store.held(connection, rids, base)
        wanted = {(rid, landed) for a, rid, landed in refs if self._stored(a, rid, landed) is None}
        found = landing.versions_of(connection, {rid for rid, _ in wanted}) if wanted else {}
        self._versions = {(v.rid, v.landed): v for vs in found.values() for v in vs if (v.rid, v.landed) in wanted}
        self._mappers = mappers
        self._cells: dict[tuple[int, int], Mapping[str, Cell]] = {}

    def value(self, attribute: str, ref: Iterable[int]) -> Value | None:
        """The value that a reference names; None when it was cleared there, or is gone."""
        rid, landed, index = ref
        cell = self._stored(attribute, rid, landed) or self._cells_of(rid, landed).get(attribute)
        return cell.values[index] if cell is not None and index < len(cell.values) else None

    def stated(self, attribute: str, ref: Iterable[int]) -> int | None:
        """Since when its source says the value that a reference names; None: it gives no time."""
        rid, landed, index = ref
        held = self._held.get(rid, {}).get(attribute)
        if held is not None and held.landed == landed:
            return held.stated(index)
        cell, version = self._cells_of(rid, landed).get(attribute), self._versions.get((rid, landed))
        if cell is not None and cell.date is not None:
            return cell.date
        return None if version is None else version.observed

    def _stored(self, attribute: str, rid: int, landed: int) -> Cell | None:
        held = self._held.get(rid, {}).get(attribute)
        return held.cell if held is not None and held.landed == landed else None

    def values(self, lineage: Lineage) -> dict[str, list[Plain]]:
        """Golden values (plain) as survivorship made them of these references."""
        return {attribute: self._golden(attribute, line) for attribute, line in lineage.items()}

    def _golden(self, attribute: str, line: Why) -> list[Plain]:
        if "said" in line:
            return list(line["said"])
        if line.get("override") is not None:
            found = self.overrides.get(line["override"])
            return [] if found is None else list(found.values)
        if "of" in line:
            parts = {part: said for part, made_of in line["of"].items() if (said := self._golden(part, made_of))}
            return [composed({part: from_plain(said[0]) for part, said in parts.items()})] if parts else []
        given = (self.value(attribute, ref) for ref in line["won"])
        return [plain(v) for v in dict.fromkeys(v for v in given if v is not None)]

    def _cells_of(self, rid: int, landed: int) -> Mapping[str, Cell]:
        key = (rid, landed)
        if key not in self._cells:
            version = self._versions.get(key)
            self._cells[key] = _map(self._mappers, self.records.get(rid), None if version is None else version.raw)
        return self._cells[key]


def _lines(lineage: Lineage) -> Iterator[tuple[str, Why]]:
    """Every line, and those of the parts that a full name is made of."""
    for attribute, line in lineage.items():
        yield attribute, line
        yield from line.get("of", {}).items()


def _map(mappers: Mappers, info: RecordInfo | None, raw: Mapping[str, object] | None) -> Mapping[str, Cell]:
    mapper = None if info is None else mappers.of(info.id.source, info.id.stream)
    if mapper is None or raw is None:
        return {}
    try:
        return mapper.map(raw).cells
    except BadRecord:
        return {}


def in_effect(
    connection: Connection,
    config: Config,
    mappers: Mappers,
    type_name: str,
    rids: Iterable[int],
    *,
    as_of: int,
    known_at: int | None,
) -> tuple[Values, Lineage, frozenset[str]]:
    """Golden values and lineage over what was in effect at `as_of`, with the knowledge of `known_at` (None: now).

    By the sources' own dates. Before the first date that a source gives of a value, what it said first stands in;
    the attributes of which that is so, or whose source gives no date, are told as the third.
    """
    infos = landing.records(connection, rids)
    names = {r: i.id for r, i in infos.items()}
    held: dict[int, Mapping[str, Held]] = dict(matching_store.held(connection, infos)) if known_at is None else {}
    if known_at is not None or any(_later(h, as_of) for of in held.values() for h in of.values()):
        held = _held_at(connection, config, mappers, infos, known_at, as_of)
    if known_at is None:
        overrides = [o for os in store.overrides_on(connection, names).values() for o in os]
    else:
        overrides = lookups.overrides_known(connection, names, known_at)
    listed = sorted((r for r in infos if r in held), key=lambda r: infos[r].id)
    members = [
        Member(infos[r].id, r, held[r], standings(config, infos[r].id.source, infos[r].id.stream)) for r in listed
    ]
    values, lineage, _ = build(members, _sorted(overrides), config.customers[type_name], as_of)
    doubtful = {
        a
        for a, line in lineage.items()
        for part, why in ((a, line), *line.get("of", {}).items())
        for rid, _, index in why["won"]
        if (since := held[rid][part].stated(index)) is None or since > as_of
    }
    return values, lineage, frozenset(doubtful)


def _later(held: Held, as_of: int) -> bool:
    """Does it say something that its source dates later?"""
    times = (held.time, *held.since, *(t.at for t in held.taken))
    return any(t is not None and t > as_of for t in times)


def _sorted(overrides: Iterable[Override]) -> list[Override]:
    return sorted(overrides, key=lambda o: o.id)


def _held_at(
    connection: Connection,
    config: Config,
    mappers: Mappers,
    infos: Mapping[int, RecordInfo],
    at: int | None,
    as_of: int,
) -> dict[int, Mapping[str, Held]]:
    """What each record's source itself said by `as_of`, as far as it had landed by `at` (None: by now)."""
    writes = landing.writes_of(connection, {r: i.id for r, i in infos.items()})
    found = {}
    for rid, versions in landing.versions_of(connection, infos).items():
        info = infos[rid]
        stream = config.stream(info.id.source, info.id.stream)
        if stream is None:
            continue
        known = [
            _version(mappers, info, v)
            for v in versions
            if (v.suspended is None if at is None else v.at <= at and (v.suspended is None or v.suspended > at))
        ]
        folded = fold(
            _by(known, as_of),
            writes.get(rid, []),
            hash_values,
            partial=stream.records == "partial",
            keep_deleted=stream.on_delete == "keep_values",
            spelling=config.customers[info.type].spelling,
        )
        if folded is not None:
            found[rid] = folded.held
    return found


def _by(versions: list[Version], as_of: int) -> list[Version]:
    """The versions that were there by a time of the source's own, and the first one in any case."""
    ordered = sorted(versions, key=lambda v: v.order)
    return [v for n, v in enumerate(ordered) if n == 0 or v.observed is None or v.observed <= as_of]


def _version(mappers: Mappers, info: RecordInfo, v: StoredVersion) -> Version:
    """As `prepare` reads it: what cannot be read is not taken for what is not there."""
    mapper = mappers.of(info.id.source, info.id.stream)
    cells: Mapping[str, Cell] = {}
    problems: tuple[tuple[str, str], ...] = ()
    if mapper is not None and v.raw is not None:
        with suppress(BadRecord):
            cells, problems = mapper.read(v.raw)
    return Version(info.id, v.order, v.landed, cells, v.observed, unread(cells, problems))
