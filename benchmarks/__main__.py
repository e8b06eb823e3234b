"""Every figure of the docs beside its baseline: `python -m benchmarks [PART [options of the part]] [--size small|full]`.

Each part runs in a process of its own, prints its tables and writes benchmarks/results/<part>.json; `python -m benchmarks
scale --help` tells the options of one. Without a part: all of them (`make bench`). `small` takes about a quarter of an
hour on two cores; `full` gives the numbers of the docs (a million records) and takes hours. A bound that is missed is
printed as such; only a part that cannot run makes the command fail.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from enum import Enum
from typing import Annotated

import typer

from benchmarks.report import ROOT, console


class Size(str, Enum):  # noqa: UP042 (its words are the command's)
    small = "small"
    full = "full"


PARTS: dict[str, dict[Size, tuple[str, ...]]] = {
    "quality": {
        Size.small: ("--records", "20000", "--noise", "clean", "--noise-records", "3000", "--hard"),
        Size.full: ("--records", "100000", "--noise", "all", "--noise-records", "10000", "--hard"),
    },
    "calibration": {
        Size.small: ("--records", "20000"),
        Size.full: ("--records", "20000"),
    },  # of the page that it writes
    "small": {Size.small: ("--number", "40", "--largest", "200"), Size.full: ("--number", "200")},
    "parity": {Size.small: ("--records", "5000"), Size.full: ("--records", "100000")},
    "splink_engine": {Size.small: ("--records", "20000"), Size.full: ("--records", "100000")},
    "scale": {Size.small: ("--records", "50000"), Size.full: ("--records", "1000000", "--postgres")},
    "live": {
        Size.small: ("--records", "20000", "--small", "5000"),
        Size.full: ("--records", "1000000", "--small", "10000"),
    },
    "processes": {Size.small: ("--records", "5000"), Size.full: ("--records", "100000", "--seconds", "30")},
    "interactions": {Size.small: ("--customers", "5000"), Size.full: ("--customers", "1000000")},
    "privacy": {
        Size.small: ("--customers", "5000", "--suppressed", "5000"),
        Size.full: ("--customers", "1000000", "--suppressed", "100000"),
    },
    "commands": {Size.small: ("--times", "7"), Size.full: ("--times", "7")},
    "console": {Size.small: ("--records", "5000"), Size.full: ("--records", "1000000", "--keys", "200")},
    "access": {Size.small: ("--customers", "50000"), Size.full: ("--customers", "1000000")},
    "sync": {
        Size.small: ("--customers", "5000", "--sent", "100"),
        Size.full: ("--customers", "1000000", "--sent", "2000"),
    },
    "world_speed": {Size.small: ("100000",), Size.full: ("1000000",)},
}
COMMAND = typer.Typer(help=__doc__, add_completion=False, rich_markup_mode=None)
SIZE = Annotated[Size, typer.Option(help="small: a quarter of an hour for all; full: the numbers of the docs")]


@COMMAND.callback(invoke_without_command=True)
def every(context: typer.Context, size: SIZE = Size.small) -> None:
    """Run benchmarks and write benchmarks/results/*.json. Without a part: all of them."""
    if context.invoked_subcommand is None:
        failed = [part for part in PARTS if not ran(part, PARTS[part][size])]
        if failed:
            console.print(f"failed: {', '.join(failed)}")
            raise typer.Exit(1)


def one(context: typer.Context, size: SIZE = Size.small) -> None:
    """With the options of the part itself, else those of a size."""
    part = context.info_name or ""
    if not ran(part, context.args or PARTS[part][size]):
        raise typer.Exit(1)


for _part in PARTS:  # --help is the part's too
    COMMAND.command(
        _part, context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    )(one)


def ran(part: str, words: Sequence[str]) -> bool:
    """Run a part; did it end well?"""
    console.rule(f"{part} {' '.join(words)}")
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-W", "ignore", "-m", f"benchmarks.{part}", *words], cwd=ROOT)
    console.print(
        f"{part}: {time.perf_counter() - start:.0f} s" + (f", failed with {done.returncode}" if done.returncode else "")
    )
    return not done.returncode


if __name__ == "__main__":
    COMMAND()
