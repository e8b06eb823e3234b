"""What goes wrong with a value: typos, swapped dates, other spellings. Pure; chance comes in as numbers in [0, 1)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hub.demo import names
from hub.demo.dice import Bools, Dice, Floats, Ints, Texts, texts
from hub.demo.people import Days, folded
from hub.demo.places import SHORTER

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890")
_NEAR: dict[str, str] = {
    key: "".join(row[i + step] for step in (-1, 1) if 0 <= i + step < len(row))
    for row in _ROWS
    for i, key in enumerate(row)
}


def typo(text: str, kind: float, place: float, letter: float) -> str:
    """One insert, delete, substitute (a neighbouring key) or transpose. Always another text; empty stays empty."""
    if not text:
        return text
    at = min(int(place * len(text)), len(text) - 1)
    if at == 0 and len(text) > 3 and letter < 0.8:  # people rarely mistype the first letter
        at = 1 + int(letter * (len(text) - 1)) % (len(text) - 1)
    here = text[at]
    near = _NEAR.get(here.lower(), "")
    other = near[int(letter * len(near))] if near else ""
    if here.isupper():
        other = other.upper()
    if kind < 0.25 and len(text) > 2:
        return text[:at] + text[at + 1 :]
    if kind < 0.5 and at + 1 < len(text) and here != text[at + 1]:
        return text[:at] + text[at + 1] + here + text[at + 2 :]
    if kind < 0.7:
        return text[:at] + here + (other.lower() or here) + text[at + 1 :]
    return text[:at] + (other or here + here) + text[at + 1 :]


def digit_typo(text: str, kind: float, place: float, letter: float) -> str:
    """A wrong digit, or two neighbours exchanged, in the last seven characters. Length stays."""
    digits = [i for i, c in enumerate(text) if c.isdigit() and i >= len(text) - 7]
    if not digits:
        return typo(text, kind, place, letter)
    n = int(place * len(digits))
    at = digits[n]
    if kind < 0.4 and n + 1 < len(digits) and text[at] != text[digits[n + 1]]:
        after = digits[n + 1]
        return text[:at] + text[after] + text[at + 1 : after] + text[at] + text[after + 1 :]
    return text[:at] + str((int(text[at]) + 1 + int(letter * 9)) % 10) + text[at + 1 :]


def local_typo(email: str, kind: float, place: float, letter: float) -> str:
    """A typo before the @."""
    local, at, domain = email.partition("@")
    return typo(local, kind, place, letter) + at + domain


def street_typo(line: str, kind: float, place: float, letter: float) -> str:
    """A typo in the street's name, not in its number."""
    words = line.split(" ")
    most = max(range(len(words)), key=lambda i: (len(words[i]), -i))
    words[most] = typo(words[most], kind, place, letter)
    return " ".join(words)


def shorter(line: str) -> str:
    """Hauptstr. for Hauptstraße, Oak Ave for Oak Avenue."""
    for long, short in SHORTER:
        if long in line:
            return line.replace(long, short)
    return line


def spoil(column: Texts, hit: Bools, dice: Dice, topic: str, how: Callable[[str, float, float, float], str]) -> None:
    """Spoil the values that are hit, in place."""
    where = np.flatnonzero(hit)
    draws = [dice.uniform(f"{topic}/{n}", len(column))[where].tolist() for n in ("kind", "place", "letter")]
    column[where] = texts([how(v, a, b, c) for v, a, b, c in zip(column[where].tolist(), *draws, strict=True)])


def hits(dice: Dice, topic: str, eligible: Bools, share: float, *, of_all: int | None = None) -> Bools:
    """Which records are hit: `share` of the eligible ones, or of `of_all` records when only some of them can be."""
    chance = share
    if of_all is not None:
        chance = min(1.0, share * of_all / max(1, int(eligible.sum())))
    return eligible & (dice.uniform(topic, len(eligible)) < chance)


# --- names -----------------------------------------------------------------------------------


def nickname(name: str, draw: float) -> str:
    found = names.NICKNAMES[name]
    return found[int(draw * len(found))]


def transliterated(name: str, draw: float) -> str:
    """A name of another script in Latin letters: the first spelling mostly."""
    found = names.TRANSLITERATED.get(name)
    return name if found is None else found[0] if draw < 0.5 else found[int((draw - 0.5) * 2 * len(found))]


def unmarked(name: str, draw: float) -> str:
    return folded(name, draw < 0.6)


# --- dates -----------------------------------------------------------------------------------


def day_month_swapped(birth: Days) -> Days:
    """Day and month exchanged; only where `can_swap`."""
    year, month, day = split_date(birth)
    return joined_date(year, day, month)


def can_swap(birth: Days) -> Bools:
    _, month, day = split_date(birth)
    return np.asarray((day <= 12) & (day != month))


def digit_off(birth: Days, draw: Floats) -> Days:
    """One digit of the date is another: still a date."""
    year, month, day = split_date(birth)
    step = np.where(draw * 64 % 1 < 0.5, -1, 1)
    which = (draw * 4).astype(np.int64)
    year = year + np.where(which == 0, np.where(year % 10 == 0, 1, np.where(year % 10 == 9, -1, step)), 0)
    tens = np.where(year // 10 % 10 == 9, -1, np.where((year // 10 % 10 == 0) | (year >= 2010), 1, step))
    year = np.where((which == 1) & (year < 2000), year + 10 * tens, year)
    tall = (which == 2) | ((which == 1) & (year >= 2000))
    small = np.where(month == 9, -1, np.where((month == 1) | (month == 10), 1, np.where(month == 12, -1, step)))
    month = np.where(tall, month + small, month)
    low = np.where(day % 10 == 9, -1, np.where(day % 10 == 0, 1, step))
    low = np.where(day >= 28, -1, np.where(day == 1, 1, low))
    low = np.where(day == 30, 1, low)
    day = np.where(which == 3, day + low, day)
    day = np.where((day == 31) & np.isin(month, (4, 6, 9, 11)), 21, day)
    return joined_date(year, month, np.where((month == 2) & (day > 28), 18, day))


def split_date(date: Days) -> tuple[Ints, Ints, Ints]:
    year = date.astype("datetime64[Y]").astype(np.int64) + 1970
    months = date.astype("datetime64[M]")
    day = (date - months.astype("datetime64[D]")).astype(np.int64) + 1
    return year, months.astype(np.int64) % 12 + 1, day


def joined_date(year: Ints, month: Ints, day: Ints) -> Days:
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    found: NDArray[np.datetime64] = months.astype("datetime64[D]") + (day - 1).astype("timedelta64[D]")
    return found


# --- telephone numbers -----------------------------------------------------------------------


def spelled(number: str, style: float, *, national: bool) -> str:
    """A number as people write it. German numbers may lack the country where `national`; others keep it."""
    if not number.startswith("+") or style < 0.4:
        return number
    code = 2 if number[1] == "1" else 3
    head, tail = number[:code], number[code:]
    if national and head == "+49":
        area = 2 if tail[:2] in ("30", "40", "69", "89") else 4 if tail[:2] == "15" else 3
        return f"0{tail[:area]}{'/' if style > 0.85 else ' '}{tail[area:]}"
    if style < 0.6 and code == 3:
        return f"00{head[1:]} {tail}"
    return f"{head} {tail[:3]} {tail[3:6]} {tail[6:]}".rstrip()
