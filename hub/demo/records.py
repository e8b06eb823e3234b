"""From people to source records: which source knows whom, and how badly. One column per attribute of `person`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hub.demo import names
from hub.demo.dice import Bools, Dice, Ints, Texts, texts
from hub.demo.noise import RECORDS_PER_PERSON, Noise
from hub.demo.people import END, Days, People
from hub.demo.spoil import (
    can_swap,
    day_month_swapped,
    digit_off,
    digit_typo,
    hits,
    joined_date,
    local_typo,
    nickname,
    shorter,
    spelled,
    spoil,
    street_typo,
    transliterated,
    typo,
    unmarked,
)

BILLING, CRM, WEB, APP = range(4)
STREAMS = (("billing", "customers"), ("crm", "people"), ("web", "signups"), ("app", "profiles"))
STREAM_WEIGHTS = (0.30, 0.28, 0.22, 0.20)
JUNK_GIVEN = ("asdf", "test", "Test", "xxx", "qwertz", "", "foo", "a", "Max", "Kunde")
JUNK_FAMILY = ("asdf", "test", "Test", "xxx", "qwertz", "", "bar", "b", "Mustermann", "unbekannt")


@dataclass(frozen=True)
class Records:
    """Records by column, in stream order. `person` is -1 for junk; `marks` says what was done to which record."""

    stream: Ints
    key: Texts
    person: Ints
    given: Texts
    family: Texts
    suffix: Texts
    birth: Days  # NaT: missing
    sex: Texts
    email: Texts
    email2: Texts
    phone: Texts
    phone2: Texts
    line1: Texts
    line2: Texts
    postcode: Texts
    city: Texts
    region: Texts
    country: Texts
    language: Texts
    consent: Texts
    occupation: Texts
    tax_id: Texts
    updated: NDArray[np.int64]  # microseconds since 1970
    marks: dict[str, Bools]

    def __len__(self) -> int:
        return len(self.stream)


def scatter(people: People, noise: Noise, dice: Dice) -> Records:
    """Every person's records, spoiled, with keys, ordered by stream and key."""
    person, stream = _spread(people, noise, dice)
    size = len(person)
    marks: dict[str, Bools] = {}
    given, family, suffix = _names(people, person, stream, noise, dice, marks)
    email, email2 = _emails(people, person, stream, noise, dice, marks)
    phone, phone2 = _phones(people, person, stream, noise, dice, marks)
    birth = _births(people, person, noise, dice, marks)
    address = _addresses(people, person, noise, dice, marks)
    in_app = stream == APP
    blank = texts([""])[np.zeros(size, dtype=np.int64)]
    records = Records(
        stream=stream,
        key=blank,
        person=person,
        given=given,
        family=family,
        suffix=suffix,
        birth=birth,
        sex=np.where(in_app, texts(["male", "female"])[people.sex[person]], blank),
        email=email,
        email2=email2,
        phone=phone,
        phone2=phone2,
        **address,
        language=np.where(stream >= WEB, people.language[person], blank),
        consent=np.where(stream >= WEB, texts(["no", "yes"])[people.consent[person].astype(np.int64)], blank),
        occupation=np.where(in_app & dice.chance("occupation given", size, 0.6), people.occupation[person], blank),
        tax_id=np.where(stream == BILLING, people.tax_id[person], blank),
        updated=_times(size, marks, dice),
        marks=marks,
    )
    return _keyed(_with_junk(records, noise, dice), dice)


def _spread(people: People, noise: Noise, dice: Dice) -> tuple[Ints, Ints]:
    """Person and stream of each record: one person's records lie in different sources, sometimes twice in one."""
    size = len(people)
    drawn = 1 + dice.choose("records", size, RECORDS_PER_PERSON)
    count = np.where(dice.chance("spread", size, noise.spread), drawn, 1)
    person = np.repeat(np.arange(size), count)
    nth = np.arange(len(person)) - np.repeat(np.cumsum(count) - count, count)
    draws = np.stack([dice.uniform(f"order/{s}", size) for s in range(4)], axis=1)
    order = np.argsort(-np.log(draws + 1e-300) / np.array(STREAM_WEIGHTS), axis=1, kind="stable")
    again = (nth > 0) & dice.chance("again in one source", len(person), 0.12)
    return person, order[person, np.where(again, nth - 1, nth) % 4]


