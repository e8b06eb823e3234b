"""Comparison levels: how far two values of a kind agree.

A kind's levels are declared once, with two forms that must agree exactly: SQL over the stored
comparison forms (batch) and Python (live). Both return an integer: the level's place in
`Levels.levels`, strongest first, or `MISSING` when one side says nothing. Forms are ASCII and
short, so bytes are characters; distances are whole numbers, so no level has a fuzzy edge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rapidfuzz.distance import DamerauLevenshtein, Levenshtein

from hub.kinds.clues import ALWAYS, Feature, Needs

MISSING = -1
LONGEST = 60  # characters of a form that are compared: bounds the cost of a 10 kB value

Columns = Mapping[str, str]  # role in the comparison -> column of the standardised record
Texts = str | list[str] | None
Forms = Mapping[str, Texts]  # of a standardised record: column -> text, or texts of an attribute with several
Stored = Mapping[str, Any]  # the same, for functions that know which of both a column holds
PythonForm = Callable[[Stored, Stored], int]


def texts_of(held: Texts) -> Sequence[str]:
    """What a column holds, as a list."""
    return () if not held else (held,) if isinstance(held, str) else held


class Careful(NamedTuple):
    """A level's shares in the weights that no data has trained, where they are others than those that training begins with."""

    m: float | None = None
    h: float | None = None
    n: float | None = None


_AS_TRAINING = Careful()


@dataclass(frozen=True)
class Level:
    """One level. `m`, `u`, `h`, `n`: its shipped share among pairs of one customer, of strangers, of two
    members of one household, of two namesakes; the start of training, and used where training saw nothing.
    `tf`: the role whose agreeing value's frequency adjusts the weight. `needs`: the clues without which it cannot be."""

    name: str
    words: str
    m: float
    u: float
    h: float | None = None  # None: as among strangers, whatever training sees
    tf: str | None = None
    n: float | None = None  # the same
    needs: Needs = ALWAYS
    careful: Careful = _AS_TRAINING
    free: bool = False  # learned without a bound, though housemates have it oftener: a family name changes by marriage


@dataclass(frozen=True)
class Rarity:
    """How rare words of names are, in milli-bits: those that many names have, and all others."""

    frequent: Mapping[str, int]
    unseen: int

    def of(self, word: str) -> int:
        return self.frequent.get(word, self.unseen)

    def sql(self, word: str) -> str:
        """The same in SQL."""
        names = ", ".join("'" + name.replace("'", "''") + "'" for name in self.frequent)
        if not names:
            return str(self.unseen)
        return f"coalesce(map_extract_value(MAP([{names}], [{', '.join(map(str, self.frequent.values()))}]), {word}), {self.unseen})"


@dataclass(frozen=True)
class Levels:
    """The levels of a kind.

    roles   columns it reads; the first is the value itself
    shared  a household shares such values: agreement says little about which member it is
    name    it is a name: namesakes share it by definition
    named   it goes with a name (an e-mail address is made of one, a name tells the sex): learned among namesakes
    many    the forms work on single texts, so a list compares by its best pair
    sql     SQL expressions of the two sides, by role -> SQL expression of the level
    python  columns by role -> function of two records
    optional  roles that a customer type may lack
    features  what clues look at, by name; a role that is not named is a feature itself
    present   there is something to say when both sides have one of these features
    silent    clues under which there may be nothing to say all the same
    """

    roles: tuple[str, ...]
    levels: tuple[Level, ...]
    sql: Callable[[Columns, Columns], str]
    python: Callable[[Columns], PythonForm]
    shared: bool = False
    many: bool = False
    name: bool = False
    named: bool = False
    contact: bool = False  # may be only claimed: see `Model.claimed`
    optional: tuple[str, ...] = ()
    features: Mapping[str, Feature] = field(default_factory=dict)
    present: tuple[str, ...] = ("value",)
    silent: Needs = ALWAYS
    words: Rarity | None = None
    by_words: Callable[[Columns, Rarity], PythonForm] | None = None

    def feature(self, name: str) -> Feature:
        return self.features.get(name) or Feature((name,))


def scalar(
    levels: tuple[Level, ...],
    sql: Callable[[str, str], str],
    python: Callable[[str, str], int],
    *,
    shared: bool = False,
    named: bool = False,
    contact: bool = False,
    features: Mapping[str, Feature] | None = None,
) -> Levels:
    """Levels that look at one text on each side (`sql` and `python` never see missing values)."""

    def whole(left: Columns, right: Columns) -> str:
        a, b = left["value"], right["value"]
        return f"CASE WHEN {a} IS NULL OR {b} IS NULL THEN {MISSING} ELSE {sql(a, b)} END"

    def bound(columns: Columns) -> PythonForm:
        column = columns["value"]

        def level(left: Stored, right: Stored) -> int:
            a, b = left.get(column), right.get(column)
            if not a or not b:
                return MISSING
            if isinstance(a, str) and isinstance(b, str):
                return python(a, b)
            return min(python(x, y) for x in a for y in b)

        return level

    return Levels(
        ("value",),
        levels,
        whole,
        bound,
        shared=shared,
        named=named,
        many=True,
        contact=contact,
        features=features or {},
    )


def near(a: str, b: str) -> bool:
    """One letter changed, added, dropped, or two neighbours swapped."""
    distance = Levenshtein.distance(a, b, score_cutoff=2)
    return distance <= 1 or (distance == 2 and len(a) == len(b) and DamerauLevenshtein.distance(a, b) == 1)


def near_sql(a: str, b: str) -> str:
    # of one length, a distance of one is one place that differs: hamming is ten times faster, damerau ten times slower
    return (
        f"(CASE WHEN length({a}) = length({b}) THEN (CASE WHEN hamming({a}, {b}) <= 1 THEN true "
        f"WHEN hamming({a}, {b}) = 2 THEN damerau_levenshtein({a}, {b}) = 1 ELSE false END) "
        f"WHEN abs(length({a}) - length({b})) = 1 THEN levenshtein({a}, {b}) = 1 ELSE false END)"
    )


def similar(a: str, b: str) -> bool:
    """At most a third of the letters differ."""
    longest = max(len(a), len(b))
    return 3 * Levenshtein.distance(a, b, score_cutoff=longest // 3) <= longest


def similar_sql(a: str, b: str) -> str:
    longest = f"greatest(length({a}), length({b}))"
    return f"(CASE WHEN 3 * abs(length({a}) - length({b})) > {longest} THEN false ELSE 3 * levenshtein({a}, {b}) <= {longest} END)"


def same(left: Stored, right: Stored, column: str) -> bool:
    """Both sides hold one text, and it is the same."""
    found = left.get(column)
    return bool(found) and found == right.get(column)
