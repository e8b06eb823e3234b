"""File drops: whole files alone, all customers first and then those that changed, whatever dies; read again by a manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from hub.access.audit.log import AuditLog
from hub.access.read import Reader
from hub.connectors.base import SourceRow
from hub.connectors.registry import connect
from hub.db import Database
from hub.delivery.file_drops import MANIFEST, DropDone, FileDrops
from hub.resolve.resolver import Resolver
from hub.settings import FileDrop, Source
from hub.settings.drops import drop_faults
from hub.settings.schedule import passed
from tests.delivery.world import ALL, config

ANNA = {"id": "1", "first": "Anna", "last": "Maier", "born": "1980-02-03", "mail": "anna@x.example", "v": 1}
OTTO = {"id": "2", "first": "Otto", "last": "Kaiser", "born": "1970-01-01", "mail": "otto@x.example", "v": 1}


class Hub:
    def __init__(self, database: Database, folder: Path) -> None:
        self.config = config(folder, {"bill": ALL, "crm": {"given_name": "show", "phone": "show"}})
        self.resolver, self.folder = Resolver(database, self.config), folder / "out"
        self.audit = AuditLog(folder / "audit.jsonl", b"k" * 32)
        self.reader = Reader(database, self.config, self.audit, b"k" * 32)

    def land(self, *rows: dict[str, Any]) -> None:
        self.resolver.upsert("bill", "people", rows)

    def drop(self, **given: Any) -> DropDone | None:
        return FileDrops(self.reader).run(
            FileDrop.model_validate({"name": "dwh", "folder": "out", "role": "bill", **given})
        )

    def rows(self, done: DropDone | None) -> list[dict[str, Any]]:
        assert done is not None
        return [json.loads(line) for name in done.files for line in (self.folder / name).read_text().splitlines()]

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def hub(database: Database, tmp_path: Path) -> Iterator[Hub]:
    found = Hub(database, tmp_path)
    found.land(ANNA, OTTO)
    yield found
    found.audit.close()


def test_all_customers_come_first_and_then_those_that_changed_each_once(hub: Hub, database: Database) -> None:
    first = hub.drop()
    assert first is not None and first.whole
    assert sorted(r["values"]["given_name"] for r in hub.rows(first)) == ["Anna", "Otto"]
    assert hub.drop() is None
    hub.land({**ANNA, "job": "baker", "v": 2})
    hub.land({**ANNA, "job": "clerk", "v": 3})
    second = hub.drop()
    assert second is not None and not second.whole
    (row,) = hub.rows(second)
    assert (row["values"]["occupation"], row["gone"]) == ("clerk", False)
    hub.resolver.delete("bill", "people", "2")
    (gone,) = hub.rows(hub.drop())
    assert (gone["gone"], "values" in gone) == (True, False)


def test_a_drop_whose_name_begins_alike_keeps_what_it_is_writing(hub: Hub) -> None:
    stamp = "20260101T000000000000Z-person.jsonl"
    hub.folder.mkdir()
    theirs, mine = hub.folder / f".dwh-two-{stamp}.part", hub.folder / f".dwh-{stamp}.part"
    for path in (theirs, hub.folder / f"dwh-two-{stamp}", mine):
        path.touch()
    hub.drop()
    assert theirs.exists() and (hub.folder / f"dwh-two-{stamp}").exists() and not mine.exists()


def test_a_manifest_names_each_file_with_its_size_and_hash(hub: Hub) -> None:
    done = hub.drop()
    assert done is not None
    told = json.loads((hub.folder / done.manifest).read_text())
    (file,) = told["files"]
    content = (hub.folder / file["name"]).read_bytes()
    assert (file["rows"], file["bytes"], file["sha256"]) == (2, len(content), hashlib.sha256(content).hexdigest())
    assert (told["drop"], told["whole"]) == ("dwh", True)
    assert hub.names() == sorted([file["name"], done.manifest])


def test_a_role_gets_what_it_is_shown_and_another_view_begins_anew(hub: Hub) -> None:
    hub.drop()
    done = hub.drop(role="crm")
    assert done is not None and done.whole
    assert all(set(r["values"]) == {"given_name"} for r in hub.rows(done))


def test_parquet_has_a_column_for_each_attribute(hub: Hub) -> None:
    done = hub.drop(format="parquet")
    assert done is not None
    (name,) = done.files
    rows = pq.read_table(hub.folder / name).to_pylist()
    assert sorted(r["family_name"] for r in rows) == ["Kaiser", "Maier"]
    assert {tuple(r["email"]) for r in rows} == {("anna@x.example",), ("otto@x.example",)}


@pytest.mark.parametrize("point", ["drop written", "drop told"])
def test_who_dies_in_between_loses_nobody_and_leaves_no_half_file(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    hub.drop()
    hub.land({**ANNA, "job": "baker", "v": 2})

    def die(name: str) -> None:
        if name == point:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("hub.delivery.file_drops.fail_point", die)
        with pytest.raises(KeyboardInterrupt):
            hub.drop()
    (row,) = hub.rows(hub.drop())
    assert row["values"]["occupation"] == "baker"
    manifests = [json.loads((hub.folder / n).read_text()) for n in hub.names() if n.endswith(MANIFEST)]
    named = {f["name"] for m in manifests for f in m["files"]}
    assert {n for n in hub.names() if not n.endswith(MANIFEST)} == named
    assert hub.drop() is None


def reading(folder: Path, **file: Any) -> list[Any]:
    stream = {"customer": "person", "key": "id", "map": {}, "file": {"pattern": "*.jsonl", **file}}
    source = Source.model_validate(
        {"name": "s", "connector": {"kind": "file", "path": "out"}, "streams": {"p": stream}}
    )
    found = connect(source, env={}, base_folder=folder).read("p", None)
    return [row for page in found for row in page.rows]


def test_a_drop_is_read_by_its_manifest_and_nothing_that_none_names(hub: Hub) -> None:
    done = hub.drop()
    assert done is not None
    (hub.folder / "still-written.jsonl").write_text('{"id": "x"}\n')
    rows = reading(hub.folder.parent, manifest=f"*{MANIFEST}")
    assert all(isinstance(r, SourceRow) for r in rows)
    assert {r.raw["values"]["given_name"] for r in rows} == {"Anna", "Otto"}
    assert len(reading(hub.folder.parent)) == 3


@pytest.mark.parametrize("change", [lambda b: b[:-5], lambda b: b.replace(b"Anna", b"Anni")])
def test_a_file_that_is_not_what_its_manifest_says_is_set_aside(hub: Hub, change: Any) -> None:
    done = hub.drop()
    assert done is not None
    (name,) = done.files
    (hub.folder / name).write_bytes(change((hub.folder / name).read_bytes()))
    with pytest.raises(Exception, match="until they agree"):
        reading(hub.folder.parent, manifest=f"*{MANIFEST}")


def test_a_drop_for_nobody_is_refused(hub: Hub) -> None:
    def said(**given: Any) -> list[str]:
        drop = FileDrop.model_validate({"folder": "out", "role": "bill", **given})
        return [f.where for f in drop_faults("d", drop, hub.config.access, hub.config.customers)]

    assert said() == []
    assert said(role="nobody") == ["d: role"]
    assert said(types=["animal"]) == ["d: types"]


def test_when_it_is_due(hub: Hub) -> None:
    hour = 3_600_000_000
    assert passed("every 1 hour", 0, 1)
    assert not passed("every 1 hour", 10 * hour, 11 * hour - 1)
    assert passed("every 1 hour", 10 * hour, 11 * hour)
    assert passed("0 3 * * *", 2 * hour, 3 * hour)
    assert not passed("0 3 * * *", 2 * hour, 3 * hour - 1)
