"""Every figure of the docs beside its baseline: `python -m benchmarks [WHAT] [--size small|full]`, or `make bench ARGS=...`.

Each part runs in a process of its own, prints its tables and writes benchmarks/results/<part>.json. `small` takes about ten
minutes on two cores; `full` gives the numbers of the docs (a million records) and takes hours. A bound that is missed
is printed as such; only a part that cannot run makes the command fail.
"""

from __future__ import annotations

import subprocess
import sys
import time
from enum import Enum
from typing import Annotated

import typer

from benchmarks.report import ROOT, console


class Part(str, Enum):  # noqa: UP042 (its words are the command's)
    quality = "quality"
    scale = "scale"
    live = "live"
    world_speed = "world_speed"
    all = "all"


class Size(str, Enum):  # noqa: UP042
    small = "small"
    full = "full"


COMMANDS: dict[Part, dict[Size, tuple[str, ...]]] = {
    Part.quality: {
        Size.small: ("--records", "20000", "--noise", "clean", "--noise-records", "3000"),
        Size.full: ("--records", "100000", "--noise", "all", "--noise-records", "10000"),
    },
    Part.scale: {Size.small: ("--records", "50000"), Size.full: ("--records", "1000000", "--postgres")},
    Part.live: {Size.small: ("--records", "20000", "--small", "5000"), Size.full: ("--records", "1000000", "--small", "10000")},
    Part.world_speed: {Size.small: ("100000",), Size.full: ("1000000",)},
}


def main(
    what: Annotated[Part, typer.Argument(help="which part")] = Part.all,
    size: Annotated[Size, typer.Option(help="small: about ten minutes; full: the numbers of the docs")] = Size.small,
) -> None:
    """Run benchmarks and write benchmarks/results/*.json."""
    failed: list[str] = []
    for part in COMMANDS if what is Part.all else (what,):
        words = COMMANDS[part][size]
        console.rule(f"{part.value} {' '.join(words)}")
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-W", "ignore", "-m", f"benchmarks.{part.value}", *words], cwd=ROOT)
        console.print(f"{part.value}: {time.perf_counter() - start:.0f} s" + (f", failed with {done.returncode}" if done.returncode else ""))
        if done.returncode:
            failed.append(part.value)
    if failed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
