"""SIGHUP on a real server: another configuration, or the same one when the new one has faults."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_start import ROOT, hub, mine, port

__all__ = ["mine"]  # the fixture
PATIENCE = 60  # seconds


class Server:
    """`hub serve` in a process of its own, over a hub of two customers."""

    def __init__(self, folder: Path):
        assert hub(folder, "pull")[0] == 0
        code, said = hub(folder, "keys", "create", "me", "--role", "steward")
        assert code == 0, said
        self.folder, self.port = folder, port()
        self.secret = re.findall(r"hub_live_\S+", said)[0]
        self.log = folder / "server.log"
        env = {k: v for k, v in os.environ.items() if not k.startswith("HUB_")}
        given = {"CONFIG": str(folder), "FOLDER": str(folder / "var"), "PORT": str(self.port)}
        database = {"HUB_DATABASE_URL": f"sqlite:///{folder}/hub.sqlite"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from hub.cli import main; main()", "serve"],
                cwd=ROOT,
                env={**env, **database, **{f"HUB_{k}": v for k, v in given.items()}, "PYTHONUNBUFFERED": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def told(self, words: str) -> str:
        """What the server has logged, once these words stand there."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = self.log.read_text(encoding="utf-8")
            if words in found:
                return found
            assert self.process.poll() is None, found
            time.sleep(0.05)
        raise AssertionError(f"{words!r} was not said in {self.log.read_text(encoding='utf-8')}")

    def get(self, path: str) -> Any:
        """An answer, to be read."""
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v1/{path}", headers={"Authorization": f"Bearer {self.secret}"}
        )
        return urllib.request.urlopen(asked, timeout=PATIENCE)

    def first(self) -> dict[str, Any]:
        """The first customer as the key's role sees it."""
        with self.get("customers?limit=1") as answer:
            found: dict[str, Any] = json.load(answer)["data"][0]["values"]
        return found

    def hang_up(self) -> None:
        self.process.send_signal(signal.SIGHUP)


@pytest.fixture
def server(mine: Path) -> Iterator[Server]:
    started = Server(mine)
    try:
        started.told("is running at")
        until = time.monotonic() + PATIENCE
        while True:
            try:
                started.first()
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.05)
        yield started
    finally:
        started.process.terminate()
        started.process.wait(PATIENCE)


def test_a_changed_configuration_is_taken_up(server: Server) -> None:
    assert "family_name" in server.first()
    access = server.folder / "access.yaml"
    text = access.read_text(encoding="utf-8")
    access.write_text("roles: {steward: {views: {person: {given_name: show}}}}\n", encoding="utf-8")
    stream = server.get("changes/events")
    server.hang_up()
    said = server.told("configuration reloaded")
    stream.read()  # it ends: who comes back is shown what the role sees now
    assert "role steward changed" in said
    assert "role marketing removed" in said
    assert "hub match --full" not in said
    assert set(server.first()) == {"given_name"}
    access.write_text(text, encoding="utf-8")
    (server.folder / "sources" / "till.yaml").write_text(
        "connector: {kind: file, path: drop}\n"
        "schedule: every 1 second\n"
        "streams: {people: {customer: person, key: id, map: {given_name: given}}}\n",
        encoding="utf-8",
    )
    server.hang_up()
    said = server.told("hub match --full")  # what is stored was made without that source
    assert "source till added" in said
    assert "family_name" in server.first()
    server.told("source=till")  # its jobs run
    server.told("stream=people")


def test_a_configuration_with_a_fault_changes_nothing(server: Server) -> None:
    (server.folder / "access.yaml").write_text("roles: {steward: {veiws: {}}}\n", encoding="utf-8")
    server.hang_up()
    said = server.told("configuration refused")
    assert "unknown key 'veiws'" in said
    assert "did you mean views?" in said
    assert "Traceback" not in said
    assert "family_name" in server.first()


def test_the_same_configuration_is_told_as_such(server: Server) -> None:
    server.hang_up()
    server.told("configuration is as it was")
    assert server.process.poll() is None
