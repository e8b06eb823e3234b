"""Companies of the demo world and their records in billing and CRM."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hub.demo import names
from hub.demo.dice import Bools, Dice, Ints, Texts, texts, words
from hub.demo.noise import Noise
from hub.demo.people import END, folded, vat_number
from hub.demo.places import Addresses, addresses, landlines
from hub.demo.spoil import hits, spelled, spoil, street_typo, typo

COMPANY_STREAMS = (("billing", "companies"), ("crm", "companies"))
RECORDS_PER_COMPANY = (0.35, 0.35, 0.20, 0.10)  # 1..4

_FORMS = (
    (
        ("GmbH", "G.m.b.H.", "Gesellschaft mbH"),
        ("AG", "Aktiengesellschaft", "AG"),
        ("GmbH & Co. KG", "GmbH u. Co. KG", "KG"),
        ("e.K.", "e. K.", ""),
    ),
    (("Ltd", "Limited", "Ltd."), ("PLC", "plc", "P.L.C."), ("LLP", "L.L.P.", "LLP"), ("Limited", "Ltd", "Ltd.")),
    (
        ("Inc.", "Incorporated", "Inc"),
        ("LLC", "L.L.C.", "LLC"),
        ("Corp.", "Corporation", "Corp"),
        ("Co.", "Company", "Co"),
    ),
    (
        ("SARL", "S.A.R.L.", "Sarl"),
        ("SA", "S.A.", "Société anonyme"),
        ("SAS", "S.A.S.", "SAS"),
        ("EURL", "E.U.R.L.", "EURL"),
    ),
)
_TRADES = (
    words(
        "Maschinenbau Bau Elektrotechnik Logistik Software Metallbau Immobilien Medizintechnik Druck Energie "
        "Handel Möbel Textil Beratung"
    ),
    words(
        "Engineering Construction Electrical Logistics Software Metals Properties Medical Print Energy "
        "Trading Interiors Textiles Consulting"
    ),
    words(
        "Engineering Construction Electric Logistics Software Steel Realty Medical Printing Energy "
        "Trading Furniture Textiles Consulting"
    ),
    words(
        "Mécanique Construction Électricité Logistique Logiciels Métal Immobilier Médical Imprimerie Énergie "
        "Négoce Meubles Textile Conseil"
    ),
)
INDUSTRIES = words("""mechanical_engineering construction electrical logistics software metal real_estate medical
printing energy trade furniture textile consulting""")
_SISTERS = ("Holding", "Service", "Nord", "Süd", "International", "Real Estate", "Digital", "Group")
_TLD = ("de", "uk", "us", "fr")


@dataclass(frozen=True)
class Companies:
    """What is true of each company. A sister shares the domain, telephone and first word of another."""

    country: Ints
    core: Texts  # name without legal form
    form: Ints
    registration: Texts
    vat: Texts
    domain: Texts
    phone: Texts
    addresses: Addresses  # first all homes, then all earlier ones
    industry: Texts
    employees: Ints
    sister_of: Ints  # -1

    def __len__(self) -> int:
        return len(self.country)


@dataclass(frozen=True)
class CompanyRecords:
    """Company records by column, in stream order (0 billing, 1 CRM)."""

    stream: Ints
    key: Texts
    company: Ints
    name: Texts
    registration: Texts
    vat: Texts
    website: Texts
    email: Texts
    phone: Texts
    line1: Texts
    postcode: Texts
    city: Texts
    region: Texts
    country: Texts
    industry: Texts
    employees: Ints  # 0: not known
    updated: NDArray[np.int64]
    marks: dict[str, Bools]

    def __len__(self) -> int:
        return len(self.stream)


def incorporate(count: int, noise: Noise, dice: Dice) -> Companies:
    """`count` companies."""
    country = dice.choose("company country", count, names.COUNTRY_SHARES)
    trade = dice.below("company trade", count, len(INDUSTRIES))
    sister = dice.chance("company group", count, noise.company_group) & (np.arange(count) > 0)
    sister_of = np.where(sister, dice.below("company sister", count, np.arange(count)), -1)
    country = np.where(sister, country[sister_of], country)
    core = _cores(country, trade, dice)
    for i in np.flatnonzero(sister).tolist():
        core[i] = f"{core[sister_of[i]].split()[0]} {_SISTERS[i % len(_SISTERS)]}"
    domain = texts(
        [
            f"{_slug(c)}{'' if i % 3 else i}.{_TLD[k]}.example"
            for i, (c, k) in enumerate(zip(core.tolist(), country.tolist(), strict=True))
        ]
    )
    domain = np.where(sister, domain[sister_of], domain)
    homes, earlier = (addresses(dice, topic, country) for topic in ("company home", "company earlier"))
    both = Addresses(
        **{
            name: np.concatenate([getattr(homes, name), getattr(earlier, name)])
            for name in Addresses.__dataclass_fields__
        }
    )
    phone = landlines(country, homes.area, np.arange(count) + 2_900_000)
    numbers = (dice.below("company number", count, 80_000) * 1000 + np.arange(count) % 1000).tolist()
    return Companies(
        country=country,
        core=core,
        form=dice.choose("company form", count, (0.6, 0.15, 0.15, 0.1)),
        registration=texts(
            [
                _registration(c, n, city)
                for c, n, city in zip(country.tolist(), numbers, homes.city.tolist(), strict=True)
            ]
        ),
        vat=texts([vat_number(c, n) for c, n in zip(country.tolist(), numbers, strict=True)]),
        domain=domain,
        phone=np.where(sister, phone[sister_of], phone),
        addresses=both,
        industry=texts([i.replace("_", " ") for i in INDUSTRIES])[trade],
        employees=(2 + 10 ** (dice.uniform("employees", count) * 3.2)).astype(np.int64),
        sister_of=sister_of,
    )


def _cores(country: Ints, trade: Ints, dice: Dice) -> Texts:
    size = len(country)
    style = dice.choose("company style", size, (0.4, 0.3, 0.3)).tolist()
    draw, other = dice.uniform("company name", size).tolist(), dice.uniform("company partner", size).tolist()
    made = []
    for c, t, s, a, b in zip(country.tolist(), trade.tolist(), style, draw, other, strict=True):
        pool, _ = names.surnames(c)
        first, second = pool[int(a**2 * len(pool))], pool[int(b**2 * len(pool))]
        made.append(
            f"{first} {_TRADES[c][t]}"
            if s == 0
            else f"{first} & {second}"
            if s == 1
            else f"{first[:4].title()}{second[-3:].lower()} {_TRADES[c][t]}"
        )
    return texts(made)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", folded(name, True).lower()).strip("-")


def _registration(country: int, number: int, city: str) -> str:
    """As the registers write it: HRB 12345 and the court's city, eight digits, a state's file number, a SIREN."""
    if country == 0:
        return f"HRB {number % 900_000 + 1000} {city}"
    if country == 1:
        return f"{number % 14_000_000 + 1_000_000:08d}"
    return f"{number % 8_000_000 + 1_000_000}" if country == 2 else vat_number(3, number)[4:]


def scatter_companies(companies: Companies, noise: Noise, dice: Dice) -> CompanyRecords:
    """Every company's 1 to 4 records, spoiled, with keys, ordered by stream and key."""
    drawn = 1 + dice.choose("company records", len(companies), RECORDS_PER_COMPANY)
    company = np.repeat(
        np.arange(len(companies)), np.where(dice.chance("company spread", len(companies), noise.spread), drawn, 1)
    )
    size = len(company)
    every = np.ones(size, dtype=np.bool_)
    marks: dict[str, Bools] = {}
    name = _spelled_names(companies, company, noise, dice, marks)
    columns: dict[str, Texts] = {}
    mailbox = texts(["info@", "office@", "sales@", "info@", "contact@"])[dice.below("mailbox", size, 5)]
    values = {
        "registration": companies.registration[company],
        "vat": companies.vat[company],
        "website": "www." + companies.domain[company],
        "email": mailbox + companies.domain[company],
        "phone": companies.phone[company],
    }
    for field, column in values.items():
        marks[f"{field}_missing"] = missing = hits(dice, f"company {field}", every, noise.company_missing)
        columns[field] = np.where(missing, "", column).astype(object)
    style = dice.uniform("company phone style", size).tolist()
    columns["phone"] = texts(
        [spelled(p, s, national=True) if p else "" for p, s in zip(columns["phone"].tolist(), style, strict=True)]
    )
    marks["moved"] = hits(dice, "company moved", every, noise.company_moved)
    row = np.where(marks["moved"], company + len(companies), company)
    columns.update({part: getattr(companies.addresses, part)[row] for part in ("line1", "postcode", "city", "region")})
    spoil(columns["line1"], hits(dice, "company street", every, noise.typo_street), dice, "company street", street_typo)
    day = 86_400_000_000
    age = np.where(marks["moved"], 5.8, 0.0) + dice.uniform("company updated", size) * 5.5
    stream = dice.below("company stream", size, 2)
    order = np.lexsort((dice.uniform("company shuffle", size), stream))
    number = np.arange(size) - np.searchsorted(stream[order], np.arange(2))[stream[order]]
    key = texts(
        [f"{'K' if s == 0 else 'C-'}{n + 10_001}" for s, n in zip(stream[order].tolist(), number.tolist(), strict=True)]
    )
    return CompanyRecords(
        stream=stream[order],
        key=key,
        company=company[order],
        name=name[order],
        country=texts(list(names.COUNTRIES))[companies.country[company]][order],
        industry=np.where(dice.chance("industry", size, 0.6), companies.industry[company], "").astype(object)[order],
        employees=np.where(dice.chance("headcount", size, 0.5), companies.employees[company], 0)[order],
        updated=(END.astype(np.int64) * day - age * 365 * day).astype(np.int64)[order],
        marks={mark: hit[order] for mark, hit in marks.items()},
        **{part: column[order] for part, column in columns.items()},
    )


def _spelled_names(companies: Companies, company: Ints, noise: Noise, dice: Dice, marks: dict[str, Bools]) -> Texts:
    size = len(company)
    marks["company_form"] = other = dice.chance("form spelling", size, noise.company_form)
    draw = dice.uniform("which form", size).tolist()
    core = companies.core[company]
    marks["company_typo"] = dice.chance("company typo", size, noise.company_typo)
    spoil(core, marks["company_typo"], dice, "company typo", typo)
    made = []
    for c, k, f, is_other, d in zip(
        core.tolist(),
        companies.country[company].tolist(),
        companies.form[company].tolist(),
        other.tolist(),
        draw,
        strict=True,
    ):
        form = _FORMS[k][f][0] if not is_other else "" if d < 0.4 else _FORMS[k][f][1 + int(d * 100) % 2]
        made.append(f"{c} {form}".strip())
    return texts(made)
