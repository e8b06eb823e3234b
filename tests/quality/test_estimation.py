"""`hub estimate` on a hub: what is drawn, in whose view, and what a labelled file says."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub.access.audit.log import AuditLog
from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.db import Database
from hub.errors import ConfigError, Forbidden
from hub.model import RecordId, Verdict
from hub.quality.estimation import Drawn, draw_pairs, read_labels
from hub.settings import Access, Role
from tests import tiny
from tests.promises.test_promises import Hub
from tests.steward import Steward

STEWARD, CALLER = Principal("ann", "ann", "staff", "steward"), Principal("bob", "bob", "staff", "caller")
NAMES = ("Anna", "Otto", "Hanna", "Kurt", "Ines", "Paul", "Mia", "Emil")


@dataclass
class Desk:
    hub: Hub
    reader: Reader
    folder: Path

    def written(self, drawn: Drawn, **labels: str) -> Path:
        """The file, with every empty label filled by `all`, if given."""
        file = self.folder / "pairs.csv"
        with file.open("w", encoding="utf-8", newline="") as target:
            writer = csv.DictWriter(target, drawn.columns, restval="")
            writer.writeheader()
            writer.writerows({**row, "same": row["same"] or labels.get("all", "")} for row in drawn.rows)
        return file


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    config = tiny.config()
    roles = {
        "steward": Role.model_validate({"views": {"person": {"*": "show", "tax_id": "hide"}}, "may": ["explain"]}),
        "caller": Role.model_validate({"views": {"person": {"*": "show"}}}),
    }
    config = config.model_copy(update={"access": Access(roles=roles)})
    audit = AuditLog(tmp_path / "audit.jsonl", b"k" * 32)
    hub = Hub(database)
    for n, name in enumerate(NAMES):
        row: dict[str, Any] = {
            "given_name": name,
            "family_name": "Maier",
            "birth_date": f"198{n}-02-03",
            "email": f"{name}@x.example",
            "tax_id": f"100{n}",
        }
        for source in ("bill", "crm"):
            hub.do(("land", (RecordId(source, "people", str(n)), {"id": str(n), "v": 1, **row})))
    yield Desk(hub, Reader(database, config, audit, b"k" * 32), tmp_path)
    audit.close()


def test_drawn_pairs_show_the_view_and_a_labelled_file_gives_the_estimate(desk: Desk) -> None:
    drawn = draw_pairs(desk.reader, STEWARD, "person", 20)
    assert drawn.pairs == len(drawn.rows) == len(NAMES)
    assert {row["together"] for row in drawn.rows} == {"yes"}
    assert "given_name" in drawn.columns and "tax_id" not in drawn.columns
    assert drawn.rows[0]["family_name"] == "Maier | Maier"
    found = read_labels(desk.reader, desk.written(drawn, all="yes"), "person")
    assert (found.estimate.precision.estimate, found.estimate.recall.estimate, found.open) == (1, 1, 0)
    assert "estimate" in (desk.folder / "audit.jsonl").read_text()


def test_a_standing_decision_is_a_label_when_drawn_and_when_read(desk: Desk) -> None:
    early = draw_pairs(desk.reader, STEWARD, "person", 20)
    left, right = RecordId("bill", "people", "0"), RecordId("crm", "people", "0")
    Steward(desk.hub.resolver).decide(left, right, Verdict.NO_MATCH, by="ann", reason="twins")
    found = read_labels(desk.reader, desk.written(early), "person")
    assert (found.estimate.labelled, found.open) == (1, len(NAMES) - 1)
    late = draw_pairs(desk.reader, STEWARD, "person", 20)
    assert [row["same"] for row in late.rows if row["left"] == str(left)] == ["no"]
    assert [row["together"] for row in late.rows if row["left"] == str(left)] == ["no"]


def test_what_cannot_be_read_is_told_by_line(desk: Desk) -> None:
    drawn = draw_pairs(desk.reader, STEWARD, "person", 20)
    with pytest.raises(ConfigError, match="perhaps"):
        read_labels(desk.reader, desk.written(drawn, all="perhaps"), "person")
    other = desk.folder / "other.csv"
    other.write_text("same,left\nyes,a/b/c\n")
    with pytest.raises(ConfigError, match="lacks"):
        read_labels(desk.reader, other, "person")


def test_a_file_that_a_spreadsheet_saved_its_own_way_is_told_by_line(desk: Desk) -> None:
    file = desk.written(draw_pairs(desk.reader, STEWARD, "person", 20), all="yes")
    text = file.read_text()
    file.write_bytes(text.replace("Otto", "Jürgen").encode("cp1252"))
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "Otto" in row)
    with pytest.raises(ConfigError, match=rf"pairs\.csv: line {line}: is not UTF-8"):
        read_labels(desk.reader, file, "person")
    head, first, *rest = text.splitlines()
    left = next(cell for cell in first.split(",") if cell.startswith("bill/"))
    file.write_text("\n".join([head, first.replace("yes", "", 1).replace(left, "Anna"), *rest]))
    with pytest.raises(ConfigError, match=r"pairs\.csv: line 2: its left or right names no record"):
        read_labels(desk.reader, file, "person")


def test_without_a_label_there_are_no_figures(desk: Desk) -> None:
    drawn = draw_pairs(desk.reader, STEWARD, "person", 20)
    with pytest.raises(ConfigError, match="no pair in it is labelled"):
        read_labels(desk.reader, desk.written(drawn), "person")
    with pytest.raises(ConfigError, match="no pair in it is labelled"):
        read_labels(desk.reader, desk.written(drawn, all="unsure"), "person")


def test_a_role_that_may_not_ask_for_explanations_draws_nothing(desk: Desk) -> None:
    with pytest.raises(Forbidden):
        draw_pairs(desk.reader, CALLER, "person", 20)
