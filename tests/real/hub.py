"""A hub as its owner has it: a folder of YAML files, environment variables, the `hub` command."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import yaml
from typer.testing import CliRunner

from hub.cli import app
from tests.real.systems import ROOT, free_port, running


@dataclass
class Hub:
    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        config = self.folder / "config"
        (config / "sources").mkdir(parents=True)
        shutil.copytree(ROOT / "config/customers", config / "customers")
        for types in ("interactions", "relations"):
            shutil.copytree(ROOT / "config" / types, config / types)
        shutil.copy(ROOT / "config/access.yaml", config)
        database = f"sqlite:///{self.folder / 'hub.sqlite'}"
        self.env |= {"HUB_CONFIG": str(config), "HUB_DATABASE_URL": database, "HUB_FOLDER": str(self.folder / "var")}

    def source(self, name: str, text: str) -> None:
        (self.folder / "config/sources" / f"{name}.yaml").write_text(text)

    def role(self, name: str, **role: Any) -> None:
        """A role, in place of one of the same name."""
        file = self.folder / "config/access.yaml"
        known = yaml.safe_load(file.read_text())
        known["roles"][name] = role
        file.write_text(yaml.safe_dump(known))

    def __call__(self, *arguments: str) -> str:
        """A command of `hub`, in this process: what it prints."""
        done = CliRunner().invoke(app, arguments, env=self.env)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return str(done.stdout)

    def pulled(self, *sources: str) -> dict[str, dict[str, Any]]:
        """One pull: stream -> its figures. A stream that stopped fails the test."""
        report = self.folder / "pulled.json"
        self("pull", *sources, "--report", str(report))
        found = {f"{p['source']}.{p['stream']}": p for p in json.loads(report.read_text())["pulled"]}
        assert not [p["error"] for p in found.values() if p["error"]]
        return found

    def round(self) -> str:
        """Pull everything, push everything; what the push said."""
        self.pulled()
        return self("push")

    @contextmanager
    def serving(self, *options: str) -> Iterator[str]:
        """`hub serve`, a process of its own; its address."""
        url = f"http://127.0.0.1:{(port := free_port())}"
        command = [str(Path(sys.executable).parent / "hub"), "serve", *options]
        with running(
            command,
            lambda: httpx2.get(f"{url}/readyz", trust_env=False).raise_for_status(),
            self.folder / "serve.log",
            **self.env,
            HUB_PORT=str(port),
        ):
            yield url

    def get(self, url: str, path: str, key: str) -> Any:
        """What the API answers."""
        answer = httpx2.get(f"{url}{path}", headers={"authorization": f"Bearer {key}"}, trust_env=False)
        return answer.raise_for_status().json()

    def customers(self) -> list[dict[str, str]]:
        """What a lead steward sees of every customer."""
        file = self.folder / "customers.csv"
        file.unlink(missing_ok=True)
        self("export", str(file), "--role", "lead_steward")
        with file.open(newline="") as rows:
            return list(csv.DictReader(rows))
