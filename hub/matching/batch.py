"""The batch engine: DuckDB over standardised records. Training, candidate pairs, weights.

The one host of DuckDB. Every level runs here as the SQL form of what the live engine does in Python.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from hub.kinds.levels_base import MISSING
from hub.matching.candidates import SEPARATOR, rule_name
from hub.matching.mixture import Mixture, Patterns, Random, fit
from hub.matching.model import (
    BIT,
    Comparison,
    LevelWeight,
    Model,
    Terms,
    Weights,
    comparisons_of,
    default_model,
    log_ratio,
    meet_sql,
    shipped,
    with_info,
)
from hub.matching.profile import profile
from hub.matching.score import CLAIMED_PART, HOUSEHOLD, NAMESAKES, PRIOR
from hub.matching.standardised import CLAIMED
from hub.settings import CustomerType

EVERY_PAIR = 1_500  # records up to which training looks at every pair
RANDOM_PAIRS = 500_000
TRAINING_PAIRS = 1_000_000
FREQUENT = 3_000  # values of a column whose frequency a model keeps


@dataclass(frozen=True)
class Budget:
    """Bounds of a batch: candidate pairs per record, threads, memory."""

    pairs_per_record: int = 25
    least_pairs: int = 1_500_000
    threads: int = 2
    memory: str = "4GB"


@contextmanager
def _database(budget: Budget) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory database that can reach nothing outside."""
    con = duckdb.connect(":memory:", config={"threads": budget.threads, "memory_limit": budget.memory, "preserve_insertion_order": False})
    try:
        con.execute("SET enable_external_access = false")
        yield con
    finally:
        con.close()


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


# --- records in ------------------------------------------------------------------------------------


def _lists(comparisons: tuple[Comparison, ...], columns: list[str]) -> set[str]:
    many = {c.name for c in comparisons if c.many}
    return {c for c in columns if c.partition(".")[0] in many}


def _columns(comparisons: tuple[Comparison, ...], rules: tuple[tuple[str, ...], ...]) -> list[str]:
    return sorted({c for x in comparisons for c in x.columns.values()} | {c for rule in rules for c in rule})


def _load(con: duckdb.DuckDBPyConnection, records: pa.Table, columns: list[str], lists: set[str], hollow: dict[str, frozenset[str]]) -> None:
    """Table `rec`: a row per record, a column per form, placeholders left out."""
    con.register("given", records)
    shape = json.dumps({**{c: ["VARCHAR"] if c in lists else "VARCHAR" for c in columns}, CLAIMED: ["VARCHAR"]})
    hollow_of = {}  # attribute -> SQL: this record's value is a placeholder
    for c, values in hollow.items():
        con.execute(f"CREATE OR REPLACE TABLE {_q('hollow ' + c)} AS SELECT ? AS {_q('hollow ' + c)}", [sorted(values)])
        if c not in lists:
            hollow_of[c.partition(".")[0]] = f"list_contains({_q('hollow ' + c)}, f.{_q(c)})"
    chosen = []
    for c in columns:
        value = f"f.{_q(c)}"
        if c in lists:
            if c in hollow:
                value = f"list_filter({value}, lambda x: NOT list_contains({_q('hollow ' + c)}, x))"
            chosen.append(f"CASE WHEN len({value}) > 0 THEN {value} END AS {_q(c)}")
        else:
            empty = f"WHEN {hollow_of[c.partition('.')[0]]} THEN NULL " if c.partition(".")[0] in hollow_of else ""
            chosen.append(f"CASE {empty}WHEN {value} = '' THEN NULL ELSE {value} END AS {_q(c)}")
    beside = "".join(", " + _q("hollow " + c) for c in hollow)
    con.execute(
        f"CREATE TABLE rec AS SELECT rid, {', '.join(chosen)}{', ' if chosen else ''} f.{_q(CLAIMED)} AS {_q(CLAIMED)} "
        f"FROM (SELECT rid, from_json(forms, {_text(shape)}) AS f FROM given){beside}"
    )
    con.unregister("given")


