"""The batch engine: DuckDB over standardised records. Training, candidate pairs, weights.

The one host of DuckDB. Every level runs here as the SQL form of what the live engine does in Python.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pyarrow as pa

from hub.kinds.levels_base import MISSING
from hub.matching.compare.candidates import rule_name
from hub.matching.compare.model import (
    SEPARATOR,
    Comparison,
    FullNames,
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
from hub.matching.compare.score import APART, CLAIMED_PART, HOUSEHOLD, NAMESAKES, PRIOR
from hub.matching.compare.standardised import CLAIMED
from hub.matching.training.mixture import Floats, Mixture, Patterns, Random, fit
from hub.matching.training.profile import full_names, profile
from hub.model import BIT
from hub.settings import CustomerType

EVERY_PAIR = 1_500  # records up to which training looks at every pair
RANDOM_PAIRS = 500_000
SAMPLED_RECORDS = 60_000  # whose pairs training looks at
FULL_NAME = "full name"


@dataclass(frozen=True)
class Budget:
    """Bounds of a batch: candidate pairs per record, threads, memory."""

    pairs_per_record: int = 12
    least_pairs: int = 1_500_000
    threads: int = 2
    memory: str = "4GB"


@contextmanager
def _database(budget: Budget) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory database that can reach nothing outside."""
    con = duckdb.connect(
        ":memory:", config={"threads": budget.threads, "memory_limit": budget.memory, "preserve_insertion_order": False}
    )
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


def _load(
    con: duckdb.DuckDBPyConnection,
    records: pa.Table,
    columns: list[str],
    lists: set[str],
    hollow: dict[str, frozenset[str]],
) -> None:
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


def _key_sql(rule: tuple[str, ...], lists: set[str], *, table: str = "rec", stored: bool = True) -> str:
    """SELECT key, rid of one rule: the numbers of `candidates.key_of`, or (not `stored`) quicker ones for use in here."""
    values, sources, present = [], [table], []
    for at, c in enumerate(rule):
        present.append(f"{_q(c)} IS NOT NULL")
        if c in lists:
            sources.append(f"unnest({_q(c)}) AS x{at}(v{at})")
            values.append(f"v{at}")
        else:
            values.append(_q(c))
    text = f" || {_text(SEPARATOR)} || ".join([_text(rule_name(rule)), *values])
    key = f"(md5_number_lower({text}) >> 1)::BIGINT" if stored else f"hash({', '.join(values)})"
    every = "DISTINCT " if any(c in lists for c in rule) else ""
    return f"SELECT {every}{key} AS key, rid FROM {', '.join(sources)} WHERE {' AND '.join(present)}"


# --- levels and weights ------------------------------------------------------------------------------


def _level_sql(c: Comparison) -> str:
    """The level of a comparison between rows `l` and `r`."""
    if not c.many:
        return c.levels.sql(
            {role: f"l.{_q(name)}" for role, name in c.columns.items()},
            {role: f"r.{_q(name)}" for role, name in c.columns.items()},
        )
    left, right = (f"{side}.{_q(c.columns['value'])}" for side in "lr")
    first = c.levels.sql({"value": f"{left}[1]"}, {"value": f"{right}[1]"})
    # two values on a side are common and lambdas slow: four plain expressions, null where there is no second
    four = ", ".join(
        f"CASE WHEN {left}[{i}] IS NULL OR {right}[{j}] IS NULL THEN 99 ELSE {c.levels.sql({'value': f'{left}[{i}]'}, {'value': f'{right}[{j}]'})} END"
        for i in (1, 2)
        for j in (1, 2)
    )
    each = c.levels.sql({"value": "x"}, {"value": "y"})
    return (
        f"CASE WHEN {left} IS NULL OR {right} IS NULL THEN {MISSING} WHEN len({left}) = 1 AND len({right}) = 1 THEN {first} "
        f"WHEN list_has_any({left}, {right}) THEN 0 WHEN len({left}) <= 2 AND len({right}) <= 2 THEN least({four}) "
        f"ELSE list_min(flatten(list_transform({left}, lambda x: list_transform({right}, lambda y: {each})))) END"
    )


