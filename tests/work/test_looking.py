"""`hub check --connect`: what each stream would come to, told before anything is pulled."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
import stamina
from typer.testing import CliRunner

from hub.cli import app
from hub.settings import load
from hub.work.looking import Look, look
from tests.settings.test_settings import write

LIST = """
connector: {kind: file, path: ../drop}
streams:
  people: {customer: person, key: id, map: {given_name: first, email: mail}}
"""
TABLE = """
connector: {kind: sql, url_env: URL}
streams:
  people: {customer: person, key: id, map: {given_name: first}, table: people}
"""
SERVICE = """
connector: {kind: rest, base_url: "http://127.0.0.1:9"}
streams:
  people: {customer: person, key: id, map: {given_name: first}, rest: {path: people}}
"""


def looked(folder: Path, env: dict[str, str] | None = None, **files: str) -> dict[str, Look]:
    with stamina.set_testing(True, attempts=1):
        config = load(write(folder / "config", **files), env or {})
        return {found.source: found for found in look(config, env=env or {})}


def drop(folder: Path, text: str) -> None:
    (folder / "drop").mkdir(exist_ok=True)
    (folder / "drop" / "a.csv").write_text(text, encoding="utf-8")


def test_sound_rows_are_counted_and_nothing_is_told(tmp_path: Path) -> None:
    drop(tmp_path, "id,first,mail\n1,Ann,a@x.example\n2,Bob,\n")
    found = looked(tmp_path, sources__list=LIST)["list"]
    assert (found.rows, found.whole, list(found.told()), found.faults) == (2, True, [], [])


def test_a_missing_folder_a_wrong_column_and_a_service_that_is_away_are_told_at_once(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "b.db") as db:
        db.execute("create table people (id, forename)")
    db.close()
    env = {"URL": f"sqlite:///{tmp_path}/b.db"}
    found = looked(tmp_path, env, sources__list=LIST, sources__table=TABLE, sources__service=SERVICE)
    said = {name: " ".join(map(str, one.faults)) for name, one in found.items()}
    assert "there is no folder" in said["list"]
    assert "has no column 'first'" in said["table"]
    assert "forename" in said["table"]
    assert "cannot be read now" in said["service"]


def test_a_column_that_a_file_lacks_is_told_with_those_it_has(tmp_path: Path) -> None:
    drop(tmp_path, "id,forename,mail\n1,Ann,a@x.example\n")
    (fault,) = looked(tmp_path, sources__list=LIST)["list"].faults
    assert "no column 'first'" in fault.what
    assert "forename" in fault.remedy


def test_rows_that_share_a_key_and_values_that_cannot_be_read_are_told_with_their_place(tmp_path: Path) -> None:
    drop(tmp_path, "id,first,mail\n7,Ann,a@x.example\n7,Bob,nothing\n,Cid,c@x.example\n")
    told = "\n".join(looked(tmp_path, sources__list=LIST)["list"].told())
    assert "a.csv line 2 and a.csv line 3" in told
    assert "key: [company, number]" in told
    assert "1 rows would be set aside: no key (first: a.csv line 4)" in told
    assert re.search("1 values would be left out of mail: ", told)
    composite = LIST.replace("key: id", "key: [id, first]")
    assert "share" not in "\n".join(looked(tmp_path, sources__list=composite)["list"].told())


def test_the_command_tells_and_fails_only_where_something_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    drop(tmp_path, "id,first,mail\n1,Ann,[red]:smile:\n")
    config = write(tmp_path / "config", sources__list=LIST)
    found = CliRunner().invoke(app, ["check", "--config", str(config), "--connect"])
    assert found.exit_code == 0, found.output
    assert "list.people: 1 rows looked at" in found.output
    (tmp_path / "drop" / "a.csv").unlink()
    (tmp_path / "drop").rmdir()
    assert CliRunner().invoke(app, ["check", "--config", str(config)]).exit_code == 0
    assert CliRunner().invoke(app, ["check", "--config", str(config), "--connect"]).exit_code != 0
