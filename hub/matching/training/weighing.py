"""The weight of every candidate pair and its parts, as one SQL statement: the numbers that the live engine gives."""

from __future__ import annotations

import json
from collections.abc import Mapping

import duckdb
import pyarrow as pa

from hub.kinds import LEVELS
from hub.kinds.levels_base import MISSING
from hub.matching.compare.model import (
    TELLING,
    Comparison,
    Model,
    Weights,
    meet_sql,
)
from hub.matching.compare.score import ALONE, APART, CLAIMED_PART, DOUBT, HOUSEHOLD, NAMESAKES, PRIOR
from hub.matching.compare.standardised import CLAIMED
from hub.matching.training.engine import FULL_NAME, both_names_sql, level_sql, literal, quoted, term_sql


def weigh(con: duckdb.DuckDBPyConnection, comparisons: tuple[Comparison, ...], model: Model, floor: int) -> pa.Table:
    """Weights of table `pairs`, in two steps: what is cheap first, then, for pairs that may still reach the floor, the lists."""
    sums = shares_of(model)
    cheap, dear = [x for x in sums if not x.many], [x for x in sums if x.many]
    first = ", ".join(
        [
            "l.rid AS lid",
            "r.rid AS rid",
            *(x.level() for x in cheap),
            *(x.term() for x in cheap),
            *(x.named() for x in cheap if x.names),
            *(x.present() for x in dear),
        ]
    )
    held = ", ".join(["lid", "hopeful.rid", *(f"g{x.k}, t{x.k}" for x in cheap)])
    early = sums_sql(cheap, model, "0", {rival: str(start) for rival, start in rivals(model)}, apart_sql(sums, model))
    bounds = " AND ".join(
        f"{' + '.join([f'{rival}0', *(x.bound(rival) for x in dear)])} >= {floor}" for rival, _ in rivals(model)
    )
    con.execute(
        f"CREATE TABLE hopeful AS SELECT * FROM (SELECT *, {early} FROM "
        f"(SELECT {first} FROM pairs JOIN rec l ON l.rid = pairs.l JOIN rec r ON r.rid = pairs.r)) WHERE {bounds}"
    )
    beyond = "".join(f", {x.level()}, {x.term()}" for x in dear)
    con.execute(
        f"CREATE TABLE levels AS SELECT {held}, strangers0, household0, namesakes0{beyond} "
        f"FROM hopeful JOIN rec l ON l.rid = hopeful.lid JOIN rec r ON r.rid = hopeful.rid"
    )
    con.execute("DROP TABLE hopeful")
    totals = sums_sql(dear, model, "", {rival: f"{rival}0" for rival, _ in rivals(model)})
    con.execute(f"CREATE TABLE kept AS {met_sql(f'(SELECT *, {totals} FROM levels)', floor)}")
    con.execute("DROP TABLE levels")
    claimed = f"list_concat(coalesce(l.{quoted(CLAIMED)}, []), coalesce(r.{quoted(CLAIMED)}, [])) AS claimed"
    con.execute(
        f"CREATE TABLE claims AS SELECT kept.*, {claimed} FROM kept JOIN rec l ON l.rid = kept.lid JOIN rec r ON r.rid = kept.rid"
    )
    return con.sql(weighed_sql("claims", sums, model, floor)).to_arrow_table()


def shares_of(model: Model) -> list[Sums]:
    return [Sums(k, w, model) for k, w in enumerate(model.comparisons)]


def rivals(model: Model) -> tuple[tuple[str, int], ...]:
    """Each rival story, and its log-odds before anything is compared."""
    return ("strangers", model.prior), ("household", model.household), ("namesakes", model.namesakes)


def sums_sql(sums: list[Sums], model: Model, ending: str, start: Mapping[str, str], *more: str) -> str:
    """Columns: the sum against each rival, named for it."""
    return ", ".join(
        f"({' + '.join([start[rival], *(getattr(x, rival) for x in sums), *more])}) AS {rival}{ending}"
        for rival, _ in rivals(model)
    )


