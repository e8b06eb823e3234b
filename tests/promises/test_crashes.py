"""kill -9 at each fail point of a live resolve, a pull and a bulk apply: all or none of it, and the end is the same."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.db import Database
from hub.landing import store as landing
from hub.quality.verify import Verify
from tests import crashing, tiny
from tests.conftest import empty, open_database
from tests.crashing import Run, Runner

PROVE = bool(os.environ.get("HUB_PROVE"))
LIVE = ["raw stored", "normalised", "candidates", "links", "golden", "history", "outbox", "pre-commit", "post-commit"]
POINTS = {"live": LIVE, "pull": ["page fetched", *LIVE, "cursor"], "bulk": ["page fetched", *LIVE, "cursor"]}
PASSES = (1, 2, 3, 5, 8) if PROVE else (1, 2)
EVERY = 1 if PROVE else 5  # of the cases
CASES = [(story, point, n) for story, points in POINTS.items() for point in points for n in PASSES]

Answer = dict[Any, Any]
_undisturbed: dict[tuple[str, str], Answer] = {}


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    found = Runner()
    yield found
    found.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    opened = open_database(request.param, tmp_path, request)
    crashing.write_files(tmp_path)
    yield opened
    opened.close()


def url_of(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


def undisturbed(database: Database, runner: Runner, story: str, folder: Path) -> Answer:
    """The answer of a run that nothing ended."""
    kind = "sqlite" if database.sqlite else "postgresql"
    if (kind, story) not in _undisturbed:
        assert runner.run(Run(url_of(database), story, str(folder))) == 0
        _undisturbed[kind, story] = tiny.answer(database)
        empty(database)
    return _undisturbed[kind, story]


def sound(database: Database, folder: Path) -> None:
    resolver = tiny.resolver(database, crashing.config(folder))
    found = Verify(resolver).run()
    assert not found.total, (dict(found.differences), found.samples)


def rows(database: Database, table: str) -> int:
    with database.read() as c:
        return int(c.exec_driver_sql(f'SELECT count(*) FROM "{table}"').scalar_one())


@pytest.mark.parametrize(("story", "point", "n"), CASES[::EVERY])
def test_killed_anywhere_it_ends_as_if_nothing_had_been(
    hub: Database, runner: Runner, tmp_path: Path, story: str, point: str, n: int
) -> None:
    expected = undisturbed(hub, runner, story, tmp_path)
    run = Run(url_of(hub), story, str(tmp_path), f"{point}:{n}")
    ended = runner.run(run)
    assert ended == signal.SIGKILL if n == 1 else ended in (0, signal.SIGKILL)
    # versions = history = outbox, whatever was under way
    assert rows(hub, "history") == rows(hub, "change")
    if story != "bulk":
        sound(hub, tmp_path)
    assert runner.run(run._replace(fail="")) == 0
    assert tiny.answer(hub) == expected
    sound(hub, tmp_path)
    with hub.read() as c:
        assert landing.pending_count(c) == 0


def test_a_commit_is_all_or_none(hub: Database, runner: Runner, tmp_path: Path) -> None:
    """Before the commit nothing of the row is there; after it, all of it."""
    assert runner.run(Run(url_of(hub), "live", str(tmp_path), "pre-commit:1")) == signal.SIGKILL
    assert {
        t: rows(hub, t) for t in ("record", "version", "standardised", "customer", "history", "change")
    } == dict.fromkeys(("record", "version", "standardised", "customer", "history", "change"), 0)
    assert runner.run(Run(url_of(hub), "live", str(tmp_path), "post-commit:1")) == signal.SIGKILL
    assert {
        t: rows(hub, t) for t in ("record", "version", "standardised", "customer", "history", "change")
    } == dict.fromkeys(("record", "version", "standardised", "customer", "history", "change"), 1)