def _term_sql(c: Comparison, tf: str) -> str:
    """Milli-bits for the rarest value of column `tf` that both rows hold."""
    left, right = (f"{side}.{_q('tf ' + tf)}" for side in "lr")
    if not c.many:
        return f"coalesce({left}, 0)"
    return (
        f"(CASE WHEN len({left}) = 1 THEN {left}[1] WHEN len({right}) = 1 THEN {right}[1] ELSE "
        f"coalesce(list_max(list_filter({left}, lambda t, i: list_contains(r.{_q(tf)}, l.{_q(tf)}[i]))), 0) END)"
    )


def _full_name_sql(names: FullNames, table: str) -> str:
    given = f"{table}.{_q(names.given)}" if names.given else "''"
    return f"{given} || {_text(SEPARATOR)} || {table}.{_q(names.plain)}"


def _terms_table(con: duckdb.DuckDBPyConnection, table: str, found: Terms) -> None:
    items = list(found.frequent.items())
    con.register(
        "given",
        pa.table({"v": pa.array([v for v, _ in items], pa.string()), "a": pa.array([a for _, a in items], pa.int64())}),
    )
    con.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM given")
    con.unregister("given")


def _add_terms(
    con: duckdb.DuckDBPyConnection, terms: dict[str, Terms], lists: set[str], names: FullNames | None
) -> None:
    """Columns `tf <column>`: each record's own adjustment (a list beside a list); `full name`: that of its full name."""
    joins, extra = [], []
    if names is not None:
        _terms_table(con, "known_names", names.terms)
        joins.append(f"LEFT JOIN known_names ON known_names.v = {_full_name_sql(names, 'rec')}")
        extra.append(f"coalesce(known_names.a, {names.terms.unseen}) AS {_q(FULL_NAME)}")
    for at, (c, found) in enumerate(sorted(terms.items())):
        table = f"terms{at}"
        _terms_table(con, table, found)
        if c in lists:
            con.execute(
                f"CREATE OR REPLACE TABLE {table}_of AS SELECT rid, list(coalesce(a, {found.unseen}) ORDER BY place) AS a "
                f"FROM (SELECT rid, unnest({_q(c)}) AS v, generate_subscripts({_q(c)}, 1) AS place FROM rec) LEFT JOIN {table} USING (v) GROUP BY rid"
            )
            joins.append(f"LEFT JOIN {table}_of ON {table}_of.rid = rec.rid")
            extra.append(f"{table}_of.a AS {_q('tf ' + c)}")
        else:
            joins.append(f"LEFT JOIN {table} ON {table}.v = rec.{_q(c)}")
            extra.append(
                f"CASE WHEN rec.{_q(c)} IS NOT NULL THEN coalesce({table}.a, {found.unseen}) END AS {_q('tf ' + c)}"
            )
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
        return with_info(
            base, warnings=[f"{records.num_rows} records are too few to learn from: shipped weights are used"]
        )
    with _database(budget) as con:
        return _train(con, records, customer_type, base, seed, budget)


def _train(
    con: duckdb.DuckDBPyConnection,
    records: pa.Table,
    customer_type: CustomerType,
    base: Model,
    seed: int,
    budget: Budget,
) -> Model:
    comparisons = comparisons_of(customer_type)
    columns = _columns(comparisons, base.rules)
    lists = _lists(comparisons, columns)
    _load(con, records, columns, lists, {})
    found = profile(con, comparisons, lists)
    if found.placeholders:
        con.execute("DROP TABLE rec")
        _load(con, records, columns, lists, dict(found.placeholders))
    names, apart = full_names(con, comparisons, lists, found) or (None, None)
    _add_terms(con, dict(found.terms), lists, names)
    n = records.num_rows
    blocking = _block(con, base.rules, lists, customer_type.matching.block_cap, budget, seed, n)
    random = _random_pairs(con, comparisons, found.exact, seed, n)
    patterns = _patterns(con, comparisons, blocking, found.terms, names, n)
    mixture = fit(comparisons, patterns, random, records=n, apart=apart)
    rules, missed = _useful_rules(blocking, patterns, mixture, n)
    model = _assemble(base, comparisons, mixture, found.terms, found.placeholders, rules)
    info = {
        "trained": True, "records": n, "seed": seed, "warnings": list(found.warnings), "rounds": mixture.rounds,
        "moved": round(mixture.moved, 6), "same_pairs": round(mixture.same_pairs), "household_pairs": round(mixture.household_pairs), "namesake_pairs": round(mixture.namesake_pairs),
        "rules": [[rule_name(r.rule), r.pairs, r.over, r.rule in rules] for r in blocking.counted], "recall_lost_by_blocking": missed,
    }  # fmt: skip
    return replace(model, info=info, full_names=names)


