"""What the records themselves say before training: term frequencies, placeholders, columns without use."""

from __future__ import annotations

import math
from dataclasses import dataclass

import duckdb

from hub.kinds import LEVELS
from hub.kinds.levels_base import Rarity
from hub.matching.compare.model import SEPARATOR, Comparison, FullNames, Terms
from hub.matching.training.engine import words_of
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


def profile(con: duckdb.DuckDBPyConnection, comparisons: tuple[Comparison, ...], lists: set[str]) -> Profile:
    """Reads table `rec`."""
    placeholders: dict[str, frozenset[str]] = {}
    warnings: list[str] = []
    terms: dict[str, Terms] = {}
    exact: dict[str, float] = {}
    empty = []
    # names first: they tell people apart, so the other kinds are to see none that are nobody's
    nobody = {c.name: _hollow(con, c, comparisons, c.columns["value"] in lists) for c in comparisons if c.levels.name}
    for c in comparisons:
        if nobody.get(c.name):
            con.execute(
                f"UPDATE rec SET {_q(c.columns['value'])} = NULL WHERE list_contains(?, {_q(c.columns['value'])})",
                [sorted(nobody[c.name])],
            )
    for c in comparisons:
        column = c.columns["value"]
        filled, distinct = _filled(con, column, column in lists)
        if not filled:
            empty.append(c.name)
        elif distinct == 1 and filled >= FEW:
            warnings.append(f"'{c.name}' has one value in all {filled} records that have it: it is no evidence")
        hollow = nobody[c.name] if c.levels.name else _hollow(con, c, comparisons, column in lists)
        if hollow:
            placeholders[column] = frozenset(hollow)
            held = sum(hollow.values())
            warnings.append(
                f"'{c.name}': {len(hollow)} values stand in {held} records of different people: taken as placeholders, not as evidence"
            )
        for level in c.levels.levels:
            if level.tf:
                column = c.columns[level.tf]
                terms[column], exact[column] = _terms(
                    con, column, column in lists, placeholders.get(column, frozenset())
                )
    if empty:
        warnings.append(f"no values, so no evidence: {', '.join(empty)}")
    return Profile(terms, exact, placeholders, tuple(warnings))


FEW = 10
SPREAD = {
    "email": 20,
    "phone": 25,
    "identifier": 12,
    "domain": 200,
}  # names of people that share a value which is still somebody's


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _values(column: str, many: bool) -> str:
    name = _q(column)
    return (
        f"SELECT rid, unnest({name}) AS v FROM rec"
        if many
        else f"SELECT rid, {name} AS v FROM rec WHERE {name} IS NOT NULL"
    )


def _filled(con: duckdb.DuckDBPyConnection, column: str, many: bool) -> tuple[int, int]:
    rows = con.execute(f"SELECT count(DISTINCT rid), count(DISTINCT v) FROM ({_values(column, many)})").fetchall()
    return int(rows[0][0]), int(rows[0][1])


