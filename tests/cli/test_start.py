"""How a command starts, and what it says when its database cannot be used. Each in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
    assert hub(mine, "pull")[0] == 0
    with (mine / "drop" / "a.csv").open("a", encoding="utf-8") as file:
        file.write("3,Marta,Dias\n")
    tell = "import atexit, sys; atexit.register(lambda: print('@', *{m.partition('.')[0] for m in sys.modules}));"
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