@dataclass(frozen=True)
class Counted:
    """A rule with the pairs it makes and its blocks over the cap (estimates where records were sampled)."""

    rule: tuple[str, ...]
    pairs: int
    over: int


@dataclass(frozen=True)
class Blocking:
    """Rules that fit the budget, all rules counted, the share of pairs looked at."""

    rules: tuple[tuple[str, ...], ...]
    counted: tuple[Counted, ...]
    share: float


def _block(
    con: duckdb.DuckDBPyConnection,
    rules: tuple[tuple[str, ...], ...],
    lists: set[str],
    cap: int,
    budget: Budget,
    seed: int,
    n: int,
) -> Blocking:
    """Table `hits` (rule, l, r): pairs of the rules that this data supports, in their order, until the budget is spent.

    In large data a pair is looked at when its left record is in a sample.
    """
    share = min(1.0, SAMPLED_RECORDS / n)
    con.execute("CREATE OR REPLACE TABLE hits (rule TINYINT, l BIGINT, r BIGINT)")
    chosen_records = f"WHERE {_hash('rid', seed + 1)} % 1000000 < {round(share * 1_000_000)}" if share < 1 else ""
    con.execute(f"CREATE OR REPLACE TABLE sampled AS SELECT * FROM rec {chosen_records}")
    left = max(budget.least_pairs, budget.pairs_per_record * n)
    chosen: list[tuple[str, ...]] = []
    counted: list[Counted] = []
    for rule in rules:
        guessed = _guessed_pairs(con, rule, lists, cap, share)
        if guessed > 1.5 * left:
            counted.append(Counted(rule, guessed, 0))
            continue
        con.execute(
            f"CREATE OR REPLACE TABLE near AS WITH every AS ({_key_sql(rule, lists, stored=False)}), "
            f"mine AS ({_key_sql(rule, lists, table='sampled', stored=False)}), "
            f"sized AS (SELECT key, count(*) AS size FROM every SEMI JOIN mine USING (key) GROUP BY key HAVING size > 1) "
            f"SELECT key, rid, size FROM mine JOIN sized USING (key)"
        )
        made, over = con.execute(
            f"SELECT coalesce(sum(CASE WHEN size <= {cap} THEN (size - 1) / 2 ELSE 0 END), 0), "
            f"coalesce(sum(CASE WHEN size > {cap} THEN 1 / size ELSE 0 END), 0) FROM near"
        ).fetchall()[0]
        found = Counted(rule, round(made / share), round(over / share))
        counted.append(found)
        if 0 < found.pairs <= left:
            left -= found.pairs
            if n > EVERY_PAIR:
                con.execute(
                    f"INSERT INTO hits SELECT {len(chosen)}, a.rid, b.rid FROM near a JOIN ({_key_sql(rule, lists, stored=False)}) b USING (key) "
                    f"WHERE a.size <= {cap} AND a.rid < b.rid"
                )
            chosen.append(rule)
    return Blocking(tuple(chosen), tuple(counted), share)


def _guessed_pairs(
    con: duckdb.DuckDBPyConnection, rule: tuple[str, ...], lists: set[str], cap: int, share: float
) -> int:
    """Pairs of a rule, from those within the sample: spares looking at all records for a rule that is far too dear. 0: cannot tell."""
    if share == 1:
        return 0
    most = round(1.5 * cap * share) + 5  # larger ones are of blocks over the cap
    seen = con.execute(
        f"SELECT coalesce(sum(size * (size - 1) / 2), 0) FROM (SELECT count(*) AS size FROM "
        f"({_key_sql(rule, lists, table='sampled', stored=False)}) GROUP BY key HAVING size BETWEEN 2 AND {most})"
    ).fetchall()[0][0]
    return round(seen / share**2) if seen >= 400 else 0


