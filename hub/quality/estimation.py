"""`hub estimate`: draws pairs of a hub for a steward to label, and reads the labels back. The arithmetic is `hub.quality.sampling`."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection

from hub.access.audit.log import AuditLine
from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.db import Row
from hub.errors import ConfigError, Fault, Forbidden
from hub.landing import store as landing
from hub.matching import store
from hub.matching.compare.model import Model
from hub.matching.compare.score import weigh
from hub.matching.recipe import Recipe, read_recipe
from hub.matching.training import batch
from hub.model import BIT, RecordId, Verdict, plain
from hub.quality.sampling import Estimate, Labelled, Population, Stratum, draw, estimate

BELOW = 20_000  # records whose candidates below the floor are counted
OWN = ("left", "right", "weight", "stratum", "pairs", "expected", "counted", "together")
SAME = "same"
_YES, _NO, _UNSURE = (
    {"yes", "y", "1", "true", "same", "match"},
    {"no", "n", "0", "false", "different", "no_match"},
    {"", "unsure", "?"},
)

RidPair = tuple[int, int]


@dataclass(frozen=True)
class Drawn:
    """Rows to label (columns in order of the first), and how many pairs there are in all."""

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    pairs: float


@dataclass(frozen=True)
class Read:
    """What a labelled file says. `lost`: what the model estimates that blocking loses."""

    estimate: Estimate
    strata: list[Labelled]
    open: int
    lost: float

    def as_dict(self) -> dict[str, Any]:
        strata = [
            {"stratum": x.stratum.name, "pairs": x.stratum.pairs, "labelled": x.labelled, "same": x.same}
            for x in self.strata
        ]
        return {
            **self.estimate.as_dict(),
            "unlabelled": self.open,
            "recall_lost_by_blocking": self.lost,
            "strata": strata,
        }


def draw_pairs(reader: Reader, principal: Principal, type_name: str, sample: int, *, seed: int = 0) -> Drawn:
    """A stratified sample of a type's pairs with the values to judge them by, in the view of the principal.

    A pair that a standing decision names is labelled with it. Forbidden: the role may not ask for explanations.
    """
    view = reader.view(principal)
    if "explain" not in view.may:
        raise Forbidden(f"the role '{principal.role}' may not see what matching compares")
    if type_name in view.rows:  # strata and their counts are of all pairs
        raise Forbidden(f"an estimate is of all customers: the role '{principal.role}' sees those of its rows alone")
    with reader.database.read() as connection:
        recipe = read_recipe(connection, reader.config)
        pairs, population = _population(connection, recipe, type_name, seed)
        chosen, _ = draw(population, sample, seed=seed)
        rids = {r for at, _ in chosen for r in pairs[at]}
        infos, held = landing.records(connection, rids), store.held(connection, rids)
        said = _decided(connection, rids)
    shown = sorted(view.of(type_name))
    seen = {
        rid: reader.seen_values(
            principal, type_name, {a: [plain(v) for v in h.cell.values] for a, h in held[rid].items()}
        )
        for rid in rids
    }
    records = sorted({infos[r].id for r in rids})
    reader.audit.write(
        AuditLine(
            principal.id,
            principal.role,
            "estimate",
            sorted(set(reader.homes(principal, records))),
            shown,
            view.purpose,
            reader.database.clock.now(),
        )
    )
    rows = []
    for at, stratum in chosen:
        left, right = pairs[at]
        own = {
            "left": str(infos[left].id),
            "right": str(infos[right].id),
            "weight": f"{population.weights[at] / BIT:.2f}",
            "stratum": stratum.name,
            "pairs": repr(stratum.pairs),
            "expected": repr(stratum.expected),
            "counted": repr(stratum.counted),
            "together": "yes" if stratum.together else "no",
        }
        values = {
            a: f"{_told(seen[left].get(a))} | {_told(seen[right].get(a))}"
            for a in shown
            if seen[left].get(a) or seen[right].get(a)
        }
        rows.append({SAME: said.get((left, right), ""), **values, **own})
    used = [a for a in shown if any(a in row for row in rows)]
    return Drawn((SAME, *used, *OWN), rows, float(population.stands_for.sum()))


def read_labels(reader: Reader, file: Path, type_name: str, *, seed: int = 0) -> Read:
    """The estimate of a labelled file. Rows left empty take the decision that stands in the hub, if one does.

    ConfigError: a label or a row that cannot be read, by line.
    """
    given = _rows_of(file)
    faults: list[Fault] = []
    rows = [(n, row, _label(file, n, row, faults)) for n, row in enumerate(given, start=2)]
    if faults or not rows:
        raise ConfigError(
            faults or [Fault(str(file), "has no rows", "draw pairs with hub estimate --sample 200 --out FILE")]
        )
    with reader.database.read() as connection:
        recipe = read_recipe(connection, reader.config)
        decided = _decided_by_name(connection, [row for _, row, label in rows if label is None])
    found: dict[Stratum, Counter[bool]] = defaultdict(Counter)
    still_open = 0
    for n, row, label in rows:
        stratum = _stratum(file, n, row)
        label = decided.get((row["left"], row["right"])) if label is None else label
        still_open += label is None
        found[stratum].update([] if label is None else [label])
    strata = [
        Labelled(s, c.total(), c[True])
        for s, c in sorted(found.items(), key=lambda x: (not x[0].together, -x[0].expected))
    ]
    if still_open == len(rows):
        what, remedy = (
            "no pair in it is labelled, so there is nothing to estimate from",
            f"write yes or no under '{SAME}'",
        )
        raise ConfigError([Fault(str(file), what, remedy)])
    lost = float(recipe.models[type_name].info.get("recall_lost_by_blocking", 0.0))
    return Read(estimate(strata, lost_by_blocking=lost, seed=seed), strata, still_open, lost)


# --- the population -----------------------------------------------------------------------------------


def _population(connection: Connection, recipe: Recipe, type_name: str, seed: int) -> tuple[list[RidPair], Population]:
    """Every kept pair, every pair that is together, and the candidates below the floor of a sample of records."""
    model = recipe.models[type_name]
    kept = store.all_weights(connection, type_name)
    weights: dict[RidPair, int] = {(a, b): w for a, b, w in _rows(kept)}
    homes: dict[int, int] = dict(_rows(store.all_homes(connection, type_name, living=True)))
    below, share = _below(connection, recipe, type_name, sorted(homes), seed)
    together = _together(homes)
    unknown = sorted(together - weights.keys())
    weights.update(_weigh(connection, unknown, model))
    stands_for = dict.fromkeys(weights, 1.0)
    for left, right, weight in below:
        if (left, right) not in weights:
            weights[left, right], stands_for[left, right] = weight, 1 / share
    pairs = sorted(weights)
    return pairs, Population(
        np.array([weights[p] for p in pairs], np.int64),
        np.array([p in together for p in pairs], bool),
        np.array([stands_for[p] for p in pairs], np.float64),
    )


def _below(
    connection: Connection, recipe: Recipe, type_name: str, rids: Sequence[int], seed: int
) -> tuple[list[tuple[int, int, int]], float]:
    """Candidates below what is kept, of pairs whose first record is in a sample; and the share of records sampled."""
    model = recipe.models[type_name]
    rng = np.random.default_rng(seed)
    sampled = np.sort(rng.choice(np.array(rids, np.int64), min(BELOW, len(rids)), replace=False))
    if not len(sampled):
        return [], 1.0
    records, keys = store.all_forms(connection, type_name), store.all_keys(connection)
    found = batch.pairs(
        records,
        keys,
        model,
        floor=-(10**9),
        only=pa.table({"rid": sampled}),
        cap=recipe.customer(type_name).matching.block_cap,
    )
    mine, floor = set(sampled.tolist()), min(model.review, model.join)
    return [(a, b, w) for a, b, w in _rows(found.select(["left", "right", "weight"])) if a in mine and w < floor], len(
        sampled
    ) / len(rids)


def _together(homes: Mapping[int, int]) -> set[RidPair]:
    members: dict[int, list[int]] = defaultdict(list)
    for rid, cluster in homes.items():
        members[cluster].append(rid)
    return {pair for rids in members.values() for pair in combinations(sorted(rids), 2)}


def _weigh(connection: Connection, pairs: Sequence[RidPair], model: Model) -> Iterator[tuple[RidPair, int]]:
    """Pairs that are together by way of others, or by a decision."""
    forms = store.forms(connection, {r for pair in pairs for r in pair})
    return (((a, b), weigh(forms[a], forms[b], model).weight) for a, b in pairs)


def _rows(table: pa.Table) -> Iterable[Row]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


# --- labels -------------------------------------------------------------------------------------------


def _decided(connection: Connection, rids: Iterable[int]) -> dict[RidPair, str]:
    found = {}
    for d in store.decisions_touching(connection, rids):
        if d.verdict is not Verdict.UNSURE:
            found[min(d.left, d.right), max(d.left, d.right)] = "yes" if d.verdict is Verdict.MATCH else "no"
    return found


def _decided_by_name(connection: Connection, rows: Sequence[Mapping[str, str]]) -> dict[tuple[str, str], bool]:
    rids: dict[str, int] = {}
    for name in {row[side] for row in rows for side in ("left", "right")}:
        info = landing.record_named(connection, RecordId.parse(name))
        if info is not None:
            rids[name] = info.rid
    said = _decided(connection, rids.values())
    found = {}
    for row in rows:
        left, right = rids.get(row["left"]), rids.get(row["right"])
        if left is not None and right is not None and (label := said.get((min(left, right), max(left, right)))):
            found[row["left"], row["right"]] = label == "yes"
    return found


def _rows_of(file: Path) -> list[dict[str, str]]:
    held = file.read_bytes()
    try:
        return list(csv.DictReader(io.StringIO(held.decode("utf-8-sig"), newline="")))
    except UnicodeDecodeError as error:
        line = held.count(b"\n", 0, error.start) + 1
        fault = Fault(f"{file}: line {line}", "is not UTF-8", "save it as 'CSV UTF-8'")
    except csv.Error as error:
        fault = Fault(str(file), f"is not CSV: {error}", "draw anew, and change the column 'same' alone")
    raise ConfigError([fault])


def _label(file: Path, line: int, row: Mapping[str, str], faults: list[Fault]) -> bool | None:
    missing = [c for c in (SAME, *OWN) if row.get(c) is None]
    if missing:
        faults.append(
            Fault(
                f"{file}: line {line}", f"lacks {', '.join(missing)}", "keep the columns that hub estimate --out wrote"
            )
        )
        return None
    if any(row[side].count("/") < 2 for side in ("left", "right")):
        faults.append(
            Fault(f"{file}: line {line}", "its left or right names no record", "change the column 'same' alone")
        )
    text = row[SAME].strip().lower()
    if text not in _YES | _NO | _UNSURE:
        faults.append(
            Fault(
                f"{file}: line {line}", f"'{text[:20]}' is no label", "write yes, no, or nothing where you are unsure"
            )
        )
    return True if text in _YES else False if text in _NO else None


def _stratum(file: Path, line: int, row: Mapping[str, str]) -> Stratum:
    try:
        return Stratum(
            row["stratum"], row["together"] == "yes", float(row["pairs"]), float(row["expected"]), float(row["counted"])
        )
    except ValueError:
        raise ConfigError(
            [Fault(f"{file}: line {line}", "its stratum was changed", "draw anew, and change the column 'same' alone")]
        ) from None


def _told(values: object) -> str:
    listed = values if isinstance(values, list | tuple) else [] if values is None else [values]
    return "; ".join(", ".join(v.values()) if isinstance(v, dict) else str(v) for v in listed)


__all__ = ["Drawn", "Read", "draw_pairs", "read_labels"]
