"""Who is asked: every kind, its levels, and the readers of rows and histories; an answer is JSON."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hub.connectors.mapping.mapper import Mapper
from hub.errors import BadRecord
from hub.kinds import KINDS, LEVELS
from hub.kinds.base import Cleaned, Context, Kind, Problem
from hub.kinds.levels_base import MISSING
from hub.landing.fold import fold
from hub.matching.compare.model import comparisons_of
from hub.matching.compare.standardised import Standardiser
from hub.matching.recipe import PARSERS, READERS, hash_values
from hub.model import Cell, RecordId, Version, Write, plain
from hub.settings import CustomerType, Stream
from tests.answers import inputs

LIBRARIES: dict[str, int | str] = {name: version(name) for name in PARSERS}


@dataclass(frozen=True)
class Subject:
    """versions: numbers, and names of libraries' versions, that its answers hang on; where: what to raise, in words."""

    name: str
    versions: Mapping[str, int | str]
    where: str
    inputs: Callable[[], list[Any]]
    answer: Callable[[Any], Any]


# --- kinds ------------------------------------------------------------------------------------


def of_kind(kind: Kind) -> Subject:
    def answer(asked: Any) -> Any:
        found = kind.clean(asked[0], context_of(asked[1]))
        if not isinstance(found, Cleaned):
            return {"problem": found.reason} if isinstance(found, Problem) else None
        said = {"clean": plain(found.value), "forms": kind.forms(found.value), "mask": plain(kind.mask(found.value))}
        said |= {} if found.valid else {"valid": False}
        return said | ({} if kind.expand is None else {"expand": dict(kind.expand(found.value))})

    name = f"kind {kind.name}"
    where = f"version in hub/kinds/{kind.name}.py"
    return Subject(name, {name: kind.version, **LIBRARIES}, where, lambda: inputs.of_kind(kind.name), answer)


def context_of(given: Mapping[str, Any]) -> Context:
    zone = ZoneInfo(given["zone"]) if "zone" in given else None
    return Context(**{**given, "zone": zone, "options": tuple(given.get("options", ()))})


# --- levels: asked by forms, so that they change with themselves alone ---------------------------


def of_levels(kind: str) -> Subject:
    type_ = CustomerType.model_validate({"attributes": {"x": {"kind": kind}}, "matching": {"rules": [["x"]]}})
    (comparison,) = comparisons_of(type_)
    level_of = comparison.levels.python(comparison.columns)

    def answer(asked: Any) -> Any:
        level = level_of(asked[0], asked[1])
        return None if level == MISSING else comparison.levels.levels[level].name

    def pairs() -> list[Any]:
        standardiser, dice, records = Standardiser(type_), random.Random(kind), [{}]
        for raw, context in inputs.of_kind(kind):
            found = KINDS[kind].clean(raw, context_of(context))
            if isinstance(found, Cleaned):
                records.append(standardiser.forms({"x": Cell((found.value,))}, lambda _: True))
        near = [
            *pairwise(records),
            *((r, r) for r in records[:20]),
            *((dice.choice(records), dice.choice(records)) for _ in range(150)),
        ]
        return [[one, other] for one, other in near] + [
            [one, {c: inputs.spoiled(text, dice) for c, text in one.items()}] for one in dice.choices(records, k=250)
        ]  # fmt: skip

    versions = {f"kind {kind}": KINDS[kind].version, "model": READERS["model"]}
    return Subject(f"levels {kind}", versions, f"version in hub/kinds/{kind}.py", pairs, answer)


# --- mapping ----------------------------------------------------------------------------------

PERSON = CustomerType.model_validate(
    {
        "attributes": {
            "given_name": {"kind": "given_name"},
            "family_name": {"kind": "family_name"},
            "name_suffix": {"kind": "name_suffix"},
            "full_name": {"kind": "person_name"},
            "phone": {"kind": "phone", "many": True},
            "address": {"kind": "postal_address"},
            "occupation": {"kind": "text"},
        }
    }
)
STREAMS: dict[str, dict[str, Any]] = {
    "plain": {"map": {"given_name": "first", "family_name": "last", "phone": "phones", "occupation": "job"}},
    "nested": {"map": {"given_name": "name.first", "phone": "phones[].number", "occupation": '"a.b"'}, "version": "v"},
    "whole": {
        "map": {"full_name": "name", "address": {"line1": "street", "city": "city"}},
        "name_order": "family_first",
    },
    "both": {"map": {"full_name": "name", "family_name": "last"}, "dates": {"full_name": "at"}, "country": "DE"},
    "partial": {"map": {"occupation": "job", "phone": "phone"}, "records": "partial", "split": {"phone": ";"}},
    "deleted": {"map": {"occupation": "job"}, "deleted": "gone", "null_means": "cleared"},
}
FIELDS: dict[str, list[Any]] = {
    "id": ["1", "x/y", 7, "", None, 1.5, True, " 2 ", {"a": 1}, "\ud800"],
    "v": [1, "2", "2024-01-02", None, "", -5, 1.5, [1]],
    "first": ["Anna", "", None, "-", 12, ["Anna", "Eva"]],
    "last": ["Berg", "Berg Jr.", "", None, {"x": "y"}],
    "name": ["Anna Berg", "Berg, Anna", {"first": "Anna"}, "", None, "김철수", ["A B", "C D"]],
    "phones": ["030 123456", ["030 123456", "x"], [{"number": "+49 30 123456"}, {"number": None}, {}], "+4930123456;+4930123457", None, {}],
    "phone": ["+49 30 123456; +49 30 123457", "x;y", "+49 30 123456", ""],
    "job": ["Baker", "", None, "\u0000", ["a", "b"], "x" * 300, {"a": {"b": 1}}],
    "street": ["Hauptstr. 1", "", None, 5],
    "city": ["Berlin", None, ["Berlin"]],
    "at": ["2024-01-02", "yesterday", None, 1706954400],
    "gone": [True, False, "1", "no", None, 0],
    "a.b": ["Baker", None],
}  # fmt: skip