# --- names -----------------------------------------------------------------------------------


def _names(
    people: People, person: Ints, stream: Ints, noise: Noise, dice: Dice, marks: dict[str, Bools]
) -> tuple[Texts, Texts, Texts]:
    size = len(person)
    given, family = people.given[person], people.family[person]
    every = np.ones(size, dtype=np.bool_)
    marks["surname_changed"] = hits(dice, "surname changed", every, noise.surname_changed)
    family = np.where(marks["surname_changed"], people.former_family[person], family)
    foreign = people.foreign[person]
    marks["original_script"] = hits(dice, "original script", foreign, noise.original_script)
    spell = dice.uniform("spelling", size)
    for column in (given, family):
        where = np.flatnonzero(foreign & ~marks["original_script"])
        column[where] = texts(
            [transliterated(v, d) for v, d in zip(column[where].tolist(), spell[where].tolist(), strict=True)]
        )
    known = np.fromiter((g in names.NICKNAMES for g in given.tolist()), np.bool_, size)
    marks["nickname"] = hits(dice, "nickname", known, noise.nickname, of_all=size)
    where = np.flatnonzero(marks["nickname"])
    given[where] = texts([nickname(g, d) for g, d in zip(given[where].tolist(), spell[where].tolist(), strict=True)])
    marks["initial"] = hits(dice, "initial", ~marks["nickname"] & ~marks["original_script"], noise.initial, of_all=size)
    where = np.flatnonzero(marks["initial"])
    given[where] = texts(
        [g[0] + ("." if d < 0.5 else "") for g, d in zip(given[where].tolist(), spell[where].tolist(), strict=True)]
    )
    _fold(given, family, ~marks["original_script"], noise, dice, marks, spell.tolist())
    marks["typo_given"] = hits(dice, "typo given", ~marks["initial"], noise.typo_given, of_all=size)
    marks["typo_surname"] = hits(dice, "typo surname", every, noise.typo_surname)
    spoil(given, marks["typo_given"], dice, "typo given", typo)
    spoil(family, marks["typo_surname"], dice, "typo surname", typo)
    marks["name_swapped"] = hits(dice, "name swapped", every, noise.name_swapped)
    suffix = people.suffix[person]
    marks["suffix_missing"] = hits(dice, "suffix missing", suffix != "", noise.suffix_missing)
    suffix[marks["suffix_missing"]] = ""
    swapped = marks["name_swapped"]
    return np.where(swapped, family, given), np.where(swapped, given, family), suffix


def _fold(
    given: Texts, family: Texts, latin: Bools, noise: Noise, dice: Dice, marks: dict[str, Bools], spell: list[float]
) -> None:
    marked = np.fromiter(
        (not (g.isascii() and f.isascii()) for g, f in zip(given.tolist(), family.tolist(), strict=True)),
        np.bool_,
        len(given),
    )
    marks["diacritics_folded"] = hits(dice, "folded", marked & latin, noise.diacritics_folded)
    for i in np.flatnonzero(marks["diacritics_folded"]).tolist():
        given[i], family[i] = unmarked(given[i], spell[i]), unmarked(family[i], spell[i])


# --- contact values --------------------------------------------------------------------------