def met_sql(summed: str, floor: int) -> str:
    """SELECT of what reaches the floor in every sum and where they meet: `apart`, `met`."""
    return (
        f"SELECT * FROM (SELECT *, {meet_sql('apart', 'namesakes')} AS met FROM (SELECT *, {meet_sql('strangers', 'household')} AS apart "
        f"FROM {summed} AS summed WHERE strangers >= {floor} AND household >= {floor} AND namesakes >= {floor}) AS parted) AS met_ WHERE met >= {floor}"
    )


def weighed_sql(claims: str, sums: list[Sums], model: Model, floor: int) -> str:
    """SELECT of left, right, weight and parts from what met, with what is claimed on either side."""
    proven = " OR ".join(["false", *(x.proven for x in sums)])
    alone = f"capped >= {model.join} AND capped < {model.alone} AND NOT {_grounded_sql(sums)}"
    at = {x.name: x.k for x in sums}
    doubted = " OR ".join(
        f"g{at[name]} = {level} AND sure < {least}" for (name, level), least in model.doubted_levels.items()
    )
    doubt = f"sure >= {model.join} AND ({doubted or 'false'})"
    return (
        f"WITH capped AS (SELECT *, CASE WHEN met >= {model.join} AND NOT ({proven}) THEN {model.join - 1} ELSE met END AS capped FROM {claims}), "
        f"told AS (SELECT *, CASE WHEN {alone} THEN {model.join - 1} ELSE capped END AS sure FROM capped), "
        f"weighed AS (SELECT *, CASE WHEN {doubt} THEN {model.join - 1} ELSE sure END AS weight FROM told) "
        f'SELECT lid AS "left", rid AS "right", weight::BIGINT AS weight, {_parts_sql(sums, model)} AS parts '
        f"FROM weighed WHERE weight >= {floor} ORDER BY 1, 2"
    )


def apart_sql(sums: list[Sums], model: Model) -> str:
    """What it weighs, beyond the two by themselves, that given and family name are both another."""
    if model.both_names is None:
        return "0"
    at = {x.name: x.k for x in sums}
    both = " AND ".join(f"g{at[name]} = {level}" for name, level in model.both_names)
    return f"(CASE WHEN {both} THEN {model.names_apart} ELSE 0 END)"


def _grounded_sql(sums: list[Sums]) -> str:
    """An identifier is the same, or a name and something else that tells agree, of people, not all of it only nearly: `Scorer._grounded`."""

    def some(ground: str, enough: str) -> str:
        return " OR ".join(["false", *(enough.format(x=x) for x in sums if x.ground == ground)])

    told = some("other", f"{{x.strangers}} >= {TELLING}")
    same = f"{some('other', f'(g{{x.k}} = 0 AND {{x.strangers}} >= {TELLING})')} OR {some('name', 'g{x.k} = 0')}"
    number, name = some("number", "(g{x.k} = 0 AND {x.strangers} > 0)"), some("name", "{x.strangers} > 0")
    wholly = f" AND ({same})" if any(x.of_people for x in sums) else ""
    return f"(({number}) OR ({name}) AND ({told}){wholly})"


