"""Levels of postal addresses: street, house, postcode and city as one finding.

They are one fact, not four: counted apart, a shared flat would weigh like four coincidences.
"""

from __future__ import annotations

from dataclasses import replace

from hub.kinds.clues import clue, one_of
from hub.kinds.levels_base import (
    MISSING,
    Careful,
    Columns,
    Level,
    Levels,
    PythonForm,
    Stored,
    near,
    near_sql,
    similar,
    similar_sql,
)

_STREET, _ALIKE, _HOUSE = clue("same", "street"), clue("like", "street"), clue("same", "house")
_CODE, _CITY = clue("same", "postcode"), clue("same", "city")
_PLACES = (_CODE, _CITY, clue("near", "postcode"), clue("near", "city"))

ADDRESS = (
    Level(
        "same",
        "the same street, house and place",
        0.42,
        0.00002,
        0.70,
        tf="value",
        n=0.005,
        needs=((_STREET, _CODE), (_STREET, _CITY)),
    ),
    Level(
        "nearly",
        "nearly the same street and house, in the same place",
        0.22,
        0.00003,
        0.12,
        n=0.01,
        needs=tuple((_ALIKE, place) for place in _PLACES),
    ),
    Level(
        "street",
        "the same or nearly the same street",
        0.06,
        0.0004,
        0.03,
        n=0.03,
        needs=((_ALIKE,), (_HOUSE, _CODE)),
        careful=Careful(n=0.015),
    ),
    Level(
        "postcode",
        "the same postcode, another street",
        0.05,
        0.003,
        0.03,
        tf="postcode",
        needs=one_of(_CODE),
        careful=Careful(0.059),
    ),
    Level("city", "the same city", 0.09, 0.03, 0.05, tf="city", n=0.06, needs=one_of(_CITY)),
    Level("near place", "nearly the same postcode or city", 0.03, 0.02, 0.01, needs=one_of(*_PLACES)),
    Level("other", "another address", 0.13, 0.94, 0.06, n=0.88),
)


def _alike(a: str | None, b: str | None) -> bool:
    return bool(a and b) and (a == b or (len(str(a)) > 3 and len(str(b)) > 3 and similar(str(a), str(b))))


def _alike_sql(a: str, b: str) -> str:
    return f"({a} = {b} OR (least(length({a}), length({b})) > 3 AND {similar_sql(a, b)}))"


def _place(left: str | None, right: str | None) -> bool:
    """Nearly the same postcode or city name."""
    return bool(left and right) and len(str(left)) > 3 and len(str(right)) > 3 and near(str(left), str(right))


def _place_sql(a: str, b: str) -> str:
    return f"(least(length({a}), length({b})) > 3 AND {near_sql(a, b)})"


def _address(columns: Columns) -> PythonForm:
    street, house, postcode, city = (columns[role] for role in ("street", "house", "postcode", "city"))

    def level(left: Stored, right: Stored) -> int:
        s, t = left.get(street), right.get(street)
        p, q = left.get(postcode), right.get(postcode)
        c, d = left.get(city), right.get(city)
        if not ((s and t) or (p and q) or (c and d)):
            return MISSING
        same_code, same_city = bool(p) and p == q, bool(c) and c == d
        streets = bool(s and t)
        h, i = left.get(house), right.get(house)
        same_house = bool(h) and h == i
        one_house = same_house or not (h or i)
        if same_code or same_city:
            if streets and (s == t or _alike(s, t)):
                return 0 if s == t and one_house else 1 if one_house else 2
            if streets and same_house and same_code:
                return 2
            return 3 if same_code else 4
        if not ((p and q) or (c and d)):
            return 2 if _alike(s, t) else 6
        if _place(p, q) or _place(c, d):
            return (1 if one_house else 2) if streets and _alike(s, t) else 5
        return 2 if same_house and streets and _alike(s, t) else 6

    return level


def _address_sql(left: Columns, right: Columns) -> str:
    s, t = left["street"], right["street"]
    h, i = left["house"], right["house"]
    p, q = left["postcode"], right["postcode"]
    c, d = left["city"], right["city"]
    # conditions stay bare ANDs and ORs (null counts as false): so DuckDB only reaches the distances where it must
    streets = f"({s} IS NOT NULL AND {t} IS NOT NULL)"
    house = f"({h} = {i} OR ({h} IS NULL AND {i} IS NULL))"
    near_place = f"({_place_sql(p, q)} OR {_place_sql(c, d)})"
    nowhere = f"({p} IS NULL OR {q} IS NULL) AND ({c} IS NULL OR {d} IS NULL)"
    alike = f"{streets} AND {_alike_sql(s, t)}"
    elsewhere = (
        f"(CASE WHEN {near_place} THEN (CASE WHEN {alike} THEN (CASE WHEN {house} THEN 1 ELSE 2 END) ELSE 5 END) "
    )
    elsewhere += f"WHEN {h} = {i} AND {alike} THEN 2 ELSE 6 END)"
    return (
        f"CASE WHEN {p} = {q} OR {c} = {d} THEN (CASE WHEN {s} = {t} AND {house} THEN 0 "
        f"WHEN {alike} THEN (CASE WHEN {house} THEN 1 ELSE 2 END) WHEN {streets} AND {h} = {i} AND {p} = {q} THEN 2 "
        f"WHEN {p} = {q} THEN 3 ELSE 4 END) "
        f"WHEN {nowhere} THEN (CASE WHEN NOT {streets} THEN {MISSING} WHEN {_alike_sql(s, t)} THEN 2 ELSE 6 END) ELSE {elsewhere} END"
    )


# Of companies: sisters at one address are few, and two shops of one name are next to never at one
_SISTERS = (0.40, 0.08, 0.05, 0.05, 0.10, 0.03, 0.29)
_SHOPS = (0.0005, 0.002, 0.03, None, 0.06, None, 0.90)
PREMISES = tuple(
    replace(level, h=h, n=n, careful=Careful()) for level, h, n in zip(ADDRESS, _SISTERS, _SHOPS, strict=True)
)

POSTAL_ADDRESS = Levels(
    ("value", "street", "house", "postcode", "city"),
    ADDRESS,
    _address_sql,
    _address,
    shared=True,
    present=("street", "postcode", "city"),
)
COMPANY_ADDRESS = replace(POSTAL_ADDRESS, levels=PREMISES)
