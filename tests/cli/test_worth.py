"""`hub campaigns`, `hub guidance` and `hub report` as somebody types them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cli import app
from hub.db import Database
from hub.errors import ConfigError
from hub.migrations import upgrade
from hub.settings import load
from tests.access.population import CONFIG, SECRET, open_hub, write_config
from tests.figures.test_campaigns import SOURCES, WINTER


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shop with two responses to a campaign, one of them by a code that nobody entered."""
    write_config(tmp_path / "config", SOURCES, "")
    for name in ("figures.yaml", "working_hours.yaml"):
        shutil.copy(CONFIG / name, tmp_path / "config")
    shutil.copytree(CONFIG / "guidance", tmp_path / "config/guidance")
    (tmp_path / "config/campaigns").mkdir()
    (tmp_path / "config/campaigns/winter.yaml").write_text(WINTER, encoding="utf-8")
    database = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    upgrade(database)
    hub = open_hub(database, load(tmp_path / "config", {}), tmp_path / "data")
    hub.resolver.reread()
    hub.resolver.upsert("shop", "people", [{"id": "Ann", "first": "Ann", "last": "Annson", "mail": "a@x.example"}])
    order = {"owner": "Ann", "at": "2027-01-05", "state": "placed", "total": "30 EUR"}
    hub.resolver.upsert("shop", "orders", [{"id": "1", "code": "w26", **order}, {"id": "2", "code": "W-99", **order}])
    hub.close()
    database.close()
    for name, value in {"CONFIG": "config", "FOLDER": "data"}.items():
        monkeypatch.setenv(f"HUB_{name}", str(tmp_path / value))
    monkeypatch.setenv("HUB_DATABASE_URL", f"sqlite:///{tmp_path}/hub.sqlite")
    monkeypatch.setenv("HUB_SECRET", SECRET)
    return tmp_path


def say(*words: str) -> str:
    """What it prints; its refusals are raised."""
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "80"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def row(text: str, begins: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.strip().startswith(begins))


def test_what_campaigns_brought(folder: Path) -> None:
    assert row(say("campaigns"), "winter")[1:] == ["1", "1", "1", "1", "60.00", "EUR", "120.00"]
    whole = say("campaigns", "winter")
    assert row(whole, "letter")[1:] == ["1", "1", "1", "1", "60.00", "EUR", "20.00"]
    assert row(whole, "all together")[2:] == row(say("campaigns"), "winter")[1:]
    assert row(say("campaigns", "--unknown"), "w99")[1] == "1"
    with pytest.raises(ConfigError, match="no such campaign"):
        say("campaigns", "summer")


def test_what_to_say(folder: Path) -> None:
    assert row(say("guidance"), "complaint_again")[1:3] == ["complaint", "serial_complainer"]
    told = say("guidance", "Complaint")
    assert told.index("Who complained three times") < told.index("Say that it arrived")
    with pytest.raises(ConfigError, match="no such topic"):
        say("guidance", "weather")


def test_how_we_are_doing(folder: Path) -> None:
    told = say("report", "--daily")
    assert row(told, "shop.people")[:4] == ["shop.people", "email", "1", "100%"]
    assert max(len(line.rstrip()) for line in told.splitlines()) <= 80
