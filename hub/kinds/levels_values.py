"""Levels of dates, contacts, identifiers, categories, texts and numbers: kinds that compare by one form."""

from __future__ import annotations

from dataclasses import replace
from string import ascii_lowercase

from rapidfuzz.distance import Hamming, Levenshtein

from hub.kinds.clues import Feature, clue, one_of, places
from hub.kinds.levels_base import Careful, Level, near, near_sql, scalar, similar, similar_sql

_SAME, _NEAR, _TWO, _LIKE = clue("same", "value"), clue("near", "value"), clue("two", "value"), clue("like", "value")

# --- birth dates: eight digits, YYYYMMDD ------------------------------------------------------

_YEAR, _MONTH, _DAY = clue("same", "year"), clue("same", "month"), clue("same", "day")

BIRTH = (
    Level("exact", "the same birth date", 0.87, 0.00005, 0.01, tf="value", needs=one_of(_SAME), careful=Careful(0.83)),
    Level("swapped", "day and month swapped", 0.015, 0.00002, needs=one_of(_YEAR)),
    Level("near", "birth dates one digit apart", 0.045, 0.0008, needs=one_of(_TWO), careful=Careful(0.09)),
    Level(
        "two parts",
        "birth dates share two of year, month and day",
        0.02,
        0.003,
        needs=((_YEAR, _MONTH), (_YEAR, _DAY), (_MONTH, _DAY)),
    ),
    Level("similar", "birth dates two digits apart", 0.015, 0.006, needs=one_of(_TWO)),
    Level(
        "generation",
        "the same day and month, ten years or more apart",
        0.004,
        0.0008,
        needs=((_MONTH, _DAY),),
        careful=Careful(h=0.3),  # a slip, or father and son: where they share house and name, a steward tells
    ),
    Level("year", "the same birth year", 0.01, 0.01, needs=one_of(_YEAR)),
    Level("other", "another birth date", 0.004, 0.98),
)


def _birth(a: str, b: str) -> int:
    if a == b:
        return 0
    if len(a) != 8 or len(b) != 8:
        return 6 if a[:4] == b[:4] else 7
    year, month, day = a[:4] == b[:4], a[4:6] == b[4:6], a[6:] == b[6:]
    if year and a[4:6] == b[6:] and a[6:] == b[4:6]:
        return 1
    if near(a, b):
        return 5 if month and day and a[:3] != b[:3] else 2
    if year + month + day == 2:
        return 3
    if Hamming.distance(a, b) == 2:
        return 4
    return 6 if year else 7


def _birth_sql(a: str, b: str) -> str:
    year, month, day = (
        f"(substr({a}, {start}, {size}) = substr({b}, {start}, {size}))" for start, size in ((1, 4), (5, 2), (7, 2))
    )
    decade = f"{month} AND {day} AND substr({a}, 1, 3) <> substr({b}, 1, 3)"
    crossed = f"substr({a}, 5, 2) = substr({b}, 7, 2) AND substr({a}, 7, 2) = substr({b}, 5, 2)"
    return (
        f"(CASE WHEN {a} = {b} THEN 0 WHEN length({a}) <> 8 OR length({b}) <> 8 THEN (CASE WHEN {year} THEN 6 ELSE 7 END) "
        f"WHEN {year} AND {crossed} THEN 1 WHEN {near_sql(a, b)} THEN (CASE WHEN {decade} THEN 5 ELSE 2 END) WHEN {year}::INT + {month}::INT + {day}::INT = 2 THEN 3 "
        f"WHEN hamming({a}, {b}) = 2 THEN 4 WHEN {year} THEN 6 ELSE 7 END)"
    )


# --- contacts ---------------------------------------------------------------------------------

_BEGIN, _MIDDLE = clue("same", "begin"), clue("same", "middle")

EMAIL = (
    Level(
        "exact", "the same e-mail address", 0.66, 0.00002, 0.10, tf="value", needs=one_of(_SAME), careful=Careful(0.555)
    ),
    Level(
        "local",
        "the same name before the @, another domain",
        0.05,
        0.0002,
        0.01,
        n=0.05,
        needs=((_BEGIN, clue("same", "local")), (_MIDDLE, clue("same", "local"))),
    ),
    Level(
        "near",
        "e-mail addresses one or two letters apart",
        0.05,
        0.00005,
        0.002,
        n=0.02,
        needs=((_BEGIN, _TWO), (_MIDDLE, _TWO)),
    ),
    Level(
        "similar",
        "e-mail addresses alike before the @",
        0.05,
        0.003,
        0.03,
        n=0.30,
        needs=((_BEGIN, clue("like", "local")), (_MIDDLE, clue("like", "local"))),
        careful=Careful(0.08, n=0.21),
    ),
    Level("other", "another e-mail address", 0.20, 0.996, 0.86, n=0.64, careful=Careful(0.28, 0.72, 0.40)),
)


LETTERS = 4  # of a mailbox or a domain for each letter that may be a slip: of one or two, another letter is another one
_DIGITS = str.maketrans("", "", "0123456789")