def _key_sql(rule: tuple[str, ...], lists: set[str]) -> str:
    """SELECT key, rid of one rule: the numbers of `candidates.key_of`."""
    values, sources, present = [], ["rec"], []
    for at, c in enumerate(rule):
        present.append(f"{_q(c)} IS NOT NULL")
        if c in lists:
            sources.append(f"unnest({_q(c)}) AS x{at}(v{at})")
            values.append(f"v{at}")
        else:
            values.append(_q(c))
    text = f" || {_text(SEPARATOR)} || ".join([_text(rule_name(rule)), *values])
    return f"SELECT DISTINCT (md5_number_lower({text}) >> 1)::BIGINT AS key, rid FROM {', '.join(sources)} WHERE {' AND '.join(present)}"


# --- levels and weights ------------------------------------------------------------------------------


def _level_sql(c: Comparison) -> str:
    """The level of a comparison between rows `l` and `r`."""
    if not c.many:
        return c.levels.sql(
            {role: f"l.{_q(name)}" for role, name in c.columns.items()}, {role: f"r.{_q(name)}" for role, name in c.columns.items()}
        )
    name = c.columns["value"]
    left, right = f"l.{_q(name)}", f"r.{_q(name)}"
    one = c.levels.sql({"value": f"{left}[1]"}, {"value": f"{right}[1]"})
    each = c.levels.sql({"value": "x"}, {"value": "y"})
    return (
        f"CASE WHEN {left} IS NULL OR {right} IS NULL THEN {MISSING} WHEN len({left}) = 1 AND len({right}) = 1 THEN {one} "
        f"WHEN list_has_any({left}, {right}) THEN 0 "
        f"ELSE list_min(flatten(list_transform({left}, lambda x: list_transform({right}, lambda y: {each})))) END"
    )


def _term_sql(c: Comparison, tf: str) -> str:
    """Milli-bits for the rarest value of column `tf` that both rows hold."""
    left, right = f"l.{_q('tf ' + tf)}", f"r.{_q('tf ' + tf)}"
    if not c.many:
        return f"coalesce({left}, 0)"
    return (
        f"(CASE WHEN len({left}) = 1 THEN {left}[1] WHEN len({right}) = 1 THEN {right}[1] ELSE "
        f"coalesce(list_max(list_filter({left}, lambda t, i: list_contains(r.{_q(tf)}, l.{_q(tf)}[i]))), 0) END)"
    )


def _add_terms(con: duckdb.DuckDBPyConnection, terms: dict[str, Terms], lists: set[str]) -> None:
    """Columns `tf <column>`: each record's own adjustment (a list beside a list)."""
    joins, extra = [], []
    for at, (c, found) in enumerate(sorted(terms.items())):
        table = f"terms{at}"
        items = list(found.frequent.items())
        con.register("given", pa.table({"v": pa.array([v for v, _ in items], pa.string()), "a": pa.array([a for _, a in items], pa.int64())}))
        con.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM given")
        con.unregister("given")
        if c in lists:
            con.execute(
                f"CREATE OR REPLACE TABLE {table}_of AS SELECT rid, list(coalesce(a, {found.unseen}) ORDER BY place) AS a "
                f"FROM (SELECT rid, unnest({_q(c)}) AS v, generate_subscripts({_q(c)}, 1) AS place FROM rec) LEFT JOIN {table} USING (v) GROUP BY rid"
            )
            joins.append(f"LEFT JOIN {table}_of ON {table}_of.rid = rec.rid")
            extra.append(f"{table}_of.a AS {_q('tf ' + c)}")
        else:
            joins.append(f"LEFT JOIN {table} ON {table}.v = rec.{_q(c)}")
            extra.append(f"CASE WHEN rec.{_q(c)} IS NOT NULL THEN coalesce({table}.a, {found.unseen}) END AS {_q('tf ' + c)}")
    if extra:
        con.execute(f"CREATE OR REPLACE TABLE rec2 AS SELECT rec.*, {', '.join(extra)} FROM rec {' '.join(joins)}")
        con.execute("DROP TABLE rec")
        con.execute("ALTER TABLE rec2 RENAME TO rec")


