"""Levels of given, middle and family names.

Given and family name look at each other so that swapped columns are one finding, not two
disagreements: the given name then reports `swapped`, the family name nothing.
"""

from __future__ import annotations

from hub.kinds.clues import Feature, clue, one_of
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
    same,
    similar,
    similar_sql,
)

_SAME, _NEAR, _LIKE, _WITHIN = (
    clue("same", "value"),
    clue("near", "value"),
    clue("like", "value"),
    clue("within", "value"),
)
_SOUND = clue("same", "sound")
SHORT = 4  # letters of a given name of which one makes another name
_CROSSED = one_of(clue("same", "value", "family"))

GIVEN = (
    Level(
        "exact",
        "the same given name",
        0.74,
        0.004,
        0.008,
        tf="value",
        needs=one_of(_SAME),
        careful=Careful(0.69, 0.017),
    ),
    Level("near", "given names one letter apart", 0.08, 0.002, 0.004, needs=one_of(_NEAR), careful=Careful(0.125)),
    Level(
        "nickname",
        "one given name is a nickname or variant of the other",
        0.05,
        0.004,
        needs=one_of(clue("same", "canonical")),
    ),
    Level("short", "one given name is a part of the other", 0.03, 0.004, needs=one_of(_WITHIN)),
    Level(
        "initial",
        "one given name is the initial of the other",
        0.03,
        0.006,
        needs=one_of(_WITHIN),
        careful=Careful(0.047, 0.021),
    ),
    Level("swapped", "given and family name are swapped", 0.015, 0.00004, needs=_CROSSED),
    Level(
        "similar",
        "given names spelt or sounding alike",
        0.025,
        0.012,
        needs=one_of(_SOUND, _LIKE),
        careful=Careful(h=0.12),  # brothers and sisters, and couples: Andrea and Andreas
    ),
    Level("other", "another given name", 0.03, 0.966, 0.95, careful=Careful(0.025, 0.80)),
)
FAMILY = (
    Level("exact", "the same family name", 0.84, 0.002, 0.60, tf="value", needs=one_of(_SAME)),
    Level("near", "family names one letter apart", 0.07, 0.001, 0.03, needs=one_of(_NEAR), careful=Careful(h=0.018)),
    Level("part", "one family name is a part of the other", 0.02, 0.001, 0.01, needs=one_of(clue("within", "words"))),
    Level("similar", "family names spelt or sounding alike", 0.03, 0.006, 0.01, needs=one_of(_SOUND, _LIKE)),
    Level("other", "another family name", 0.03, 0.99, 0.35, free=True),
)
MIDDLE = (
    Level("exact", "the same middle name", 0.70, 0.01, 0.03, tf="value", needs=one_of(_SAME)),
    Level("short", "one middle name is an initial or the beginning of the other", 0.18, 0.05, needs=one_of(_WITHIN)),
    Level("similar", "middle names spelt alike", 0.05, 0.01, needs=one_of(_LIKE)),
    Level("other", "another middle name", 0.07, 0.93, 0.90),
)


def _swapped(a: str, b: str, left_family: str | None, right_family: str | None) -> bool:
    """One name stands in the other column of the other record, and so, nearly, does its partner."""
    if not left_family or not right_family or left_family == right_family:
        return False
    if a == right_family:
        return similar(left_family, b)
    return left_family == b and similar(a, right_family)


def _swapped_sql(a: str, b: str, left_family: str, right_family: str) -> str:
    return (
        f"coalesce({left_family} <> {right_family} AND (CASE WHEN {a} = {right_family} THEN {similar_sql(left_family, b)} "
        f"WHEN {left_family} = {b} THEN {similar_sql(a, right_family)} ELSE false END), false)"
    )


def _mistyped(a: str, b: str) -> bool:
    """One letter changed, added or dropped in a name that is long enough for that to be a slip: of four letters one
    makes another name (Sina, Nina). Two neighbours swapped are a slip in any."""
    if not near(a, b):
        return False
    return (len(a) > SHORT and len(b) > SHORT) or (len(a) == len(b) and sorted(a) == sorted(b))


def _mistyped_sql(a: str, b: str) -> str:
    letters = f"list_sort(string_split({a}, '')) = list_sort(string_split({b}, ''))"
    return f"({near_sql(a, b)} AND (least(length({a}), length({b})) > {SHORT} OR {letters}))"


_HERS = ("a", "e", "ie", "ia", "ne", "le", "la")  # what makes his name hers
_HIS = 4  # letters of his name, at least


