"""The population: who lives where with whom, and what is true of each person."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hub.demo import names
from hub.demo.dice import Bools, Dice, Floats, Ints, Texts, texts, words
from hub.demo.noise import HOUSEHOLD_SIZES, Noise
from hub.demo.places import Addresses, addresses, landlines, mobiles

END = np.datetime64("2026-10-31", "D")  # the world's last day
Days = NDArray[np.datetime64]

PROVIDERS = (
    "gmx",
    "webpost",
    "mailbox",
    "freenet",
    "postbox",
    "inbox",
    "fastpost",
    "kabelmail",
    "t-net",
    "orangemail",
    "bluewin",
    "hushpost",
)
PROVIDER_SHARES = (0.30, 0.16, 0.13, 0.10, 0.08, 0.07, 0.05, 0.04, 0.03, 0.02, 0.01, 0.01)
HANDLES = words("""sunny lucky blue star tiger happy cat music bike sky surfer moon wolf chef pixel river gamer
dancer runner garden ocean coffee mountain rocket panda falcon maple honey thunder winter""")
OCCUPATIONS = words("""accountant architect baker bookkeeper bus_driver carpenter chef civil_engineer consultant
dentist designer doctor electrician farmer firefighter florist gardener hairdresser journalist lawyer librarian
machinist manager mechanic midwife musician nurse optician painter pharmacist physiotherapist pilot plumber
police_officer programmer retired roofer sales_assistant scientist secretary social_worker student surveyor
teacher translator vet waiter welder""")


@dataclass(frozen=True)
class People:
    """True values by person. Addresses: home and previous are rows of `addresses`."""

    household: Ints
    country: Ints
    sex: Ints  # 0 male, 1 female
    given: Texts  # in the person's own script
    family: Texts
    former_family: Texts
    suffix: Texts
    birth: Days
    email: Texts
    email2: Texts
    email_household: Texts
    mobile: Texts
    mobile2: Texts
    landline: Texts
    addresses: Addresses
    home: Ints
    previous: Ints
    language: Texts
    consent: Bools
    occupation: Texts
    tax_id: Texts
    foreign: Bools  # name in another script
    twin: Bools

    def __len__(self) -> int:
        return len(self.household)


@dataclass(frozen=True)
class Homes:
    """Households and the place of each person in them."""

    household: Ints  # of a person
    place: Ints  # 0 for the first member
    first: Ints  # index of the first member
    size: Ints  # of a person's household
    child: Bools
    country: Ints
    script: Ints  # -1: Latin
    wide: Bools  # names from elsewhere in Europe


def populate(people: int, noise: Noise, dice: Dice) -> People:
    """A population of exactly `people` persons."""
    homes = _homes(people, noise, dice)
    sex = _sexes(homes, dice)
    birth, twin = _births(homes, noise, dice)
    given, suffix, juniors = _given_names(homes, sex, birth, noise, dice)
    family, former = _family_names(homes, sex, noise, dice, together=twin | juniors)
    foreign = homes.script >= 0
    latin_given = texts([plain(g) for g in given.tolist()])
    latin_family = texts([plain(f) for f in family.tolist()])
    taken: set[str] = set()
    email = _emails("email", latin_given, latin_family, birth, taken, dice)
    email2 = _emails("email2", latin_given, latin_family, birth, taken, dice)
    lived, home, previous = _lived(homes, dice)
    index = np.arange(people)
    return People(
        household=homes.household,
        country=homes.country,
        sex=sex,
        given=given,
        family=family,
        former_family=former,
        suffix=suffix,
        birth=birth,
        email=email,
        email2=email2,
        email_household=_household_emails(homes, latin_family, taken),
        mobile=mobiles(homes.country, index * 2),
        mobile2=mobiles(homes.country, index * 2 + 1),
        landline=landlines(homes.country[homes.first], lived.area[homes.household], homes.household),
        addresses=lived,
        home=home,
        previous=previous,
        language=texts(list(names.LANGUAGES))[homes.country],
        consent=dice.chance("consent", people, 0.45),
        occupation=texts([o.replace("_", " ") for o in OCCUPATIONS])[
            dice.below("occupation", people, len(OCCUPATIONS))
        ],
        tax_id=_tax_ids(homes.country, dice),
        foreign=foreign,
        twin=twin,
    )


def _homes(people: int, noise: Noise, dice: Dice) -> Homes:
    drawn = 1 + dice.choose("household size", people, HOUSEHOLD_SIZES)
    sizes = np.where(dice.chance("household", people, noise.households), drawn, 1)
    count = int(np.searchsorted(np.cumsum(sizes), people)) + 1
    sizes = sizes[:count]
    sizes[-1] -= int(sizes.sum()) - people
    household = np.repeat(np.arange(count), sizes)
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    place = np.arange(people) - first
    size = sizes[household]
    alone = dice.chance("single parent", count, 0.25)[household]
    script = np.where(
        dice.chance("script", count, noise.other_scripts), dice.choose("which script", count, names.SCRIPT_SHARES), -1
    )
    return Homes(
        household=household,
        place=place,
        first=first,
        size=size,
        child=(place >= 2) | ((place == 1) & (size == 2) & alone),
        country=dice.choose("country", count, names.COUNTRY_SHARES)[household],
        script=script[household],
        wide=dice.chance("wide", count, 0.12)[household],
    )


def _sexes(homes: Homes, dice: Dice) -> Ints:
    size = len(homes.place)
    own = dice.below("sex", size, 2)
    couple = (homes.place == 1) & ~homes.child & dice.chance("opposite", size, 0.97)
    return np.where(couple, 1 - own[homes.first], own)


def _births(homes: Homes, noise: Noise, dice: Dice) -> tuple[Days, Bools]:
    size = len(homes.place)
    draw = dice.uniform("age", size)
    has_child = (homes.size > 2) | np.append(homes.child[1:], False) & (homes.place == 0) & (homes.size == 2)
    head = np.where(has_child, 42 + draw * 22, 18 + 70 * draw**1.3)[homes.first]
    head = np.where(homes.child & (homes.place == 1), 42 + draw[homes.first] * 22, head)
    partner = head + (dice.uniform("partner", size) + dice.uniform("partner 2", size) - 1) * 8
    eldest = head - 22 - dice.uniform("parenthood", size)[homes.first] * 10
    child = np.maximum(
        eldest - np.maximum(homes.place - 2, 0) * 2.1 - dice.uniform("sibling", size), 13.0 + dice.uniform("teen", size)
    )
    age = np.where(homes.child, child, np.where(homes.place == 0, head, np.maximum(partner, 18.0)))
    birth = END - (age * 365.25).astype(np.int64).astype("timedelta64[D]")
    second = np.flatnonzero((homes.place == 3) & dice.chance("twins", size, noise.twins))
    birth[second] = birth[second - 1]
    twin = np.zeros(size, dtype=np.bool_)
    twin[second] = twin[second - 1] = True
    return birth, twin


def _given_names(homes: Homes, sex: Ints, birth: Days, noise: Noise, dice: Dice) -> tuple[Texts, Texts, Bools]:
    size = len(sex)
    given = _draw_given("given", homes, sex, birth, dice)
    for attempt in range(3):  # no two members with one name
        again = np.zeros(size, dtype=np.bool_)
        for back in range(1, 5):
            again[back:] |= (homes.household[back:] == homes.household[:-back]) & (given[back:] == given[:-back])
        where = np.flatnonzero(again)
        given[where] = _draw_given(f"given again {attempt}", homes, sex, birth, dice)[where]
    suffix = np.full(size, "", dtype=object)
    son = np.flatnonzero((homes.place == 2) & (sex == 0) & dice.chance("same name", size, noise.same_name))
    father = np.where(sex[son - 2] == 0, son - 2, son - 1)
    son, father = son[sex[father] == 0], father[sex[father] == 0]
    given[son] = given[father]
    suffix[son], suffix[father] = "Jr.", "Sr."
    # a sibling that has the father's name by now gives way to the son: three members of one name are not meant
    juniors = np.zeros(size, dtype=np.bool_)
    juniors[son] = juniors[father] = True
    return given, suffix, juniors


def _draw_given(topic: str, homes: Homes, sex: Ints, birth: Days, dice: Dice) -> Texts:
    size = len(sex)
    draw = dice.uniform(topic, size)
    decade = ((birth.astype("datetime64[Y]").astype(np.int64) + 1970 - 1920) // 10).clip(0, 9)
    out = np.full(size, "", dtype=object)
    for country in range(4):
        for gender in range(2):
            where = np.flatnonzero((homes.country == country) & (sex == gender))
            out[where] = names.GIVEN[country][gender][
                _by_decade(names.given_weights(country, gender), decade[where], draw[where])
            ]
    double = dice.uniform(f"{topic}/double", size)
    for country, heads in names.DOUBLE_GIVEN.items():
        where = np.flatnonzero((homes.country == country) & (double < 0.025))
        out[where] = texts(list(heads))[sex[where]] + out[where]
    for gender in range(2):
        pool = names.WIDE_GIVEN[gender]
        where = np.flatnonzero(homes.wide & (sex == gender) & (double > 0.4))
        out[where] = pool[(draw[where] * len(pool)).astype(np.int64)]
        for script, pools in enumerate(names.SCRIPTS):
            where = np.flatnonzero((homes.script == script) & (sex == gender))
            out[where] = pools[gender][(draw[where] * len(pools[gender])).astype(np.int64)]
    return out


def _by_decade(weights: Floats, decade: Ints, draw: Floats) -> Ints:
    """One search for all decades: each row's distribution is laid behind the one before."""
    edges = np.cumsum(weights, axis=1)
    edges = (edges / edges[:, -1:] + np.arange(len(weights))[:, None]).ravel()
    found: Ints = np.searchsorted(edges, decade + draw, side="right") % weights.shape[1]
    return found


