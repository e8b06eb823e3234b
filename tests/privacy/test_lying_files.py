"""What was dropped in files before an erasure is named in its receipts, until nobody finds it there; letters by the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.access.authentication.principals import Principal
from hub.cli import app
from hub.db import Database
from hub.delivery.file_drops import DropDone, FileDrops
from hub.open import Hub
from hub.privacy.request_store import Receipt
from hub.settings import FileDrop
from tests.access.population import ANA, ROLES, SECRET, TestClock, fill, open_hub, write_config

OFFICER = Principal("o", "o", "staff", "privacy_officer")


@pytest.fixture(params=["jsonl", "parquet"])
def hub(tmp_path: Path, database: Database, request: pytest.FixtureRequest) -> Iterator[Hub]:
    before, database.clock = database.clock, TestClock()
    drops = {
        n: FileDrop.model_validate({"name": n, "folder": "out", "role": role, "format": request.param, "types": types})
        for n, role, types in (
            ("warehouse", "steward", ["person"]),
            ("firms", "steward", ["organisation"]),
            ("lisbon", "lisbon", []),
            ("never", "steward", []),
        )
    }
    written = write_config(tmp_path / "config", roles=ROLES).model_copy(update={"drops": drops})
    made = open_hub(database, written, tmp_path / "data")
    yield made
    made.close()
    database.clock = before


def dropped(hub: Hub, name: str) -> DropDone | None:
    return FileDrops(hub.reader).run(hub.config.drops[name])


def receipts(hub: Hub, request: str) -> dict[str, Receipt]:
    return {r.recipient: r for r in hub.requests.get(request).receipts if r.recipient.startswith("drop:")}


def test_a_drop_that_told_of_somebody_has_to_answer_and_names_its_files_that_hold_them(hub: Hub) -> None:
    ids = fill(hub)
    for name in ("warehouse", "firms", "lisbon"):
        dropped(hub, name)
    hub.resolver.upsert("billing", "customers", [{**ANA, "job": "poet", "updated": "2026-06-01T00:00:00Z"}])
    second = dropped(hub, "warehouse")
    assert second is not None
    assert {"warehouse", "lisbon"} <= {r["name"] for r in hub.packages.recipients(OFFICER, ids["ana"])}
    done = hub.requests.erase(ids["bo"], by="o")
    assert {r: x.note for r, x in receipts(hub, done.request.id).items()} == {
        "drop:warehouse": "is told with its next files"
    }
    done = hub.requests.erase(ids["ana"], by="o")
    assert receipts(hub, done.request.id).keys() == {"drop:warehouse", "drop:lisbon"}
    dropped(hub, "warehouse")
    hub.requests.go_on(done.request.id)
    waits = receipts(hub, done.request.id)["drop:warehouse"]
    assert waits.state == "open" and waits.note.count("warehouse-") == 2 and next(iter(second.files)) in waits.note
    assert receipts(hub, done.request.id)["drop:lisbon"].note == "is told with its next files"
    for file in (hub.config.folder / "out").glob("warehouse-*"):
        if file.name in waits.note:
            file.unlink()
    hub.requests.go_on_with_all()
    assert (
        r := receipts(hub, done.request.id)["drop:warehouse"]
    ).state == "done" and r.note == "told that they are gone"


def test_who_left_a_drops_view_before_is_looked_for_in_its_files_and_one_that_cannot_be_read_may_hold_them(
    hub: Hub,
) -> None:
    ids = fill(hub)
    dropped(hub, "warehouse")
    hub.requests.restrict(ids["ana"], by="o")
    assert "warehouse" in {r["name"] for r in hub.packages.recipients(OFFICER, ids["ana"])}
    (file,) = (hub.config.folder / "out").glob("warehouse-*-person.*")
    done = hub.requests.erase(ids["ana"], by="o", reviewed=True)
    dropped(hub, "warehouse")
    cut = file.with_name(file.name.replace("-person", "-cut"))
    cut.write_bytes(b'{"id": "' + ids["ana"].encode())
    assert hub.requests.go_on_with_all() >= 1
    note = receipts(hub, done.request.id)["drop:warehouse"].note
    assert file.name in note and cut.name in note


def test_letters_by_the_command_line_are_in_the_persons_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(url := f"sqlite:///{tmp_path / 'hub.sqlite'}")
    folder = write_config(tmp_path / "config", roles=ROLES).folder
    env = {
        "HUB_CONFIG": str(folder),
        "HUB_DATABASE_URL": url,
        "HUB_FOLDER": str(tmp_path / "data"),
        "HUB_SECRET": SECRET,
    }

    def said(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["privacy", *arguments], env=env)
        assert done.exit_code == 0, done.output
        return str(done.stdout)

    CliRunner().invoke(app, ["status"], env=env)  # makes the tables
    made = open_hub(database, write_config(tmp_path / "again", roles=ROLES), tmp_path / "data")
    ids = fill(made)
    row = {"id": "w1", "first": "Eva", "last": "Weber", "mail": "eva@weber.de", "lang": "German"}
    eva = made.resolver.upsert("web", "signups", [row])[0].customer
    assert eva
    request = said("restrict", eva).strip().rpartition("(")[2].rstrip(")")
    assert made.requests.get(request).request.language == "de"
    for name, begins in (("letter.pdf", b"%PDF"), ("letter.html", b"<!doctype html>")):
        said("letter", request, str(tmp_path / name))
        assert (tmp_path / name).read_bytes().startswith(begins)
    erased = said("erase", ids["ana"], "--language", "de").split(":")[0]
    assert "Sie" in said("letter", erased) and made.requests.get(erased).request.language == "de"
    made.close()
    database.close()