def _his_and_hers(a: str, b: str) -> bool:
    """Two names, one of a man and one of a woman, by the ending alone: Dominik and Dominika, Mario and Maria, Andreas and Andrea."""
    his, hers = (a, b) if len(a) <= len(b) else (b, a)
    if len(his) < _HIS or his[:-1] != hers[: len(his) - 1]:
        return False
    if len(his) == len(hers):
        return {his[-1], hers[-1]} == {"o", "a"}
    return his[-1] == hers[len(his) - 1] and (
        hers[len(his) :] in _HERS or (his[-1] in "ae" and hers[len(his) :] == "s")
    )


def _his_and_hers_sql(a: str, b: str) -> str:
    endings = ", ".join(f"'{ending}'" for ending in _HERS)

    def longer(his: str, hers: str) -> str:
        rest = f"substr({hers}, length({his}) + 1)"
        return f"(starts_with({hers}, {his}) AND ({rest} IN ({endings}) OR ({rest} = 's' AND right({his}, 1) IN ('a', 'e'))))"

    stem = f"left({a}, -1) = left({b}, -1)"
    alike = (
        f"({stem} AND ((right({a}, 1) = 'o' AND right({b}, 1) = 'a') OR (right({a}, 1) = 'a' AND right({b}, 1) = 'o')))"
    )
    return (
        f"(CASE WHEN least(length({a}), length({b})) < {_HIS} THEN false WHEN length({a}) = length({b}) THEN {alike} "
        f"WHEN length({a}) < length({b}) THEN {longer(a, b)} ELSE {longer(b, a)} END)"
    )


_VOWELS = "aeiouy"


def _sounds_alike(a: str, b: str) -> bool:
    """Of two given names that sound the same: a code of sounds knows no vowels, and in short names they tell (Lena, Lina)."""
    if len(a) > SHORT or len(b) > SHORT:
        return True
    one, two = ([letter for letter in name.replace("y", "i") if letter in _VOWELS] for name in (a, b))
    return one == two


def _sounds_alike_sql(a: str, b: str) -> str:
    one, two = (f"regexp_replace(replace({name}, 'y', 'i'), '[^{_VOWELS}]', '', 'g')" for name in (a, b))
    return f"(greatest(length({a}), length({b})) > {SHORT} OR {one} = {two})"


def _begins(a: str, b: str) -> bool:
    return b.startswith(a) or a.startswith(b)


def _begins_sql(a: str, b: str) -> str:
    return f"(starts_with({b}, {a}) OR starts_with({a}, {b}))"


def _short(a: str, b: str) -> bool:
    """One is the beginning, the end or a word of the other."""
    if len(a) > len(b):
        a, b = b, a
    return b.startswith(a) or (len(a) > 3 and b.endswith(a)) or f" {a} " in f" {b} "


def _short_sql(a: str, b: str) -> str:
    def within(short: str, long: str) -> str:
        return (
            f"(starts_with({long}, {short}) OR (length({short}) > 3 AND ends_with({long}, {short})) "
            f"OR contains(concat(' ', {long}, ' '), concat(' ', {short}, ' ')))"
        )

    return f"(CASE WHEN length({a}) > length({b}) THEN {within(b, a)} ELSE {within(a, b)} END)"


def _given_sql(left: Columns, right: Columns) -> str:
    a, b = left["value"], right["value"]
    swap = f"WHEN {_swapped_sql(a, b, left['family'], right['family'])} THEN 5 " if "family" in left else ""
    return (
        f"CASE WHEN {a} IS NULL OR {b} IS NULL THEN {MISSING} WHEN {a} = {b} THEN (CASE WHEN length({a}) = 1 THEN 4 ELSE 0 END) "
        f"WHEN least(length({a}), length({b})) = 1 THEN (CASE WHEN {_begins_sql(a, b)} THEN 4 ELSE 7 END) "
        f"{swap}WHEN {_his_and_hers_sql(a, b)} AND coalesce({left['canonical']} <> {right['canonical']}, true) THEN 6 WHEN least(length({a}), length({b})) > 2 AND {_mistyped_sql(a, b)} THEN 1 WHEN {_short_sql(a, b)} THEN 3 "
        f"WHEN {left['canonical']} = {right['canonical']} THEN 2 "
        f"WHEN ({left['sound']} = {right['sound']} AND {_sounds_alike_sql(a, b)}) OR (least(length({a}), length({b})) > {SHORT} AND {similar_sql(a, b)}) "
        f"THEN 6 ELSE 7 END"
    )


