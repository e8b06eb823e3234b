"""The two forms of every comparison level agree, whatever the values."""

from __future__ import annotations

import random
import string

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.kinds import KINDS, LEVELS
from hub.kinds.levels_base import MISSING, Levels
from hub.matching.compare.model import BESIDE, Comparison, column
from hub.matching.compare.standardised import _tidy
from hub.matching.training.engine import level_sql

EVERY = {**LEVELS, **BESIDE}
HOSTILE = ["", None, "a", "b", "ab", "ba", "abc", "acb", "abd", "anna", "ann", "mary ann", "mary", "x y", "y x", "'", "'; drop", '"', "%", "_", "@",
           "a@b.c", "ab@b.c", "anna.berg@x.de", "anna.berg@y.de", "anan.berg@x.de", "19800102", "19800201", "19800103", "19810102", "1980", "0",
           "00000000", "123456789", "123456798", "0123456789", "é", "zoe\u0308", "مرحبا", "李小龙", "😀", "mueller", "Müller", "x" * 10_000, "xy" * 40,
           "main st 1", "main st 12", "mian st 1", "10115", "10116", "berlin", "brelin", "a" * 59 + "b", "a" * 60]  # fmt: skip


def _both(
    levels: Levels, rows: list[tuple[dict[str, object], dict[str, object]]], *, many: bool
) -> tuple[list[int], list[int]]:
    """Levels of the pairs by SQL and by Python."""
    comparison = Comparison("x", levels, {role: column("x", role) for role in levels.roles}, many)
    names = list(comparison.columns.values())
    con = duckdb.connect()
    kind = pa.list_(pa.string()) if many else pa.string()
    for side, at in (("l", 0), ("r", 1)):
        table = pa.table(
            {"n": range(len(rows)), **{n: pa.array([row[at].get(n) or None for row in rows], kind) for n in names}}
        )
        con.register("given", table)
        con.execute(f"CREATE TABLE {side} AS SELECT * FROM given")
        con.unregister("given")
    sql = [
        level
        for (level,) in con.execute(f"SELECT {level_sql(comparison)} FROM l JOIN r USING (n) ORDER BY n").fetchall()
    ]
    form = levels.python(comparison.columns)
    return sql, [form(left, right) for left, right in rows]


def _record(levels: Levels, draw: random.Random, values: list[str | None]) -> dict[str, object]:
    return {column("x", role): _tidy(draw.choice(values)) or None for role in levels.roles}


@pytest.mark.parametrize("kind", EVERY)
def test_sql_and_python_give_the_same_level_on_hostile_and_drawn_values(kind: str) -> None:
    levels, draw = EVERY[kind], random.Random(kind)
    words = ["".join(draw.choices("ab1 @.", k=draw.randint(1, 9))) for _ in range(60)]
    digits = ["".join(draw.choices("0123", k=draw.choice((7, 8, 8, 8, 9)))) for _ in range(60)]
    longer = ["".join(draw.choices(string.ascii_lowercase, k=draw.randint(3, 40))) for _ in range(30)]
    longer += [w[:5] + w[6:] for w in longer] + [w[:3] + w[4:5] + w[3:4] + w[5:] for w in longer]
    values = [*HOSTILE, *words, *digits, *longer]
    rows = [(_record(levels, draw, values), _record(levels, draw, values)) for _ in range(10_000)]
    narrow = draw.sample(values, 12)
    rows += [(_record(levels, draw, narrow), _record(levels, draw, narrow)) for _ in range(4_000)]
    sql, python = _both(levels, rows, many=False)
    assert [(r, s, p) for r, s, p in zip(rows, sql, python, strict=True) if s != p][:3] == []
    assert set(python) <= {MISSING, *range(len(levels.levels))}


@pytest.mark.parametrize("kind", [kind for kind, levels in EVERY.items() if levels.many])
def test_lists_compare_by_their_best_pair_in_both_engines(kind: str) -> None:
    levels, draw = EVERY[kind], random.Random(kind)
    values = [_tidy(v) for v in HOSTILE if _tidy(v)]
    name = column("x", "value")
    rows = [
        tuple({name: sorted(set(draw.choices(values, k=draw.randint(0, 4))))} for _ in range(2)) for _ in range(5_000)
    ]
    sql, python = _both(levels, rows, many=True)  # type: ignore[arg-type]
    assert sql == python


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted(EVERY)),
    st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), min_size=20, max_size=20),
)
def test_any_text_gives_one_level(kind: str, drawn: list[tuple[str, str]]) -> None:
    levels = EVERY[kind]
    rows = [tuple({column("x", role): _tidy(text) or None for role in levels.roles} for text in pair) for pair in drawn]
    sql, python = _both(levels, rows, many=False)  # type: ignore[arg-type]
    assert sql == python