def _family_names(homes: Homes, sex: Ints, noise: Noise, dice: Dice, together: Bools) -> tuple[Texts, Texts]:
    size = len(sex)
    own, former = (_draw_family(topic, homes, dice) for topic in ("family", "former family"))
    double = np.flatnonzero(dice.chance("double surname", size, 0.015) & (homes.script < 0))
    own[double] = own[double] + "-" + former[double]
    shared = dice.chance("shared surname", size, noise.shared_surname) | (together & (homes.place > 0))
    family = np.where(shared, own[homes.first], own)
    russian = np.flatnonzero((homes.script == names.CYRILLIC) & (sex == 1))
    for column in (family, former):
        column[russian] = texts([names.feminine(name) for name in column[russian].tolist()])
    return family, former


def _draw_family(topic: str, homes: Homes, dice: Dice) -> Texts:
    draw = dice.uniform(topic, len(homes.place))
    out = np.full(len(draw), "", dtype=object)
    for country in range(4):
        where = np.flatnonzero(homes.country == country)
        pool, weights = names.surnames(country)
        edges = np.cumsum(weights)
        out[where] = pool[np.searchsorted(edges / edges[-1], draw[where], side="right").clip(0, len(pool) - 1)]
    for script, pools in enumerate(names.SCRIPTS):
        where = np.flatnonzero(homes.script == script)
        out[where] = pools[2][(draw[where] ** 1.5 * len(pools[2])).astype(np.int64)]
    return out


