"""Sets that a default can fail on though it does well on the others: each a generator with its truth, by a seed.

Historical people, companies and their sites, one column for the full name, names of few family names, few attributes,
next to no duplicates, none, very many, and hardly any records at all.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import splink.comparison_library as cl
import yaml

from benchmarks.peers import DataSet, EcmSettings, SplinkSettings
from hub.demo.dice import words
from hub.demo.world import World, generate

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]  # hub attribute (an address' part as address.part) -> value
GIVEN = words("""mary john william elizabeth thomas james anne george sarah robert henry margaret jane edward charles ann joseph martha
richard samuel hannah david catherine peter alice isabella frederick ellen walter louisa arthur agnes daniel emma benjamin eliza
alexander harriet francis rebecca""")
FAMILY_STARTS = words(
    "ash black brad burn carl clay dray east fair glen hart holl king lang mar nor oak pem rad sher stan thorn wal whit wood york"
)
FAMILY_ENDS = words("ford ley ton field well worth by ham er man son wick")
TRADES = words(
    "farmer labourer weaver blacksmith clerk miner servant tailor carpenter shoemaker baker merchant sailor mason teacher painter priest soldier"
)
CHINESE = words("li wang zhang liu chen yang zhao huang zhou wu xu sun hu zhu gao lin he guo ma luo")
CHINESE_GIVEN = words(
    "wei fang na xiuying min jing qiang lei jun yang yong yan jie juan tao chao ming xia hong ping gang bo hui ling"
)
VIETNAMESE = words("nguyen tran le pham hoang phan vu dang bui do")
VIETNAMESE_GIVEN = words(
    "anh minh hoa lan tuan hung linh mai thao dung hai long nam phuong quang son thanh trang tu viet"
)
INDIAN = words("sharma singh patel kumar gupta reddy khan das mehta joshi iyer nair rao bose yadav")
INDIAN_GIVEN = words(
    "amit priya rahul anjali suresh lakshmi ravi sunita arjun deepa vijay kavita sanjay meena rajesh pooja anil neha manoj asha"
)


@dataclass(frozen=True)
class Hard:
    """One set: how it is called, its customer type, its records and who they are."""

    title: str
    rows: list[Row]
    truth: list[str]
    customer: str = "person"


def zipf(dice: random.Random, found: Sequence[str], slope: float = 1.0) -> Callable[[], str]:
    """Draws words, the first far more often than the last."""
    weights = [1 / (n + 2) ** slope for n in range(len(found))]
    return lambda: dice.choices(found, weights)[0]


def typo(dice: random.Random, text: str, share: float) -> str:
    if len(text) < 3 or dice.random() >= share:
        return text
    at = dice.randrange(len(text) - 1)
    kind = dice.randrange(4)
    letter = dice.choice("0123456789" if text[at].isdigit() else "abcdefghijklmnopqrstuvwxyz")
    return (
        text[:at] + text[at + 1 :],
        text[:at] + letter + text[at + 1 :],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
        text[:at] + letter + text[at:],
    )[kind]


def _scattered(
    dice: random.Random, people: Sequence[Row], counts: Callable[[], int], spoil: Callable[[Row], Row]
) -> tuple[list[Row], list[str]]:
    found = [
        ({k: v for k, v in spoil(dict(who)).items() if v}, f"p{n}")
        for n, who in enumerate(people)
        for _ in range(counts())
    ]
    dice.shuffle(found)
    return [row for row, _ in found], [who for _, who in found]


def historical(people: int = 1_500, seed: int = 1) -> Hard:
    """Parish registers: few given names, whole families in one place, birth dates partly missing or only a year."""
    dice = random.Random(seed)
    family, place = (
        zipf(dice, [a + b for a in FAMILY_STARTS for b in FAMILY_ENDS], 0.8),
        zipf(dice, [a + b for a in FAMILY_STARTS for b in ("ham", "ton", "bury")], 0.9),
    )
    given, trade = zipf(dice, GIVEN), zipf(dice, TRADES, 0.7)
    made: list[Row] = []
    while len(made) < people:
        name, home = family(), place()
        for _ in range(dice.choice((1, 1, 2, 3))):  # brothers and sisters
            born = date(1780, 1, 1) + timedelta(days=dice.randrange(40_000))
            made.append(
                {
                    "given_name": given(),
                    "family_name": name,
                    "birth_date": born.isoformat(),
                    "birth_place": home,
                    "occupation": trade(),
                }
            )

    def spoil(row: Row) -> Row:
        row["given_name"] = typo(dice, row["given_name"], 0.08) if dice.random() < 0.93 else row["given_name"][0]
        row["family_name"] = typo(dice, row["family_name"], 0.12)
        row["birth_date"] = (
            None
            if dice.random() < 0.3
            else row["birth_date"][:4]
            if dice.random() < 0.25
            else typo_date(dice, row["birth_date"], 0.08)
        )
        row["birth_place"] = None if dice.random() < 0.25 else typo(dice, row["birth_place"], 0.08)
        row["occupation"] = None if dice.random() < 0.5 else row["occupation"] if dice.random() < 0.85 else trade()
        return row

    return Hard("historical people", *_scattered(dice, made[:people], lambda: dice.choice((1, 1, 2, 3, 4, 5)), spoil))


def typo_date(dice: random.Random, text: str, share: float) -> str:
    """Another day or year, mostly a digit off."""
    if dice.random() >= share:
        return text
    born = date.fromisoformat(text)
    return (born + timedelta(days=dice.choice((1, -1, 10, -10, 365, -365, 3650)))).isoformat()


def few_family_names(people: int = 2_500, seed: int = 2) -> Hard:
    """Chinese, Vietnamese and Indian names: many people of one full name, in countries that keep to their own names."""
    dice = random.Random(seed)
    pools = [
        (zipf(dice, f, 0.8), zipf(dice, g, 0.5))
        for f, g in ((CHINESE, CHINESE_GIVEN), (VIETNAMESE, VIETNAMESE_GIVEN), (INDIAN, INDIAN_GIVEN))
    ]
    made: list[Row] = []
    for n in range(people):
        family, given = dice.choices(pools, (5, 3, 4))[0]
        names = {"given_name": given() + (given() if dice.random() < 0.5 else ""), "family_name": family()}
        born = date(1945, 1, 1) + timedelta(days=dice.randrange(22_000))
        made.append(
            {
                **names,
                "birth_date": born.isoformat(),
                "phone": f"+49151{20_000_000 + n * 17 % 9_999_999}",
                "address.postcode": str(10_000 + dice.randrange(400)),
                "email": f"{names['given_name']}.{names['family_name']}{dice.randrange(500)}@mail.example",
            }
        )

    def spoil(row: Row) -> Row:
        for name in ("given_name", "family_name"):
            row[name] = typo(dice, row[name], 0.05)
        if dice.random() < 0.06:
            row["given_name"], row["family_name"] = row["family_name"], row["given_name"]
        row["birth_date"] = None if dice.random() < 0.3 else typo_date(dice, row["birth_date"], 0.05)
        for name, missing in (("phone", 0.4), ("email", 0.5), ("address.postcode", 0.3)):
            row[name] = None if dice.random() < missing else row[name]
        if row["address.postcode"] and dice.random() < 0.15:
            row["address.postcode"] = str(10_000 + dice.randrange(400))
        return row

    return Hard("few family names", *_scattered(dice, made, lambda: dice.choice((1, 1, 1, 2, 2, 3)), spoil))


def person_rows(world: World) -> Iterator[tuple[Row, str]]:
    for found in world.person_records.to_pylist():
        row: Row = {a: found[a] for a in ("given_name", "family_name", "name_suffix") if found[a]}
        row |= {a: found[a][0] for a in ("email", "phone") if found[a]}  # as a plain table has them
        row |= {f"address.{part}": found[part] for part in ("line1", "postcode", "city", "country") if found[part]}
        if found["birth_date"]:
            row["birth_date"] = str(found["birth_date"])
        yield row, found["truth"]


NAMES = ("given_name", "family_name")
SUBSETS: dict[str, tuple[str, ...]] = {
    "names, birth date, postcode": (*NAMES, "birth_date", "address.postcode"),
    "names, e-mail, phone": (*NAMES, "email", "phone"),
    "names, address": (*NAMES, "address.line1", "address.postcode", "address.city"),
    "names, birth date": (*NAMES, "birth_date"),
    "names, phone": (*NAMES, "phone"),
}


def worlds(people: int = 3_000, seed: int = 3) -> Iterator[Hard]:
    """A demo world as other tables would have it: fewer attributes, one name column, other numbers of duplicates."""
    rows = list(person_rows(generate(people, seed)))
    for title, kept in SUBSETS.items():
        yield Hard(
            f"only {title}", [{a: row[a] for a in kept if a in row} for row, _ in rows], [who for _, who in rows]
        )
    full = [
        {"full_name": " ".join(row[a] for a in NAMES if a in row), **{k: v for k, v in row.items() if k not in NAMES}}
        for row, _ in rows
    ]
    yield Hard(
        "full names in one column", [{k: v for k, v in row.items() if v} for row in full], [who for _, who in rows]
    )
    first: dict[str, int] = {}
    for at, (_, who) in enumerate(rows):
        first.setdefault(who, at)
    again = [at for at, (_, who) in enumerate(rows) if first[who] != at]
    few = sorted([*first.values(), *again[:: max(1, len(again) * 100 // len(first))]])
    yield Hard("one duplicate in a hundred", [rows[at][0] for at in few], [rows[at][1] for at in few])
    none = sorted(first.values())
    yield Hard("no duplicates", [rows[at][0] for at in none], [rows[at][1] for at in none])
    kept = sorted(rows, key=lambda pair: pair[1])
    for size in (150, 40):
        yield Hard(f"{size} records", [row for row, _ in kept[:size]], [who for _, who in kept[:size]])


def ten_each(people: int = 300, seed: int = 4) -> Hard:
    """Ten records of everyone."""
    dice = random.Random(seed)
    family, given = zipf(dice, [a + b for a in FAMILY_STARTS for b in FAMILY_ENDS], 0.6), zipf(dice, GIVEN, 0.6)
    made: list[Row] = [
        {"given_name": given(), "family_name": family(), "birth_date": (date(1940, 1, 1) + timedelta(days=dice.randrange(23_000))).isoformat(),
         "email": f"user{n * 7919 % 100_003}@mail.example", "address.city": dice.choice(("Leeds", "York", "Hull", "Bath", "Ely", "Wells", "Ripon", "Truro"))}
        for n in range(people)
    ]  # fmt: skip

    def spoil(row: Row) -> Row:
        for name, share in (("given_name", 0.15), ("family_name", 0.15), ("email", 0.1)):
            row[name] = typo(dice, row[name], share) if dice.random() > 0.1 else None
        row["birth_date"] = None if dice.random() < 0.15 else typo_date(dice, row["birth_date"], 0.1)
        return row

    return Hard("ten records of everyone", *_scattered(dice, made, lambda: 10, spoil))


def companies(count: int = 1_500, seed: int = 5) -> Hard:
    """The demo world's companies, sister companies among them, without their numbers."""
    rows, truth = [], []
    for found in generate(10, seed, companies=count).company_records.to_pylist():
        row: Row = {a: found[a] for a in ("company_name", "domain") if found[a]}
        row |= {a: found[a][0] for a in ("phone",) if found[a]}
        row |= {f"address.{part}": found[part] for part in ("line1", "postcode", "city", "country") if found[part]}
        rows.append(row)
        truth.append(found["truth"])
    return Hard("companies", rows, truth, "organisation")


