"""The generated world: the same for a seed, as hard as it says, true about itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import phonenumbers
import pytest
from stdnum.eu import vat

from hub.demo.names import NICKNAMES
from hub.demo.noise import HOUSEHOLD_SIZES, RECORDS_PER_PERSON, Noise
from hub.demo.records import APP, CRM
from hub.demo.world import World, generate, people_for

Measure = Callable[[World], float]


@cache
def large() -> World:
    return generate(20_000)


@cache
def only(**shares: float) -> World:
    """A world with nothing wrong but this."""
    return generate(3000, 7, replace(Noise.none(), **shares))


def of_people(world: World, column: str) -> np.ndarray:
    return getattr(world.people, column)[world.persons.person]


def differs(column: str, true: str) -> Measure:
    return lambda w: float((getattr(w.persons, column) != of_people(w, true)).mean())


def equals(column: str, true: str) -> Measure:
    return lambda w: float((getattr(w.persons, column) == of_people(w, true)).mean())


def holds(column: str, *values: str) -> Measure:
    return lambda w: float(np.isin(getattr(w.persons, column).astype(str), values).mean())


def birth(w: World) -> np.ndarray:
    return np.asarray(w.persons.birth.astype(str))


def home(w: World, column: str) -> np.ndarray:
    return getattr(w.people.addresses, column)[w.people.home[w.persons.person]]


def spoiled(column: str) -> Measure:
    """Share of records whose address part is not that of the person's home."""
    return lambda w: float((getattr(w.persons, column) != home(w, column)).mean())


# each kind of noise alone, measured against the truth, not by the generator's own marks
MEASURED: dict[str, Measure] = {
    "email_missing": holds("email", ""),
    "email_second": equals("email", "email2"),
    "email_household": equals("email", "email_household"),
    "email_placeholder": holds("email", "test@test.com", "noreply@example.com", "none@example.com"),
    "phone_missing": holds("phone", ""),
    "phone_placeholder": holds("phone", "0000000000", "1234567890", "9999999999"),
    "birth_missing": lambda w: float(np.isnat(w.persons.birth).mean()),
    "birth_placeholder": lambda w: float(np.isin(birth(w), ["1900-01-01", "1970-01-01"]).mean()),
    "birth_swapped": lambda w: float((w.persons.birth != of_people(w, "birth")).mean()),
    "birth_digit": lambda w: float((w.persons.birth != of_people(w, "birth")).mean()),
    "moved": lambda w: float(((w.persons.line1 != home(w, "line1")) & (w.persons.line1 != "")).mean()),
    "address_missing": holds("line1", ""),
    "nickname": differs("given", "given"),
    "initial": differs("given", "given"),
    "surname_changed": differs("family", "family"),
    "name_swapped": lambda w: float(
        ((w.persons.given == of_people(w, "family")) & (w.persons.family == of_people(w, "given"))).mean()
    ),
    "typo_given": differs("given", "given"),
    "typo_surname": differs("family", "family"),
    "typo_email": differs("email", "email"),
    "typo_street": spoiled("line1"),
    "typo_city": spoiled("city"),
    "typo_postcode": spoiled("postcode"),
    "junk": lambda w: float((w.persons.person < 0).mean()),
}


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_each_kind_of_noise_alone_has_its_share_against_the_truth(name: str) -> None:
    share = getattr(Noise(), name)
    found = MEASURED[name](only(**{name: share}))
    assert found == pytest.approx(share, abs=4 * (share / len(only(**{name: share}).persons)) ** 0.5 + 0.002)


@pytest.mark.parametrize("name", sorted(set(MEASURED) - {"junk"}))
def test_a_noise_that_is_off_leaves_no_trace(name: str) -> None:
    assert (
        MEASURED[name](only()) <= 0.002
    )  # accidents: a given name that is a surname too, a former surname like the own


TOGETHER = sorted(
    set(MEASURED) - {"junk", "typo_email", "typo_street", "typo_city", "typo_postcode"}
    | {"phone_landline", "phone_changed"}
)


@pytest.mark.parametrize("name", TOGETHER)
def test_all_noise_together_still_has_each_share(name: str) -> None:
    hit = large().persons.marks[name][large().persons.person >= 0]
    assert hit.mean() == pytest.approx(getattr(Noise(), name), abs=0.007)


@pytest.mark.parametrize(
    ("name", "column"),
    [("email", "email"), ("phone", "phone"), ("street", "line1"), ("city", "city"), ("postcode", "postcode")],
)
def test_typos_count_the_records_that_have_the_value(name: str, column: str) -> None:
    records = large().persons
    there = (records.person >= 0) & (getattr(records, column) != "")
    assert records.marks[f"typo_{name}"][there].mean() == pytest.approx(getattr(Noise(), f"typo_{name}"), abs=0.007)


def test_households_have_their_sizes_and_share_surname_address_and_landline() -> None:
    people = generate(20_000, noise=Noise().without("other_scripts")).people
    sizes = np.bincount(people.household)
    assert np.bincount(sizes, minlength=6)[1:6] / len(sizes) == pytest.approx(HOUSEHOLD_SIZES, abs=0.015)
    first = np.searchsorted(people.household, people.household)
    others = np.arange(len(people)) != first
    shared = (people.family == people.family[first])[others].mean()
    assert shared == pytest.approx(Noise().shared_surname, abs=0.02)
    assert (people.home == people.home[first]).all() and (people.landline == people.landline[first]).all()


def test_people_have_one_to_six_records_mostly_in_different_sources() -> None:
    records = large().persons
    real = records.person >= 0
    count = np.bincount(records.person[real], minlength=20_000)
    assert np.bincount(count, minlength=7)[1:7] / 20_000 == pytest.approx(RECORDS_PER_PERSON, abs=0.012)
    pairs = records.person[real] * 4 + records.stream[real]
    same_source = (np.bincount(pairs) > 1).sum()
    assert 0 < same_source < 0.3 * (count > 1).sum()


