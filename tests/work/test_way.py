"""The way of one record, as docs/architecture.md tells it: a changed row in a table reaches a service, by these functions."""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path
from types import FrameType

from hub.db import Database
from hub.work import cycle
from tests.delivery.world import World
from tests.house import HUB, ROOT

MOST = 18  # files of a record's way


def told() -> list[str]:
    """`hub/work/pull.py Pull._take`, step by step."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("## The way of one record")[1]
    return [
        f"{file} {name}"
        for file, name in re.findall(r"^\| \d+ \| `([\w/.]+)`[^|]* \| `([\w.]+)` \|", text, re.MULTILINE)
    ]


def test_a_records_way_is_the_one_that_is_told(database: Database, tmp_path: Path) -> None:
    world = World(database, tmp_path)
    try:
        world.bill(first="Anna", last="Maier", born="1980-02-03", mail="anna@maier.example", phone="+4915112345678")
        world.new_in_crm(
            name={"given": "Anna", "family": "Maier"}, birthDate="1980-02-03", emails=["anna@maier.example"]
        )
        for _ in range(3):
            world.round()
        world.bill(phone="+4915187654321")
        called = Called()
        with called:
            (pulled,) = cycle.pull(world.resolver, ["bill"], env=world.env)
            pushed = world.push()
        assert (pulled.landed, pushed.written) == (1, 1)
        assert world.in_crm()["phones"] == ["+4915187654321"]
    finally:
        world.close()
    steps = told()
    assert [step for step in steps if step not in called.first] == []
    assert steps == sorted(steps, key=called.first.__getitem__), "another order than the one that is told"
    assert 12 < len({step.split()[0] for step in steps}) <= MOST


class Called:
    """The functions of the hub in the order of their first calls, while it is open."""

    def __init__(self) -> None:
        self.first: dict[str, int] = {}

    def __enter__(self) -> None:
        threading.setprofile(self._note)
        sys.setprofile(self._note)

    def __exit__(self, *_error: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _note(self, frame: FrameType, event: str, _arg: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(HUB)):
            name = f"{Path(code.co_filename).relative_to(ROOT).as_posix()} {code.co_qualname}"
            self.first.setdefault(name, len(self.first))
