"""Small worlds for tests of the doors: three sources, a clock that is told the time, ids that repeat."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import SQLModel

import tests.tables  # noqa: F401  (fills the metadata)
from hub.access.authentication.keys import create_key
from hub.db import Database
from hub.open import Hub
from hub.settings import Config, load

CONFIG = Path(__file__).parents[2] / "config"
SECRET = "a secret of tests, long enough for them"
START = 1_800_000_000_000_000
SECOND = 1_000_000

SOURCES = {
    "billing": """
connector: {kind: file, path: billing}
streams:
  customers:
    key: id
    version: updated
    customer: person
    map: {given_name: first, family_name: last, birth_date: born, email: mail, phone: phone, national_id: nid, tax_id: tax,
          occupation: job, marketing_consent: consent, address: {line1: street, postcode: zip, city: town}}
    trust: {default: 70}
    verified: all
""",
    "crm": """
connector: {kind: file, path: crm}
streams:
  people:
    key: id
    version: updated
    customer: person
    map: {given_name: first, family_name: last, birth_date: born, email: mail, phone: phone, national_id: nid, occupation: job}
    trust: {default: 60}
    verified: all
  companies:
    key: id
    version: updated
    customer: organisation
    map: {company_name: name, domain: site, phone: phone}
    verified: all
""",
    "web": """
connector: {kind: file, path: web}
streams:
  signups:
    key: id
    version: updated
    customer: person
    records: partial
    map: {given_name: first, family_name: last, email: mail, language: lang}
    trust: {default: 30}
""",
}

ROLES = """
  stranger: {may: [read, crosswalk, explain, match], views: {}}
  narrow:
    may: [read, explain, crosswalk]
    views: {person: {given_name: show, family_name: show, email: show, address: show}}
  narrow_steward:
    may: [read, explain, crosswalk, decide, override, identify, log]
    views: {person: {given_name: show, family_name: show, email: show, address: show}}
  no_records:
    may: [read, explain]
    views: {person: {given_name: show, family_name: show, email: mask, phone: pseudonym}}
  lisbon:
    may: [read, explain, crosswalk, match, decide]
    views: {person: {"*": show}}
    rows: {person: {where: {address.city: [Lisboa]}}}
  lisbon_contacts:
    may: [read]
    views: {person: {given_name: show, email: mask, phone: show}}
    rows: {person: {where: {address.city: [Lisboa]}}}
  glass:
    may: [read, break_glass]
    break_glass: steward
    views: {person: {given_name: show}}
    rows: {person: {where: {address.city: [Lisboa]}}}
  two_purposes:
    may: [read]
    purposes: [delivery, service]
    views: {person: {given_name: show, family_name: show, birth_date: show, phone: show, address: show, tax_id: show}}
  study: {may: [read], pseudonyms: study, views: {person: {email: pseudonym}}}
  study_too: {may: [read], pseudonyms: study, views: {person: {email: pseudonym, language: show}}}
  elsewhere: {may: [read], views: {person: {email: pseudonym}}}
  parts: {may: [read], views: {person: {birth_date: year, phone: last_4, email: domain, family_name: first_letter}}}
  of_crm:
    may: [read, crosswalk]
    views: {person: {"*": show}, organisation: {"*": show}}
    rows: {person: {sources: [crm]}}
"""


PEOPLE = """
sign_in:
  people: {email: {file: sent.jsonl}, phone: {file: sent.jsonl}, country: PT}