def test_twins_share_birth_date_surname_and_home_but_not_the_given_name() -> None:
    people = large().people
    twins = np.flatnonzero(people.twin & ~people.foreign)  # a Russian sister's surname ends in another letter
    left, right = twins[::2], twins[1::2]
    assert len(left) > 30
    for same in ("household", "birth", "family", "home"):
        assert (getattr(people, same)[left] == getattr(people, same)[right]).all()
    assert (people.given[left] != people.given[right]).mean() > 0.99


def test_father_and_son_of_one_name_are_senior_and_junior() -> None:
    people = large().people
    sons = np.flatnonzero(people.suffix == "Jr.")
    assert len(sons) > 10
    for son in sons.tolist():
        fathers = [
            i
            for i in range(max(0, son - 2), son)
            if people.suffix[i] == "Sr." and people.household[i] == people.household[son]
        ]
        assert [(people.given[i], people.family[i]) for i in fathers] == [(people.given[son], people.family[son])]
        assert people.birth[fathers[0]] < people.birth[son]
    shown = large().persons.suffix[large().persons.person >= 0]
    assert {"", "Jr.", "Sr."} == set(shown)


def test_other_scripts_come_in_their_letters_and_transliterated() -> None:
    records = large().persons
    foreign = np.flatnonzero((records.person >= 0) & large().people.foreign[np.maximum(records.person, 0)])
    latin = np.array([records.family[i][0] < "ʰ" for i in foreign])
    assert 0.3 < (~latin).mean() < 0.5
    assert len(foreign) / len(records) == pytest.approx(Noise().other_scripts, abs=0.015)


def test_nicknames_are_those_of_the_given_name() -> None:
    world = only(nickname=0.5)
    where = np.flatnonzero(world.persons.marks["nickname"])
    assert len(where) > 100
    assert all(world.persons.given[i] in NICKNAMES[world.people.given[world.persons.person[i]]] for i in where.tolist())


def test_true_phones_and_tax_ids_are_valid_and_emails_are_distinct() -> None:
    people = large().people
    for column in (people.mobile, people.mobile2, people.landline):
        assert all(phonenumbers.is_valid_number(phonenumbers.parse(number)) for number in column[:400].tolist())
    assert all(vat.is_valid(t) for t in people.tax_id.tolist() if t[:2] in ("DE", "FR"))
    every = [*people.email.tolist(), *people.email2.tolist()]
    assert len(set(every)) == len(every) and all(e.endswith(".example") for e in every)


def test_phones_missing_landline_and_changed_are_what_they_say() -> None:
    world = only(phone_landline=0.25, phone_changed=0.08)
    digits = np.array(["".join(c for c in p if c.isdigit())[-6:] for p in world.persons.phone.tolist()])
    for column, share in (("landline", 0.25), ("mobile2", 0.08), ("mobile", 0.67)):
        assert (digits == np.array([p[-6:] for p in of_people(world, column).tolist()])).mean() == pytest.approx(
            share, abs=0.03
        )


def test_the_same_seed_gives_the_same_world_and_another_seed_another() -> None:
    one, two, other = (generate(300, seed).person_records for seed in (1, 1, 2))
    assert one.equals(two) and not one.equals(other)


def test_a_world_is_the_same_on_every_machine() -> None:
    """Change the digest when the generator is changed on purpose: benchmarks of before and after do not compare."""
    world = generate(200, 1)
    text = repr(world.person_records.drop_columns(["updated_at"]).to_pylist()) + repr(world.truth.to_pylist())
    assert hashlib.blake2b(text.encode(), digest_size=8).hexdigest() == "bc94a24a65268738"


def test_switching_one_noise_off_leaves_all_else_as_it_was() -> None:
    whole, without = (
        generate(2000).persons,
        generate(2000, noise=Noise().without("typo_street", "email_missing")).persons,
    )
    for column in ("key", "given", "family", "birth", "phone", "city", "postcode", "updated"):
        same = getattr(whole, column) == getattr(without, column)
        assert (same | (whole.birth != whole.birth)).all(), column
    assert (whole.line1 != without.line1).any() and "" not in without.email[without.person >= 0]


def test_without_refuses_a_noise_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="typo_nose"):
        Noise().without("typo_nose")
    with pytest.raises(ValueError, match="at least one"):
        generate(0)


def test_every_record_has_one_truth_and_stands_in_its_sources_table() -> None:
    world = generate(2000)
    known = set(zip(*(world.truth[c].to_pylist() for c in ("source", "stream", "key")), strict=True))
    assert len(known) == world.truth.num_rows == len(world)
    listed = {
        (*name.split("/"), str(key))
        for name, table in world.tables().items()
        for key in table[table.column_names[0]].to_pylist()
    }
    assert listed == known
    assert not any("truth" in c or "person" in c for t in world.tables().values() for c in t.column_names)


def test_the_default_world_has_about_nine_thousand_records_and_three_hundred_companies() -> None:
    world = generate()
    assert 8_500 < len(world) < 9_500 and len(world.companies) == 300
    assert abs(len(generate(people_for(20_000))) - 20_000) < 400


@pytest.mark.parametrize("people", [1, 2, 3, 7])
def test_tiny_worlds_work(people: int) -> None:
    world = generate(people, companies=people % 3)
    assert len(world.people) == people and world.truth.num_rows == len(world)
    assert world.tables()["crm/people"].num_rows == int((world.persons.stream == CRM).sum())
    assert set(world.persons.stream.tolist()) <= set(range(APP + 1))