def rows() -> list[Any]:
    dice, found = random.Random("mapping"), []
    for name in STREAMS:
        for _ in range(60):
            fields = dice.sample(sorted(FIELDS), dice.randint(2, len(FIELDS)))
            row = {field: dice.choice(FIELDS[field]) for field in fields}
            found.append([name, row if dice.random() < 0.15 else {**row, "id": str(dice.randint(1, 9))}])
    return found


MAPPERS = {
    name: Mapper(name, Stream.model_validate({"customer": "person", "key": "id", **given}), PERSON)
    for name, given in STREAMS.items()
}


def mapped(asked: Any) -> Any:
    try:
        found = MAPPERS[asked[0]].map(asked[1])
    except BadRecord as error:
        return {"refused": str(error)}
    cells = {name: cell_as_json(cell) for name, cell in found.cells.items()}
    return [found.key, found.version, found.observed, found.tombstone, cells, [list(p) for p in found.problems]]


def cell_as_json(cell: Cell) -> Any:
    return [[plain(value) for value in cell.values], *cell[1:]]


# --- fold -------------------------------------------------------------------------------------

RECORD = RecordId("crm", "people", "1")


def histories() -> list[Any]:
    """[versions, writes, partial, keep_deleted]: tiny sets of values, so that runs and echoes happen."""
    dice, found = random.Random("fold"), []
    for _ in range(400):
        versions = [
            [dice.randint(1, 5), dice.choice([0, 0, 0, 0, 1, 2]), f"c{dice.randint(1, 3)}", landed, drawn_cells(dice),
             dice.choice([None, 100 * landed, 100 * dice.randint(1, 6)]), ["phone"] if dice.random() < 0.1 else []]
            for landed in range(1, dice.randint(1, 6) + 1)
        ]  # fmt: skip
        writes = [
            ["phone", [dice.choice("ABC")], dice.randint(1, 5), f"c{dice.randint(1, 3)}", dice.choice([None, 150, 350])]
            for _ in range(dice.choice([0, 0, 1, 2]))
        ]
        found.append([versions, writes, dice.random() < 0.3, dice.random() < 0.2])
    return found


def drawn_cells(dice: random.Random) -> dict[str, Any]:
    return {
        name: [
            dice.sample("ABC", dice.choice([0, 1, 1, 1, 2])),
            dice.random() < 0.1,
            dice.choice([None, None, None, 42]),
        ]
        for name in ("phone", "email")
        if dice.random() < 0.8
    }


def folded(asked: Any) -> Any:
    versions = [
        Version(RECORD, (f"{number:02}", generation, content), landed,
                {} if generation % 2 else {n: Cell(tuple(values), cleared, date=date) for n, (values, cleared, date) in cells.items()},
                observed, frozenset(unread))
        for number, generation, content, landed, cells, observed, unread in asked[0]
    ]  # fmt: skip
    writes = [
        Write(RECORD, attribute, hash_values(tuple(values)), (f"{over:02}", 0, content), "w", tuple(hash_values((v,)) for v in values), arrived)
        for attribute, values, over, content, arrived in asked[1]
    ]  # fmt: skip
    found = fold(versions, writes, hash_values, partial=asked[2], keep_deleted=asked[3])
    if found is None:
        return None
    held = {
        name: [cell_as_json(h.cell), h.time, h.landed, list(h.since), [list(t) for t in h.taken]]
        for name, h in found.held.items()
    }
    return [held, found.born, found.died, found.latest]


# --- all of them ------------------------------------------------------------------------------

_USED = {f"kind {a.kind}": KINDS[a.kind].version for a in PERSON.attributes.values()}
_READER = "'{}' of READERS in hub/matching/recipe.py"
SUBJECTS: dict[str, Subject] = {
    s.name: s
    for s in (
        *map(of_kind, KINDS.values()),
        *map(of_levels, LEVELS),
        Subject("mapping", {"mapping": READERS["mapping"], **_USED, **LIBRARIES}, _READER.format("mapping"), rows, mapped),
        Subject("fold", {"fold": READERS["fold"]}, _READER.format("fold"), histories, folded),
    )
}  # fmt: skip
