"""`hub source add`: what columns are called, what stands in them, and a file that works."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cli import app
from hub.connectors.mapping.propose import propose
from hub.errors import ConfigError
from hub.settings import load, load_customer_types

ROOT = Path(__file__).parents[2]
PEOPLE = [
    ("K1", "Ana", "Silva", "ana@example.com", "+351 912 345 678", "Rua do Norte 4", "1200-285", "Lisboa", "2026-03-01T10:00:00Z"),
    ("K2", "Rui", "Costa", "rui@example.com", "+351 912 345 679", "Rua Nova 17", "1100-371", "Lisboa", "2026-03-02T10:00:00Z"),
    ("K3", "Marta", "Lima", "no address", "+351 912 345 670", "Avenida 9", "4450-281", "Porto", "2026-03-03T10:00:00Z"),
]  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    made = tmp_path / "config"
    (made / "sources").mkdir(parents=True)
    for part in ("customers", "interactions", "relations"):
        shutil.copytree(ROOT / "config" / part, made / part)
    shutil.copy(ROOT / "config/access.yaml", made)
    return made


def test_a_column_is_what_stands_in_it_whatever_it_is_called() -> None:
    person = load_customer_types(ROOT / "config")["person"]
    rows = [
        {"ref": n, "Vorname": "Ana", "Nachname": "Silva", "contact": f"a{n}@example.com", "f7": f"+49 30 90182{n}"}
        for n in range(5)
    ]
    found = propose(rows, person)
    assert (found.key, found.map["email"], found.map["phone"]) == ("ref", "contact", "f7")
    assert (found.map["given_name"], found.map["family_name"]) == ("Vorname", "Nachname")
    assert found.why["email"] == "by its values"


@pytest.mark.parametrize(
    "name", ["Geboren", "Geburtstag", "Date de naissance", "Fecha de nacimiento", "Data di nascita"]
)
def test_a_birth_date_is_one_in_other_languages(name: str) -> None:
    person = load_customer_types(ROOT / "config")["person"]
    rows = [{"id": n, name: f"198{n}-05-17", "T\u00e9l\u00e9phone": f"+33 1 42 68 53 0{n}"} for n in range(5)]
    found = propose(rows, person)
    assert (found.map["birth_date"], found.map["phone"]) == (name, "T\u00e9l\u00e9phone")


def test_a_column_that_is_called_so_and_holds_something_else_is_not_taken() -> None:
    person = load_customer_types(ROOT / "config")["person"]
    rows = [
        {
            "id": n,
            "mail": "by post",
            "name": "Ana Silva",
            "address": {"street": "Rua 4", "zip": "1200", "town": "Lisboa"},
        }
        for n in range(5)
    ]
    found = propose(rows, person)
    assert "email" not in found.map
    assert found.map["address"] == {"line1": "address.street", "postcode": "address.zip", "city": "address.town"}
    assert found.map["full_name"] == "name"


def test_a_table_becomes_a_source_that_pulls(config: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as database:
        database.execute("CREATE TABLE kunden (nr, vorname, nachname, kontakt, f7, strasse, plz, ort, updated_at)")
        database.executemany("INSERT INTO kunden VALUES (?,?,?,?,?,?,?,?,?)", PEOPLE)
        database.commit()
    env = {"HUB_CONFIG": str(config), "SHOP_URL": f"sqlite:///{tmp_path / 'shop.sqlite'}", "HUB_FOLDER": str(tmp_path / "var"),
           "HUB_DATABASE_URL": f"sqlite:///{tmp_path / 'hub.sqlite'}"}  # fmt: skip
    asked = CliRunner().invoke(
        app,
        ["source", "add", "shop", "--kind", "sql", "--at", "SHOP_URL", "--country", "PT"],
        input="kunden\ny\n",
        env=env,
    )
    assert asked.exit_code == 0, asked.output
    assert "one of the tables kunden" in asked.output
    assert "ana@example.com" in asked.output
    stream = load(config, env).sources["shop"].streams["persons"]
    assert (stream.key, stream.version) == ("nr", "updated_at")
    assert stream.map["address"] == {"line1": "strasse", "postcode": "plz", "city": "ort"}
    pulled = CliRunner().invoke(app, ["pull", "shop"], env=env)
    assert pulled.exit_code == 0, pulled.output
    assert "3" in pulled.output


def test_scripts_are_asked_nothing_and_told_what_is_missing(config: Path, tmp_path: Path) -> None:
    (config / "drop").mkdir()
    (config / "drop/people.csv").write_text(
        "Kd-Nr,E-Mail,Name\n" + "".join(f"{n},p{n}@example.com,Ana Silva\n" for n in range(3))
    )
    env = {"HUB_CONFIG": str(config)}
    done = CliRunner().invoke(app, ["source", "add", "shop", "--kind", "file", "--at", "drop", "--yes"], env=env)
    assert done.exit_code == 0, done.output
    assert load(config).sources["shop"].streams["persons"].map["email"] == "E-Mail"
    again = CliRunner().invoke(app, ["source", "add", "shop", "--kind", "file", "--yes"], env=env)
    assert isinstance(again.exception, ConfigError)
    assert "is there already" in str(again.exception)
    missing = CliRunner().invoke(app, ["source", "add", "other", "--kind", "rest", "--yes"], env=env)
    assert "--at" in str(missing.exception)
