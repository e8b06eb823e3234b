"""DuckDB over standardised records: its bounds, the records as a table, and keys, levels and terms as SQL.

The one host of DuckDB. Every level runs here as the SQL form of what the live engine does in Python.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from hub.kinds.levels_base import MISSING
from hub.matching.compare.candidates import rule_name
from hub.matching.compare.model import (
    SEPARATOR,
    Comparison,
    FullNames,
    Terms,
)
from hub.matching.compare.standardised import CLAIMED

FULL_NAME = "full name"


@dataclass(frozen=True)
class Budget:
    """Bounds of a batch: candidate pairs per record, threads, memory."""

    pairs_per_record: int = 12
    least_pairs: int = 1_500_000
    threads: int = 2
    memory: str = "4GB"


@contextmanager
def session(budget: Budget) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory database that can reach nothing outside."""
    with closing(opened(budget)) as con:
        yield con


def opened(budget: Budget) -> duckdb.DuckDBPyConnection:
    """The same for who closes it, or keeps it as long as the process."""
    con = duckdb.connect(
        ":memory:", config={"threads": budget.threads, "memory_limit": budget.memory, "preserve_insertion_order": False}
    )
    con.execute("SET enable_external_access = false")
    return con


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def list_columns(comparisons: tuple[Comparison, ...], columns: list[str]) -> set[str]:
    many = {c.name for c in comparisons if c.many}
    return {c for c in columns if c.partition(".")[0] in many}


def columns_needed(comparisons: tuple[Comparison, ...], rules: tuple[tuple[str, ...], ...]) -> list[str]:
    return sorted({c for x in comparisons for c in x.columns.values()} | {c for rule in rules for c in rule})


