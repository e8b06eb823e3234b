"""The batch engine: training, blocking keys and candidate pairs of many records at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pyarrow as pa

from hub.kinds.levels_base import MISSING
from hub.matching.compare.candidates import rule_name
from hub.matching.compare.model import (
    Comparison,
    FullNames,
    LevelWeight,
    Model,
    Terms,
    Weights,
    comparisons_of,
    default_model,
    doubts_of,
    log_ratio,
    shipped,
    with_info,
)
from hub.matching.training.engine import (
    FULL_NAME,
    Budget,
    add_keys,
    add_words,
    both_names_sql,
    columns_needed,
    full_name_sql,
    key_sql,
    level_sql,
    list_columns,
    load,
    quoted,
    session,
    term_sql,
    terms_table,
)
from hub.matching.training.mixture import Floats, Mixture, Patterns, Random, fit, told_otherwise
from hub.matching.training.profile import full_names, names_alone, profile, rare_words
from hub.matching.training.weighing import weigh
from hub.model import BIT
from hub.settings import CustomerType

EVERY_PAIR = 1_500  # records up to which training looks at every pair
RANDOM_PAIRS = 500_000
SAMPLED_RECORDS = 60_000  # whose pairs training looks at


def _add_terms(
    con: duckdb.DuckDBPyConnection, terms: dict[str, Terms], lists: set[str], names: FullNames | None
) -> None:
    """Columns `tf <column>`: each record's own adjustment (a list beside a list); `full name`: that of its full name."""
    joins, extra = [], []
    if names is not None:
        terms_table(con, "known_names", names.terms)
        joins.append(f"LEFT JOIN known_names ON known_names.v = {full_name_sql(names, 'rec')}")
        extra.append(f"coalesce(known_names.a, {names.terms.unseen}) AS {quoted(FULL_NAME)}")
    for at, (c, found) in enumerate(sorted(terms.items())):
        table = f"terms{at}"
        terms_table(con, table, found)
        if c in lists:
            con.execute(
                f"CREATE OR REPLACE TABLE {table}_of AS SELECT rid, list(coalesce(a, {found.unseen}) ORDER BY place) AS a "
                f"FROM (SELECT rid, unnest({quoted(c)}) AS v, generate_subscripts({quoted(c)}, 1) AS place FROM rec) LEFT JOIN {table} USING (v) GROUP BY rid"
            )
            joins.append(f"LEFT JOIN {table}_of ON {table}_of.rid = rec.rid")
            extra.append(f"{table}_of.a AS {quoted('tf ' + c)}")
        else:
            joins.append(f"LEFT JOIN {table} ON {table}.v = rec.{quoted(c)}")
            extra.append(
                f"CASE WHEN rec.{quoted(c)} IS NOT NULL THEN coalesce({table}.a, {found.unseen}) END AS {quoted('tf ' + c)}"
            )
    if extra:
        con.execute(f"CREATE OR REPLACE TABLE rec2 AS SELECT rec.*, {', '.join(extra)} FROM rec {' '.join(joins)}")
        con.execute("DROP TABLE rec")
        con.execute("ALTER TABLE rec2 RENAME TO rec")


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
    with session(budget) as con:
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
    columns = columns_needed(comparisons, base.rules)
    lists = list_columns(comparisons, columns)
    load(con, records, columns, lists, {})
    found = profile(con, comparisons, lists)
    if found.placeholders:
        con.execute("DROP TABLE rec")
        load(con, records, columns, lists, dict(found.placeholders))
    comparisons = tuple(replace(c, words=rare_words(con, c)) for c in comparisons)
    add_words(con, comparisons)
    repeated = names_alone(con, comparisons, found)
    names, apart = full_names(con, comparisons, lists, found) or (None, None)
    _add_terms(con, dict(found.terms), lists, names)
    n = records.num_rows
    blocking = _block(con, base.rules, lists, customer_type.matching.block_cap, budget, seed, n)
    random = _random_pairs(con, comparisons, found.exact, seed, n)
    patterns = _patterns(con, comparisons, blocking, found.terms, names, n)
    mixture = fit(comparisons, patterns, random, records=n, apart=apart, repeated=repeated)
    rules, missed = _useful_rules(blocking, patterns, mixture, n)
    model = _assemble(base, comparisons, mixture, found.terms, found.placeholders, rules)
    doubts = doubts_of(comparisons, companies=not told_otherwise(comparisons, patterns))
    info = {
        "trained": True, "records": n, "seed": seed, "warnings": list(found.warnings), "rounds": mixture.rounds,
        "moved": round(mixture.moved, 6), "same_pairs": round(mixture.same_pairs), "household_pairs": round(mixture.household_pairs), "namesake_pairs": round(mixture.namesake_pairs),
        "rules": [[rule_name(r.rule), r.pairs, r.over, r.rule in rules] for r in blocking.counted], "recall_lost_by_blocking": missed,
    }  # fmt: skip
    return replace(model, info=info, full_names=names, doubts=doubts)


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
            f"CREATE OR REPLACE TABLE near AS WITH every AS ({key_sql(rule, lists, stored=False)}), "
            f"mine AS ({key_sql(rule, lists, table='sampled', stored=False)}), "
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
                    f"INSERT INTO hits SELECT {len(chosen)}, a.rid, b.rid FROM near a JOIN ({key_sql(rule, lists, stored=False)}) b USING (key) "
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
        f"({key_sql(rule, lists, table='sampled', stored=False)}) GROUP BY key HAVING size BETWEEN 2 AND {most})"
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
    levels = ", ".join(f"({level_sql(c)})::TINYINT AS g{k}" for k, c in enumerate(comparisons))
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
    given, plain = quoted(family.columns["given"]), quoted(family.columns["value"])
    con.execute(
        f"CREATE OR REPLACE TABLE pairs AS SELECT l, r FROM (SELECT rid AS l, lead(rid) OVER near AS r, {plain} AS f, lead({plain}) OVER near AS other FROM rec "
        f"WHERE length({given}) > 1 AND {plain} IS NOT NULL AND {quoted(c.columns['value'])} IS NOT NULL WINDOW near AS (PARTITION BY {given} ORDER BY {_hash('rid', seed)}, rid)) "
        f"WHERE f[:3] <> other[:3] ORDER BY {_hash('l', seed)}, l LIMIT {RANDOM_PAIRS // 5}"
    )
    rows = con.execute(
        f"SELECT ({level_sql(c)})::TINYINT AS g FROM pairs JOIN rec l ON l.rid = pairs.l JOIN rec r ON r.rid = pairs.r"
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
    levels = ", ".join(f"({level_sql(c)})::TINYINT AS g{k}" for k, c in enumerate(comparisons))
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
                term = f"CASE WHEN g{k} = {at} THEN {term_sql(c, c.columns[level.tf])} ELSE 0 END"
                every.append(term)
                if not c.levels.shared:
                    alone.append(term)
                    named.append(term)
                elif names is not None and names.family == c.name:
                    both = f"g{k} = {at} AND {both_names_sql(names)}"
                    every.append(f"CASE WHEN {both} THEN {names.strangers} ELSE 0 END")
                    named.append(
                        f"CASE WHEN {both} THEN {term_sql(c, c.columns[level.tf])} + l.{quoted(FULL_NAME)} + {names.namesakes} ELSE 0 END"
                    )
    return " + ".join(every), " + ".join(alone), " + ".join(named)


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
        namesakes=log_ratio(mixture.same_pairs, mixture.namesake_pairs), alone=0,
    )  # fmt: skip


