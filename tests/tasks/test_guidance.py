"""Guidance: the same text for everybody, to whom it is due; which version was given stands on the customer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.db import Database
from hub.errors import ConfigError
from hub.settings import load
from hub.stewardship.acts import Merge
from hub.stewardship.run import Acts
from tests.access.population import CONFIG, open_hub, write_config
from tests.conftest import empty
from tests.tasks.test_lists import ROLES, SOURCES, Desk

CARD = "---\ntitle: {title}\ntopics: [complaint]\n{more}---\n{text}\n"


def write(folder: Path, name: str, text: str = "Say sorry.", title: str = "Sorry", more: str = "") -> None:
    (folder / "guidance").mkdir(exist_ok=True)
    (folder / "guidance" / f"{name}.md").write_text(CARD.format(title=title, text=text, more=more), encoding="utf-8")


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    empty(database)
    write_config(tmp_path / "config", SOURCES, ROLES)
    shutil.copy(CONFIG / "figures.yaml", tmp_path / "config")
    write(tmp_path / "config", "sorry")
    write(tmp_path / "config", "again", "Name one person.", more="segments: [serial_complainer]\n")
    write(tmp_path / "config", "letters", "Write.", more="channels: [letter]\n")
    write(tmp_path / "config", "over", "Long ago.", more="valid_until: 2020-01-01\n")
    hub = open_hub(database, load(tmp_path / "config", {}), tmp_path / "data")
    yield Desk(hub)
    hub.close()


def names(desk: Desk, role: str = "customer_service", **params: Any) -> list[str]:
    found = desk.ask("get", "/guidance", role, params={"topic": "complaint", **params})
    return [c["name"] for c in found["data"]]


def give(desk: Desk, id: str, role: str = "customer_service", status: int = 200, **more: Any) -> Any:
    return desk.ask("post", "/guidance", role, status, json={"topic": "complaint", "customer": id, **more})


def logged(desk: Desk, id: str) -> list[tuple[str, str]]:
    found = desk.ask("get", f"/customers/{id}/interactions", params={"type": "guidance"})["data"]
    return sorted((i["values"]["card"], i["values"]["version"]) for i in found)


def test_a_card_is_there_on_its_day_its_channel_and_for_its_segment(desk: Desk) -> None:
    ann = desk.person("Ann")
    assert names(desk) == ["letters", "sorry"]
    assert names(desk, channel="phone") == ["sorry"]
    assert names(desk, topic="nothing") == []
    for n in range(3):
        desk.land("complaints", f"c{n}", owner="Ann", state="open")
    assert names(desk, customer=ann, channel="phone") == ["again", "sorry"]
    assert names(desk, "reader", customer=ann, channel="phone") == ["sorry"]
    desk.ask("get", "/guidance", status=404, params={"topic": "complaint", "customer": "cus_unknown"})


def test_what_was_given_stands_on_the_customer_once_a_day_and_follows_merges(desk: Desk) -> None:
    ann, bob = desk.person("Ann"), desk.person("Bob")
    names(desk, customer=ann, channel="phone")
    assert logged(desk, ann) == []  # looked at, not given
    for _ in range(2):
        told = give(desk, ann, channel="phone")
        assert told["logged"] and [c["name"] for c in told["data"]] == ["sorry"]
    (only,) = logged(desk, ann)
    assert only[0] == "sorry" and logged(desk, bob) == []
    give(desk, bob, "reader", 403)  # may not write down what happens
    give(desk, "cus_unknown", status=404)
    assert logged(desk, bob) == []
    (kept,) = desk.ask("get", "/guidance/sorry/versions")["data"]
    assert (kept["version"], kept["text"]) == (only[1], "Say sorry.")
    act = Acts(desk.hub.resolver).do(Merge(ann, bob), by="ann", reason="one").id
    assert logged(desk, bob) == [only]
    Acts(desk.hub.resolver).undo(act, by="ann", why="two")
    assert logged(desk, bob) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no front matter", "has no front matter"),
        ("---\ntitle: x\ntopics: [a]\n---\n\n", "says nothing"),
        ("---\ntopics: [a]\n---\ntext", "title: is missing"),
        (CARD.format(title="x", text="y", more="segments: [rich]\n"), "segments: unknown: 'rich'"),
        (CARD.format(title="x", text="y", more="channels: [pigeon]\n"), "channels: unknown: 'pigeon'"),
        (CARD.format(title="x", text="y", more="valid_from: 2026-02-01\nvalid_until: 2026-01-01\n"), "is before valid_from"),
        (CARD.format(title="[x", text="y", more=""), "not readable as YAML"),
    ],
)  # fmt: skip
def test_a_card_that_cannot_be_used_is_named(tmp_path: Path, text: str, told: str) -> None:
    write_config(tmp_path / "config")
    write(tmp_path / "config", "card")
    (tmp_path / "config/guidance/card.md").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "config", {})
    (fault,) = refused.value.faults
    assert "card.md" in fault.where and told in f"{fault.where.rpartition('card.md')[2].strip(': ')}: {fault.what}"