def _lived(homes: Homes, dice: Dice) -> tuple[Addresses, Ints, Ints]:
    """Homes (one per household), the households' earlier homes, and earlier homes of single persons."""
    size, count = len(homes.place), int(homes.household[-1]) + 1
    heads = np.flatnonzero(homes.place == 0)
    parts = [
        addresses(dice, "home", homes.country[heads]),
        addresses(dice, "earlier home", homes.country[heads]),
        addresses(dice, "own earlier home", homes.country),
    ]
    columns = {name: np.concatenate([getattr(p, name) for p in parts]) for name in Addresses.__dataclass_fields__}
    together = dice.chance("moved together", count, 0.6)[homes.household] & ~homes.child
    previous = np.where(together, count + homes.household, 2 * count + np.arange(size))
    return Addresses(**columns), homes.household, previous


# --- e-mail ----------------------------------------------------------------------------------


_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})
_LATIN = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i", "ß": "ss", "đ": "d", "æ": "ae", "Æ": "Ae"})


@cache
def folded(name: str, german: bool) -> str:
    """A Latin name without its marks: Mueller (German) or Muller for the umlaut."""
    marks = unicodedata.normalize("NFKD", name.translate(_GERMAN) if german else name)
    return "".join(c for c in marks if not unicodedata.combining(c)).translate(_LATIN)


