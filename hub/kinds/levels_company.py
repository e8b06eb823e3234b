"""Levels of company names: legal forms are already left out of the comparison form."""

from __future__ import annotations

from hub.kinds.clues import Feature, clue, one_of
from hub.kinds.levels_base import (
    MISSING,
    Columns,
    Level,
    Levels,
    PythonForm,
    Stored,
    near,
    near_sql,
    same,
    similar,
    similar_sql,
)

COMPANY = (
    Level("exact", "the same company name", 0.66, 0.0002, tf="value", needs=one_of(clue("same", "value"))),
    Level(
        "order",
        "the same words in another order or spacing",
        0.06,
        0.00005,
        needs=one_of(clue("same", "sorted"), clue("same", "joined")),
    ),
    Level("near", "company names one letter apart", 0.06, 0.0001, needs=one_of(clue("near", "value"))),
    Level("part", "one company name is a part of the other", 0.08, 0.001, 0.10, needs=one_of(clue("within", "value"))),
    Level("similar", "company names spelt alike", 0.04, 0.003, 0.20, needs=one_of(clue("like", "value"))),
    Level(
        "first word", "company names with the same first word", 0.02, 0.01, 0.35, needs=one_of(clue("same", "first"))
    ),
    Level("other", "another company name", 0.05, 0.985, 0.45),
)


def _first(text: str) -> str:
    return text.partition(" ")[0]


def _company(columns: Columns) -> PythonForm:
    value, in_order, joined = columns["value"], columns["sorted"], columns["joined"]

    def level(left: Stored, right: Stored) -> int:
        a, b = left.get(value), right.get(value)
        if not a or not b:
            return MISSING
        if a == b:
            return 0
        one, two = left.get(in_order), right.get(in_order)
        if (one and one == two) or same(left, right, joined):
            return 1
        if len(a) > 4 and len(b) > 4 and near(a, b):
            return 2
        short, long = (a, b) if len(a) <= len(b) else (b, a)
        if len(short) > 2 and f" {short} " in f" {long} ":
            return 3
        if len(short) > 4 and similar(a, b):
            return 4
        first = _first(a)
        return 5 if len(first) > 2 and first == _first(b) else 6

    return level


def _company_sql(left: Columns, right: Columns) -> str:
    a, b = left["value"], right["value"]

    def within(short: str, long: str) -> str:
        return f"(length({short}) > 2 AND contains(concat(' ', {long}, ' '), concat(' ', {short}, ' ')))"

    part = f"(CASE WHEN length({a}) <= length({b}) THEN {within(a, b)} ELSE {within(b, a)} END)"
    first = f"split_part({a}, ' ', 1)"
    return (
        f"CASE WHEN {a} IS NULL OR {b} IS NULL THEN {MISSING} WHEN {a} = {b} THEN 0 "
        f"WHEN coalesce({left['sorted']} = {right['sorted']}, false) OR coalesce({left['joined']} = {right['joined']}, false) THEN 1 "
        f"WHEN least(length({a}), length({b})) > 4 AND {near_sql(a, b)} THEN 2 WHEN {part} THEN 3 "
        f"WHEN least(length({a}), length({b})) > 4 AND {similar_sql(a, b)} THEN 4 "
        f"WHEN length({first}) > 2 AND {first} = split_part({b}, ' ', 1) THEN 5 ELSE 6 END"
    )


COMPANY_NAME = Levels(
    ("value", "sorted", "joined"),
    COMPANY,
    _company_sql,
    _company,
    name=True,
    shared=True,
    features={"first": Feature(("value",), _first)},
)