def _given(columns: Columns) -> PythonForm:
    value, canonical, sound, family = columns["value"], columns["canonical"], columns["sound"], columns.get("family")

    def level(left: Stored, right: Stored) -> int:
        a, b = left.get(value), right.get(value)
        if not a or not b:
            return MISSING
        if a == b:
            return 4 if len(a) == 1 else 0
        if len(a) == 1 or len(b) == 1:
            return 4 if _begins(a, b) else 7
        if family and _swapped(a, b, left.get(family), right.get(family)):
            return 5
        if _his_and_hers(a, b) and not same(left, right, canonical):
            return 6
        if len(a) > 2 and len(b) > 2 and _mistyped(a, b):
            return 1
        if _short(a, b):
            return 3
        if same(left, right, canonical):
            return 2
        if same(left, right, sound) and _sounds_alike(a, b):
            return 6
        return 6 if len(a) > SHORT and len(b) > SHORT and similar(a, b) else 7

    return level


def _part(a: str, b: str) -> bool:
    """One name's words all stand in the other, or it is the beginning of it."""
    short, long = (a, b) if len(a) <= len(b) else (b, a)
    return len(short) > 2 and (f" {short} " in f" {long} " or long.startswith(short))


def _part_sql(a: str, b: str) -> str:
    def within(short: str, long: str) -> str:
        return f"(length({short}) > 2 AND (contains(concat(' ', {long}, ' '), concat(' ', {short}, ' ')) OR starts_with({long}, {short})))"

    return f"(CASE WHEN length({a}) <= length({b}) THEN {within(a, b)} ELSE {within(b, a)} END)"


def _family_sql(left: Columns, right: Columns) -> str:
    a, b = left["value"], right["value"]
    one_words, two_words = f"coalesce({left['words']}, {a})", f"coalesce({right['words']}, {b})"
    swap = ""
    if "given" in left:
        one, two = left["given"], right["given"]
        swap = f"WHEN {one} IS NOT NULL AND {two} IS NOT NULL AND {one} <> {two} AND least(length({one}), length({two})) > 1 AND {_swapped_sql(one, two, a, b)} THEN {MISSING} "
    return (
        f"CASE WHEN {a} IS NULL OR {b} IS NULL THEN {MISSING} WHEN {a} = {b} THEN 0 {swap}"
        f"WHEN least(length({a}), length({b})) > 3 AND {near_sql(a, b)} THEN 1 WHEN {_part_sql(one_words, two_words)} THEN 2 "
        f"WHEN {left['sound']} = {right['sound']} OR (least(length({a}), length({b})) > 2 AND {similar_sql(a, b)}) THEN 3 ELSE 4 END"
    )


def _family(columns: Columns) -> PythonForm:
    value, words, sound, given = columns["value"], columns["words"], columns["sound"], columns.get("given")

    def level(left: Stored, right: Stored) -> int:
        a, b = left.get(value), right.get(value)
        if not a or not b:
            return MISSING
        if a == b:
            return 0
        if given:
            one, two = left.get(given), right.get(given)
            if one and two and one != two and len(one) > 1 and len(two) > 1 and _swapped(one, two, a, b):
                return MISSING
        if len(a) > 3 and len(b) > 3 and near(a, b):
            return 1
        if _part(left.get(words) or a, right.get(words) or b):
            return 2
        return 3 if same(left, right, sound) or (len(a) > 2 and len(b) > 2 and similar(a, b)) else 4

    return level


def _middle(columns: Columns) -> PythonForm:
    value = columns["value"]

    def level(left: Stored, right: Stored) -> int:
        a, b = left.get(value), right.get(value)
        if not a or not b:
            return MISSING
        if a == b:
            return 1 if len(a) == 1 else 0
        if _begins(a, b):
            return 1
        return 2 if len(a) > 2 and len(b) > 2 and similar(a, b) else 3

    return level


def _middle_sql(left: Columns, right: Columns) -> str:
    a, b = left["value"], right["value"]
    return (
        f"CASE WHEN {a} IS NULL OR {b} IS NULL THEN {MISSING} WHEN {a} = {b} THEN (CASE WHEN length({a}) = 1 THEN 1 ELSE 0 END) "
        f"WHEN {_begins_sql(a, b)} THEN 1 WHEN least(length({a}), length({b})) > 2 AND {similar_sql(a, b)} THEN 2 ELSE 3 END"
    )


GIVEN_NAME = Levels(
    ("value", "canonical", "sound", "family"), GIVEN, _given_sql, _given, name=True, optional=("family",)
)
FAMILY_NAME = Levels(
    ("value", "words", "sound", "given"),
    FAMILY,
    _family_sql,
    _family,
    shared=True,
    name=True,
    optional=("given",),
    features={"words": Feature(("words", "value"))},
    silent=one_of(clue("same", "given", "value")),
)
MIDDLE_NAME = Levels(("value",), MIDDLE, _middle_sql, _middle)
