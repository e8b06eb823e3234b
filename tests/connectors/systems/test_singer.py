"""The Singer adapter: the shared suite on a tap of our own, and taps that misbehave."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hub.connectors.base import Connector
from hub.connectors.registry import connect
from hub.connectors.systems import singer
from hub.errors import ConfigError, RetryLater
from hub.settings import Source
from tests.connectors.conformance import MAP, Conformance, World, bad, pages, person, raws

TAP = """
import argparse, json, os, sys, time
p = argparse.ArgumentParser()
for name in ("--config", "--state", "--catalog"):
    p.add_argument(name)
p.add_argument("--discover", action="store_true")
a = p.parse_args()
config = json.load(open(a.config))
held = json.load(open(config["file"]))
fields = list(dict.fromkeys(n for r in held["rows"] for n in r))
def say(**m):
    print(json.dumps(m), flush=True)
if a.discover:
    schema = {"properties": {n: {} for n in fields}}
    print(json.dumps({"streams": [{"tap_stream_id": "users", "stream": "users", "schema": schema}, {"tap_stream_id": "other", "schema": {}}]}))
    sys.exit()
selected = [s["tap_stream_id"] for s in json.load(open(a.catalog))["streams"] if s["metadata"][0]["metadata"]["selected"]]
assert selected == ["users"], selected
if "seen" in held:
    json.dump(json.load(open(a.catalog))["streams"][0], open(held["seen"], "w"))
since = json.load(open(a.state))["at"] if a.state else ""
say(type="SCHEMA", stream="users", key_properties=["id"], schema={"properties": {n: {} for n in fields}})
for line in held.get("rubbish", []):
    print(line, flush=True)
rows = sorted((r for r in held["rows"] if r["updated_at"] >= since), key=lambda r: (r["updated_at"], r["id"]))
for n, row in enumerate(rows):
    say(type="RECORD", stream="users", record=row)
    say(type="RECORD", stream="other", record={"id": n})
    if n % 100 == 99:
        say(type="STATE", value={"at": row["updated_at"]})
if rows:
    say(type="STATE", value={"at": rows[-1]["updated_at"]})
sys.stderr.write("a word of the tap: " + os.environ.get("HUB_SECRET", "no secret") + "\\n")
if "hang" in held:
    open(held["hang"], "w").write(str(os.getpid()))
    time.sleep(600)
sys.exit(held.get("code", 0))
"""


class Singer(World):
    writable = False
    many = 1500

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held_: dict[str, Any] = {"rows": []}
        (folder / "tap.py").write_text(TAP)
        self.save()

    def save(self, **more: Any) -> None:
        self.held_ |= more
        (self.folder / "held.json").write_text(json.dumps(self.held_))

    def source(self, **stream: Any) -> Source:
        connector = {
            "kind": "singer",
            "command": [sys.executable, str(self.folder / "tap.py")],
            "config": {"file": str(self.folder / "held.json")},
        }
        connector |= stream.pop("connector", {})
        people = {"customer": "person", "key": "id", "version": "updated_at", "stream": "users", "map": MAP, **stream}
        return Source.model_validate({"name": "tap", "connector": connector, "streams": {"people": people}})

    def connector(self, **stream: Any) -> Connector:
        return connect(self.source(**stream), env={}, base_folder=self.folder)

    def put(self, *rows: dict[str, Any]) -> None:
        new = {row["id"] for row in rows}
        self.save(rows=[*(r for r in self.held_["rows"] if r["id"] not in new), *rows])

    def put_bad(self) -> None:
        self.save(rubbish=["Traceback: rubbish"])

    def add_field(self, name: str) -> None:
        self.save(rows=[{**row, name: "gold"} for row in self.held_["rows"]])

    def drop_field(self, name: str) -> None:
        self.save(rows=[{k: v for k, v in row.items() if k != name} for row in self.held_["rows"]])

    def break_down(self) -> None:
        self.save(code=1)


@pytest.fixture
def world(tmp_path: Path) -> Singer:
    return Singer(tmp_path)


class TestSinger(Conformance):
    @pytest.fixture
    def world(self, world: Singer) -> Singer:
        return world


def test_a_tap_that_hangs_is_ended_and_what_it_said_before_is_kept(world: Singer) -> None:
    world.put(*[person(n) for n in range(1200)])
    world.save(hang=str(world.folder / "pid"))
    found = []
    with pytest.raises(RetryLater) as told:
        found.extend(world.connector(connector={"silent_seconds": 1.5}).read("people", None))
    assert "said nothing for 1.5 s" in str(told.value)
    pid = int((world.folder / "pid").read_text())
    until = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def test_a_state_goes_with_the_rows_before_it(world: Singer) -> None:
    world.put(*[person(n, day=1 + n // 100) for n in range(1500)])
    (first, last) = pages(world.connector())
    assert first.cursor["state"]["at"] == "2024-03-09T10:00:00Z"  # of the last STATE, not of the last row
    assert max(row.raw["updated_at"] for row in first.rows) >= first.cursor["state"]["at"]  # type: ignore[union-attr]
    assert raws([first]).keys() | raws(pages(world.connector(), first.cursor)).keys() == raws([first, last]).keys()


def test_what_the_tap_says_beside_its_messages_is_kept_and_no_secret_is_passed_on(
    world: Singer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_SECRET", "secret of the hub")
    world.put(person(1))
    pages(world.connector())
    log = world.folder / ".taps/tap/stderr.log"
    assert log.read_text() == "a word of the tap: no secret\n"
    assert os.stat(log.parent).st_mode & 0o077 == 0


def test_endless_rubbish_ends_the_tap(world: Singer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(singer, "RUBBISH", 10)
    world.save(rubbish=["x"] * 12)
    with pytest.raises(RetryLater) as told:
        pages(world.connector())
    assert "no Singer messages" in str(told.value)
    world.save(rubbish=["x"] * 9)
    assert len(bad(pages(world.connector()))) == 9


@pytest.mark.parametrize(
    ("stream", "connector", "said"),
    [
        ("nobody", {}, "streams there: users, other"),
        ("users", {"command": "no-such-tap"}, "there is no command 'no-such-tap'"),
    ],
)
def test_what_is_not_there_is_named(world: Singer, stream: str, connector: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as told:
        pages(world.connector(stream=stream, connector=connector))
    assert said in str(told.value)


def test_further_metadata_of_the_stream_reaches_the_tap_in_both_spellings(world: Singer) -> None:
    world.put(person(1))
    world.save(seen=str(world.folder / "seen.json"))
    given = {"replication-method": "INCREMENTAL", "replication-key": "updated_at"}
    pages(world.connector(metadata=given))
    seen = json.loads((world.folder / "seen.json").read_text())
    assert seen["metadata"][0]["metadata"] == {"selected": True, **given}
    assert (seen["replication_method"], seen["replication_key"]) == ("INCREMENTAL", "updated_at")