def sites(count: int = 400, seed: int = 6) -> Hard:
    """Shops of chains: each site is a customer of its own, by its address and number; the name says only which chain."""
    dice = random.Random(seed)
    chains = [
        f"{a}{b} {c}"
        for a, b, c in zip(
            dice.choices(FAMILY_STARTS, k=60),
            dice.choices(FAMILY_ENDS, k=60),
            dice.choices(("bakery", "stores", "optics", "garage"), k=60),
            strict=True,
        )
    ]
    streets = [f"{a}{b} street" for a in FAMILY_STARTS for b in ("ford", "wood", "mill")]
    chain = zipf(dice, chains)
    made: list[Row] = [
        {"company_name": chain(), "address.line1": f"{dice.choice(streets)} {dice.randrange(1, 90)}", "address.postcode": str(20_000 + dice.randrange(150)),
         "address.city": dice.choice(("Leeds", "York", "Hull", "Bath", "Ely", "Wells")), "phone": f"+44113{4_960_000 + n}"}
        for n in range(count)
    ]  # fmt: skip

    def spoil(row: Row) -> Row:
        row["company_name"] = typo(dice, row["company_name"], 0.1) + dice.choice(("", "", " ltd", " limited"))
        row["address.line1"] = typo(dice, row["address.line1"], 0.15) if dice.random() > 0.05 else None
        row["address.postcode"] = typo(dice, row["address.postcode"], 0.05)
        row["phone"] = None if dice.random() < 0.4 else row["phone"]
        return row

    return Hard("sites of chains", *_scattered(dice, made, lambda: dice.choice((1, 1, 2, 3)), spoil), "organisation")