def _hollow(
    con: duckdb.DuckDBPyConnection, c: Comparison, comparisons: tuple[Comparison, ...], many: bool
) -> dict[str, int]:
    """Values that are nobody's, with their records: held under far more names than one customer or household has."""
    names = [x.columns for x in comparisons if x.levels.name]
    values, column = _values(c.columns["value"], many), c.columns["value"]
    kind = next((kind for kind, levels in LEVELS.items() if levels.sql is c.levels.sql), "")
    if kind in SPREAD and names:
        who = " || '/' || ".join(
            f"CASE WHEN {_q(x['value'])} IS NOT NULL THEN {_q(x.get('sound', x['value']))}[:3] ELSE '' END"
            for x in names
        )
        made_up = (
            " OR d > 2 AND split_part(v, '@', 1) = split_part(split_part(v, '@', 2), '.', 1)" if kind == "email" else ""
        )  # asdf@asdf.de
        nameless = " AND ".join(f"{_q(x['value'])} IS NULL" for x in names)  # each one more person, for all we know
        query = (
            f"SELECT v, count(*), count(DISTINCT who) AS d FROM ({values}) JOIN (SELECT rid, CASE WHEN {nameless} THEN rid::VARCHAR ELSE {who} END AS who "
            f"FROM rec) USING (rid) GROUP BY v HAVING d > {SPREAD[kind]}{made_up}"
        )
    elif kind == "birth_date":
        # a date far more frequent than birthdays are, 1900-01-01 say
        query = (
            f"SELECT v, c, c FROM (SELECT v, count(*) AS c, sum(count(*)) OVER () AS n, count(*) OVER () AS d FROM ({values}) GROUP BY v) "
            f"WHERE c > 25 AND c * 300 > n AND c * d > 25 * n"
        )
    elif c.levels.name and len(names) > 1:
        # a real name meets many partners, 'mustermann' always Max: the chance that two of its records have one partner.
        # And what is mostly its own partner, 'qwertz qwertz', was typed to get past a form
        other = next(x["value"] for x in names if x["value"] != column)
        query = (
            f"SELECT v, sum(n)::BIGINT AS c, count(*) FROM (SELECT {_q(column)} AS v, {_q(other)} AS o, count(*) AS n FROM rec "
            f"WHERE v IS NOT NULL AND o IS NOT NULL GROUP BY v, o) "
            f"GROUP BY v HAVING c >= 25 AND sum(n * (n - 1)) * 8 > c * (c - 1) OR c >= 2 AND coalesce(sum(n) FILTER (v = o), 0) * 2 > c"
        )
    else:
        return {}
    return {v: c for v, c, _ in con.execute(f"SELECT * FROM ({query}) ORDER BY 1").fetchall()}


def _terms(con: duckdb.DuckDBPyConnection, column: str, many: bool, hollow: frozenset[str]) -> tuple[Terms, float]:
    con.execute(f"CREATE OR REPLACE TABLE counted AS SELECT v, count(*) AS c FROM ({_values(column, many)}) GROUP BY v")
    if hollow:
        con.execute("DELETE FROM counted WHERE list_contains(?, v)", [sorted(hollow)])
    total, distinct, agreeing = con.execute(
        "SELECT coalesce(sum(c), 0)::BIGINT, count(*), coalesce(sum(c * (c - 1)), 0)::DOUBLE FROM counted"
    ).fetchall()[0]
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


WORDS = 300  # words of names that the model knows as frequent
FEW_NAMES = 3  # spellings of one company that a word may stand in and be rare all the same
BELIEVED = 20.0  # names that the shipped rarity of a word counts for


def rare_words(con: duckdb.DuckDBPyConnection, c: Comparison) -> Rarity | None:
    """How rare the words of a comparison's names are: in how many different names each stands. None where its levels weigh none."""
    shipped = c.levels.words
    if shipped is None:
        return None
    text = words_of(c)
    con.execute(f"CREATE OR REPLACE TABLE told AS SELECT DISTINCT {text} AS name FROM rec WHERE {text} IS NOT NULL")
    names = con.execute("SELECT count(*) FROM told").fetchall()[0][0]
    rows = con.execute(
        f"SELECT w, count(*) AS c FROM (SELECT DISTINCT name, unnest(string_split(name, ' ')) AS w FROM told) "
        f"GROUP BY w HAVING c > {FEW_NAMES} ORDER BY c DESC, w LIMIT {10 * WORDS}"
    ).fetchall()
    counted = {**dict.fromkeys(shipped.frequent, 0), **dict(rows)}
    found = {
        word: -_bits((count + BELIEVED * 2.0 ** (-shipped.of(word) / BIT)) / (names + BELIEVED))
        for word, count in counted.items()
    }
    found |= {word: min(found[word], weight) for word, weight in shipped.frequent.items()}  # common anywhere
    rarest = shipped.unseen - BIT // 2
    listed = sorted((weight, word) for word, weight in found.items() if weight < rarest)[:WORDS]
    return Rarity({word: max(0, weight) for weight, word in listed}, shipped.unseen)


RARE = 15 * BIT  # of a whole name, from which it is as good as any


