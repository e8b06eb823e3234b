"""One word per thing: a public class has a name of its own across the hub, and the map's words are the code's."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from contextlib import suppress
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]
HUB = ROOT / "hub"


def public_classes() -> dict[str, list[str]]:
    """Name -> the files that define a class of it."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(HUB.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(path.relative_to(HUB).as_posix())
    return found


def test_no_two_public_classes_have_one_name() -> None:
    twice = {name: files for name, files in public_classes().items() if len(files) > 1}
    assert twice == {}


def test_the_rooms_of_the_map_are_those_of_the_code() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.split("## Rooms")[1].split("## ")[0]
    named = {name for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    there = {p.stem for p in HUB.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()} - {"__init__"}
    assert named == there


def test_every_word_of_the_map_stands_for_something_in_the_code() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| (`[^|]+`) \|$", text.split("## Words")[1], re.MULTILINE)
    assert len(rows) > 12
    named = [name for _, names in rows for name in re.findall(r"`([\w.]+)`", names)]
    assert [name for name in named if not there(name)] == []


def there(name: str) -> bool:
    """Is `model.RecordId` or `db.Database.unit` in the hub?"""
    parts = name.split(".")
    for size in range(len(parts) - 1, 0, -1):
        with suppress(ModuleNotFoundError):
            found: object = import_module(".".join(("hub", *parts[:size])))
            for part in parts[size:]:
                found = getattr(found, part, None)
            return found is not None
    return False