@pytest.mark.parametrize("kind", EVERY)
def test_shares_shipped_with_a_kind_are_shares(kind: str) -> None:
    for share in ("m", "u"):
        assert sum(getattr(level, share) for level in EVERY[kind].levels) == pytest.approx(1, abs=0.03)


def test_a_level_does_not_depend_on_which_record_is_left() -> None:
    for kind, levels in EVERY.items():
        draw = random.Random(kind)
        form = levels.python({role: column("x", role) for role in levels.roles})
        for _ in range(3_000):
            one, two = _record(levels, draw, list(HOSTILE)), _record(levels, draw, list(HOSTILE))
            assert form(one, two) == form(two, one), (kind, one, two)


def test_every_kind_that_is_evidence_is_a_kind() -> None:
    assert set(LEVELS) <= set(KINDS)


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("p0@y.example", "p1@y.example", "other"),  # a letter of two is another mailbox
        ("jt@combs.net", "jt@cmobs.net", "near"),  # the same short mailbox, a slip in the domain
        ("jt@firma.de", "jt@other.example", "other"),
        ("anna.weber@firma.de", "anna.weber@other.example", "local"),
        ("anna.weber@firma.de", "anna.wbeer@firma.de", "near"),
        ("anna.weber@firma.de", "anna.webr@frima.de", "similar"),  # three slips are too many
        ("anna.weber1@y.example", "anna.weber2@y.example", "similar"),  # numbered by a provider
        ("anna.weber@y.example", "anna.weber7@y.example", "similar"),
        ("anna.weber17@y.example", "anna.wber1@y.example", "near"),  # other letters: the number may be a slip too
    ],
)
def test_nearness_of_mailboxes_goes_by_their_length(one: str, other: str, level: str) -> None:
    levels = EVERY["email"]
    sql, python = _both(levels, [({"x.value": one}, {"x.value": other})], many=False)
    assert sql == python
    assert levels.levels[python[0]].name == level


@pytest.mark.parametrize(
    ("kind", "one", "other", "level"),
    [
        ("birth_date", "19500601", "19800601", "generation"),
        ("birth_date", "19460601", "19640601", "generation"),
        ("birth_date", "19500601", "19530601", "near"),
        ("birth_date", "19500601", "19500610", "near"),
        ("identifier", "hrb500", "hrb501", "other"),  # numbers of a register follow each other
        ("identifier", "hrb12345", "hrb12346", "other"),
        ("identifier", "hrb12345678", "hrb12345687", "near"),
        ("identifier", "1234567", "1234568", "near"),
        ("given_name", "andrea", "andreas", "similar"),  # his and hers
        ("given_name", "mario", "maria", "similar"),
        ("given_name", "michel", "michele", "similar"),
        ("given_name", "dominik", "dominika", "similar"),
        ("given_name", "johanna", "johana", "near"),
        ("given_name", "susanna", "susanne", "near"),
        ("given_name", "mary", "mary ann", "short"),
    ],
)
def test_what_is_a_slip_and_what_is_another(kind: str, one: str, other: str, level: str) -> None:
    pairs = [({"x.value": a, "x": a}, {"x.value": b, "x": b}) for a, b in ((one, other), (other, one))]
    sql, python = _both(EVERY[kind], pairs, many=False)  # type: ignore[arg-type]
    assert sql == python
    assert [EVERY[kind].levels[found].name for found in python] == [level, level]


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("Schmidt & Söhne GmbH", "Schmidt und Söhne", "order"),
        ("Hotel Adler", "Adler Hotel", "order"),
        ("Nordsee International Trading", "Nordsee Intl Trading", "words"),
        ("Falcon Pelican Engineering", "Falcon Pelican Systems Engineering", "rare words"),
        ("Hartwell Delicatessen", "Hartwell Deli", "similar"),
        ("Adler Pelikan", "Adler Pelikan Zeisig", "rare part"),
        ("Adler Apotheke", "Adler Apotheke am Hafen", "part"),
        ("Kaiser Logistics", "Kaiser Realty", "some"),
        ("Hotel Adler", "Hotel Zeisig", "other"),  # what they share, many have
        ("Drayford Bakery", "Drayfrod Bakery", "near"),
        ("Motel 6", "Motel 8", "similar"),  # another number is no slip
        ("Nordwind Fonds I", "Nordwind Fonds II", "similar"),
    ],
)
def test_company_names_compare_by_words_and_how_rare_they_are(one: str, other: str, level: str) -> None:
    kind = KINDS["company_name"]
    left, right = (
        {"x": forms[""], "x.sorted": forms["tokens"], "x.joined": forms["joined"], "x.value": forms[""]}
        for forms in map(kind.forms, (one, other))
    )
    sql, python = _both(EVERY["company_name"], [(left, right), (right, left)], many=False)
    assert sql == python
    assert [EVERY["company_name"].levels[found].name for found in python] == [level, level]