def _slips(a: str, b: str) -> int:
    """Letters between two texts, where they are as few as slips may make in texts of their length; else more than 2."""
    allowed = min(2, min(len(a), len(b)) // LETTERS)
    found = Levenshtein.distance(a, b, score_cutoff=allowed)
    return found if found <= allowed else 3


def _slips_sql(a: str, b: str) -> str:
    allowed = f"least(2, least(length({a}), length({b})) // {LETTERS})"
    return f"(CASE WHEN abs(length({a}) - length({b})) > 2 THEN 3 WHEN levenshtein({a}, {b}) <= {allowed} THEN levenshtein({a}, {b}) ELSE 3 END)"


def _email(a: str, b: str) -> int:
    if a == b:
        return 0
    if a[:3] != b[:3] and a[3:7] != b[3:7]:
        return 4
    left, _, one = a.partition("@")
    right, _, two = b.partition("@")
    if left == right:
        return 1 if len(left) > 3 else 2 if _slips(one, two) <= 2 else 4
    if min(len(left), len(right)) < LETTERS:
        return 4
    # providers number people of one name: of the same letters, another number is another mailbox of a like name
    if left.translate(_DIGITS) != right.translate(_DIGITS) and _slips(left, right) + _slips(one, two) <= 2:
        return 2
    return 3 if similar(left, right) else 4


def _email_sql(a: str, b: str) -> str:
    # DuckDB's distance of two addresses costs 4 us: those that begin otherwise, most of them, are left out first
    left, right = f"split_part({a}, '@', 1)", f"split_part({b}, '@', 1)"
    one, two = (f"substr({side}, length({name}) + 2)" for side, name in ((a, left), (b, right)))
    letters, others = (f"translate({side}, '0123456789', '')" for side in (left, right))
    return (
        f"(CASE WHEN {a} = {b} THEN 0 WHEN {a}[1:3] <> {b}[1:3] AND {a}[4:7] <> {b}[4:7] THEN 4 "
        f"WHEN {left} = {right} THEN (CASE WHEN length({left}) > 3 THEN 1 WHEN {_slips_sql(one, two)} <= 2 THEN 2 ELSE 4 END) "
        f"WHEN least(length({left}), length({right})) < {LETTERS} THEN 4 "
        f"WHEN {letters} <> {others} AND {_slips_sql(left, right)} + {_slips_sql(one, two)} <= 2 THEN 2 "
        f"WHEN {similar_sql(left, right)} THEN 3 ELSE 4 END)"
    )


PHONE = (
    Level("exact", "the same phone number", 0.595, 0.00002, 0.36, tf="value", needs=one_of(_SAME)),
    Level(
        "near",
        "phone numbers one digit apart",
        0.05,
        0.00003,
        0.02,
        n=0.02,
        needs=one_of(_NEAR),
        careful=Careful(0.032),
    ),
    Level(
        "end", "phone numbers with the same last seven digits", 0.02, 0.00001, 0.01, needs=one_of(clue("same", "end"))
    ),
    Level("other", "another phone number", 0.355, 0.9999, 0.62, careful=Careful(h=0.47)),
)


def _phone(a: str, b: str) -> int:
    if a == b:
        return 0
    if len(a) > 6 and len(b) > 6:
        if near(a, b):
            return 1
        if a[-7:] == b[-7:]:
            return 2
    return 3


def _phone_sql(a: str, b: str) -> str:
    return (
        f"(CASE WHEN {a} = {b} THEN 0 WHEN least(length({a}), length({b})) <= 6 THEN 3 WHEN {near_sql(a, b)} THEN 1 "
        f"WHEN right({a}, 7) = right({b}, 7) THEN 2 ELSE 3 END)"
    )


DOMAIN = (
    Level("exact", "the same internet domain", 0.80, 0.0003, 0.60, tf="value", n=0.15, needs=one_of(_SAME)),
    Level(
        "name",
        "the same domain name under another ending",
        0.05,
        0.0001,
        0.10,
        n=0.10,
        careful=Careful(n=0.01),  # shops of a chain share the very domain
        needs=one_of(clue("same", "name")),
    ),
    Level("other", "another internet domain", 0.15, 0.9996, 0.30, n=0.75),
)


def _domain(a: str, b: str) -> int:
    if a == b:
        return 0
    return 1 if a.partition(".")[0] == b.partition(".")[0] else 2


def _domain_sql(a: str, b: str) -> str:
    return f"(CASE WHEN {a} = {b} THEN 0 WHEN split_part({a}, '.', 1) = split_part({b}, '.', 1) THEN 1 ELSE 2 END)"


# --- identifiers ------------------------------------------------------------------------------

IDENTIFIER = (
    Level("exact", "the same number", 0.90, 0.000005, careful=Careful(h=0.02), tf="value", needs=one_of(_SAME)),
    Level("near", "numbers one digit apart", 0.05, 0.00003, careful=Careful(h=0.10), needs=one_of(_NEAR)),
    Level("similar", "numbers two digits apart", 0.015, 0.0005, careful=Careful(h=0.05), needs=one_of(_TWO)),
    Level("other", "another number", 0.035, 0.9995, careful=Careful(h=0.83)),
)


SERIAL = 6  # characters of a number behind the letters of its register (HRB 12345): so few are given one after another


def _identifier(a: str, b: str) -> int:
    if a == b:
        return 0
    if len(a.lstrip(ascii_lowercase)) > SERIAL and len(b.lstrip(ascii_lowercase)) > SERIAL:
        if near(a, b):
            return 1
        if Levenshtein.distance(a, b, score_cutoff=2) <= 2:
            return 2
    return 3


def another_number(a: str, b: str) -> bool:
    """Is one clearly another number than the other? A slip away (a level above the last) it may be the same."""
    return _identifier(a, b) == len(IDENTIFIER) - 1


def _identifier_sql(a: str, b: str) -> str:
    shortest = ", ".join(f"length(ltrim({side}, '{ascii_lowercase}'))" for side in (a, b))
    return (
        f"(CASE WHEN {a} = {b} THEN 0 WHEN abs(length({a}) - length({b})) > 2 OR least({shortest}) <= {SERIAL} THEN 3 "
        f"WHEN {near_sql(a, b)} THEN 1 WHEN levenshtein({a}, {b}) <= 2 THEN 2 ELSE 3 END)"
    )


# --- categories, texts, numbers -----------------------------------------------------------------

CATEGORY = (
    Level("same", "the same", 0.97, 0.3, 0.4, tf="value", n=0.9, needs=one_of(_SAME)),
    Level("other", "another", 0.03, 0.7, 0.6, n=0.1),
)


def _category(a: str, b: str) -> int:
    return 0 if a == b else 1


def _category_sql(a: str, b: str) -> str:
    return f"(CASE WHEN {a} = {b} THEN 0 ELSE 1 END)"


SUFFIX = (
    Level("same", "the same name suffix", 0.97, 0.4, 0.3, needs=one_of(_SAME)),
    Level("other", "another name suffix", 0.03, 0.6, 0.7, careful=Careful(0.008)),
)

TEXT = (
    Level("exact", "the same text", 0.70, 0.01, 0.10, tf="value", needs=one_of(_SAME)),
    Level("similar", "texts alike", 0.08, 0.01, needs=one_of(_LIKE)),
    Level("part", "one text is a part of the other", 0.07, 0.01, needs=one_of(clue("within", "value"))),
    Level("other", "another text", 0.15, 0.97, 0.88),
)


def _text(a: str, b: str) -> int:
    if a == b:
        return 0
    if similar(a, b):
        return 1
    short, long = (a, b) if len(a) <= len(b) else (b, a)
    return 2 if len(short) > 2 and f" {short} " in f" {long} " else 3


def _text_sql(a: str, b: str) -> str:
    def within(short: str, long: str) -> str:
        return f"(length({short}) > 2 AND contains(concat(' ', {long}, ' '), concat(' ', {short}, ' ')))"

    return (
        f"(CASE WHEN {a} = {b} THEN 0 WHEN {similar_sql(a, b)} THEN 1 "
        f"WHEN (CASE WHEN length({a}) <= length({b}) THEN {within(a, b)} ELSE {within(b, a)} END) THEN 2 ELSE 3 END)"
    )


def _part(start: int, end: int | None) -> Feature:
    return Feature(("value",), lambda text: text[start:end], places)


def _up_to(mark: str) -> Feature:
    return Feature(("value",), lambda text: text.partition(mark)[0])


BIRTH_DATE = scalar(
    BIRTH,
    _birth_sql,
    _birth,
    features={"value": _part(0, None), "year": _part(0, 4), "month": _part(4, 6), "day": _part(6, None)},
)
EMAIL_ADDRESS = scalar(
    EMAIL,
    _email_sql,
    _email,
    shared=True,
    named=True,
    contact=True,
    features={"local": _up_to("@"), "begin": _part(0, 3), "middle": _part(3, 7)},
)
PHONE_NUMBER = scalar(PHONE, _phone_sql, _phone, shared=True, contact=True, features={"end": _part(-7, None)})
# Of companies: the numbers of an office, or of a chain's shops, follow each other
COMPANY_PHONE = replace(
    PHONE_NUMBER, levels=tuple(replace(x, careful=Careful(n=0.08 if x.name == "near" else None)) for x in PHONE)
)
DOMAIN_NAME = scalar(DOMAIN, _domain_sql, _domain, shared=True, named=True, features={"name": _up_to(".")})
IDENTIFIER_NUMBER = scalar(IDENTIFIER, _identifier_sql, _identifier)
CATEGORY_WORD = scalar(CATEGORY, _category_sql, _category, named=True)
SUFFIX_WORD = scalar(SUFFIX, _category_sql, _category)
FREE_TEXT = scalar(TEXT, _text_sql, _text, shared=True)