class Sums:
    """SQL of one comparison's share: level g<k>, term t<k>, and its milli-bits against each rival."""

    def __init__(self, k: int, weights: Weights, model: Model) -> None:
        self.k, self._c, self._model = k, weights.comparison, model
        self.many, self.value, self.name = self._c.many, self._c.columns["value"], self._c.name
        self._levels = weights.levels
        self._cases = [
            (at, level.tf) for at, level in enumerate(weights.levels) if level.tf and level.tf in model.terms
        ]
        self.terms = sorted({tf for _, tf in self._cases})
        levels = self._c.levels
        shared = levels.shared
        self.of_people = levels is LEVELS["given_name"]
        self.ground = "number" if levels is LEVELS["identifier"] else "name" if levels.name else "other"
        self.strangers = f"(CASE g{k} {self._when('strangers')} ELSE 0 END + t{k})"
        self.household = f"(CASE g{k} {self._when('household')} ELSE 0 END{'' if shared else f' + t{k}'})"
        self.names = model.full_names if model.full_names is not None and model.full_names.family == self.name else None
        beyond = f" + n{k}" if self.names else "" if shared else f" + t{k}"
        self.namesakes = f"(CASE g{k} {self._when('namesakes')} ELSE 0 END{beyond})"
        unclaimed = (
            f" AND NOT coalesce(list_contains(claimed, {literal(self.name)}), false)" if self._c.levels.contact else ""
        )
        self.proven = f"({self.strangers} > 0{unclaimed})"

    def _when(self, rival: str) -> str:
        return " ".join(f"WHEN {at} THEN {getattr(level, rival)}" for at, level in enumerate(self._levels))

    def level(self) -> str:
        return f"({level_sql(self._c)}) AS g{self.k}"

    def term(self) -> str:
        more = (
            f" + (CASE WHEN {both_names_sql(self.names)} THEN {self.names.strangers} ELSE 0 END)" if self.names else ""
        )
        cases = " ".join(f"WHEN {at} THEN {term_sql(self._c, tf)}{more}" for at, tf in self._cases)
        return f"(CASE g{self.k} {cases} ELSE 0 END) AS t{self.k}" if cases else f"0 AS t{self.k}"

    def named(self) -> str:
        """What the rarity of the full name weighs against namesakes."""
        assert self.names is not None
        cases = " ".join(
            f"WHEN g{self.k} = {at} AND {both_names_sql(self.names)} THEN t{self.k} + l.{quoted(FULL_NAME)} + {self.names.namesakes - self.names.strangers}"
            for at, _ in self._cases
        )
        return f"(CASE {cases} ELSE 0 END) AS n{self.k}" if cases else f"0 AS n{self.k}"

    def bound(self, rival: str) -> str:
        """The most that a list may still add."""
        rare = max(
            (max([t.unseen, *t.frequent.values()]) for t in (self._model.terms[tf] for tf in self.terms)), default=0
        )
        terms = 0 if rival != "strangers" and self._c.levels.shared else max(rare, 0)
        most = max(getattr(level, rival) for level in self._levels) + terms
        return f"(CASE WHEN has{self.k} THEN {most} ELSE 0 END)"

    def present(self) -> str:
        return f"l.{quoted(self.value)} IS NOT NULL AND r.{quoted(self.value)} IS NOT NULL AS has{self.k}"

    @property
    def part(self) -> str:
        return f"CASE WHEN g{self.k} <> {MISSING} THEN [{literal(_part(self.name, None))} || g{self.k} || ',' || {self.strangers} || ']'] ELSE [] END"


def _parts_sql(sums: list[Sums], model: Model) -> str:
    """Parts as JSON, in the live engine's order."""
    parts = [f"[{literal(_part(PRIOR, 0))} || {model.prior} || ']']", *(x.part for x in sums)]
    if model.both_names is not None:
        apart = apart_sql(sums, model)
        parts.append(f"CASE WHEN {apart} <> 0 THEN [{literal(_part(APART, 0))} || {apart} || ']'] ELSE [] END")
    for name, before, after in (
        (HOUSEHOLD, "strangers", "apart"),
        (NAMESAKES, "apart", "met"),
        (CLAIMED_PART, "met", "capped"),
        (ALONE, "capped", "sure"),
        (DOUBT, "sure", "weight"),
    ):
        parts.append(
            f"CASE WHEN {after} <> {before} THEN [{literal(_part(name, 0))} || ({after} - {before}) || ']'] ELSE [] END"
        )
    return f"'[' || array_to_string({_concat(parts)}, ',') || ']'"


def _concat(lists: list[str]) -> str:
    return f"flatten([{', '.join(lists)}])"


def _part(name: str, level: int | None) -> str:
    """The beginning of a part's JSON: '["email",0,'."""
    return f"[{json.dumps(name)}," + ("" if level is None else f"{level},")
