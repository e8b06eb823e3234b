"""The web shop's sign-up form: exports in a drop folder, each from another year and another tool."""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from hub.demo.dice import Dice
from hub.demo.shapes import web_signups
from hub.demo.world import World

JSONL, CSV, PACKED = "signups-2024.jsonl", "signups-2025.csv", "signups-2026.jsonl.gz"
CSV_ORDER = (
    "submitted_at",
    "signup_id",
    "email",
    "name",
    "birthday",
    "phone",
    "country",
    "state",
    "postcode",
    "city",
    "street",
    "newsletter",
    "language",
)
Row = dict[str, Any]


@dataclass(frozen=True)
class Drop:
    """What was put into the folder: lines by file, lines that repeat, lines that nobody can read."""

    folder: Path
    lines: dict[str, int]
    repeated: int
    resubmitted: int
    malformed: int


def fill(folder: Path, world: World) -> Drop:
    """Write a JSONL file, a CSV (other column order, semicolons, cp1252, German dates) and a packed JSONL file.

    Unanswered fields are absent in JSON and empty in CSV. Some lines repeat, some sign-ups come again
    with a later time, some lines are broken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = [
        {k: v for k, v in row.items() if v is not None} for row in web_signups(world.persons).to_pylist()
    ]
    dice = Dice(world.seed)
    at = dice.choose("web file", len(rows), (0.4, 0.35, 0.25))
    files: tuple[list[Row], ...] = tuple([rows[i] for i in np.flatnonzero(at == n).tolist()] for n in range(3))
    odd = [row for row in files[1] if not _fits(row)]  # cp1252 has no Greek or Chinese
    files = (files[0] + odd, [row for row in files[1] if _fits(row)], files[2])
    repeated = resubmitted = 0
    for n, kept in enumerate(files):
        same = np.flatnonzero(dice.chance(f"web repeats {n}", len(kept), world.noise.repeats / 2)).tolist()
        later = np.flatnonzero(dice.chance(f"web resubmitted {n}", len(kept), world.noise.repeats / 2)).tolist()
        kept += [kept[i] for i in same] + [_later(kept[i]) for i in later]
        repeated, resubmitted = repeated + len(same), resubmitted + len(later)
    broken = [_broken(n, len(kept), world.noise.malformed) for n, kept in enumerate(files)]
    (folder / JSONL).write_bytes(_jsonl(files[0], broken[0]))
    (folder / CSV).write_bytes(_csv(files[1], broken[1]).encode("cp1252"))
    (folder / PACKED).write_bytes(gzip.compress(_jsonl(files[2], broken[2]), compresslevel=5, mtime=0))
    counts = {name: len(kept) + len(bad) for name, kept, bad in zip((JSONL, CSV, PACKED), files, broken, strict=True)}
    return Drop(folder, counts, repeated, resubmitted, sum(map(len, broken)))


def _fits(row: Row) -> bool:
    try:
        "".join(row.values()).encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _later(row: Row) -> Row:
    """The visitor sent the form again a day later, and changed the newsletter box."""
    time = datetime.fromisoformat(row["submitted_at"]) + timedelta(days=1)
    other = {"yes": "no", "no": "yes"}.get(row.get("newsletter", ""), "no")
    return {**row, "newsletter": other, "submitted_at": time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}


def _broken(file: int, rows: int, share: float) -> list[str]:
    """Lines that cannot be read: cut off, without a key, with too many columns."""
    count = max(1, round(rows * share)) if share and rows else 0
    if file == 1:
        return [
            (
                "2025-03-0%d;;nobody@example.com;no key"
                if n % 2
                else "2025-03-0%d;x;y;z;1;2;3;4;5;6;7;8;9;10;11;12;13;14;15"
            )
            % (n % 9 + 1)
            for n in range(count)
        ]
    return [
        '{"signup_id": "cut off", "name": "Nobo' if n % 2 == 0 else '{"name": "No Key", "email": "nokey@example.com"}'
        for n in range(count)
    ]


def _jsonl(rows: list[Row], broken: list[str]) -> bytes:
    lines = [orjson.dumps(row) for row in rows]
    for n, line in enumerate(broken):
        lines.insert((n + 1) * 997 % (len(lines) + 1), line.encode())
    return b"".join(line + b"\n" for line in lines)


def _csv(rows: list[Row], broken: list[str]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(CSV_ORDER)
    spaced = max(1, len(rows) // (len(broken) + 1))
    waiting = list(broken)
    for n, row in enumerate(rows):
        if waiting and n % spaced == spaced - 1:
            out.write(waiting.pop() + "\r\n")
        writer.writerow([_german(row.get(name, "")) if name == "birthday" else row.get(name, "") for name in CSV_ORDER])
    out.writelines(line + "\r\n" for line in waiting)
    return out.getvalue()


def _german(day: str) -> str:
    """31.12.1980 for 1980-12-31."""
    return ".".join(reversed(day.split("-"))) if day else ""