# --- training ---------------------------------------------------------------------------------------


def train(records: pa.Table, customer_type: CustomerType, *, seed: int = 0, budget: Budget | None = None) -> Model:
    """A model of these records, without labels. The same records, seed and library versions give the same JSON.

    `records`: rid (int64), forms (JSON text). Where nothing can be learned the shipped weights stay, with a warning.
    """
    budget = budget or Budget()
    base = default_model(customer_type, records=records.num_rows)
    if records.num_rows < 10:
        return with_info(base, warnings=[f"{records.num_rows} records are too few to learn from: shipped weights are used"])
    with _database(budget) as con:
        return _train(con, records, customer_type, base, seed, budget)


def _train(
    con: duckdb.DuckDBPyConnection, records: pa.Table, customer_type: CustomerType, base: Model, seed: int, budget: Budget
) -> Model:
    comparisons = comparisons_of(customer_type)
    columns = _columns(comparisons, base.rules)
    lists = _lists(comparisons, columns)
    _load(con, records, columns, lists, {})
    found = profile(con, comparisons, lists)
    if found.placeholders:
        con.execute("DROP TABLE rec")
        _load(con, records, columns, lists, dict(found.placeholders))
    _add_terms(con, dict(found.terms), lists)
    n = records.num_rows
    rules, counted = _choose_rules(con, base.rules, lists, customer_type.matching.block_cap, budget, n)
    random = _random_pairs(con, comparisons, found.exact, seed, n)
    patterns = _patterns(con, comparisons, rules, lists, found.terms, seed, n, customer_type.matching.block_cap)
    mixture = fit(comparisons, patterns, random, records=n)
    model = _assemble(base, comparisons, mixture, found.terms, found.placeholders, rules)
    info = {
        "trained": True, "records": n, "seed": seed, "warnings": list(found.warnings), "rounds": mixture.rounds,
        "moved": round(mixture.moved, 6), "same_pairs": round(mixture.same_pairs), "household_pairs": round(mixture.household_pairs), "namesake_pairs": round(mixture.namesake_pairs),
        "rules": counted,
    }  # fmt: skip
    return replace(model, info=info)


def _choose_rules(
    con: duckdb.DuckDBPyConnection, rules: tuple[tuple[str, ...], ...], lists: set[str], cap: int, budget: Budget, n: int
) -> tuple[tuple[tuple[str, ...], ...], list[list[Any]]]:
    """The rules that this data supports, in their order, until the budget of pairs is spent."""
    left = max(budget.least_pairs, budget.pairs_per_record * n)
    chosen, counted = [], []
    for rule in rules:
        pairs, over = con.execute(
            f"SELECT coalesce(sum(CASE WHEN c <= {cap} THEN c * (c - 1) // 2 ELSE 0 END), 0)::BIGINT, coalesce(sum((c > {cap})::INT), 0)::BIGINT "
            f"FROM (SELECT count(*) AS c FROM ({_key_sql(rule, lists)}) GROUP BY key HAVING c > 1)"
        ).fetchall()[0]
        taken = 0 < pairs <= left
        if taken:
            left -= pairs
            chosen.append(rule)
        counted.append([rule_name(rule), pairs, over, taken])
    return tuple(chosen), counted


def _hash(expression: str, seed: int) -> str:
    # md5, not hash(): DuckDB's own hash may change between versions
    return f"md5_number_lower({expression}::VARCHAR || ' {seed}')"