def names_alone(con: duckdb.DuckDBPyConnection, comparisons: tuple[Comparison, ...], found: Profile) -> float | None:
    """Pairs of one company where its name is all that there is, from how often names with a rare word repeat; else None.

    A rare name in full is then an identity, what many names are made of is none: `found.terms` say so of each.
    """
    told = [c for c in comparisons if _filled(con, c.columns["value"], c.many)[0]]
    if len(told) != 1 or told[0].words is None:
        return None
    usual, column = told[0].words.unseen, told[0].columns["value"]
    rows = con.execute(
        f"SELECT {_q(column)} AS v, any_value(list_sum({_q(told[0].listed['rarity'])}))::BIGINT AS bits, count(*) AS n "
        f"FROM rec WHERE v IS NOT NULL GROUP BY v HAVING bits < {RARE} OR n > 1 ORDER BY n DESC, v"
    ).fetchall()
    common = [(v, bits - usual) for v, bits, _ in rows if bits < RARE][:NAMES]
    found.terms[column] = Terms(dict(common), RARE - usual)
    repeated = sum(n * (n - 1) / 2 for _, bits, n in rows if bits >= usual)
    names = _filled(con, column, told[0].many)[0]
    return float(max(repeated / told[0].levels.levels[0].m, 0.3 * names))


NAMES = 50_000  # full names whose frequency the model keeps
NO_STRANGERS = (
    8 * BIT
)  # two people of one full name are namesakes, so that e-mail addresses made of it are not counted again
USUAL = 2.0  # records that what is usual counts for, beside those of a name
HOPELESS = 30.0  # other people's records under a name from which it never joins two records by itself
UNSURE = 0.05  # of the pairs of one customer, in how many there are: in small data they would pass for namesakes
TELLING = (
    "birth_date",
    "identifier",
    "postal_address",
    "email",
    "phone",
)  # what tells namesakes apart, the surest first


def full_names(
    con: duckdb.DuckDBPyConnection, comparisons: tuple[Comparison, ...], lists: set[str], found: Profile
) -> tuple[FullNames, float] | None:
    """How often two people have one full name, beside how often if names were independent; two companies one name.

    Pairs of one full name are of one customer or of namesakes (shops of one chain); how many agree on something that has
    nothing to do with a name (a birth date, an address) says how many are which. With the number of pairs of namesakes.
    None where no attribute can tell.
    """
    family = next(
        (c for c in comparisons if (c.levels.name and "given" in c.columns) or c.levels is LEVELS["company_name"]), None
    )
    if family is None:
        return None
    given, plain = family.columns.get("given", ""), family.columns["value"]
    g, f = _q(given) if given else "''", _q(plain)
    named = f"{f} IS NOT NULL" + (f" AND length({g}) > 1" if given else "")
    telling = _telling(con, comparisons, named)
    if telling is None or plain not in found.terms or (given and given not in found.terms):
        return None
    value = f"{_q(telling.columns['value'])}{'[1]' if telling.columns['value'] in lists else ''}"
    agree = _agreeing(con, comparisons, telling, f"{g} AS g, {f} AS f", named, lists)
    con.execute(
        f"CREATE OR REPLACE TABLE named AS WITH each AS (SELECT {g} AS g, {f} AS f, {value} AS v, count(*) AS n FROM rec WHERE {named} GROUP BY ALL) "
        f"SELECT g, f, sum(n)::DOUBLE AS c, coalesce(sum(n) FILTER (v IS NOT NULL), 0)::DOUBLE AS told, "
        f"coalesce(sum(n * (n - 1)) FILTER (v IS NOT NULL), 0)::DOUBLE AS agreeing FROM each GROUP BY g, f"
    )
    # pairs of a name that are of two people; of a single name it may come out below 0, the sum is unbiased
    con.execute(
        f"CREATE OR REPLACE TABLE shared AS SELECT g, f, c, told, c * (c - 1) * (1 - agreeing / ({agree} * told * (told - 1))) AS apart "
        f"FROM named WHERE told > 1"
    )
    total, one, two = con.execute(
        "SELECT (SELECT sum(c) FROM named), (SELECT sum(x * x) FROM (SELECT sum(c) AS x FROM named GROUP BY g)), "
        "(SELECT sum(x * x) FROM (SELECT sum(c) AS x FROM named GROUP BY f))"
    ).fetchall()[0]
    if not total or total < 2:
        return None
    con.execute("CREATE OR REPLACE TABLE givens AS SELECT g, sum(c) AS cg FROM named GROUP BY g")
    con.execute("CREATE OR REPLACE TABLE families AS SELECT f, sum(c) AS cf FROM named GROUP BY f")
    every, apart = con.execute(
        "SELECT coalesce(sum(c * (c - 1)), 0)::DOUBLE, coalesce(sum(apart), 0)::DOUBLE FROM shared"
    ).fetchall()[0]
    apart = max(0.0, apart - UNSURE * (every - apart))
    expected = one / total * two / total  # ordered pairs of two people, if names were independent
    least, most = (
        (1.0, 2 * BIT) if given else (0.0, MOST)
    )  # people's names are never rarer together than apart; companies mostly have a name of their own
    usual = max(least, (apart + 4) / (expected + 4))  # how much more often people have one full name
    # records of other people under a name: as usual for how rare its parts are, and as found
    con.execute(
        f"CREATE OR REPLACE TABLE known AS SELECT g, f, c, cg * cf / {total} AS mu, apart, "
        f"({USUAL} * {usual} * mu + greatest(apart, 0)) / ({USUAL} + c) AS others "
        f"FROM shared JOIN givens USING (g) JOIN families USING (f) WHERE c > 2"
    )
    rows = con.execute(
        f"SELECT g, f, c, apart, mu, others FROM known WHERE {usual} * mu < {HOPELESS} AND abs(log2(others / ({usual} * mu))) > 0.5 "
        f"ORDER BY apart DESC, g, f LIMIT {NAMES}"
    ).fetchall()
    rest_apart = max(0.0, apart - sum(r[3] for r in rows))
    rest_expected = max(0.0, expected - sum(r[4] * r[4] for r in rows))
    unseen = -_bits((rest_apart + 4) / (rest_expected + 4))
    if given:  # as `least`: a full name that was not seen is no rarer than its parts say
        unseen = min(0, unseen)
    frequent = {f"{g}{SEPARATOR}{f}": max(LEAST, min(most, _bits(mu / others))) for g, f, _, _, mu, others in rows}
    together = _bits((apart + 4) / (expected + 4))
    terms = Terms({v: a for v, a in frequent.items() if a != unseen}, unseen)
    return FullNames(family.name, given, plain, terms, NO_STRANGERS, together), apart / 2


