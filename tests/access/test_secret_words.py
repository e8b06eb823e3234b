"""Secret words: sealed before anything of a row is kept, never shown, compared with what a caller says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import SQLModel
from starlette.testclient import TestClient

from hub.access.audit.chain import read_lines
from hub.app import create_app
from hub.db import Database
from hub.errors import ConfigError, Unprocessable
from hub.landing.sealing import opens, seal
from hub.model import RecordId
from hub.open import Hub
from hub.resolve.own_side import OwnWord
from hub.settings import load
from tests.access.population import ANA, BO, SOURCES, TestClock, fill, key_for, open_hub, write_config

WORD, DAY = "Bougainvillea", "1975-04-03"
ROLES = """
  desk: {may: [read, identify, explain, crosswalk], asks: {person: [security_word, memorable_date]}, views: {person: {"*": show}}}
"""


def written(folder: Path, mapped: str = "security_word: word, memorable_date: day", roles: str = ROLES) -> Path:
    """A configuration whose people have a security word and a memorable date."""
    billing = SOURCES["billing"].replace("tax_id: tax,", f"tax_id: tax, {mapped},").replace(
        "    trust: {default: 70}", "    day_first: true\n    trust: {default: 70}"
    )  # fmt: skip
    with suppress(ConfigError):  # it does not know the attributes yet
        write_config(folder, {**SOURCES, "billing": billing}, roles)
    person = folder / "customers" / "person.yaml"
    added = "attributes:\n  security_word: {kind: secret_word}\n  memorable_date: {kind: secret_word}\n"
    person.write_text(person.read_text().replace("attributes:\n", added, 1))
    return folder


@pytest.fixture
def hub(tmp_path: Path, database: Database) -> Iterator[Hub]:
    before, database.clock = database.clock, TestClock()
    made = open_hub(database, load(written(tmp_path / "config"), {}), tmp_path / "data")
    yield made
    made.close()
    database.clock = before


def everything(hub: Hub) -> str:
    """All rows of all tables, and every file that the hub wrote beside them."""
    with hub.database.read() as connection:
        rows = [
            str(tuple(row))
            for t in SQLModel.metadata.sorted_tables
            for row in connection.execute(text(f'SELECT * FROM "{t.name}"'))
        ]
    files = [p.read_bytes().decode("latin-1") for p in hub.folder.rglob("*") if p.is_file()]
    return "\n".join(rows + files)


def test_a_word_is_kept_as_a_hash_alone_and_a_row_that_comes_again_changes_nothing(hub: Hub) -> None:
    ids = fill(hub, ana={"word": WORD, "day": "03.04.1975"})
    assert WORD not in everything(hub) and "1975" not in everything(hub)
    again = hub.resolver.upsert("billing", "customers", [{**ANA, "word": WORD, "day": "03.04.1975"}])[0]
    assert again.happened == "unchanged"
    other = hub.resolver.upsert("billing", "customers", [{**ANA, "word": "Oleander", "updated": "2026-02-01"}])[0]
    assert other.happened != "unchanged" and other.customer == ids["ana"]


def test_a_row_that_is_set_aside_keeps_nothing_of_it(hub: Hub) -> None:
    refused = {**{k: v for k, v in BO.items() if k != "id"}, "word": WORD}
    assert hub.resolver.upsert("billing", "customers", [refused])[0].happened == "quarantined"
    with hub.database.unit() as connection:
        hub.resolver.set_aside(connection, "billing", "customers", [("line 3", "no row", f"9;Bo;{WORD}")], 1)
        hub.resolver.set_aside(connection, "crm", "people", [("line 3", "no row", "9;Bo;crm")], 1)
    kept = everything(hub)
    assert WORD not in kept and "mueller.de" in kept and "9;Bo;crm" in kept


def test_it_is_compared_with_what_a_caller_says_and_shown_to_nobody(hub: Hub) -> None:
    id = fill(hub, ana={"word": WORD, "day": "03.04.1975"})["ana"]
    client, headers = TestClient(create_app(hub)), key_for(hub, "desk")

    def verify(attribute: str, answer: str) -> Any:
        body = {"attribute": attribute, "answer": answer}
        return client.post(f"/v1/identify/{id}/verify", json=body, headers=headers).json()

    assert verify("security_word", f"  {WORD.upper()} ")["right"]
    assert verify("memorable_date", "3 April 1975")["right"] and verify("memorable_date", "3.4.1975")["right"]
    assert not verify("security_word", "Oleander")["right"] and not verify("memorable_date", "4 April 1975")["right"]
    with hub.database.read() as connection:
        rows = [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM customer")]
    sealed = re.findall(r"sealed:[0-9a-f:]+", str(rows))
    assert len(set(sealed)) == 2
    stewards = key_for(hub, "lead_steward")
    for path in ("", "/history", "/lineage", "/explain", "/records"):
        for who in (headers, stewards):
            told = client.get(f"/v1/customers/{id}{path}", headers=who).text
            assert "sealed" not in told and "security_word" not in told, path
    assert "sealed" not in str(list(read_lines(hub.audit.path)))


def test_nobody_types_one_into_the_hub(hub: Hub) -> None:
    id = fill(hub)["ana"]
    body = {"type": "override", "customer": id, "attribute": "security_word", "values": [WORD], "reason": "she said so"}
    answer = TestClient(create_app(hub)).post("/v1/acts", json=body, headers=key_for(hub, "lead_steward"))
    assert answer.status_code in (404, 422)
    with pytest.raises(Unprocessable):
        hub.own_side.state(id, OwnWord({"security_word": WORD}, "letter"), by="somebody")
    assert WORD not in everything(hub)


def test_each_record_has_a_salt_of_its_own_and_without_the_secret_no_word_can_be_tried() -> None:
    a, b = (seal(b"key", RecordId("billing", "customers", n), "word", "Rose", None) for n in "12")
    assert a.split(":")[1] != b.split(":")[1] and a.split(":")[2] != b.split(":")[2]
    assert opens(b"key", a, "rosé") and not opens(b"another", a, "Rose") and not opens(b"key", "sealed:", "Rose")
    assert seal(b"key", RecordId("billing", "customers", "1"), "word", "ROSE", None) == a


@pytest.mark.parametrize(
    ("mapped", "roles", "told"),
    [
        ("security_word: \"join('-', [word, job])\"", ROLES, "no expression"),
        ("security_word: job", ROLES, "used elsewhere"),
        ("security_word: word", "  desk: {may: [read], views: {person: {security_word: mask}}}\n", "nobody sees it"),
    ],
)
def test_what_would_let_it_out_is_refused(tmp_path: Path, mapped: str, roles: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(written(tmp_path / "config", mapped, roles), {})
    assert told in str([f for f in refused.value.faults if "security_word" in f.where])


def test_it_is_never_written_to_a_source(tmp_path: Path) -> None:
    folder = written(tmp_path / "config", "security_word: word")
    billing = folder / "sources" / "billing.yaml"
    billing.write_text(billing.read_text() + "    write_back: {attributes: [security_word, phone]}\n")
    with pytest.raises(ConfigError) as refused:
        load(folder, {})
    assert "does not have it" in str(refused.value.faults)
