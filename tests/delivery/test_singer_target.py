"""Customers to a Singer target: what it says back as STATE was written, and nothing else is taken for written."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.db import Database
from hub.delivery.file_drops import DropDone, FileDrops
from hub.errors import ConfigError, RetryLater
from hub.settings import FileDrop
from tests.delivery.test_file_drops import ANNA, OTTO, Hub

TARGET = """
import argparse, json, os, sys, time
p = argparse.ArgumentParser()
p.add_argument("--config")
config = json.load(open(p.parse_args().config))
sys.stderr.write("a word of the target: " + os.environ.get("HUB_SECRET", "no secret") + "\\n")
out, schemas = open(config["out"], "a"), {}
for n, line in enumerate(sys.stdin):
    m = json.loads(line)
    if n == config.get("dies"):
        sys.exit(3)
    if n == config.get("hangs"):
        time.sleep(600)
    for _ in range(config.get("noise", 0)):
        print("x" * 1000)
    if m["type"] == "SCHEMA":
        schemas[m["stream"]] = m["schema"]["properties"]
    elif m["type"] == "RECORD":
        assert set(m["record"]) <= set(schemas[m["stream"]]), m
        print(json.dumps(m["record"]), file=out, flush=True)
    elif not config.get("says nothing"):
        print(json.dumps(m["value"]), flush=True)
sys.exit(config.get("code", 0))
"""


class Target:
    """The drop of a hub into a target of our own, and what the target wrote."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub, self.out, self.script = hub, folder / "written.jsonl", folder / "target.py"
        self.script.write_text(TARGET)

    def drop(self, **config: Any) -> DropDone | None:
        silent = config.pop("silent", 30)
        target = {
            "command": [sys.executable, str(self.script)],
            "config": {"out": str(self.out), **config},
            "silent_seconds": silent,
        }
        given = {"name": "dwh", "target": target, "role": config.pop("role", "bill")}
        return FileDrops(self.hub.reader, env={"HUB_SECRET": "hush"}).run(FileDrop.model_validate(given))

    def written(self) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.out.read_text().splitlines()] if self.out.exists() else []
        self.out.unlink(missing_ok=True)
        return found


@pytest.fixture
def target(database: Database, tmp_path: Path) -> Iterator[Target]:
    hub = Hub(database, tmp_path)
    hub.land(ANNA, OTTO)
    yield Target(hub, tmp_path)
    hub.audit.close()


def test_all_customers_come_first_then_those_that_changed_and_those_that_left(target: Target) -> None:
    done = target.drop()
    assert done is not None and done.whole and done.files == {"person": 2}
    assert sorted((r["given_name"], tuple(r["email"])) for r in target.written()) == [
        ("Anna", ("anna@x.example",)),
        ("Otto", ("otto@x.example",)),
    ]
    assert target.drop() is None
    target.hub.land({**ANNA, "job": "baker", "v": 2})
    target.hub.resolver.delete("bill", "people", "2")
    assert target.drop() is not None
    anna, otto = sorted(target.written(), key=lambda r: r["_sdc_deleted_at"] is not None)
    assert (anna["occupation"], otto["given_name"]) == ("baker", None)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"dies": 0}, r"target failed \(3\)"),
        ({"dies": 2}, r"target failed \(3\)"),
        ({"says nothing": True}, "did not say that it wrote all"),
        ({"hangs": 1, "silent": 1}, "did not end"),
    ],
)
def test_what_the_target_does_not_say_back_is_told_again(target: Target, config: dict[str, Any], said: str) -> None:
    with pytest.raises(RetryLater, match=said) as error:
        target.drop(**config)
    assert "Anna" not in str(error.value)
    target.written()
    done = target.drop()
    assert done is not None and done.whole
    assert len(target.written()) == 2


def test_a_target_that_takes_nothing_is_ended(target: Target) -> None:
    target.hub.land(*[{**ANNA, "id": f"n{n}", "job": "x" * 2_000, "v": 9} for n in range(200)])
    with pytest.raises(RetryLater, match="took nothing for 1 s, and was ended"):
        target.drop(hangs=1, silent=1)


def test_a_target_that_says_much_beside_is_heard_to_the_end(target: Target) -> None:
    assert target.drop(noise=400) is not None
    assert target.drop() is None


def test_what_was_said_back_counts_though_the_target_fails_after(target: Target) -> None:
    assert target.drop(code=1) is not None
    assert target.drop() is None


def test_a_target_sees_what_the_role_sees_and_nothing_of_the_hubs_environment(target: Target) -> None:
    target.drop(role="crm")
    assert {frozenset(r) - {"id", "part_of", "version", "updated_at", "_sdc_deleted_at"} for r in target.written()} == {
        frozenset({"given_name", "phone"})
    }
    log = target.hub.config.folder / ".targets" / "dwh" / "stderr.log"
    assert log.read_text() == "a word of the target: no secret\n"


def test_in_another_view_who_left_meanwhile_is_told_beside_all(target: Target) -> None:
    target.drop()
    otto = next(r["id"] for r in target.written() if r["given_name"] == "Otto")
    target.hub.land({**ANNA, "job": "baker", "v": 2})
    target.hub.resolver.delete("bill", "people", "2")
    done = target.drop(role="crm")
    assert done is not None and done.whole
    told = target.written()
    assert [(r["id"] == otto, r["given_name"], r["_sdc_deleted_at"] is not None) for r in told] == [
        (False, "Anna", False),
        (True, None, True),
    ]
    assert target.drop(role="crm") is None


@pytest.mark.parametrize("there", [False, True])
def test_its_owner_alone_reads_what_the_target_said(target: Target, there: bool) -> None:
    log = target.hub.config.folder / ".targets" / "dwh" / "stderr.log"
    if there:  # of a version that left them open
        log.parent.mkdir(parents=True, mode=0o755)
        log.touch(mode=0o644)
    target.drop()
    assert [oct(path.stat().st_mode & 0o777) for path in (log.parent, log)] == ["0o700", "0o600"]


def test_a_target_is_installed_where_its_owner_alone_reads(target: Target) -> None:
    given = {"command": "target-x", "packages": ["./there is no such package"]}
    drop = FileDrop.model_validate({"name": "dwh", "target": given, "role": "bill"})
    with pytest.raises(ConfigError, match="could not be installed"):
        FileDrops(target.hub.reader, env={}).run(drop)
    log = target.hub.config.folder / ".targets" / "dwh" / "stderr.log"
    assert [oct(path.stat().st_mode & 0o777) for path in (log.parent, log)] == ["0o700", "0o600"]


def test_a_command_that_there_is_not_is_named(target: Target) -> None:
    drop = FileDrop.model_validate({"name": "dwh", "target": {"command": "target-nowhere"}, "role": "bill"})
    with pytest.raises(ConfigError, match=r"drops/dwh\.yaml: target\.command: there is no command 'target-nowhere'"):
        FileDrops(target.hub.reader, env={}).run(drop)


@pytest.mark.parametrize("given", [{}, {"folder": "out", "target": {"command": "x"}}, {"target": {"command": "x"}, "format": "jsonl"}])  # fmt: skip
def test_a_drop_goes_to_a_folder_or_to_a_target(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="folder"):
        FileDrop.model_validate({"name": "dwh", "role": "bill", **given})