def register(people: int = 2_000, seed: int = 7) -> Hard:
    """People with a number that is exclusive: of those in which it stands, one in twenty has a typing error. Who share
    birth date and postcode (twins) have neighbouring numbers."""
    dice = random.Random(seed)
    rows, truth, numbers, last = [], [], dict[str, int](), dict[tuple[str, str], int]()
    for row, who in person_rows(generate(people, seed)):
        born = (row.get("birth_date", who), row.get("address.postcode", who))
        if who not in numbers:
            numbers[who] = last[born] = last.get(born, dice.randrange(100_000_000, 999_999_000)) + 1
        rows.append({**row, "national_id": typo(dice, str(numbers[who]), 0.05)})
        truth.append(who)
    return Hard("a register with an exclusive number", rows, truth)


def every() -> Iterator[Hard]:
    yield from (historical(), few_family_names(), ten_each(), companies(), sites(), register())
    yield from worlds()


def write(given: Hard, folder: Path) -> Path:
    """The set as `hub evaluate` reads it: one file of JSON lines and the YAML beside it."""
    names = {a: a.replace(".", "_") for a in sorted({a for row in given.rows for a in row})}
    lines = [
        json.dumps({"key": str(n), "truth": who, **{names[a]: v for a, v in row.items()}})
        for n, (row, who) in enumerate(zip(given.rows, given.truth, strict=True))
    ]
    (folder / "records.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    mapped: dict[str, Any] = {a: c for a, c in names.items() if "." not in a}
    parts = {a.removeprefix("address."): c for a, c in names.items() if a.startswith("address.")}
    stream = {"key": "key", "map": {**mapped, **({"address": parts} if parts else {})}}
    found = {
        "title": given.title,
        "customer": given.customer,
        "truth": "truth",
        "sources": {"generated": {"path": "records.jsonl", "stream": stream}},
    }
    file = folder / "set.yaml"
    file.write_text(yaml.safe_dump(found), encoding="utf-8")
    return file


# --- for the peers ----------------------------------------------------------------------------------


def peers_set(given: Hard) -> DataSet:
    """The same records for the peers, with the comparison that their demos have for such a column, and blocks on pairs of columns."""
    import pandas as pd

    columns = sorted({a for row in given.rows for a in row if a not in ("address.country", "name_suffix")})
    frame: pd.DataFrame = pd.DataFrame(
        [[str(row[a]).strip().lower() if a in row else None for a in columns] for row in given.rows],
        columns=[a.replace(".", "_") for a in columns],
    )
    names = [c for c in frame.columns if frame[c].notna().any()]
    if "given_name" in names and "family_name" in names:
        frame["name"] = frame["given_name"] + " " + frame["family_name"]
    frame["unique_id"], frame["source_dataset"] = np.arange(len(frame)), "a"
    few = {c for c in names if frame[c].nunique() < 100}  # no block of their own
    blocks = [(c,) for c in names if c not in few][:6] + [
        (a, b) for n, a in enumerate(names) for b in names[n + 1 :] if a in few or b in few
    ][:6]
    settings = SplinkSettings(
        comparisons=lambda: [*_comparisons(names)], blocking=tuple(blocks), certain=tuple(pairwise(names))[:2],
        recall=0.6, passes=tuple(blocks[:3]),
    )  # fmt: skip
    text = {
        c: "name" if c.endswith("name") else "text" if c in ("address_line1", "occupation") else "exact" for c in names
    }
    return DataSet(given.title, frame, given.truth, {"": settings}, EcmSettings(text, tuple(blocks)))


def _comparisons(names: Sequence[str]) -> Iterator[Any]:
    if "given_name" in names and "family_name" in names:
        yield cl.ForenameSurnameComparison("given_name", "family_name", forename_surname_concat_col_name="name")
    for c in names:
        if c in ("full_name", "company_name", "address_line1"):
            yield cl.JaroWinklerAtThresholds(c, [0.92, 0.8]).configure(term_frequency_adjustments=True)
        elif c == "birth_date":
            yield cl.LevenshteinAtThresholds(c, [1, 2])
        elif c == "email":
            yield cl.EmailComparison(c)
        elif c not in ("given_name", "family_name"):
            yield cl.ExactMatch(c).configure(term_frequency_adjustments=True)
