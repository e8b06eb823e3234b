"""A process that imports the hub once and forks a child for each run that may be killed.

Reads a line of JSON per run (`Run`), answers a line: 0, or the signal that ended the child. Talks on stdin and stdout.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from hub.connectors.registry import connect
from hub.db import Database
from hub.model import RecordId
from hub.resolve.bulk import Bulk
from hub.resolve.resolver import Resolver
from hub.settings import Config, Source
from hub.work.pull import Pull
from tests import tiny

ROWS: list[tuple[RecordId, dict[str, Any]]] = [
    (RecordId(source, "people", key), {"id": key, "v": version, "at": "2023-01-01T00:00:00Z", **more})
    for source, key, version, more in [
        (
            "bill",
            "1",
            1,
            {"given_name": "Anna", "family_name": "Maier", "birth_date": "1980-02-03", "email": "a@x.example"},
        ),
        (
            "crm",
            "1",
            1,
            {"given_name": "Anna", "family_name": "Meyer", "birth_date": "1980-02-03", "email": "b@x.example"},
        ),
        ("bill", "2", 1, {"given_name": "Otto", "family_name": "Maier", "phone": "+4915112345678"}),
        (
            "web",
            "1",
            1,
            {"given_name": "Anna", "family_name": "Maier", "email": "a@x.example", "phone": "+4915112345678"},
        ),
        (
            "bill",
            "3",
            1,
            {
                "given_name": "Anna",
                "family_name": "Maier",
                "birth_date": "1980-02-03",
                "email": "a@x.example",
                "tax_id": "T1",
            },
        ),
        (
            "crm",
            "1",
            2,
            {"given_name": "Anna", "family_name": "Maier", "birth_date": "1980-02-03", "email": "a@x.example"},
        ),
        ("bill", "1", 2, {"gone": True}),
        ("bill", "2", 2, {"given_name": "Otto", "family_name": "Maier", "birth_date": "1991-05-06"}),
        (
            "bill",
            "1",
            3,
            {"given_name": "Hanna", "family_name": "Maier", "birth_date": "1980-02-03", "email": "b@x.example"},
        ),
        ("bill", "3", 2, {"gone": True}),
    ]
]


class Run(NamedTuple):
    url: str
    story: str  # live | pull | bulk
    folder: str  # of the source's file, for pulls
    fail: str = ""


def config(folder: Path) -> Config:
    """The tiny hub, its sources reading files in `folder`."""
    given = tiny.config()
    sources = {
        name: Source.model_validate(
            {
                **source.model_dump(),
                "connector": {"kind": "file", "path": str(folder)},
                "streams": {
                    "people": {**source.streams["people"].model_dump(), "file": {"pattern": f"{name}-*.jsonl"}}
                },
            }
        )
        for name, source in given.sources.items()
    }
    return Config(folder=folder, customers=given.customers, access=given.access, sources=sources)


def write_files(folder: Path) -> None:
    """The rows as the sources' files, one a version."""
    for number, (id, raw) in enumerate(ROWS):
        (folder / f"{id.source}-{number:02}.jsonl").write_text(json.dumps(raw) + "\n", encoding="utf-8")


def play(run: Run, database: Database) -> None:
    """One of the stories, from wherever the hub is to its end. Doing it again changes nothing."""
    resolver = Resolver(database, config(Path(run.folder)))
    if run.story == "live":
        for id, raw in ROWS:
            resolver.upsert(id.source, id.stream, [raw])
        return
    for name, source in resolver.config.sources.items():
        Pull(resolver, name, "people", complete=False).run(
            connect(source, env={}, base_folder=Path(run.folder)), live=run.story == "pull"
        )
    if run.story == "bulk":
        Bulk(resolver, workers=1).run(train=False)


class Runner:
    """The forking process, seen from a test."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.crashing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
        )

    def run(self, run: Run) -> int:
        """0, or the number of the signal that ended it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(run) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def main() -> None:
    for line in sys.stdin:
        run = Run(*json.loads(line))
        child = os.fork()
        if child == 0:
            os.environ["HUB_FAIL"] = run.fail
            status = 1
            try:
                database = Database(run.url)
                play(run, database)
                database.close()
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status), flush=True)


if __name__ == "__main__":
    main()