def _random_pairs(con: duckdb.DuckDBPyConnection, comparisons: tuple[Comparison, ...], exact: dict[str, float], seed: int, n: int) -> Random:
    """Levels of pairs drawn by the order of hashed record ids."""
    order = np.asarray(con.execute(f"SELECT rid FROM rec ORDER BY {_hash('rid', seed)}, rid").fetchnumpy()["rid"], np.int64)
    shifts = min((n - 1) // 2, max(1, RANDOM_PAIRS // n))
    step = np.tile(np.arange(min(n, RANDOM_PAIRS)), shifts)
    far = np.repeat(np.arange(1, shifts + 1), min(n, RANDOM_PAIRS))
    con.register("given", pa.table({"l": order[step], "r": order[(step + far) % n]}))
    con.execute("CREATE OR REPLACE TABLE pairs AS SELECT * FROM given")
    con.unregister("given")
    levels = ", ".join(f"({_level_sql(c)})::TINYINT AS g{k}" for k, c in enumerate(comparisons))
    rows = con.execute(f"SELECT {levels} FROM pairs JOIN rec l ON l.rid = pairs.l JOIN rec r ON r.rid = pairs.r").fetchnumpy()
    shares, pairs = [], []
    for k, c in enumerate(comparisons):
        found = np.asarray(rows[f"g{k}"], np.int64)
        counts = np.bincount(found[found != MISSING], minlength=len(c.levels.levels)).astype(np.float64)
        total = int(counts.sum())
        share = counts / max(total, 1)
        if total and c.levels.levels[0].tf == "value" and "street" not in c.columns:  # known from frequencies, better than from a sample
            agree = exact.get(c.columns["value"], 0.0)
            share = share * ((1 - agree) / max(1 - share[0], 1e-9))
            share[0] = agree
        shares.append(share)
        pairs.append(total)
    return Random(tuple(shares), tuple(pairs))


def _patterns(
    con: duckdb.DuckDBPyConnection, comparisons: tuple[Comparison, ...], rules: tuple[tuple[str, ...], ...], lists: set[str],
    terms: dict[str, Terms], seed: int, n: int, cap: int,
) -> Patterns:  # fmt: skip
    """Agreement patterns of every pair (small data) or of a sample of the candidate pairs."""
    share = 1.0
    if n <= EVERY_PAIR:
        con.execute("CREATE OR REPLACE TABLE pairs AS SELECT l.rid AS l, r.rid AS r, 0::BIGINT AS mask FROM rec l JOIN rec r ON l.rid < r.rid")
    else:
        con.execute("CREATE OR REPLACE TABLE keyed (rule TINYINT, key BIGINT, rid BIGINT)")
        for at, rule in enumerate(rules):
            con.execute(f"INSERT INTO keyed SELECT {at}, key, rid FROM ({_key_sql(rule, lists)})")
        con.execute(
            "CREATE OR REPLACE TABLE blocks AS SELECT rule, key, count(*) AS size FROM keyed GROUP BY rule, key "
            f"HAVING size BETWEEN 2 AND {cap}"
        )
        expected = con.execute("SELECT coalesce(sum(size * (size - 1) // 2), 0)::DOUBLE FROM blocks").fetchall()[0]
        share = min(1.0, TRAINING_PAIRS / max(expected[0], 1.0))
        kept = f"WHERE {_hash('a.rid', seed + 1)} % 1000000 < {round(share * 1_000_000)}" if share < 1 else ""
        con.execute(
            "CREATE OR REPLACE TABLE pairs AS SELECT a.rid AS l, b.rid AS r, bit_or(1::BIGINT << a.rule) AS mask "
            f"FROM keyed a JOIN blocks USING (rule, key) JOIN keyed b ON a.rule = b.rule AND a.key = b.key AND a.rid < b.rid {kept} GROUP BY ALL"
        )
    rare, alone = _rare_sql(comparisons, terms)
    levels = ", ".join(f"{_level_sql(c)} AS g{k}" for k, c in enumerate(comparisons))
    rows = con.execute(
        f"SELECT {', '.join(f'g{k}' for k in range(len(comparisons)))}, mask, rare, alone, count(*) AS n "
        f"FROM (SELECT pairs.mask, {levels}, ({rare}) // {BIT} AS rare, ({alone}) // {BIT} AS alone FROM pairs JOIN rec l ON l.rid = pairs.l JOIN rec r ON r.rid = pairs.r) GROUP BY ALL ORDER BY ALL"
    ).fetchnumpy()
    grid = np.stack([np.asarray(rows[f"g{k}"], np.int64) for k in range(len(comparisons))], axis=1)
    mask = np.asarray(rows["mask"], np.int64)
    eligible = np.ones_like(grid, dtype=bool)
    if n > EVERY_PAIR:
        for k, c in enumerate(comparisons):
            blind = sum(1 << at for at, rule in enumerate(rules) if not any(_about(column, c) for column in rule))
            eligible[:, k] = (mask & blind) != 0
    return Patterns(
        grid, eligible, np.asarray(rows["rare"], np.float64) + 0.5 * (np.asarray(rows["rare"]) != 0),
        np.asarray(rows["alone"], np.float64) + 0.5 * (np.asarray(rows["alone"]) != 0), np.asarray(rows["n"], np.float64) / share,
    )  # fmt: skip


def _about(column: str, c: Comparison) -> bool:
    return column.partition(".")[0] == c.columns["value"].partition(".")[0]


def _rare_sql(comparisons: tuple[Comparison, ...], terms: dict[str, Terms]) -> tuple[str, str]:
    """Sums of term adjustments over levels `g0..`: against strangers, and of what a household does not share."""
    every, alone = ["0"], ["0"]
    for k, c in enumerate(comparisons):
        for at, level in enumerate(c.levels.levels):
            if level.tf and c.columns[level.tf] in terms:
                term = f"CASE WHEN g{k} = {at} THEN {_term_sql(c, c.columns[level.tf])} ELSE 0 END"
                every.append(term)
                if not c.levels.shared:
                    alone.append(term)
    return " + ".join(every), " + ".join(alone)


def _assemble(
    base: Model, comparisons: tuple[Comparison, ...], mixture: Mixture, terms: dict[str, Terms],
    placeholders: dict[str, frozenset[str]], rules: tuple[tuple[str, ...], ...],
) -> Model:  # fmt: skip
    """The mixture as integer weights."""
    weights = []
    for k, c in enumerate(comparisons):
        if not mixture.seen[k]:
            weights.append(shipped(c))
            continue
        weights.append(
            Weights(
                c,
                tuple(
                    LevelWeight(
                        level.name,
                        log_ratio(mixture.same[k][at], mixture.strangers[k][at]),
                        log_ratio(mixture.same[k][at], mixture.household[k][at]),
                        log_ratio(mixture.same[k][at], mixture.namesakes[k][at]),
                        c.columns[level.tf] if level.tf else None,
                    )
                    for at, level in enumerate(c.levels.levels)
                ),
            )
        )
    strangers = max(1.0, mixture.all_pairs - mixture.same_pairs - mixture.household_pairs - mixture.namesake_pairs)
    return replace(
        base, comparisons=tuple(weights), terms=terms, placeholders=placeholders, rules=rules or base.rules,
        prior=log_ratio(mixture.same_pairs, strangers), household=log_ratio(mixture.same_pairs, mixture.household_pairs),
        namesakes=log_ratio(mixture.same_pairs, mixture.namesake_pairs),
    )  # fmt: skip


# --- pairs ------------------------------------------------------------------------------------------


def keys(records: pa.Table, model: Model, *, salt: int = 0, budget: Budget | None = None) -> pa.Table:
    """Every record's candidate keys (key, rid), sorted: the numbers of `candidates.keys`, each xor `salt`."""
    budget = budget or Budget()
    comparisons = tuple(w.comparison for w in model.comparisons)
    columns = _columns(comparisons, model.rules)
    lists = _lists(comparisons, columns)
    with _database(budget) as con:
        _load(con, records, columns, lists, dict(model.placeholders))
        con.execute("CREATE TABLE keyed (key BIGINT, rid BIGINT)")
        for rule in model.rules:
            con.execute(f"INSERT INTO keyed {_key_sql(rule, lists)}")
        return con.execute(f"SELECT xor(key, {int(salt)}::BIGINT) AS key, rid FROM keyed ORDER BY 1, 2").to_arrow_table()


def pairs(
    records: pa.Table, keys: pa.Table | None, model: Model, *, floor: int, only: pa.Table | None = None, cap: int = 100, budget: Budget | None = None
) -> pa.Table:
    """Candidate pairs whose weight reaches `floor`: left, right (rids, left < right), weight, parts (JSON).

    `keys` (key, rid) as the live engine stores them; None: made here, the same numbers. `only`: pairs with at least one of
    these rids. Blocks larger than `cap` are left out and counted in the table's metadata (`blocks_over_cap`, `candidates`).
    """
    budget = budget or Budget()
    comparisons = tuple(w.comparison for w in model.comparisons)
    columns = _columns(comparisons, model.rules)
    lists = _lists(comparisons, columns)
    with _database(budget) as con:
        _load(con, records, columns, lists, dict(model.placeholders))
        _add_terms(con, dict(model.terms), lists)
        if keys is None:
            con.execute("CREATE TABLE keyed (key BIGINT, rid BIGINT)")
            for rule in model.rules:
                con.execute(f"INSERT INTO keyed {_key_sql(rule, lists)}")
        else:
            con.register("given", keys)
            con.execute("CREATE TABLE keyed AS SELECT key::BIGINT AS key, rid::BIGINT AS rid FROM given")
            con.unregister("given")
        counts = _candidates(con, only, cap)
        found = _weigh(con, comparisons, model, floor)
    return found.replace_schema_metadata({k: str(v) for k, v in counts.items()})


def _candidates(con: duckdb.DuckDBPyConnection, only: pa.Table | None, cap: int) -> dict[str, int]:
    """Table `pairs` (l, r): records that share a key of a block within the cap."""
    con.execute("CREATE TABLE blocks AS SELECT key, count(*) AS size FROM keyed GROUP BY key HAVING size > 1")
    over = con.execute(f"SELECT count(*), coalesce(max(size), 0) FROM blocks WHERE size > {cap}").fetchall()[0]
    con.execute(f"CREATE TABLE usable AS SELECT keyed.key, rid FROM keyed JOIN blocks USING (key) WHERE size <= {cap}")
    sides = "usable a JOIN usable b ON a.key = b.key AND a.rid < b.rid"
    if only is not None:
        con.register("given", only)
        con.execute("CREATE TABLE wanted AS SELECT DISTINCT rid FROM given")
        con.unregister("given")
        sides += " WHERE a.rid IN (SELECT rid FROM wanted) OR b.rid IN (SELECT rid FROM wanted)"
    con.execute(f"CREATE TABLE pairs AS SELECT DISTINCT a.rid AS l, b.rid AS r FROM {sides}")
    count = con.execute("SELECT count(*) FROM pairs").fetchall()[0]
    return {"candidates": count[0], "blocks_over_cap": over[0], "largest_block": over[1]}


def _weigh(con: duckdb.DuckDBPyConnection, comparisons: tuple[Comparison, ...], model: Model, floor: int) -> pa.Table:
    """Levels, then sums, of table `pairs`."""
    levels = "".join(f", {_level_sql(c)} AS g{k}" for k, c in enumerate(comparisons))
    weights, against, namesake, proven, parts = [], [], [], [], [f"[{_text(_part(PRIOR, 0))} || {model.prior} || ']']"]
    terms = []
    for k, w in enumerate(model.comparisons):
        shared, contact = w.comparison.levels.shared, w.comparison.levels.contact
        cases = [(at, level) for at, level in enumerate(w.levels) if level.tf and level.tf in model.terms]
        rare = " ".join(f"WHEN {at} THEN {_term_sql(w.comparison, level.tf or '')}" for at, level in cases)
        terms.append(f"CASE g{k} {rare} ELSE 0 END AS t{k}" if cases else f"0 AS t{k}")
        strangers = " ".join(f"WHEN {at} THEN {level.strangers}" for at, level in enumerate(w.levels))
        household = " ".join(f"WHEN {at} THEN {level.household}" for at, level in enumerate(w.levels))
        weights.append(f"(CASE g{k} {strangers} ELSE 0 END + t{k})")
        against.append(f"(CASE g{k} {household} ELSE 0 END{'' if shared else f' + t{k}'})")
        same_name = " ".join(f"WHEN {at} THEN {level.namesakes}" for at, level in enumerate(w.levels))
        namesake.append(f"(CASE g{k} {same_name} ELSE 0 END + t{k})")
        claimed = f"list_contains(claimed, {_text(w.comparison.name)})"
        proven.append(f"({weights[-1]} > 0{f' AND NOT coalesce({claimed}, false)' if contact else ''})")
        parts.append(f"CASE WHEN g{k} <> {MISSING} THEN [{_text(_part(w.comparison.name, None))} || g{k} || ',' || {weights[-1]} || ']'] ELSE [] END")
    parts.append(f"CASE WHEN apart <> strangers THEN [{_text(_part(HOUSEHOLD, 0))} || (apart - strangers) || ']'] ELSE [] END")
    parts.append(f"CASE WHEN met <> apart THEN [{_text(_part(NAMESAKES, 0))} || (met - apart) || ']'] ELSE [] END")
    parts.append(f"CASE WHEN weight <> met THEN [{_text(_part(CLAIMED_PART, 0))} || (weight - met) || ']'] ELSE [] END")
    names = ", ".join(f"g{k}, t{k}" for k in range(len(comparisons)))
    names = f", {names}" if names else ""
    claimed = f"list_concat(coalesce(l.{_q(CLAIMED)}, []), coalesce(r.{_q(CLAIMED)}, [])) AS claimed"
    return con.sql(
        f"WITH levels AS (SELECT l.rid AS lid, r.rid AS rid, {claimed}{levels}{''.join(f', {t}' for t in terms)} "
        f"FROM pairs JOIN rec l ON l.rid = pairs.l JOIN rec r ON r.rid = pairs.r), "
        f"summed AS (SELECT lid, rid{names}, {' + '.join([str(model.prior), *weights])} AS strangers, "
        f"{' + '.join([str(model.household), *against])} AS household, {' + '.join([str(model.namesakes), *namesake])} AS namesakes, {' OR '.join(['false', *proven])} AS proven FROM levels), "
        f"apart AS (SELECT *, {meet_sql('strangers', 'household')} AS apart FROM summed), "
        f"met AS (SELECT *, {meet_sql('apart', 'namesakes')} AS met FROM apart), "
        f"weighed AS (SELECT *, CASE WHEN NOT proven AND met >= {model.join} THEN {model.join - 1} ELSE met END AS weight FROM met) "
        f"SELECT lid AS \"left\", rid AS \"right\", weight::BIGINT AS weight, "
        f"'[' || array_to_string({_concat(parts)}, ',') || ']' AS parts FROM weighed WHERE weight >= {floor} ORDER BY 1, 2"
    ).to_arrow_table()


def _concat(lists: list[str]) -> str:
    return f"flatten([{', '.join(lists)}])"


def _part(name: str, level: int | None) -> str:
    """The beginning of a part's JSON: '["email",0,'."""
    return f"[{json.dumps(name)}," + ("" if level is None else f"{level},")