"""


class TestClock:
    """Stands still until it is moved, but that each look is a millisecond later: ids sort by it."""

    __test__ = False

    def __init__(self, at: int = START):
        self.at = at

    def now(self) -> int:
        self.at += 1000
        return self.at


@contextmanager
def repeatable_ids(seed: int = 7) -> Iterator[None]:
    """Ids are random on purpose; two worlds that are to be compared need the same ones."""
    dice, real = random.Random(seed), os.urandom
    os.urandom = lambda n: dice.randbytes(n)  # type: ignore[assignment]
    try:
        yield
    finally:
        os.urandom = real


def write_config(folder: Path, sources: Mapping[str, str] = SOURCES, roles: str = ROLES) -> Config:
    shutil.copytree(CONFIG / "customers", folder / "customers")
    for types in ("interactions", "relations", "lists", "processes"):
        shutil.copytree(CONFIG / types, folder / types)
    (folder / "sources").mkdir()
    for name, text in sources.items():
        (folder / "sources" / f"{name}.yaml").write_text(text, encoding="utf-8")
    for name in ("purposes.yaml", "working_hours.yaml"):
        shutil.copy(CONFIG / name, folder)
    shipped = (CONFIG / "access.yaml").read_text(encoding="utf-8")
    (folder / "access.yaml").write_text(shipped + roles, encoding="utf-8")
    return load(folder, {})


def new_database(url: str) -> Database:
    database = Database(url, TestClock())
    SQLModel.metadata.create_all(database.engine)
    return database


def open_hub(database: Database, config: Config, folder: Path) -> Hub:
    return Hub.open(database, config, folder, {"HUB_SECRET": SECRET})


def key_for(hub: Hub, role: str, source: str | None = None) -> dict[str, str]:
    """Headers of a new key's holder."""
    token, _ = create_key(hub.database, hub.config, f"{role} of a test", role, source=source)
    return {"authorization": f"Bearer {token}"}


ANA = {
    "id": "1",
    "first": "Ana",
    "last": "Silva",
    "born": "1980-05-17",
    "mail": "ana@silva.pt",
    "phone": "+351 21 790 4000",
    "nid": "PT-77001",
    "tax": "T-100",
    "job": "baker",
    "consent": "yes",
    "street": "Rua Direita 5",
    "zip": "1100-001",
    "town": "Lisboa",
    "updated": "2026-01-01T00:00:00Z",
}
ANA_IN_CRM = {
    "id": "p1",
    "first": "Ana",
    "last": "Silva",
    "born": "1980-05-17",
    "mail": "ana.silva@example.com",
    "phone": "+351 21 790 4000",
    "nid": "PT-77001",
    "job": "pastry cook",
    "updated": "2026-01-02T00:00:00Z",
}
BO = {
    "id": "2",
    "first": "Bo",
    "last": "Müller",
    "born": "1955-12-02",
    "mail": "bo@mueller.de",
    "phone": "+49 30 1234567",
    "nid": "DE-42",
    "tax": "T-200",
    "job": "teacher",
    "consent": "no",
    "street": "Hauptstr. 1",
    "zip": "10115",
    "town": "Berlin",
    "updated": "2026-01-01T00:00:00Z",
}
ACME = {
    "id": "c1",
    "name": "Acme Logistics GmbH",
    "site": "acme-logistics.de",
    "phone": "+49 40 7654321",
    "updated": "2026-01-01T00:00:00Z",
}


def fill(hub: Hub, **changed: Mapping[str, Any]) -> dict[str, str]:
    """Ana (in billing and CRM), Bo and Acme. Fields of `ana`, `crm`, `bo` are changed first. Customer ids by name."""
    with repeatable_ids():
        ana = hub.resolver.upsert("billing", "customers", [{**ANA, **changed.get("ana", {})}])[0]
        crm = hub.resolver.upsert("crm", "people", [{**ANA_IN_CRM, **changed.get("crm", {})}])[0]
        bo = hub.resolver.upsert("billing", "customers", [{**BO, **changed.get("bo", {})}])[0]
        acme = hub.resolver.upsert("crm", "companies", [ACME])[0]
    found = {"ana": ana.customer, "crm": crm.customer, "bo": bo.customer, "acme": acme.customer}
    return {name: id for name, id in found.items() if id}


@pytest.fixture
def hub(tmp_path: Path, database: Database) -> Iterator[Hub]:
    """A hub of this population's configuration, with a clock of its own."""
    before, database.clock = database.clock, TestClock()
    made = open_hub(database, write_config(tmp_path / "config"), tmp_path / "data")
    yield made
    made.close()
    database.clock = before