def _agreeing(
    con: duckdb.DuckDBPyConnection,
    comparisons: tuple[Comparison, ...],
    telling: Comparison,
    name: str,
    named: str,
    lists: set[str],
) -> float:
    """How often two records of one customer agree on what tells: seen where the full name and another such value agree."""

    def first(c: Comparison) -> str:
        return f"{_q(c.columns['value'])}{'[1]' if c.columns['value'] in lists else ''}"

    agree, pairs = 0.0, 0.0
    for c in comparisons:
        if c is not telling and any(c.levels.sql is LEVELS[kind].sql for kind in TELLING):
            rows = con.execute(
                f"SELECT coalesce(sum(a), 0)::DOUBLE, coalesce(sum(n * (n - 1)), 0)::DOUBLE FROM (SELECT sum(n) AS n, sum(n * (n - 1)) AS a FROM "
                f"(SELECT {name}, {first(c)} AS o, {first(telling)} AS v, count(*) AS n FROM rec "
                f"WHERE {named} AND o IS NOT NULL AND v IS NOT NULL GROUP BY ALL) GROUP BY g, f, o)"
            ).fetchall()
            agree, pairs = agree + rows[0][0], pairs + rows[0][1]
    shipped = telling.levels.levels[0].m
    return float((agree + 50 * shipped) / (pairs + 50))


def _telling(con: duckdb.DuckDBPyConnection, comparisons: tuple[Comparison, ...], named: str) -> Comparison | None:
    """The comparison that tells namesakes apart: the surest kind that three in ten named records have."""
    every = con.execute(f"SELECT count(*) FROM rec WHERE {named}").fetchall()[0][0]
    for kind in TELLING:
        for c in comparisons:
            if c.levels.sql is LEVELS[kind].sql and every:  # a company's address too
                held = con.execute(
                    f"SELECT count(*) FROM rec WHERE {named} AND {_q(c.columns['value'])} IS NOT NULL"
                ).fetchall()[0][0]
                if held >= 0.3 * every:
                    return c
    return None


def _bits(ratio: float) -> int:
    return max(LEAST, min(MOST, round(BIT * math.log2(ratio))))
