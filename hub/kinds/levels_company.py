"""Levels of company names: legal forms are already left out of the comparison form.

Names are compared by their words and how rare each is: what two names share, and what of each is left over. A word in
many names ('hotel', or what a third of all names begin with) says little, whether it is shared or left over.
"""

from __future__ import annotations

import re

from rapidfuzz.distance import Levenshtein

from hub.kinds.clues import clue, one_of
from hub.kinds.levels_base import (
    MISSING,
    Columns,
    Level,
    Levels,
    PythonForm,
    Rarity,
    Stored,
    near,
    near_sql,
    same,
    similar,
    similar_sql,
)
from hub.kinds.reading import word_set

COMPANY = (
    Level("exact", "the same company name", 0.60, 0.0002, tf="value", needs=one_of(clue("same", "value"))),
    Level(
        "order",
        "the same words in another order or spacing",
        0.06,
        0.00005,
        needs=one_of(clue("same", "sorted"), clue("same", "sorted", "value"), clue("same", "joined")),
    ),
    Level("near", "company names one letter apart", 0.06, 0.00004, needs=one_of(clue("near", "value"))),
    Level("rare words", "the same rare words, and little else", 0.05, 0.00002, 0.02),
    Level("words", "the same words, but for what many names have", 0.04, 0.0003, 0.03),
    Level("rare part", "rare words of one company name all in the other, which says more", 0.05, 0.00006, 0.08),
    Level("part", "the words of one company name are in the other", 0.04, 0.001, 0.08),
    Level("similar", "company names that share much, each with something of its own", 0.04, 0.003, 0.25),
    Level("some", "company names that share a word", 0.02, 0.01, 0.20),
    Level("other", "another company name", 0.04, 0.985, 0.30),
)
EXACT, ORDER, NEAR, RARE_WORDS, ALL_WORDS, RARE_PART, PART, SIMILAR, SOME, OTHER = range(len(COMPANY))

USUAL = 9_000  # milli-bits of a word that few names have
COMMON = 3_000
LITTLE, MUCH = 5_000, 14_000  # shared words: fewer say nothing, more are rare together
SHORTEST = 3  # letters of a word that is cut short
LONG = 5  # letters of a word of which one may be a slip
OWN = 1 << 24  # more milli-bits than the words of a name have
SHIPPED = Rarity(
    dict.fromkeys(
        word_set(
            """hotel restaurant cafe bar bistro grill bakery pharmacy school center centre church clinic hospital community association
            club foundation institute university college services service group holding international intl national global trading trade consulting
            solutions systems technologies technology tech software industries industrial industry manufacturing engineering construction logistics transport
            energy media design studio capital finance financial insurance bank partners management real estate properties development north south east west
            first new american european deutsche german swiss france italia espana bau handel handels technik verlag verein stiftung zentrum
            apotheke praxis haus restaurante hotels shop store stores market supermarket auto motors print druck"""
        ),
        COMMON,
    ),
    USUAL,
)


def _as_one(x: str, y: str) -> int:
    """Which share of a word is left over, one in so many, where the other name has this word: a slip apart, or cut short. 1: all."""
    if len(x) >= LONG and len(y) >= LONG and near(x, y):
        return 4
    short, long = (x, y) if len(x) <= len(y) else (y, x)
    if len(short) < SHORTEST or short[0] != long[0]:
        return 1
    # as far apart as their lengths are: the letters of one stand in the other, in their order
    cut = long.startswith(short) or (
        short[-1] == long[-1] and Levenshtein.distance(short, long) == len(long) - len(short)
    )
    return 2 if cut else 1


_NUMBERS = r"[0-9]+|\b[ivx]+\b"
_numbers = re.compile(_NUMBERS).findall


def _numbered(a: str, b: str) -> bool:
    """Are the names numbered, and otherwise? Another number is no slip: Motel 6 and Motel 8, Fonds I and Fonds II."""
    one, two = _numbers(a), _numbers(b)
    return bool(one and two) and one != two


def _numbered_sql(a: str, b: str) -> str:
    one, two = (f"regexp_extract_all({name}, '{_NUMBERS}')" for name in (a, b))
    return f"(len({one}) > 0 AND len({two}) > 0 AND {one} <> {two})"