def _useful_rules(
    blocking: Blocking, patterns: Patterns, mixture: Mixture, n: int
) -> tuple[tuple[tuple[str, ...], ...], float]:
    """Rules worth their pairs: dear ones that find next to nothing alone go. And the estimated share of
    customers' pairs that no rule finds, from how often pairs are found by one rule only and by two (Chao)."""
    if n <= EVERY_PAIR:
        return blocking.rules, 0.0
    same, masks = mixture.posterior * patterns.count, patterns.mask
    total = max(float(same.sum()), 1e-9)
    pairs = {c.rule: c.pairs for c in blocking.counted}
    kept = (1 << len(blocking.rules)) - 1
    for at in sorted(range(len(blocking.rules)), key=lambda at: -pairs[blocking.rules[at]]):
        alone = float(same[(masks & kept) == 1 << at].sum())
        if alone / total < 0.0001 + 0.002 * pairs[blocking.rules[at]] / max(n, 100_000):
            kept &= ~(1 << at)
    fired = np.array([int(m).bit_count() for m in (masks & kept)])
    once, twice = float(same[fired == 1].sum()), float(same[fired == 2].sum())
    missed = once * once / (2 * max(twice, 1.0))
    return tuple(r for at, r in enumerate(blocking.rules) if kept >> at & 1), round(missed / (total + missed), 4)


def _hash(expression: str, seed: int) -> str:
    # md5, not hash(): DuckDB's own hash may change between versions
    return f"md5_number_lower({expression}::VARCHAR || ' {seed}')"


