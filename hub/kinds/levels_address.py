"""Levels of postal addresses: street, house, postcode and city as one finding.

They are one fact, not four: counted apart, a shared flat would weigh like four coincidences.
"""

from __future__ import annotations

from hub.kinds.levels_base import (
    MISSING,
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

ADDRESS = (
    Level("same", "the same street, house and place", 0.42, 0.00002, 0.70, tf="value"),
    Level("nearly", "nearly the same street and house, in the same place", 0.22, 0.00003, 0.12),
    Level("street", "the same or nearly the same street", 0.06, 0.0004, 0.03),
    Level("postcode", "the same postcode, another street", 0.05, 0.003, 0.03, tf="postcode"),
    Level("city", "the same city", 0.09, 0.03, 0.05, tf="city"),
    Level("near place", "nearly the same postcode or city", 0.03, 0.02, 0.01),
    Level("other", "another address", 0.13, 0.94, 0.06),
)


def _alike(a: str | None, b: str | None) -> bool:
    return bool(a and b) and (a == b or (len(str(a)) > 3 and len(str(b)) > 3 and similar(str(a), str(b))))


def _alike_sql(a: str, b: str) -> str:
    return f"coalesce({a} = {b} OR (least(length({a}), length({b})) > 3 AND {similar_sql(a, b)}), false)"


def _place(left: str | None, right: str | None) -> bool:
    """Nearly the same postcode or city name."""
    return bool(left and right) and len(str(left)) > 3 and len(str(right)) > 3 and near(str(left), str(right))


def _place_sql(a: str, b: str) -> str:
    return f"coalesce(least(length({a}), length({b})) > 3 AND {near_sql(a, b)}, false)"


def _address(columns: Columns) -> PythonForm:
    street, house, postcode, city = (columns[role] for role in ("street", "house", "postcode", "city"))

    def level(left: Stored, right: Stored) -> int:
        s, t = left.get(street), right.get(street)
        p, q = left.get(postcode), right.get(postcode)
        c, d = left.get(city), right.get(city)
        if not ((s and t) or (p and q) or (c and d)):
            return MISSING
        same_code, same_city = bool(p) and p == q, bool(c) and c == d
        there = same_code or same_city
        if s and t:
            h, i = left.get(house), right.get(house)
            same_street, same_house = s == t, h == i and bool(h)
            no_house = not h and not i
            if there and same_street and (same_house or no_house):
                return 0
            alike = same_street or _alike(s, t)
            known = bool((p and q) or (c and d))
            near_place = known and (there or _place(p, q) or _place(c, d))
            placed = near_place or not known
            if alike and near_place and (same_house or no_house):
                return 1
            if alike and (placed or same_house):
                return 2
            if same_house and same_code:
                return 2
        if same_code:
            return 3
        if same_city:
            return 4
        return 5 if _place(p, q) or _place(c, d) else 6

    return level


def _address_sql(left: Columns, right: Columns) -> str:
    s, t = left["street"], right["street"]
    h, i = left["house"], right["house"]
    p, q = left["postcode"], right["postcode"]
    c, d = left["city"], right["city"]
    streets = f"({s} IS NOT NULL AND {t} IS NOT NULL)"
    codes, cities = f"({p} IS NOT NULL AND {q} IS NOT NULL)", f"({c} IS NOT NULL AND {d} IS NOT NULL)"
    same_code, same_city = f"coalesce({p} = {q}, false)", f"coalesce({c} = {d}, false)"
    there = f"({same_code} OR {same_city})"
    house = f"coalesce({h} = {i}, {h} IS NULL AND {i} IS NULL)"
    same_house = f"coalesce({h} = {i}, false)"
    near_place = f"({_place_sql(p, q)} OR {_place_sql(c, d)})"
    close = f"({there} OR {near_place})"
    placed = f"({close} OR NOT ({codes} OR {cities}))"
    return (
        f"CASE WHEN NOT ({streets} OR {codes} OR {cities}) THEN {MISSING} "
        f"WHEN {s} = {t} AND {there} AND {house} THEN 0 "
        f"WHEN {streets} AND {_alike_sql(s, t)} AND ({placed} OR {same_house}) THEN (CASE WHEN {close} AND {house} THEN 1 ELSE 2 END) "
        f"WHEN {streets} AND {same_house} AND {same_code} THEN 2 "
        f"WHEN {same_code} THEN 3 WHEN {same_city} THEN 4 WHEN {near_place} THEN 5 ELSE 6 END"
    )


POSTAL_ADDRESS = Levels(("value", "street", "house", "postcode", "city"), ADDRESS, _address_sql, _address, shared=True)