def _left_over(one: list[str], other: list[str], words: Rarity) -> tuple[int, bool]:
    """Milli-bits of the words of one name that the other does not have; is one of them its own, no slip of another's and not cut short?"""
    there = set(other)
    shares = [(x, max(_as_one(x, y) for y in other)) for x in one if x not in there]
    return sum(words.of(x) // share for x, share in shares), any(share == 1 for _, share in shares)


def _by_words(one: list[str], other: list[str], words: Rarity) -> int:
    if not set(one) & set(other):
        return OTHER
    (left, mine), (right, yours) = _left_over(one, other, words), _left_over(other, one, words)
    shared = min(sum(map(words.of, one)) - left, sum(map(words.of, other)) - right)
    least, most = min(left, right), max(left, right)
    if shared < LITTLE:
        return OTHER
    if 4 * most <= shared and not (mine and yours):  # of two trades that all names are made of, each tells another firm
        return RARE_WORDS if shared >= MUCH else ALL_WORDS
    if 4 * least <= shared:
        return RARE_PART if shared >= MUCH else PART
    return SIMILAR if most < shared else SOME


def _company(columns: Columns, words: Rarity) -> PythonForm:
    value, in_order, joined = columns["value"], columns["sorted"], columns["joined"]

    def level(left: Stored, right: Stored) -> int:
        a, b = left.get(value), right.get(value)
        if not a or not b:
            return MISSING
        if a == b:
            return EXACT
        one, two = left.get(in_order) or a, right.get(in_order) or b
        if one == two or same(left, right, joined):
            return ORDER
        if len(a) >= LONG and len(b) >= LONG and near(a, b):
            return SIMILAR if _numbered(a, b) else NEAR
        found = _by_words(one.split(" "), two.split(" "), words)
        return SIMILAR if found > SIMILAR and len(a) >= LONG and len(b) >= LONG and similar(a, b) else found

    return level


def _left_over_sql(one: Sides, other: Sides) -> str:
    """`_left_over` of two lists of words, as one number: `OWN` and more where a word is its own, and what is beyond."""
    slip = f"least(length(x), length(y)) >= {LONG} AND {near_sql('x', 'y')}"

    def cut(short: str, long: str) -> str:
        return (
            f"(length({short}) >= {SHORTEST} AND {short}[1] = {long}[1] AND (starts_with({long}, {short}) OR "
            f"({short}[-1] = {long}[-1] AND levenshtein({short}, {long}) = length({long}) - length({short}))))"
        )

    short = f"(CASE WHEN length(x) <= length(y) THEN {cut('x', 'y')} ELSE {cut('y', 'x')} END)"
    share = f"list_max(list_transform({other[0]}, lambda y: CASE WHEN {slip} THEN 4 WHEN {short} THEN 2 ELSE 1 END))"
    each = f"list_transform([{share}], lambda s: {one[1]}[i] // s + CASE WHEN s = 1 THEN {OWN} ELSE 0 END)[1]"
    return f"list_sum(list_transform({one[0]}, lambda x, i: CASE WHEN list_contains({other[0]}, x) THEN 0 ELSE {each} END))"


Sides = tuple[str, str]  # expressions of a name's words and of how rare each is


def _sides(side: Columns) -> Sides:
    """As they stand in the record, else (where no data was seen) as shipped."""
    if "words" in side:
        return side["words"], side["rarity"]
    words = f"string_split(coalesce({side['sorted']}, {side['value']}), ' ')"
    return words, f"list_transform({words}, lambda x: {SHIPPED.sql('x')})"


def _company_sql(left: Columns, right: Columns) -> str:
    a, b = left["value"], right["value"]
    one, two = _sides(left), _sides(right)
    gone, new, whole, other = (
        _left_over_sql(one, two),
        _left_over_sql(two, one),
        f"list_sum({one[1]})",
        f"list_sum({two[1]})",
    )
    # one row of one value each, so that nothing is worked out twice
    found = (
        f"list_transform([{{'l': {gone}, 'r': {new}, 'a': {whole}, 'b': {other}}}], lambda v: "
        f"list_transform([{{'own': least(v.l, v.r) >= {OWN}, 's': least(v.a - v.l % {OWN}, v.b - v.r % {OWN}), "
        f"'least': least(v.l % {OWN}, v.r % {OWN}), 'most': greatest(v.l % {OWN}, v.r % {OWN})}}], lambda w: "
        f"CASE WHEN w.s < {LITTLE} THEN {OTHER} WHEN NOT w.own AND 4 * w.most <= w.s THEN (CASE WHEN w.s >= {MUCH} THEN {RARE_WORDS} ELSE {ALL_WORDS} END) "
        f"WHEN 4 * w.least <= w.s THEN (CASE WHEN w.s >= {MUCH} THEN {RARE_PART} ELSE {PART} END) "
        f"WHEN w.most < w.s THEN {SIMILAR} ELSE {SOME} END)[1])[1]"
    )
    alike = f"least(length({a}), length({b})) >= {LONG} AND {similar_sql(a, b)}"
    return (
        f"CASE WHEN {a} IS NULL OR {b} IS NULL THEN {MISSING} WHEN {a} = {b} THEN {EXACT} "
        f"WHEN coalesce({left['sorted']}, {a}) = coalesce({right['sorted']}, {b}) OR coalesce({left['joined']} = {right['joined']}, false) THEN {ORDER} "
        f"WHEN least(length({a}), length({b})) >= {LONG} AND {near_sql(a, b)} THEN (CASE WHEN {_numbered_sql(a, b)} THEN {SIMILAR} ELSE {NEAR} END) "
        f"WHEN NOT list_has_any({one[0]}, {two[0]}) THEN (CASE WHEN {alike} THEN {SIMILAR} ELSE {OTHER} END) "
        f"WHEN {alike} THEN least({found}, {SIMILAR}) ELSE {found} END"
    )


COMPANY_NAME = Levels(
    ("value", "sorted", "joined"),
    COMPANY,
    _company_sql,
    lambda columns: _company(columns, SHIPPED),
    name=True,
    shared=True,
    words=SHIPPED,
    by_words=_company,
)