def _emails(
    people: People, person: Ints, stream: Ints, noise: Noise, dice: Dice, marks: dict[str, Bools]
) -> tuple[Texts, Texts]:
    size = len(person)
    every = np.ones(size, dtype=np.bool_)
    marks["email_missing"] = missing = hits(dice, "email missing", every, noise.email_missing)
    marks["email_placeholder"] = placeholder = hits(
        dice, "email placeholder", ~missing, noise.email_placeholder, of_all=size
    )
    left = ~missing & ~placeholder
    marks["email_second"] = second = hits(dice, "email second", left, noise.email_second, of_all=size)
    marks["email_household"] = shared = hits(
        dice, "email household", left & ~second, noise.email_household, of_all=size
    )
    email = np.where(
        second, people.email2[person], np.where(shared, people.email_household[person], people.email[person])
    )
    marks["typo_email"] = hits(dice, "typo email", left, noise.typo_email)
    spoil(email, marks["typo_email"], dice, "typo email", local_typo)
    junk = texts(["test@test.com", "test@test.com", "noreply@example.com", "none@example.com"])
    email = np.where(placeholder, junk[dice.below("email placeholder text", size, 4)], email)
    email[missing] = ""
    both = left & (stream <= CRM) & dice.chance("both emails", size, 0.15)
    other = np.where(second, people.email[person], people.email2[person])
    return email, np.where(both, other, "").astype(object)


def _phones(
    people: People, person: Ints, stream: Ints, noise: Noise, dice: Dice, marks: dict[str, Bools]
) -> tuple[Texts, Texts]:
    size = len(person)
    every = np.ones(size, dtype=np.bool_)
    marks["phone_missing"] = missing = hits(dice, "phone missing", every, noise.phone_missing)
    marks["phone_placeholder"] = placeholder = hits(
        dice, "phone placeholder", ~missing, noise.phone_placeholder, of_all=size
    )
    left = ~missing & ~placeholder
    marks["phone_landline"] = line = hits(dice, "phone landline", left, noise.phone_landline, of_all=size)
    marks["phone_changed"] = changed = hits(dice, "phone changed", left & ~line, noise.phone_changed, of_all=size)
    phone = np.where(line, people.landline[person], np.where(changed, people.mobile2[person], people.mobile[person]))
    marks["typo_phone"] = hits(dice, "typo phone", left, noise.typo_phone)
    spoil(phone, marks["typo_phone"], dice, "typo phone", digit_typo)
    where = np.flatnonzero(left)
    style = dice.uniform("phone style", size)[where].tolist()
    national = ((stream == BILLING) | (stream == WEB))[where].tolist()
    phone[where] = texts(
        [spelled(v, s, national=n) for v, s, n in zip(phone[where].tolist(), style, national, strict=True)]
    )
    junk = texts(["0000000000", "0000000000", "1234567890", "9999999999"])
    phone = np.where(placeholder, junk[dice.below("phone placeholder text", size, 4)], phone)
    phone[missing] = ""
    both = left & ~line & (stream == CRM) & dice.chance("both phones", size, 0.3)
    return phone, np.where(both, people.landline[person], "").astype(object)


def _births(people: People, person: Ints, noise: Noise, dice: Dice, marks: dict[str, Bools]) -> Days:
    size = len(person)
    birth = people.birth[person]
    marks["birth_missing"] = missing = hits(dice, "birth missing", np.ones(size, dtype=np.bool_), noise.birth_missing)
    marks["birth_placeholder"] = placeholder = hits(
        dice, "birth placeholder", ~missing, noise.birth_placeholder, of_all=size
    )
    left = ~missing & ~placeholder
    marks["birth_swapped"] = swapped = hits(
        dice, "birth swapped", left & can_swap(birth), noise.birth_swapped, of_all=size
    )
    marks["birth_digit"] = off = hits(dice, "birth digit", left & ~swapped, noise.birth_digit, of_all=size)
    birth[swapped] = day_month_swapped(birth[swapped])
    birth[off] = digit_off(birth[off], dice.uniform("birth digit which", size)[off])
    first = np.where(dice.chance("birth placeholder which", size, 0.6), 1900, 1970)
    birth = np.where(placeholder, joined_date(first, np.ones_like(first), np.ones_like(first)), birth)
    birth[missing] = np.datetime64("NaT")
    return birth


