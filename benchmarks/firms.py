"""Companies as lists of them are: two directories' spellings of one shop, the sites of organisations, and mere names of suppliers.

Each set is made by a seed, with its truth. A name is told in as many ways as people tell it: '&' or 'and', without the
word that a third of all names begin with, words more or fewer, words cut short, parts set off by '-' or brackets.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from benchmarks.harder import FAMILY_ENDS, FAMILY_STARTS, Hard, Row, typo, zipf
from hub.demo.dice import words

RARE = words("""amber beacon cedar copper crystal dolphin eagle falcon garnet harbor heron indigo ivory jasper juniper lantern laurel magnolia
maple meadow mercury nimbus onyx opal orchid osprey pelican phoenix pioneer quartz raven saffron sapphire sequoia sierra sparrow summit sycamore
tempest thistle topaz trident tulip vesper violet walnut willow zephyr""")
TRADES = {
    "bakery": ("bakery", "bakehouse"), "restaurant": ("restaurant", "rest", "restaurant and bar"), "delicatessen": ("delicatessen", "deli"),
    "cafe": ("cafe", "coffee house"), "steakhouse": ("steakhouse", "steak house"), "pharmacy": ("pharmacy", "pharm"),
    "hardware": ("hardware", "hardware store"), "motors": ("motors", "motor co"), "printing": ("printing", "printers"), "florist": ("florist", "flowers"),
}  # fmt: skip
LINES = {
    "engineering": ("engineering", "eng", "engrg"), "industries": ("industries", "ind"), "international": ("international", "intl", "int'l"),
    "manufacturing": ("manufacturing", "mfg"), "services": ("services", "svcs", "service"), "technologies": ("technologies", "tech", "technology"),
    "systems": ("systems", "sys"), "logistics": ("logistics", "log"), "chemicals": ("chemicals", "chem"), "group": ("group", "grp"),
}  # fmt: skip
KINDS_OF_SITE = words("school nursery clinic shelter library center")
PREFIXES = ("the", "cafe", "hotel")
CITIES = words("leeds york hull bath ely wells ripon truro")
DIRECTIONS = {"n": "north", "s": "south", "e": "east", "w": "west"}
WAYS = {"st": "street", "ave": "avenue", "blvd": "boulevard", "rd": "road"}
NUMBERED = {"first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th", "ninth": "9th"}
LEGAL = ("", "", "", " inc", " ltd", " llc", " co")


def spellings(count: int = 700, seed: int = 8) -> Hard:
    """Two directories of shops: a telephone and an address each, the name as either tells it. A few shops share a hotel's telephone."""
    dice = random.Random(seed)
    proper = _proper(dice)
    rows: list[tuple[Row, str]] = []
    home: tuple[str, str] | None = None
    for n in range(count):
        name = _Name(
            dice, proper(), dice.choice(list(TRADES)), dice.choice(PREFIXES) if dice.random() < 0.35 else "", TRADES
        )
        if home is None or dice.random() > 0.03:  # else another shop of the same house
            home = f"555{dice.randrange(200, 999)}{n:04}", _street(dice)
        for _ in range(dice.choice((1, 2))):
            row: Row = {
                "company_name": name.told(),
                "phone": _phone(dice, home[0]),
                "address.line1": _told_street(dice, home[1]),
                "address.city": CITIES[n % 8],
            }
            rows.append(({k: v for k, v in row.items() if v}, f"s{n}"))
    return _set("shops in two directories", rows, dice)


def branches(count: int = 900, seed: int = 9) -> Hard:
    """Sites of organisations: one telephone is one site in nearly all cases, told as a local number; of an organisation all names begin alike."""
    dice = random.Random(seed)
    proper = _proper(dice)
    owners = [
        f"{a} {b}"
        for a, b in (
            (proper(), dice.choice(("community services", "child care", "family center", "day care")))
            for _ in range(70)
        )
    ]
    owners[:3] = ["city public schools", "metro community services", "redemption army"]
    owner = zipf(dice, owners)
    rows: list[tuple[Row, str]] = []
    for n in range(count):
        whose, own, kind = owner(), proper(), dice.choice(KINDS_OF_SITE)
        phone, street, code = f"{dice.randrange(200, 999)}{n:04}", _street(dice), str(60_600 + dice.randrange(60))
        for _ in range(dice.choice((1, 2, 3, 5))):
            told = dice.choice(
                (
                    f"{whose} - {own} {kind}",
                    f"{whose} ({own})",
                    f"{own} {kind}",
                    f"{whose} {own}",
                    f"{own} {kind} / {whose}",
                    whose,
                    f"{_short(whose)} {own} {kind}",
                )
            )
            row: Row = {
                "company_name": typo(dice, told, 0.06), "phone": None if dice.random() < 0.1 else _phone(dice, phone, 0.02),
                "address.line1": None if dice.random() < 0.03 else _told_street(dice, street), "address.postcode": None if dice.random() < 0.3 else code,
            }  # fmt: skip
            rows.append(({k: v for k, v in row.items() if v}, f"b{n}"))
    return _set("sites of organisations", rows, dice)


