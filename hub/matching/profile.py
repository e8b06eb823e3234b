"""What the records themselves say before training: term frequencies, placeholders, columns without use."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from hub.kinds.levels import LEVELS
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


def profile(con: Any, comparisons: tuple[Comparison, ...], lists: set[str]) -> Profile:
    """Reads table `rec`."""
    placeholders: dict[str, frozenset[str]] = {}
    warnings: list[str] = []
    terms: dict[str, Terms] = {}
    exact: dict[str, float] = {}
    empty = []
    for c in sorted(comparisons, key=lambda x: not x.levels.name):  # names first: they tell people apart
        column = c.columns["value"]
        filled, distinct = _filled(con, column, column in lists)
        if not filled:
            empty.append(c.name)
        elif distinct == 1 and filled >= FEW:
            warnings.append(f"'{c.name}' has one value in all {filled} records that have it: it is no evidence")
        hollow = _hollow(con, c, comparisons, column in lists)
        if hollow:
            if c.levels.name:
                con.execute(f"UPDATE rec SET {_q(column)} = NULL WHERE list_contains(?, {_q(column)})", [sorted(hollow)])
            placeholders[column] = frozenset(hollow)
            held = sum(hollow.values())
            warnings.append(f"'{c.name}': {len(hollow)} values stand in {held} records of different people: taken as placeholders, not as evidence")
        for level in c.levels.levels:
            if level.tf:
                column = c.columns[level.tf]
                terms[column], exact[column] = _terms(con, column, column in lists, placeholders.get(column, frozenset()))
    if empty:
        warnings.append(f"no values, so no evidence: {', '.join(empty)}")
    return Profile(terms, exact, placeholders, tuple(warnings))


FEW = 10
SPREAD = {"email": 20, "phone": 25, "identifier": 12, "domain": 200}  # names of people that share a value which is still somebody's


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _values(column: str, many: bool) -> str:
    name = _q(column)
    return f"SELECT rid, unnest({name}) AS v FROM rec" if many else f"SELECT rid, {name} AS v FROM rec WHERE {name} IS NOT NULL"


def _filled(con: Any, column: str, many: bool) -> tuple[int, int]:
    rows = con.execute(f"SELECT count(DISTINCT rid), count(DISTINCT v) FROM ({_values(column, many)})").fetchall()
    return int(rows[0][0]), int(rows[0][1])


def _hollow(con: Any, c: Comparison, comparisons: tuple[Comparison, ...], many: bool) -> dict[str, int]:
    """Values that are nobody's, with their records: held under far more names than one customer or household has."""
    names = [x.columns for x in comparisons if x.levels.name]
    values, column = _values(c.columns["value"], many), c.columns["value"]
    kind = next((kind for kind, levels in LEVELS.items() if levels is c.levels), "")
    if kind in SPREAD and names:
        who = " || '/' || ".join(f"CASE WHEN {_q(x['value'])} IS NOT NULL THEN {_q(x.get('sound', x['value']))}[:3] ELSE '' END" for x in names)
        nameless = " AND ".join(f"{_q(x['value'])} IS NULL" for x in names)  # each one more person, for all we know
        query = (
            f"SELECT v, count(*), count(DISTINCT who) AS d FROM ({values}) JOIN (SELECT rid, CASE WHEN {nameless} THEN rid::VARCHAR ELSE {who} END AS who "
            f"FROM rec) USING (rid) GROUP BY v HAVING d > {SPREAD[kind]}"
        )
    elif kind == "birth_date":
        # a date far more frequent than birthdays are, 1900-01-01 say
        query = (
            f"SELECT v, c, c FROM (SELECT v, count(*) AS c, sum(count(*)) OVER () AS n, count(*) OVER () AS d FROM ({values}) GROUP BY v) "
            f"WHERE c > 25 AND c * 300 > n AND c * d > 25 * n"
        )
    elif c.levels.name and len(names) > 1:
        # a real name meets many partners, 'mustermann' always Max: the chance that two of its records have one partner
        other = next(x["value"] for x in names if x["value"] != column)
        query = (
            f"SELECT v, sum(n)::BIGINT AS c, count(*) FROM (SELECT {_q(column)} AS v, count(*) AS n FROM rec "
            f"WHERE {_q(column)} IS NOT NULL AND {_q(other)} IS NOT NULL GROUP BY v, {_q(other)}) "
            f"GROUP BY v HAVING c >= 25 AND sum(n * (n - 1)) * 8 > c * (c - 1)"
        )
    else:
        return {}
    return {v: c for v, c, _ in con.execute(f"SELECT * FROM ({query}) ORDER BY 1").fetchall()}


def _terms(con: Any, column: str, many: bool, hollow: frozenset[str]) -> tuple[Terms, float]:
    con.execute(f"CREATE OR REPLACE TABLE counted AS SELECT v, count(*) AS c FROM ({_values(column, many)}) GROUP BY v")
    if hollow:
        con.execute("DELETE FROM counted WHERE list_contains(?, v)", [sorted(hollow)])
    total, distinct, agreeing = con.execute("SELECT coalesce(sum(c), 0)::BIGINT, count(*), coalesce(sum(c * (c - 1)), 0)::DOUBLE FROM counted").fetchall()[0]
    records = max(1, con.execute(f"SELECT count(*) FROM rec WHERE {_q(column)} IS NOT NULL").fetchall()[0][0])
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