def _random_pairs(
    con: duckdb.DuckDBPyConnection, comparisons: tuple[Comparison, ...], exact: dict[str, float], seed: int, n: int
) -> Random:
    """Levels of pairs drawn by the order of hashed record ids."""
    order = np.asarray(
        con.execute(f"SELECT rid FROM rec ORDER BY {_hash('rid', seed)}, rid").fetchnumpy()["rid"], np.int64
    )
    shifts = min((n - 1) // 2, max(1, RANDOM_PAIRS // n))
    step = np.tile(np.arange(min(n, RANDOM_PAIRS)), shifts)
    far = np.repeat(np.arange(1, shifts + 1), min(n, RANDOM_PAIRS))
    con.register("given", pa.table({"l": order[step], "r": order[(step + far) % n]}))
    con.execute("CREATE OR REPLACE TABLE pairs AS SELECT * FROM given")
    con.unregister("given")
    levels = ", ".join(f"({_level_sql(c)})::TINYINT AS g{k}" for k, c in enumerate(comparisons))
    rows = con.execute(
        f"SELECT {levels} FROM pairs JOIN rec l ON l.rid = pairs.l JOIN rec r ON r.rid = pairs.r"
    ).fetchnumpy()
    shares, pairs = [], []
    for k, c in enumerate(comparisons):
        found = np.asarray(rows[f"g{k}"], np.int64)
        counts = np.bincount(found[found != MISSING], minlength=len(c.levels.levels)).astype(np.float64)
        total = int(counts.sum())
        share = counts / max(total, 1)
        if (
            total and c.levels.levels[0].tf == "value" and "street" not in c.columns
        ):  # known from frequencies, better than from a sample
            agree = exact.get(c.columns["value"], 0.0)
            share = share * ((1 - agree) / max(1 - share[0], 1e-9))
            share[0] = agree
        if c.levels.named and c.levels.contact:
            share = _beyond_given(con, comparisons, c, share, seed)
        shares.append(share)
        pairs.append(total)
    return Random(tuple(shares), tuple(pairs))


def _beyond_given(
    con: duckdb.DuckDBPyConnection, comparisons: tuple[Comparison, ...], c: Comparison, share: Floats, seed: int
) -> Floats:
    """Levels that a name explains are as frequent as among strangers of one given name: an address made of it says no more than the name."""
    family = next((x for x in comparisons if x.levels.name and "given" in x.columns), None)
    if family is None:
        return share
    given, plain = _q(family.columns["given"]), _q(family.columns["value"])
    con.execute(
        f"CREATE OR REPLACE TABLE pairs AS SELECT l, r FROM (SELECT rid AS l, lead(rid) OVER near AS r, {plain} AS f, lead({plain}) OVER near AS other FROM rec "
        f"WHERE length({given}) > 1 AND {plain} IS NOT NULL AND {_q(c.columns['value'])} IS NOT NULL WINDOW near AS (PARTITION BY {given} ORDER BY {_hash('rid', seed)}, rid)) "
        f"WHERE f[:3] <> other[:3] ORDER BY {_hash('l', seed)}, l LIMIT {RANDOM_PAIRS // 5}"
    )
    rows = con.execute(
        f"SELECT ({_level_sql(c)})::TINYINT AS g FROM pairs JOIN rec l ON l.rid = pairs.l JOIN rec r ON r.rid = pairs.r"
    ).fetchnumpy()
    found = np.asarray(rows["g"], np.int64)
    if len(found) < 100:
        return share
    seen = np.bincount(found[found != MISSING], minlength=len(share)) / len(found)
    explained = np.array([level.n is not None for level in c.levels.levels])
    explained[-1] = False
    changed = np.where(explained, np.maximum(share, seen), share)
    changed[-1] = max(1e-9, share[-1] - (changed - share).sum())
    return changed


def _patterns(
    con: duckdb.DuckDBPyConnection,
    comparisons: tuple[Comparison, ...],
    blocking: Blocking,
    terms: dict[str, Terms],
    names: FullNames | None,
    n: int,
) -> Patterns:
    """Agreement patterns of every pair (small data) or of the pairs that rules found."""
    if n <= EVERY_PAIR:
        con.execute(
            "CREATE OR REPLACE TABLE pairs AS SELECT l.rid AS l, r.rid AS r, 0::BIGINT AS mask FROM rec l JOIN rec r ON l.rid < r.rid"
        )
    else:
        con.execute(
            "CREATE OR REPLACE TABLE pairs AS SELECT l, r, bit_or(1::BIGINT << rule) AS mask FROM hits GROUP BY l, r"
        )
    rare, alone, named = _rare_sql(comparisons, terms, names)
    nearest = ", ".join(
        f"round(({x}) / {BIT}.0)::INTEGER AS {name}" for x, name in ((rare, "rare"), (alone, "alone"), (named, "named"))
    )
    levels = ", ".join(f"({_level_sql(c)})::TINYINT AS g{k}" for k, c in enumerate(comparisons))
    rows = con.execute(
        f"SELECT {', '.join(f'g{k}' for k in range(len(comparisons)))}, mask, rare, alone, named, count(*) AS n "
        f"FROM (SELECT pairs.mask, {levels}, {nearest} "
        f"FROM pairs JOIN rec l ON l.rid = pairs.l JOIN rec r ON r.rid = pairs.r) GROUP BY ALL ORDER BY ALL"
    ).fetchnumpy()
    grid = np.stack([np.asarray(rows[f"g{k}"], np.int64) for k in range(len(comparisons))], axis=1)
    mask = np.asarray(rows["mask"], np.int64)
    eligible = np.ones_like(grid, dtype=bool)
    if n > EVERY_PAIR:
        for k, c in enumerate(comparisons):
            blind = sum(
                1 << at for at, rule in enumerate(blocking.rules) if not any(_about(column, c) for column in rule)
            )
            eligible[:, k] = (mask & blind) != 0
    bits = [np.asarray(rows[name], np.float64) for name in ("rare", "alone", "named")]
    share = blocking.share if n > EVERY_PAIR else 1.0
    return Patterns(grid, eligible, bits[0], bits[1], bits[2], np.asarray(rows["n"], np.float64) / share, mask)


def _about(column: str, c: Comparison) -> bool:
    return column.partition(".")[0] == c.columns["value"].partition(".")[0]


def _rare_sql(
    comparisons: tuple[Comparison, ...], terms: dict[str, Terms], names: FullNames | None
) -> tuple[str, str, str]:
    """Sums of term adjustments over levels `g0..`: against strangers, housemates (what a household does not share), namesakes."""
    every, alone, named = ["0"], ["0"], ["0"]
    for k, c in enumerate(comparisons):
        for at, level in enumerate(c.levels.levels):
            if level.tf and c.columns[level.tf] in terms:
                term = f"CASE WHEN g{k} = {at} THEN {_term_sql(c, c.columns[level.tf])} ELSE 0 END"
                every.append(term)
                if not c.levels.shared:
                    alone.append(term)
                    named.append(term)
                elif names is not None and names.family == c.name:
                    both = f"g{k} = {at} AND {_both_names_sql(names)}"
                    every.append(f"CASE WHEN {both} THEN {names.strangers} ELSE 0 END")
                    named.append(
                        f"CASE WHEN {both} THEN {_term_sql(c, c.columns[level.tf])} + l.{_q(FULL_NAME)} + {names.namesakes} ELSE 0 END"
                    )
    return " + ".join(every), " + ".join(alone), " + ".join(named)


def _both_names_sql(names: FullNames) -> str:
    """The given names are the same too (and no initials), where a name has more than the part compared."""
    if not names.given:
        return "true"
    return f"l.{_q(names.given)} = r.{_q(names.given)} AND length(l.{_q(names.given)}) > 1"


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
        namesakes=log_ratio(mixture.same_pairs, mixture.namesake_pairs), names_apart=0,
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
        _add_keys(con, model.rules, lists)
        return con.sql(
            f"SELECT DISTINCT xor(key, {int(salt)}::BIGINT) AS key, rid FROM keyed ORDER BY 1, 2"
        ).to_arrow_table()


def pairs(
    records: pa.Table,
    keys: pa.Table | None,
    model: Model,
    *,
    floor: int,
    only: pa.Table | None = None,
    cap: int = 100,
    budget: Budget | None = None,
) -> pa.Table:
    """Candidate pairs whose weight reaches `floor`: left, right (rids, left < right), weight, parts (JSON).

    `keys` (key, rid) as the live engine stores them, other records' too; None: made here, the same numbers. `only`: pairs with at least one of
    these rids. Blocks larger than `cap` are left out and counted in the table's metadata (`blocks_over_cap`, `candidates`).
    """
    budget = budget or Budget()
    comparisons = tuple(w.comparison for w in model.comparisons)
    columns = _columns(comparisons, model.rules)
    lists = _lists(comparisons, columns)
    with _database(budget) as con:
        _load(con, records, columns, lists, dict(model.placeholders))
        _add_terms(con, dict(model.terms), lists, model.full_names)
        if keys is None:
            _add_keys(con, model.rules, lists)
        else:
            con.register("given", keys)
            con.execute(
                "CREATE TABLE keyed AS SELECT key::BIGINT AS key, rid::BIGINT AS rid FROM given SEMI JOIN rec USING (rid)"
            )
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
    """Weights of table `pairs`, in two steps: what is cheap first, then, for pairs that may still reach the floor, the lists."""
    sums = [_Sums(k, w, model) for k, w in enumerate(model.comparisons)]
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
    rivals = (("strangers", model.prior), ("household", model.household), ("namesakes", model.namesakes))
    apart = _apart_sql(sums, model)
    early = ", ".join(
        f"({' + '.join([str(start), *(getattr(x, rival) for x in cheap), apart])}) AS {rival}0"
        for rival, start in rivals
    )
    bounds = " AND ".join(
        f"{' + '.join([f'{rival}0', *(x.bound(rival) for x in dear)])} >= {floor}" for rival, _ in rivals
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
    totals = ", ".join(
        f"{' + '.join([f'{rival}0', *(getattr(x, rival) for x in dear)])} AS {rival}" for rival, _ in rivals
    )
    con.execute(
        f"CREATE TABLE kept AS SELECT * FROM (SELECT *, {meet_sql('apart', 'namesakes')} AS met FROM (SELECT *, {meet_sql('strangers', 'household')} AS apart "
        f"FROM (SELECT *, {totals} FROM levels) WHERE strangers >= {floor} AND household >= {floor} AND namesakes >= {floor})) WHERE met >= {floor}"
    )
    con.execute("DROP TABLE levels")
    proven = " OR ".join(["false", *(x.proven for x in sums)])
    claimed = f"list_concat(coalesce(l.{_q(CLAIMED)}, []), coalesce(r.{_q(CLAIMED)}, [])) AS claimed"
    con.execute(
        f"CREATE TABLE claims AS SELECT kept.*, {claimed} FROM kept JOIN rec l ON l.rid = kept.lid JOIN rec r ON r.rid = kept.rid"
    )
    return con.sql(
        f"WITH weighed AS (SELECT *, CASE WHEN met >= {model.join} AND NOT ({proven}) THEN {model.join - 1} ELSE met END AS weight FROM claims) "
        f'SELECT lid AS "left", rid AS "right", weight::BIGINT AS weight, {_parts_sql(sums, model)} AS parts '
        f"FROM weighed WHERE weight >= {floor} ORDER BY 1, 2"
    ).to_arrow_table()


def _apart_sql(sums: list[_Sums], model: Model) -> str:
    """What it weighs, beyond the two by themselves, that given and family name are both another."""
    if model.both_names is None:
        return "0"
    at = {x.name: x.k for x in sums}
    both = " AND ".join(f"g{at[name]} = {level}" for name, level in model.both_names)
    return f"(CASE WHEN {both} THEN {model.names_apart} ELSE 0 END)"


class _Sums:
    """SQL of one comparison's share: level g<k>, term t<k>, and its milli-bits against each rival."""

    def __init__(self, k: int, weights: Weights, model: Model) -> None:
        self.k, self._c, self._model = k, weights.comparison, model
        self.many, self.value, self.name = self._c.many, self._c.columns["value"], self._c.name
        self._levels = weights.levels
        self._cases = [
            (at, level.tf) for at, level in enumerate(weights.levels) if level.tf and level.tf in model.terms
        ]
        self.terms = sorted({tf for _, tf in self._cases})
        shared = self._c.levels.shared
        self.strangers = f"(CASE g{k} {self._when('strangers')} ELSE 0 END + t{k})"
        self.household = f"(CASE g{k} {self._when('household')} ELSE 0 END{'' if shared else f' + t{k}'})"
        self.names = model.full_names if model.full_names is not None and model.full_names.family == self.name else None
        beyond = f" + n{k}" if self.names else "" if shared else f" + t{k}"
        self.namesakes = f"(CASE g{k} {self._when('namesakes')} ELSE 0 END{beyond})"
        unclaimed = (
            f" AND NOT coalesce(list_contains(claimed, {_text(self.name)}), false)" if self._c.levels.contact else ""
        )
        self.proven = f"({self.strangers} > 0{unclaimed})"

    def _when(self, rival: str) -> str:
        return " ".join(f"WHEN {at} THEN {getattr(level, rival)}" for at, level in enumerate(self._levels))

    def level(self) -> str:
        return f"({_level_sql(self._c)}) AS g{self.k}"

    def term(self) -> str:
        more = (
            f" + (CASE WHEN {_both_names_sql(self.names)} THEN {self.names.strangers} ELSE 0 END)" if self.names else ""
        )
        cases = " ".join(f"WHEN {at} THEN {_term_sql(self._c, tf)}{more}" for at, tf in self._cases)
        return f"(CASE g{self.k} {cases} ELSE 0 END) AS t{self.k}" if cases else f"0 AS t{self.k}"

    def named(self) -> str:
        """What the rarity of the full name weighs against namesakes."""
        assert self.names is not None
        cases = " ".join(
            f"WHEN g{self.k} = {at} AND {_both_names_sql(self.names)} THEN t{self.k} + l.{_q(FULL_NAME)} + {self.names.namesakes - self.names.strangers}"
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
        return f"l.{_q(self.value)} IS NOT NULL AND r.{_q(self.value)} IS NOT NULL AS has{self.k}"

    @property
    def part(self) -> str:
        return f"CASE WHEN g{self.k} <> {MISSING} THEN [{_text(_part(self.name, None))} || g{self.k} || ',' || {self.strangers} || ']'] ELSE [] END"


def _parts_sql(sums: list[_Sums], model: Model) -> str:
    """Parts as JSON, in the live engine's order."""
    parts = [f"[{_text(_part(PRIOR, 0))} || {model.prior} || ']']", *(x.part for x in sums)]
    if model.both_names is not None:
        apart = _apart_sql(sums, model)
        parts.append(f"CASE WHEN {apart} <> 0 THEN [{_text(_part(APART, 0))} || {apart} || ']'] ELSE [] END")
    for name, before, after in (
        (HOUSEHOLD, "strangers", "apart"),
        (NAMESAKES, "apart", "met"),
        (CLAIMED_PART, "met", "weight"),
    ):
        parts.append(
            f"CASE WHEN {after} <> {before} THEN [{_text(_part(name, 0))} || ({after} - {before}) || ']'] ELSE [] END"
        )
    return f"'[' || array_to_string({_concat(parts)}, ',') || ']'"


def _concat(lists: list[str]) -> str:
    return f"flatten([{', '.join(lists)}])"


def _part(name: str, level: int | None) -> str:
    """The beginning of a part's JSON: '["email",0,'."""
    return f"[{json.dumps(name)}," + ("" if level is None else f"{level},")


def _add_keys(con: duckdb.DuckDBPyConnection, rules: tuple[tuple[str, ...], ...], lists: set[str]) -> None:
    con.execute("CREATE TABLE keyed (key BIGINT, rid BIGINT)")
    for rule in rules:
        con.execute(f"INSERT INTO keyed {_key_sql(rule, lists)}")
