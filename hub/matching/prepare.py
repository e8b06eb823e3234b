"""Landed versions -> standardised records: mapped, folded, cleaned, with comparison forms, sketch and keys."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from hub import db
from hub.connectors.base import JSON
from hub.connectors.mapping.mapper import Mapped
from hub.errors import BadRecord
from hub.kinds.levels_base import Forms
from hub.landing import store as landing
from hub.landing.fold import Folded, fold
from hub.landing.store import RecordInfo, StoredVersion
from hub.matching import store
from hub.matching.compare.candidates import keys as keys_of
from hub.matching.pairs import type_salt
from hub.matching.recipe import Recipe, hash_values
from hub.model import Cell, Version, Write
from hub.settings import SELF, Stream


class Compared(NamedTuple):
    """What a record is compared by: its forms, their sketch, and the keys under which candidates are found."""

    forms: Forms = {}
    sketch: bytes = b""
    keys: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls, recipe: Recipe, type_name: str, cells: Mapping[str, Cell], verified: Callable[[str], bool], *, keys: bool
    ) -> Compared:
        standardiser = recipe.standardisers[type_name]
        forms = standardiser.forms(cells, verified)
        found = salted_keys(forms, recipe, type_name) if keys else frozenset()
        return cls(forms, standardiser.layout.sketch(forms), found)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record folded and standardised by a recipe."""

    info: RecordInfo
    folded: Folded
    compared: Compared
    problems: tuple[tuple[str, str], ...]

    @property
    def alive(self) -> bool:
        return self.folded.died is None


@dataclass(frozen=True, slots=True)
class Ready:
    """A row mapped, cleaned and keyed before anybody waits for it: outside the lock. Good for its recipe alone."""

    recipe: Recipe
    raw: Mapping[str, JSON]
    mapped: Mapped
    compared: Compared


def ready(recipe: Recipe, source: str, stream: str, raw: Mapping[str, JSON]) -> Ready | None:
    """Pure: a row made ready. None when it cannot be read: that is told where it lands."""
    given = recipe.stream(source, stream)
    try:
        mapped = recipe.mappers[source, stream].map(raw)
    except Exception:  # noqa: BLE001 - a row that cannot be read stops nobody else's
        return None
    compared = _compared(recipe, source, given, mapped.cells, keys=True)
    return Ready(recipe, raw, mapped, compared)


def _compared(recipe: Recipe, source: str, stream: Stream, cells: Mapping[str, Cell], *, keys: bool) -> Compared:
    """What people say of themselves is no evidence of who they are: anybody could type another's number. It is tied by
    a decision."""
    return Compared.of(recipe, stream.customer, {} if source == SELF else cells, stream.is_verified, keys=keys)


def salted_keys(forms: Forms, recipe: Recipe, type_name: str) -> frozenset[int]:
    salt = type_salt(type_name)
    return frozenset(k ^ salt for k in keys_of(forms, recipe.models[type_name]))


def prepare(
    recipe: Recipe,
    info: RecordInfo,
    versions: Iterable[StoredVersion],
    writes: list[Write],
    *,
    keys: bool = True,
    made: Ready | None = None,
) -> Prepared | None:
    """Pure: what a record's versions say under a recipe. None while only tombstones landed. `made`: a row of it made ready before."""
    stream = recipe.stream(info.id.source, info.id.stream)
    mapper = recipe.mappers[info.id.source, info.id.stream]
    mapped: list[Version] = []
    problems: tuple[tuple[str, str], ...] = ()
    for v in versions:
        if v.suspended is not None:
            continue
        cells: Mapping[str, Cell] = {}
        problems = ()
        if v.raw is not None:
            try:
                if made is not None and v.raw == made.raw:
                    cells, problems = made.mapped.cells, made.mapped.problems
                else:
                    cells, problems = mapper.read(v.raw)
            except BadRecord as error:  # the mapping changed since it landed
                problems = (("", str(error)),)
            except Exception as error:  # noqa: BLE001 - a row that cannot be read stops nobody else's
                problems = (("", f"could not be read ({type(error).__name__})"),)
        mapped.append(Version(info.id, v.order, v.landed, cells, v.observed, unread(cells, problems)))
    folded = fold(
        mapped,
        writes,
        hash_values,
        partial=stream.records == "partial",
        keep_deleted=stream.on_delete == "keep_values",
        spelling=recipe.customer(info.type).spelling,
    )
    if folded is None:
        return None
    cells = {a: h.cell for a, h in folded.held.items()}
    if made is not None and made.mapped.cells == cells:
        return Prepared(info, folded, made.compared, problems)
    compared = _compared(recipe, info.id.source, stream, cells, keys=keys)
    return Prepared(info, folded, compared, problems)


def unread(cells: Mapping[str, Cell], problems: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Attributes of which a row holds something that cannot be read, and nothing else."""
    return frozenset([a for a, _ in problems if a not in cells or not cells[a].values])


def load_prepared(
    connection: Connection,
    recipe: Recipe,
    rids: Collection[int],
    made: Mapping[int, Ready] | None = None,
    *,
    keys: bool = True,
) -> dict[int, Prepared]:
    infos = landing.records(connection, rids)
    versions = landing.versions_of(connection, rids)
    writes = landing.writes_of(connection, {r: i.id for r, i in infos.items()})
    good = {r: m for r, m in (made or {}).items() if m.recipe is recipe}
    found = {
        r: prepare(recipe, i, versions.get(r, []), writes.get(r, []), keys=keys, made=good.get(r))
        for r, i in infos.items()
    }
    return {r: p for r, p in found.items() if p is not None}


def standardised_row(recipe: Recipe, prepared: Prepared) -> db.Row:
    """A row in the order of store.STANDARDISED."""
    problems = db.dump(prepared.problems) if prepared.problems else None
    return (
        prepared.info.rid,
        prepared.info.type,
        recipe.base,
        prepared.folded.latest,
        prepared.folded.born,
        prepared.folded.died,
        prepared.compared.sketch,
        store.held_json(prepared.folded.held),
        db.dump(prepared.compared.forms),
        problems,
    )


def standardised_rows(connection: Connection, recipe: Recipe, rids: Collection[int]) -> list[db.Row]:
    """The standardised rows of these records, made anew."""
    return [standardised_row(recipe, p) for p in load_prepared(connection, recipe, rids, keys=False).values()]
