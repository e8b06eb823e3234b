"""The demo world: a generated population whose truth is known. The same seed gives the same world everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from hub.demo.dice import Dice, texts
from hub.demo.noise import Noise
from hub.demo.organisations import COMPANY_STREAMS, Companies, CompanyRecords, incorporate, scatter_companies
from hub.demo.people import People, populate
from hub.demo.records import STREAMS, Records, scatter
from hub.demo.shapes import dates, listed, said, tables

__all__ = ["Noise", "World", "generate", "people_for"]

COMPANIES_PER_PERSON = 0.06
RECORDS_PER_PERSON_MEAN = 1.62 + 0.06 * 2.05  # junk and companies counted


@dataclass(frozen=True)
class World:
    """People and companies (true), their records (spoiled), and who is who.

    `person_records` and `company_records` carry hub attribute names, one row per record: what a benchmark needs.
    `tables()` has the same records as the four sources hold them.
    """

    seed: int
    noise: Noise
    people: People
    persons: Records
    companies: Companies
    organisations: CompanyRecords

    def __len__(self) -> int:
        return len(self.persons) + len(self.organisations)

    @cached_property
    def truth(self) -> pa.Table:
        """(source, stream, key, truth) of every record: p... a person, c... a company, j... a junk row of its own."""
        people = pa.table(
            {
                **_home(self.persons.stream, STREAMS),
                "key": pa.array(self.persons.key, pa.string()),
                "truth": _person_ids(self.persons),
            }
        )
        companies = pa.table(
            {
                **_home(self.organisations.stream, COMPANY_STREAMS),
                "key": pa.array(self.organisations.key, pa.string()),
                "truth": pa.array([f"c{n:07d}" for n in self.organisations.company.tolist()], pa.string()),
            }
        )
        return pa.concat_tables([people, companies])

    @cached_property
    def person_records(self) -> pa.Table:
        """Person records under the hub's attribute names; null: the record does not say. `email`, `phone` are lists."""
        r = self.persons
        columns: dict[str, pa.Array] = {
            **_home(r.stream, STREAMS),
            "key": pa.array(r.key, pa.string()),
            "truth": _person_ids(r),
            "given_name": said(r.given),
            "family_name": said(r.family),
            "name_suffix": said(r.suffix),
            "birth_date": dates(r.birth),
            "sex": said(r.sex),
            "email": listed(r.email, r.email2),
            "phone": listed(r.phone, r.phone2),
            **{part: said(getattr(r, part)) for part in ("line1", "line2", "postcode", "city", "region", "country")},
            "language": said(r.language),
            "marketing_consent": said(r.consent),
            "occupation": said(r.occupation),
            "tax_id": said(r.tax_id),
            "updated_at": pa.array(r.updated, pa.timestamp("us", "UTC")),
        }
        return pa.table(columns)

    @cached_property
    def company_records(self) -> pa.Table:
        """All company records under the hub's attribute names; null: the record does not say."""
        r = self.organisations
        return pa.table(
            {
                **_home(r.stream, COMPANY_STREAMS),
                "key": pa.array(r.key, pa.string()),
                "truth": pa.array([f"c{n:07d}" for n in r.company.tolist()], pa.string()),
                "company_name": said(r.name),
                "registration_id": said(r.registration),
                "tax_id": said(r.vat),
                "domain": said(r.website),
                "email": listed(r.email),
                "phone": listed(r.phone),
                **{part: said(getattr(r, part)) for part in ("line1", "postcode", "city", "region", "country")},
                "industry": said(r.industry),
                "employees": pa.array(r.employees, mask=r.employees == 0),
                "updated_at": pa.array(r.updated, pa.timestamp("us", "UTC")),
            }
        )

    def tables(self) -> dict[str, pa.Table]:
        """The records in their sources' own columns, by 'source/stream': one row per record, no repeats."""
        return tables(self.persons, self.organisations)

    def marks(self) -> pa.Table:
        """(source, stream, key) of person records and, for each kind of noise, whether it hit the record."""
        r = self.persons
        return pa.table(
            {
                **_home(r.stream, STREAMS),
                "key": pa.array(r.key, pa.string()),
                **{name: pa.array(hit) for name, hit in r.marks.items()},
            }
        )


def generate(people: int = 5000, seed: int = 1, noise: Noise | None = None, companies: int | None = None) -> World:
    """A world of `people` persons and `companies` (6 % of people unless given). ValueError when people < 1."""
    if people < 1:
        raise ValueError("a world needs at least one person")
    noise, dice = noise or Noise(), Dice(seed)
    population = populate(people, noise, dice)
    count = round(people * COMPANIES_PER_PERSON) if companies is None else companies
    firms = incorporate(count, noise, dice)
    return World(
        seed, noise, population, scatter(population, noise, dice), firms, scatter_companies(firms, noise, dice)
    )


def people_for(records: int) -> int:
    """How many people make about `records` records, companies and junk included."""
    return max(1, round(records / RECORDS_PER_PERSON_MEAN))


def _home(
    stream: np.ndarray[tuple[int, ...], np.dtype[np.int64]], streams: tuple[tuple[str, str], ...]
) -> dict[str, pa.Array]:
    sources, names = texts([s for s, _ in streams]), texts([n for _, n in streams])
    return {"source": pa.array(sources[stream], pa.string()), "stream": pa.array(names[stream], pa.string())}


def _person_ids(records: Records) -> pa.Array:
    return pa.array(
        [f"p{n:07d}" if n >= 0 else f"j{i:07d}" for i, n in enumerate(records.person.tolist())], pa.string()
    )
