"""What every benchmark prints and writes: checks against what is to be reached, and where it was measured."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
MEASURED_WITH = ("splink", "duckdb", "recordlinkage", "sqlalchemy", "pyarrow", "numpy")
console = Console(width=None if sys.stdout.isatty() else 140)


@dataclass(frozen=True)
class Check:
    """One number and its bound, as measured."""

    what: str
    measured: float
    bound: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    def words(self) -> str:
        colour, answer = ("green", "yes") if self.met else ("red", "no")
        return f"[{colour}]{answer}[/] {self.what} {self.measured:.4g} ({'>=' if self.at_least else '<='} {self.bound:.4g})"

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}


def where() -> dict[str, Any]:
    """Machine, versions, commit and how busy the machine was."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "changed": sorted(
            line[3:]
            for line in _git("status", "--porcelain", "--untracked-files=no").splitlines()
            if line[3:].startswith(("hub/", "config/"))
        ),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load_average": [round(n, 1) for n in os.getloadavg()],
        "versions": {name: version(name) for name in MEASURED_WITH},
    }


def _git(*words: str) -> str:
    try:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.rstrip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def save(name: str, **results: Any) -> Path:
    """Write results/<name>.json whole or not at all."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    half = path.with_suffix(".part")
    half.write_text(json.dumps({"where": where(), **results}, indent=1, default=str) + "\n", encoding="utf-8")
    half.replace(path)
    return path


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]], *, left: int = 1) -> None:
    """Print a table; the first `left` columns are text, the others numbers."""
    shown = Table(title=title, title_justify="left", pad_edge=False)
    for number, column in enumerate(columns):
        shown.add_column(column, justify="left" if number < left else "right", no_wrap=number < left)
    for row in rows:
        shown.add_row(*row)
    console.print(shown)


def print_checks(checks: Iterable[Check]) -> None:
    for check in checks:
        console.print("  " + check.words())
