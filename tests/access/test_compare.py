"""Who gains and loses what by another policy: told by role, counted on the data."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.access.policy.compare import compared, counted
from hub.access.policy.view import View
from hub.access.read import Reader
from hub.cli import app
from hub.model import Sight
from hub.open import Hub
from hub.settings import load_access
from tests.access.population import fill, write_config

OLD = """
roles:
  desk: {may: [read], views: {person: {given_name: show, phone: mask, email: show}}}
  lisbon: {may: [read], views: {person: {given_name: show}}, rows: {person: {where: {address.city: [Lisboa]}}}}
"""
NEW = """
roles:
  desk: {may: [read, explain], views: {person: {given_name: show, phone: show, address: show, email: pseudonym}}}
  lisbon: {may: [read], views: {person: {given_name: show}}, rows: {person: {where: {address.city: [Berlin]}}}}
  shop: {may: [read], views: {organisation: {company_name: show}}}
"""


def test_each_difference_is_told_and_counted(hub: Hub, tmp_path: Path) -> None:
    fill(hub)
    (tmp_path / "old.yaml").write_text(OLD)
    (tmp_path / "new.yaml").write_text(NEW)
    doors = [
        Reader(hub.database, load_access(hub.config, tmp_path / f), hub.audit, b"k") for f in ("old.yaml", "new.yaml")
    ]
    views = [{r: d.view_of_role(r) for r in d.config.access.roles} for d in doors]
    both = {r: (doors[0].view_of_role(r), doors[1].view_of_role(r)) for r in views[0].keys() | views[1].keys()}
    found = counted(doors[0], doors[1], both, list(compared(views[0], views[1])))
    assert [(d.role, d.gains, d.what, d.customers) for d in found] == [
        ("desk", True, "may explain", None),
        ("desk", True, "person.address: hide -> show", 2),
        ("desk", False, "person.email: show -> pseudonym", 2),
        ("desk", True, "person.phone: mask -> show", 2),
        ("lisbon", True, "customers of type person", 1),
        ("lisbon", False, "customers of type person", 1),
        ("shop", True, "may read", None),
        ("shop", True, "organisation.company_name: hide -> show", 1),
    ]


@pytest.mark.parametrize("sight", list(Sight))
def test_the_same_policy_differs_in_nothing(sight: Sight) -> None:
    view = {"r": View("r", {"person": {"email": sight}}, frozenset({"read"}))}
    assert list(compared(view, view)) == []


def test_at_the_command_line(tmp_path: Path) -> None:
    write_config(tmp_path / "config")
    (tmp_path / "old.yaml").write_text(OLD)
    (tmp_path / "new.yaml").write_text(NEW)
    (tmp_path / "bad.yaml").write_text("roles: {a: {views: {person: {fax: show}}}}")
    given = [
        "--config",
        str(tmp_path / "config"),
        "--database",
        f"sqlite:///{tmp_path}/h.sqlite",
        "--folder",
        str(tmp_path / "var"),
    ]
    run = CliRunner().invoke
    told = run(app, ["access", "diff", str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml"), *given])
    assert told.exit_code == 0 and "person.phone: mask -> show" in told.output, told.output
    shown = run(app, ["access", "show", "lisbon", *given])
    assert "address.city is Lisboa" in shown.output and "family_name" in shown.output
    wrong = run(app, ["access", "diff", str(tmp_path / "old.yaml"), str(tmp_path / "bad.yaml"), *given])
    assert wrong.exit_code and "fax" in str(wrong.exception.__dict__)  # told by `main` in words
    checked = run(app, ["check", "--config", str(tmp_path / "config"), "--against", str(tmp_path / "old.yaml")])
    assert "steward" in checked.output and "gains" in checked.output
    (tmp_path / "config" / "access.yaml").write_text(OLD)
    for named in ("lists", "processes"):  # they name roles that are no more
        shutil.rmtree(tmp_path / "config" / named)
    assert "nobody can" in run(app, ["check", "--config", str(tmp_path / "config")]).output
