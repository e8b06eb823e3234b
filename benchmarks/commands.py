"""How long a command takes from its start to its end: `python -m benchmarks.commands [--times 7]`.

Each is a process of its own, the best of so many runs, beside a Python that does nothing. The hub is README's: five rows of
a CSV file, on SQLite. Bytecode is what `make setup` compiled.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.report import ROOT, Check, print_checks, save, table

SOURCE = """connector: {kind: file, path: drop}
streams:
  customers:
    customer: person
    key: id
    version: changed
    country: PT
    map: {given_name: given, family_name: family, email: mail, address: {line1: street, postcode: zip, city: city}}
"""
ROWS = "id,given,family,mail,street,zip,city,changed\n" + "".join(
    f"{n},Ana{n},Silva{n % 3},a{n}.silva@example.com,Rua do Norte {n},1200-285,Lisboa,{{day}}\n" for n in range(5)
)
DATABASE = "hub.sqlite"


def small_hub(folder: Path) -> dict[str, str]:
    """A configuration with one source; the environment in which `hub` uses it."""
    for part in ("customers", "interactions", "relations"):
        shutil.copytree(ROOT / "config" / part, folder / part)
    shutil.copy(ROOT / "config" / "access.yaml", folder)
    for part in ("sources", "drop"):
        (folder / part).mkdir()
    (folder / "sources" / "shop.yaml").write_text(SOURCE, encoding="utf-8")
    other = {k: v for k, v in os.environ.items() if not k.startswith("HUB_")}
    database = f"sqlite:///{folder / DATABASE}"
    return {**other, "HUB_CONFIG": str(folder), "HUB_FOLDER": str(folder / "var"), "HUB_DATABASE_URL": database}


def best(times: int, words: list[str], env: dict[str, str], before: Callable[[int], None]) -> tuple[float, float]:
    """Seconds, and seconds of CPU, of the fastest run; `before` each, it is told which."""
    found = []
    for number in range(times):
        before(number)
        start, cpu = time.perf_counter(), cpu_of_children()
        subprocess.run(words, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found.append((time.perf_counter() - start, cpu_of_children() - cpu))
    return min(found)


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(times: Annotated[int, typer.Option(min=1)] = 7) -> None:
    hub = str(Path(sys.executable).with_name("hub"))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        env = small_hub(folder)

        def changed(number: int) -> None:
            day = f"2026-03-{number + 1:02}"
            (folder / "drop" / "customers.csv").write_text(ROWS.format(day=day), encoding="utf-8")

        def anew(number: int) -> None:
            shutil.rmtree(folder / "var", ignore_errors=True)
            for path in folder.glob(f"{DATABASE}*"):
                path.unlink()
            changed(number)

        seconds = {
            "python -c pass": best(times, [sys.executable, "-c", "pass"], env, lambda _n: None),
            "hub --version": best(times, [hub, "--version"], env, lambda _n: None),
            "hub pull, 5 rows into a new hub": best(times, [hub, "pull"], env, anew),
            "hub pull, 5 changed rows": best(times, [hub, "pull"], env, changed),
        }
    nothing, _ = seconds["python -c pass"]
    table(
        "commands",
        ["command", "seconds", "CPU", "times a Python"],
        [[name, f"{s:.2f}", f"{cpu:.2f}", f"{s / nothing:.0f}"] for name, (s, cpu) in seconds.items()],
    )
    checks = [Check(f"seconds of {name}", s, 1.2, at_least=False) for name, (s, _) in seconds.items() if "pull" in name]
    print_checks(checks)
    save("commands", seconds=seconds, checks=[c.as_dict() for c in checks])


if __name__ == "__main__":
    typer.run(main)
