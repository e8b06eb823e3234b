"""The command itself: its version, faults in words, files that only their owner reads."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from rich.table import Table

from hub import cli
from hub.cli import shared
from hub.db import Database
from hub.errors import ConfigError, Fault


def test_the_version_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["hub", "--version"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("hub 0.")


def test_what_a_fault_quotes_is_no_markup(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise ConfigError([Fault("sources/a.yaml: streams.x", "no column '[red]mail[/red] :x:'", "columns: [a]")])

    monkeypatch.setattr(cli, "app", fails)
    with pytest.raises(SystemExit):
        cli.main()
    assert "no column '[red]mail[/red] :x:'\n    → columns: [a]" in capsys.readouterr().err


def test_the_database_and_exports_are_their_owners_alone(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path / 'hub.sqlite'}").close()
    with open(tmp_path / "customers.csv", "w", opener=shared.private) as target:
        target.write("x")
    for name in ("hub.sqlite", "customers.csv"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_what_a_row_holds_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(box=None)
    table.add_column("value")
    table.add_row("[b]:x:[/b]")
    shared.out.print(table)
    shared.out.print("  shop.people: column '[red]' :smile:")
    told = capsys.readouterr().out
    assert "[b]:x:[/b]" in told
    assert "column '[red]' :smile:" in told


def test_the_address_of_the_database_may_stand_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "address").write_text(f"sqlite:///{tmp_path / 'told.sqlite'}\n")
    monkeypatch.delenv("HUB_DATABASE_URL", raising=False)
    monkeypatch.setenv("HUB_DATABASE_URL_FILE", str(tmp_path / "address"))
    monkeypatch.setenv("HUB_FOLDER", str(tmp_path / "var"))
    for typed, made in (
        ([], "told.sqlite"),
        (["--database", f"sqlite:///{tmp_path / 'typed.sqlite'}"], "typed.sqlite"),
    ):
        monkeypatch.setattr(sys, "argv", ["hub", "keys", "list", *typed])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0, capsys.readouterr().err
        assert (tmp_path / made).exists()
