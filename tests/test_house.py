"""The house's rules are what its layout gives, and hold for files that nobody listed."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from tests import house
from tests.mutants import MUTANTS, Mutant, seed


def test_the_contracts_are_spelled_for_the_linter() -> None:
    spelled = tomllib.loads(house.contracts())["tool"]["importlinter"]["contracts"]
    assert [c["type"] for c in spelled] == ["layers", "forbidden", "forbidden", "forbidden"]
    assert spelled[0]["layers"][0] == "hub.cli"
    assert spelled[0]["layers"][-1] == "hub.model"
    assert all(c["source_modules"] and c["forbidden_modules"] for c in spelled[1:])


def test_no_file_stands_outside_the_rooms() -> None:
    loose = {path.name for path in house.HUB.iterdir() if path.suffix == ".py"}
    assert loose == {"__init__.py", "model.py", "errors.py", "open.py", "app.py", "serve.py"}


def test_a_room_without_a_place_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "attic").mkdir()
    (tmp_path / "attic" / "__init__.py").touch()
    monkeypatch.setattr(house, "HUB", tmp_path)
    with pytest.raises(ValueError, match="attic"):
        house.rooms()


def test_a_new_file_is_under_the_rules_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {
        "landing/ripe.py": '"""Which rows are ripe. Pure."""\n',
        "landing/ripe_store.py": '"""The rows that are ripe."""\n',
        "kinds/shoe_size.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(house, "HUB", tmp_path)
    found = list(house.modules(tmp_path))
    assert [m.as_posix() for m in found if house.is_pure(m)] == ["kinds/shoe_size", "landing/ripe"]
    assert [m.as_posix() for m in found if house.is_store(m)] == ["landing/ripe_store"]


def test_no_file_is_longer_than_one_can_know() -> None:
    """Split by subject, where a newcomer would look. A migration that landed stays as it is."""
    found = {m.as_posix(): len((house.HUB / m).with_suffix(".py").read_text().splitlines()) for m in house.modules()}
    assert {name: lines for name, lines in found.items() if lines > 600} == {}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.what)
def test_every_seeded_bug_fits_the_code_as_it_stands(mutant: Mutant) -> None:
    sound = (house.HUB.parent / mutant.file).read_text(encoding="utf-8")
    seeded = seed(sound, mutant)
    assert seeded != sound
    ast.parse(seeded)