def suppliers(count: int = 400, seed: int = 10, lines: Sequence[str] = tuple(LINES)) -> Hard:
    """A list of suppliers: names and nothing else, each in several spellings; some have namesakes in another line of business."""
    dice = random.Random(seed)
    proper = _proper(dice)
    rows: list[tuple[Row, str]] = []
    seen = set[str]()
    while len(seen) < count:
        name = _Name(dice, proper(), dice.choice(lines), "", LINES)
        whole = f"{name.own} {name.trade}"
        if whole in seen:
            continue
        seen.add(whole)
        for _ in range(dice.choice((1, 1, 2, 3, 8))):
            rows.append(({"company_name": name.told() + dice.choice(LEGAL)}, whole))
    return _set("suppliers, names alone", rows, dice)


class _Name:
    """A company's name, told anew each time."""

    def __init__(
        self, dice: random.Random, own: str, trade: str, prefix: str, trades: dict[str, tuple[str, ...]]
    ) -> None:
        self._dice, self.own, self.trade, self._prefix, self._trades = dice, own, trade, prefix, trades
        self._partner = dice.choice(RARE) if dice.random() < 0.3 else ""

    def told(self) -> str:
        dice = self._dice
        own = f"{self.own} {dice.choice(('&', 'and'))} {self._partner}" if self._partner else self.own
        trade = dice.choice(self._trades[self.trade]) if dice.random() < 0.5 else self.trade
        name = own if self._trades is TRADES and dice.random() < 0.15 else f"{own} {trade}"
        if self._prefix and dice.random() < 0.7:
            name = f"{self._prefix} {name}" if dice.random() < 0.8 else f"{name}, {self._prefix}"
        if dice.random() < 0.05:
            name += dice.choice((" of the north", " - downtown", " (est 1901)"))
        return typo(dice, name, 0.06)


def _proper(dice: random.Random) -> Callable[[], str]:
    families = zipf(dice, [a + b for a in FAMILY_STARTS for b in FAMILY_ENDS], 0.5)
    return lambda: (
        families()
        if dice.random() < 0.5
        else f"{dice.choice(RARE)} {families()}"
        if dice.random() < 0.5
        else f"{families()} {dice.choice(RARE)}"
    )


def _short(name: str) -> str:
    """By first letters, or the last word cut short."""
    parts = name.split()
    return "".join(part[0] for part in parts) if len(parts) > 2 else " ".join([*parts[:-1], parts[-1][:4]])


def _street(dice: random.Random) -> str:
    name = dice.choice(
        (dice.choice(FAMILY_STARTS) + dice.choice(FAMILY_ENDS), dice.choice(list(NUMBERED)), dice.choice(RARE))
    )
    return f"{dice.randrange(1, 3_000)} {dice.choice(('', 'n ', 's ', 'e ', 'w '))}{name} {dice.choice(list(WAYS))}"


def _told_street(dice: random.Random, street: str) -> str:
    house, *rest = street.split()
    told = [_way(dice, word) for word in rest]
    if dice.random() < 0.1 and told[0].rstrip(".") in {*DIRECTIONS, *DIRECTIONS.values()}:
        told = told[1:]
    more = (
        f" between {dice.choice(RARE)} and {dice.choice(RARE)} sts"
        if dice.random() < 0.05
        else " suite 4"
        if dice.random() < 0.05
        else ""
    )
    return typo(dice, " ".join([house, *told]), 0.04) + more


def _way(dice: random.Random, word: str) -> str:
    other = {**DIRECTIONS, **WAYS, **NUMBERED}.get(word)
    return word if other is None or dice.random() < 0.5 else other


def _phone(dice: random.Random, number: str, slip: float = 0.03) -> str | None:
    return None if dice.random() < 0.05 else typo(dice, number, slip)


def _set(title: str, rows: list[tuple[Row, str]], dice: random.Random) -> Hard:
    dice.shuffle(rows)
    return Hard(title, [row for row, _ in rows], [who for _, who in rows], "organisation")


def every() -> Sequence[Hard]:
    return spellings(), branches(), suppliers()