def load_with_terms(con: duckdb.DuckDBPyConnection, records: pa.Table, model: Model) -> set[str]:
    """Table `rec` of a model's columns and terms; which of them are lists."""
    comparisons = tuple(w.comparison for w in model.comparisons)
    columns = columns_needed(comparisons, model.rules)
    lists = list_columns(comparisons, columns)
    load(con, records, columns, lists, dict(model.placeholders))
    add_words(con, comparisons)
    _add_terms(con, dict(model.terms), lists, model.full_names)
    return lists


def keys(records: pa.Table, model: Model, *, salt: int = 0, budget: Budget | None = None) -> pa.Table:
    """Every record's candidate keys (key, rid), sorted: the numbers of `candidates.keys`, each xor `salt`."""
    budget = budget or Budget()
    comparisons = tuple(w.comparison for w in model.comparisons)
    columns = columns_needed(comparisons, model.rules)
    lists = list_columns(comparisons, columns)
    with session(budget) as con:
        load(con, records, columns, lists, dict(model.placeholders))
        add_keys(con, model.rules, lists)
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
    with session(budget) as con:
        lists = load_with_terms(con, records, model)
        if keys is None:
            add_keys(con, model.rules, lists)
        else:
            con.register("given", keys)
            con.execute(
                "CREATE TABLE keyed AS SELECT key::BIGINT AS key, rid::BIGINT AS rid FROM given SEMI JOIN rec USING (rid)"
            )
            con.unregister("given")
        counts = _candidates(con, only, cap)
        found = weigh(con, comparisons, model, floor)
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
