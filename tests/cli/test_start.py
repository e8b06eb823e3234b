"""How a command starts, and what it says when its database cannot be used. Each in a process of its own."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hub.db import Database, serving_alone

ROOT = Path(__file__).parents[2]
SOURCE = """connector: {kind: file, path: drop}
streams: {customers: {customer: person, key: id, map: {given_name: given, family_name: family}}}
"""
HEAVY = {"alembic", "mako", "psycopg", "pyarrow", "duckdb", "httpx2", "scipy", "fastapi", "numpy", "stamina"}


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A small hub's folder: a source with two customers."""
    (tmp_path / "sources").mkdir()
    (tmp_path / "drop").mkdir()
    shutil.copytree(ROOT / "config" / "customers", tmp_path / "customers")
    for types in ("interactions", "relations"):
        shutil.copytree(ROOT / "config" / types, tmp_path / types)
    shutil.copy(ROOT / "config" / "access.yaml", tmp_path)
    (tmp_path / "sources" / "shop.yaml").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "drop" / "a.csv").write_text("id,given,family\n1,Ana,Silva\n2,Rui,Costa\n", encoding="utf-8")
    return tmp_path


def hub(mine: Path, *words: str, code: str = "from hub.cli import main; main()", **env: str) -> tuple[int, str]:
    """What a command ends with, and what it prints."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HUB_")}
    given = {
        "HUB_CONFIG": str(mine),
        "HUB_FOLDER": str(mine / "var"),
        "HUB_DATABASE_URL": f"sqlite:///{mine}/hub.sqlite",
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        env={**clean, **given, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_small_pull_loads_no_library_that_it_does_not_need(mine: Path) -> None:
    tell = "import atexit, sys; atexit.register(lambda: print('@', *{m.partition('.')[0] for m in sys.modules}));"
    code, said = hub(mine, "pull", code=f"{tell} from hub.cli import main; main()")
    assert code == 0, said
    assert "2 records standardised" in said
    assert HEAVY & set(said.rpartition("@")[2].split()) == {"alembic", "mako"}  # its tables are made
    with (mine / "drop" / "a.csv").open("a", encoding="utf-8") as file:
        file.write("3,Marta,Dias\n")
    code, said = hub(mine, "pull", code=f"{tell} from hub.cli import main; main()")
    assert code == 0, said
    assert "shop.customers 3    1" in said
    assert HEAVY & set(said.rpartition("@")[2].split()) == set()


def test_a_postgresql_that_is_away_is_told_in_words(mine: Path) -> None:
    code, said = hub(mine, "pull", HUB_DATABASE_URL="postgresql://me:hush@127.0.0.1:9/hub")
    assert code == 1
    assert "cannot be opened" in said
    assert "HUB_DATABASE_URL" in said
    assert "Traceback" not in said
    assert "hush" not in said


@pytest.mark.parametrize("url", ["no url", "sqlite:////proc/nowhere/hub.sqlite", "oracle://x/y"])
def test_a_database_that_cannot_be_is_told_in_words(mine: Path, url: str) -> None:
    code, said = hub(mine, "pull", HUB_DATABASE_URL=url)
    assert code == 2
    assert "HUB_DATABASE_URL" in said
    assert "Traceback" not in said


def test_a_file_that_is_no_database_is_told_in_words(mine: Path) -> None:
    (mine / "hub.sqlite").write_text("id,given,family\n" * 100, encoding="utf-8")
    code, said = hub(mine, "pull")
    assert code == 1
    assert "not a database" in said
    assert "Traceback" not in said


def test_one_source_that_is_wrong_stops_neither_keys_nor_the_writes_to_others(mine: Path) -> None:
    assert hub(mine, "pull")[0] == 0
    (mine / "sources" / "bad.yaml").write_text("connector: {kind: fiel}\n", encoding="utf-8")
    code, said = hub(mine, "keys", "create", "me", "--role", "steward")
    assert code == 0, said
    assert "hub_live_" in said
    assert "left out" in said
    assert "bad.yaml" in said
    code, said = hub(mine, "push")
    assert code == 1  # not all could be done
    assert "write-back: 0 records looked at" in said
    assert hub(mine, "pull")[0] == 2  # it derives: a hub that lacks a source would hold all for stale


def test_a_second_server_on_the_same_file_is_refused_and_told_who_has_it(mine: Path) -> None:
    assert hub(mine, "pull")[0] == 0
    database = Database(f"sqlite:///{mine}/hub.sqlite")
    with serving_alone(database, "http://127.0.0.1:1234"):
        code, said = hub(mine, "serve", "--port", str(port()))
    database.close()
    assert code == 2
    assert f"served already, by process {os.getpid()} at http://127.0.0.1:1234" in said
    with serving_alone(database, "http://127.0.0.1:1234"):
        pass  # the mark went with who held it


@pytest.mark.parametrize("words", [("serve",), ("demo", "--people", "20")])
def test_a_port_that_is_taken_is_told_before_any_work(mine: Path, words: tuple[str, ...]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = str(other.getsockname()[1])
        code, said = hub(mine, *words, "--folder", str(mine / "var"), HUB_PORT=taken)
    assert code == 2
    assert f"cannot listen at 127.0.0.1:{taken}" in said
    assert not (mine / "var").exists()


def test_what_holds_customers_is_its_owners_alone_also_when_it_was_there_before(mine: Path) -> None:
    (mine / "figures.json").write_text("{}", encoding="utf-8")
    (mine / "figures.json").chmod(0o644)
    assert hub(mine, "pull", "--report", str(mine / "figures.json"))[0] == 0
    (mine / "pairs.csv").touch(0o644)
    assert hub(mine, "estimate", "--out", str(mine / "pairs.csv"))[0] == 0
    for name in ("figures.json", "pairs.csv"):
        assert stat.S_IMODE((mine / name).stat().st_mode) == 0o600


def test_a_place_that_cannot_be_written_is_told_in_words(mine: Path) -> None:
    assert hub(mine, "pull")[0] == 0
    code, said = hub(mine, "export", str(mine / "nowhere" / "x.csv"), "--role", "steward")
    assert code == 1
    assert "nowhere/x.csv: No such file or directory" in said
    assert "Traceback" not in said


def test_a_name_is_no_markup(mine: Path) -> None:
    code, said = hub(mine, "keys", "create", "[red]x[/nope] :x:", "--role", "steward")
    assert code == 0, said
    assert "'[red]x[/nope] :x:'" in said


def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "hub.example.com"])
def test_beyond_loopback_the_hub_speaks_no_plain_http(mine: Path, host: str) -> None:
    code, said = hub(mine, "serve", "--host", host)
    assert code == 2 and "--behind-proxy" in said and "Traceback" not in said


def test_tls_needs_both_of_its_files(mine: Path) -> None:
    (mine / "cert.pem").touch()
    assert "give both" in hub(mine, "serve", "--tls-cert", str(mine / "cert.pem"))[1]
    assert "there is no file" in hub(mine, "serve", "--tls-key", str(mine / "none.pem"))[1]
