"""How dirty the demo world is: every share is a field, and 0 switches it off."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Noise:
    """Shares of records unless said otherwise. A typo's or a form's share counts the records that have the value.

    `households` 0 lets everyone live alone; `spread` 0 leaves one record per person.
    """

    # who lives together
    households: float = 1.0  # share of people who follow the household sizes below
    shared_surname: float = 0.88  # of members, with the first member
    twins: float = 0.06  # of households with two or more children
    same_name: float = 0.03  # of households with a father and a son: one name, Sr / Jr
    suffix_missing: float = 0.30  # of records of such people: the suffix is left out
    other_scripts: float = 0.03  # of households: names from Cyrillic, Greek, Chinese, Arabic
    original_script: float = 0.40  # of their records: written in that script, else transliterated
    diacritics_folded: float = 0.25  # of records whose name has some: Mueller, Muller for the umlaut
    spread: float = 1.0  # share of people with the records per person below

    # contact values
    email_missing: float = 0.28
    email_second: float = 0.22
    email_household: float = 0.05
    email_placeholder: float = 0.003  # test@test.com
    phone_missing: float = 0.25
    phone_landline: float = 0.25
    phone_changed: float = 0.08
    phone_placeholder: float = 0.003  # 0000000000
    birth_missing: float = 0.35
    birth_placeholder: float = 0.01
    birth_swapped: float = 0.015  # day and month
    birth_digit: float = 0.02
    moved: float = 0.12  # an earlier address
    address_missing: float = 0.15
    street_abbreviated: float = 0.10

    # names
    nickname: float = 0.06
    initial: float = 0.02
    surname_changed: float = 0.02
    name_swapped: float = 0.01

    # typos
    typo_given: float = 0.06
    typo_surname: float = 0.07
    typo_email: float = 0.03
    typo_phone: float = 0.03
    typo_street: float = 0.10
    typo_city: float = 0.04
    typo_postcode: float = 0.03

    # rows
    junk: float = 0.003  # rows that are nobody: asdf, test test, empty
    repeats: float = 0.01  # of file rows: the line again, or its key again with a later time
    malformed: float = 0.0005  # of web lines: cannot be read at all (at least one per file)

    # companies
    company_form: float = 0.30  # legal form left out or spelled otherwise
    company_typo: float = 0.07
    company_missing: float = 0.35  # each of registration, tax id, domain, e-mail, phone
    company_moved: float = 0.12
    company_group: float = 0.10  # of companies: a sister company with the same domain, phone and first word

    def without(self, *names: str) -> Noise:
        """This noise with some of it switched off. ValueError for an unknown name."""
        unknown = set(names) - {f.name for f in fields(self)}
        if unknown:
            raise ValueError(f"no such noise: {', '.join(sorted(unknown))}")
        return replace(self, **dict.fromkeys(names, 0.0))

    @classmethod
    def none(cls) -> Noise:
        """A clean world: households and several records per person stay, nothing is wrong or missing."""
        kept = {"households", "shared_surname", "spread"}
        return cls().without(*(f.name for f in fields(cls) if f.name not in kept))


HOUSEHOLD_SIZES = (0.45, 0.28, 0.13, 0.10, 0.04)  # of households with 1..5 people
RECORDS_PER_PERSON = (0.62, 0.24, 0.08, 0.035, 0.015, 0.01)  # 1..6