@cache
def plain(name: str) -> str:
    """A name as it stands in an e-mail address."""
    latin = names.TRANSLITERATED.get(name, (name,))[0]
    return re.sub(r"[^a-z0-9-]", "", folded(latin, True).lower()) or "x"


def _emails(topic: str, given: Texts, family: Texts, birth: Days, taken: set[str], dice: Dice) -> Texts:
    size = len(given)
    pattern = dice.choose(f"{topic}/pattern", size, (0.30, 0.12, 0.06, 0.14, 0.10, 0.08, 0.06, 0.14)).tolist()
    numbered = dice.chance(f"{topic}/numbered", size, 0.45).tolist()
    number = dice.below(f"{topic}/number", size, 999).tolist()
    provider = dice.choose(f"{topic}/provider", size, PROVIDER_SHARES).tolist()
    work = dice.chance(f"{topic}/work", size, 0.25 if topic == "email2" else 0.03).tolist()
    years = (birth.astype("datetime64[Y]").astype(np.int64) + 1970).tolist()
    made = []
    for f, s, p, is_numbered, n, at, works, year in zip(
        given.tolist(), family.tolist(), pattern, numbered, number, provider, work, years, strict=True
    ):
        tail = "" if not is_numbered and p != 7 else str(year % 100).zfill(2) if n % 3 else str(n)
        domain = f"{HANDLES[n % 30]}-{HANDLES[(n * 7 + at) % 30]}.example" if works else f"{PROVIDERS[at]}.example"
        made.append(_unique(f"{f}.{s}" if works else _local(p, f, s, n) + tail, domain, taken))
    return texts(made)


def _local(pattern: int, given: str, family: str, number: int) -> str:
    if pattern == 0:
        return f"{given}.{family}"
    if pattern == 1:
        return given + family
    if pattern == 2:
        return f"{given}_{family}"
    if pattern == 3:
        return given[0] + family
    if pattern == 4:
        return given
    if pattern == 5:
        return f"{family}.{given}"
    return f"{given}.{family[0]}" if pattern == 6 else HANDLES[number % 30] + (given[:3] if number % 2 else "")


def _unique(local: str, domain: str, taken: set[str]) -> str:
    found, n = f"{local}@{domain}", 0
    while found in taken:
        n += 1 + len(taken) % 37
        found = f"{local}{n}@{domain}"
    taken.add(found)
    return found


def _household_emails(homes: Homes, family: Texts, taken: set[str]) -> Texts:
    heads = family[homes.place == 0].tolist()
    made = [
        _unique(("familie.", "the.", "the.", "famille.")[c] + f, f"{PROVIDERS[i % 5]}.example", taken)
        for i, (f, c) in enumerate(zip(heads, homes.country[homes.place == 0].tolist(), strict=True))
    ]
    return texts(made)[homes.household]


# --- tax ids ---------------------------------------------------------------------------------


def _tax_ids(country: Ints, dice: Dice) -> Texts:
    """Some people trade: they have a VAT number."""
    out = np.full(len(country), "", dtype=object)
    where = np.flatnonzero(dice.chance("trades", len(country), 0.03))
    numbers = dice.below("vat", len(where), 90_000_000).tolist()
    out[where] = texts([vat_number(c, n) for c, n in zip(country[where].tolist(), numbers, strict=True)])
    return out


def vat_number(country: int, number: int) -> str:
    """A tax number whose check digits are right (US: an employer number). `number` < 90 million."""
    if country == 0:
        digits, check = f"{number + 10_000_000:08d}", 10
        for digit in digits:
            total = (check + int(digit)) % 10 or 10
            check = 2 * total % 11
        return f"DE{digits}{(11 - check) % 10}"
    if country == 1:
        digits = f"{1_000_000 + number % 8_000_000:07d}"
        total = sum((8 - i) * int(d) for i, d in enumerate(digits))
        check = 97 - total % 97
        return f"GB{digits}{check:02d}"
    if country == 2:
        return f"{(10, 20, 26, 30, 45, 81)[number % 6]}-{number % 9_000_000 + 1_000_000}"
    siren = luhn(f"{10_000_000 + number}")
    return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"


def luhn(digits: str) -> str:
    """Digits with their Luhn check digit: a French SIREN is eight digits and one."""
    total = sum(sum(divmod(int(d) * 2, 10)) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)
