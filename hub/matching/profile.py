"""What the records themselves say before training: term frequencies, placeholders, columns without use."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from hub.matching.model import Comparison, Terms
from hub.model import BIT

FREQUENT = 3_000
MOST, LEAST = 12 * BIT, -10 * BIT


@dataclass(frozen=True)
class Profile:
    """Terms by column; the chance that two records agree by column; placeholders; warnings."""

    terms: dict[str, Terms]
    exact: dict[str, float]
    placeholders: dict[str, frozenset[str]]
    warnings: tuple[str, ...]


def profile(con: Any, comparisons: tuple[Comparison, ...], columns: list[str], lists: set[str]) -> Profile:
    """Reads table `rec`."""
    placeholders: dict[str, frozenset[str]] = {}
    warnings: list[str] = []
    terms: dict[str, Terms] = {}
    exact: dict[str, float] = {}
    for c in comparisons:
        for level in c.levels.levels:
            if level.tf:
                column = c.columns[level.tf]
                terms[column], exact[column] = _terms(con, column, column in lists)
    return Profile({c: t for c, t in terms.items() if t is not None}, exact, placeholders, tuple(warnings))


def _terms(con: Any, column: str, many: bool) -> tuple[Terms, float]:
    name = '"' + column.replace('"', '""') + '"'
    values = f"SELECT unnest({name}) AS v FROM rec" if many else f"SELECT {name} AS v FROM rec WHERE {name} IS NOT NULL"
    con.execute(f"CREATE OR REPLACE TABLE counted AS SELECT v, count(*) AS c FROM ({values}) GROUP BY v")
    total, distinct, agreeing = con.execute("SELECT coalesce(sum(c), 0)::BIGINT, count(*), coalesce(sum(c * (c - 1)), 0)::DOUBLE FROM counted").fetchall()[0]
    records = con.execute(f"SELECT count(*) FROM rec WHERE {name} IS NOT NULL").fetchall()[0][0]
    if records < 2:
        return Terms({}, 0), 0.0
    average = max(agreeing / (records * (records - 1)), 1e-12)
    rows = con.execute(f"SELECT v, c FROM counted WHERE c > 2 ORDER BY c DESC, v LIMIT {FREQUENT}").fetchall()
    in_table = sum(c for _, c in rows)
    rest = max(2.0, (total - in_table) / max(1, distinct - len(rows)))
    unseen = _bits(average / (rest / records))
    frequent = {v: _bits(average / (c / records)) for v, c in rows}
    return Terms({v: a for v, a in frequent.items() if a != unseen}, unseen), average


def _bits(ratio: float) -> int:
    return max(LEAST, min(MOST, round(BIT * math.log2(ratio))))