def load(
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
        con.execute(
            f"CREATE OR REPLACE TABLE {quoted('hollow ' + c)} AS SELECT ? AS {quoted('hollow ' + c)}", [sorted(values)]
        )
        if c not in lists:
            hollow_of[c.partition(".")[0]] = f"list_contains({quoted('hollow ' + c)}, f.{quoted(c)})"
    chosen = []
    for c in columns:
        value = f"f.{quoted(c)}"
        if c in lists:
            if c in hollow:
                value = f"list_filter({value}, lambda x: NOT list_contains({quoted('hollow ' + c)}, x))"
            chosen.append(f"CASE WHEN len({value}) > 0 THEN {value} END AS {quoted(c)}")
        else:
            empty = f"WHEN {hollow_of[c.partition('.')[0]]} THEN NULL " if c.partition(".")[0] in hollow_of else ""
            chosen.append(f"CASE {empty}WHEN {value} = '' THEN NULL ELSE {value} END AS {quoted(c)}")
    beside = "".join(", " + quoted("hollow " + c) for c in hollow)
    con.execute(
        f"CREATE TABLE rec AS SELECT rid, {', '.join(chosen)}{', ' if chosen else ''} f.{quoted(CLAIMED)} AS {quoted(CLAIMED)} "
        f"FROM (SELECT rid, from_json(forms, {literal(shape)}) AS f FROM given){beside}"
    )
    con.unregister("given")


def add_words(con: duckdb.DuckDBPyConnection, comparisons: tuple[Comparison, ...]) -> None:
    """Columns of table `rec`: the words of names, and how rare each is, for levels that weigh words."""
    for c in comparisons:
        if c.words is None:
            continue
        names = c.listed
        terms_table(con, "known_words", Terms(c.words.frequent, c.words.unseen))
        con.execute(
            f"CREATE OR REPLACE TABLE told AS SELECT name, list(w ORDER BY place) AS words, list(coalesce(a, {c.words.unseen}) ORDER BY place) AS rarity FROM "
            f"(SELECT name, unnest(string_split(name, ' ')) AS w, generate_subscripts(string_split(name, ' '), 1) AS place FROM "
            f"(SELECT DISTINCT {words_of(c)} AS name FROM rec WHERE name IS NOT NULL)) LEFT JOIN known_words ON v = w GROUP BY name"
        )
        con.execute(
            f"CREATE OR REPLACE TABLE rec2 AS SELECT rec.*, told.words AS {quoted(names['words'])}, told.rarity AS {quoted(names['rarity'])} "
            f"FROM rec LEFT JOIN told ON told.name = {words_of(c)}"
        )
        con.execute("DROP TABLE rec")
        con.execute("ALTER TABLE rec2 RENAME TO rec")


def words_of(c: Comparison) -> str:
    """The text of a name whose words are weighed."""
    return f"coalesce({quoted(c.columns['sorted'])}, {quoted(c.columns['value'])})"


def key_sql(rule: tuple[str, ...], lists: set[str], *, table: str = "rec", stored: bool = True) -> str:
    """SELECT key, rid of one rule: the numbers of `candidates.key_of`, or (not `stored`) quicker ones for use in here."""
    values, sources, present = [], [table], []
    for at, c in enumerate(rule):
        present.append(f"{quoted(c)} IS NOT NULL")
        if c in lists:
            sources.append(f"unnest({quoted(c)}) AS x{at}(v{at})")
            values.append(f"v{at}")
        else:
            values.append(quoted(c))
    text = f" || {literal(SEPARATOR)} || ".join([literal(rule_name(rule)), *values])
    key = f"(md5_number_lower({text}) >> 1)::BIGINT" if stored else f"hash({', '.join(values)})"
    every = "DISTINCT " if any(c in lists for c in rule) else ""
    return f"SELECT {every}{key} AS key, rid FROM {', '.join(sources)} WHERE {' AND '.join(present)}"


def level_sql(c: Comparison) -> str:
    """The level of a comparison between rows `l` and `r`."""
    if not c.many:
        roles = {**c.columns, **c.listed}
        one, other = ({role: f"{side}.{quoted(name)}" for role, name in roles.items()} for side in "lr")
        return c.levels.sql(one, other)
    left, right = (f"{side}.{quoted(c.columns['value'])}" for side in "lr")
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


def term_sql(c: Comparison, tf: str) -> str:
    """Milli-bits for the rarest value of column `tf` that both rows hold."""
    left, right = (f"{side}.{quoted('tf ' + tf)}" for side in "lr")
    if not c.many:
        return f"coalesce({left}, 0)"
    return (
        f"(CASE WHEN len({left}) = 1 THEN {left}[1] WHEN len({right}) = 1 THEN {right}[1] ELSE "
        f"coalesce(list_max(list_filter({left}, lambda t, i: list_contains(r.{quoted(tf)}, l.{quoted(tf)}[i]))), 0) END)"
    )


def full_name_sql(names: FullNames, table: str) -> str:
    given = f"{table}.{quoted(names.given)}" if names.given else "''"
    return f"{given} || {literal(SEPARATOR)} || {table}.{quoted(names.plain)}"


def terms_table(con: duckdb.DuckDBPyConnection, table: str, found: Terms) -> None:
    items = list(found.frequent.items())
    con.register(
        "given",
        pa.table({"v": pa.array([v for v, _ in items], pa.string()), "a": pa.array([a for _, a in items], pa.int64())}),
    )
    con.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM given")
    con.unregister("given")


def both_names_sql(names: FullNames) -> str:
    """The given names are the same too (and no initials), where a name has more than the part compared."""
    if not names.given:
        return "true"
    return f"l.{quoted(names.given)} = r.{quoted(names.given)} AND length(l.{quoted(names.given)}) > 1"


def add_keys(con: duckdb.DuckDBPyConnection, rules: tuple[tuple[str, ...], ...], lists: set[str]) -> None:
    con.execute("CREATE TABLE keyed (key BIGINT, rid BIGINT)")
    for rule in rules:
        con.execute(f"INSERT INTO keyed {key_sql(rule, lists)}")