def _addresses(people: People, person: Ints, noise: Noise, dice: Dice, marks: dict[str, Bools]) -> dict[str, Texts]:
    size = len(person)
    every = np.ones(size, dtype=np.bool_)
    marks["address_missing"] = missing = hits(dice, "address missing", every, noise.address_missing)
    marks["moved"] = moved = hits(dice, "moved", ~missing, noise.moved, of_all=size)
    row = np.where(moved, people.previous[person], people.home[person])
    pool = people.addresses
    columns = {name: getattr(pool, name)[row] for name in ("line1", "line2", "postcode", "city", "region")}
    marks["street_abbreviated"] = hits(dice, "street abbreviated", ~missing, noise.street_abbreviated)
    where = np.flatnonzero(marks["street_abbreviated"])
    columns["line1"][where] = texts([shorter(line) for line in columns["line1"][where].tolist()])
    for field, column, how in (
        ("street", "line1", street_typo),
        ("city", "city", typo),
        ("postcode", "postcode", digit_typo),
    ):
        marks[f"typo_{field}"] = hits(dice, f"typo {field}", ~missing, getattr(noise, f"typo_{field}"))
        spoil(columns[column], marks[f"typo_{field}"], dice, f"typo {field}", how)
    columns["country"] = texts(list(names.COUNTRIES))[people.country[person]]
    for column in columns.values():
        column[missing] = ""
    return columns


def _times(size: int, marks: dict[str, Bools], dice: Dice) -> Ints:
    """When each record was last touched: those with outdated values before 2021."""
    day = 86_400_000_000
    old = marks["moved"] | marks["phone_changed"] | marks["surname_changed"]
    end = END.astype(np.int64) * day
    draw = dice.uniform("updated", size)
    return np.where(old, end - (5.8 + draw * 5) * 365 * day, end - (draw**1.3 * 5.7) * 365 * day).astype(np.int64)


# --- rows ------------------------------------------------------------------------------------


def _with_junk(records: Records, noise: Noise, dice: Dice) -> Records:
    """Rows that are nobody, most of them from the web form."""
    size = round(len(records) * noise.junk)
    if not size:
        return records
    blank = np.full(size, "", dtype=object)
    which = dice.below("junk name", size, len(JUNK_GIVEN))
    added = {name: blank for name, column in vars(records).items() if name != "marks" and column.dtype == object}
    added.update(
        stream=dice.choose("junk stream", size, (0.0, 0.2, 0.7, 0.1)),
        person=np.full(size, -1),
        given=texts(list(JUNK_GIVEN))[which],
        family=texts(list(JUNK_FAMILY))[which],
        birth=np.full(size, np.datetime64("NaT"), dtype=records.birth.dtype),
        email=texts(["test@test.com", "asdf@asdf.de", "", ""])[dice.below("junk email", size, 4)],
        phone=texts(["0000000000", "123", "", ""])[dice.below("junk phone", size, 4)],
        line1=texts(["asdf 1", "Teststraße 1", "", ""])[dice.below("junk street", size, 4)],
        updated=records.updated[dice.below("junk time", size, len(records))],
    )
    columns = {name: np.concatenate([getattr(records, name), column]) for name, column in added.items()}
    nothing = np.zeros(size, dtype=np.bool_)
    return Records(**columns, marks={name: np.concatenate([hit, nothing]) for name, hit in records.marks.items()})


def _keyed(records: Records, dice: Dice) -> Records:
    """Shuffle each stream and number it: neither keys nor order tell who belongs together."""
    order = np.lexsort((dice.uniform("shuffle", len(records)), records.stream))
    stream = records.stream[order]
    number = np.arange(len(order)) - np.searchsorted(stream, np.arange(5))[stream]
    key = np.empty(len(order), dtype=object)
    for code, spelling in enumerate(("{}", "P-{}", "su-{}", "u{:07x}")):
        where = np.flatnonzero(stream == code)
        mixed = ((number[where] * 7_368_787 + 977) % 268_435_399 if code == APP else number[where] + 100_001).tolist()
        key[where] = texts([spelling.format(n) for n in mixed])
    columns = {name: column[order] for name, column in vars(records).items() if name != "marks"}
    columns["key"] = key
    return Records(**columns, marks={name: hit[order] for name, hit in records.marks.items()})
