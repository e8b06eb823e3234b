"""A Singer target from PyPI, unchanged, told what changed: target-jsonl in an environment of its own."""

from __future__ import annotations

import json
from pathlib import Path

from tests.real.hub import Hub

SOURCE = """
connector: {kind: file, path: drop}
streams:
  people: {customer: person, key: id, version: v, map: {given_name: first, family_name: last, email: mail}}
"""
DROP = """
role: lead_steward
target:
  packages: [target-jsonl==0.1.4]
  command: target-jsonl
  config: {destination_path: %s, do_timestamp_file: false}
"""


def test_a_target_of_others_has_every_customer_and_then_what_changed(tmp_path: Path) -> None:
    hub = Hub(tmp_path / "hub", {})
    (tmp_path / "out").mkdir()
    config = hub.folder / "config"
    folder = config / "drop"
    folder.mkdir()
    (folder / "people.csv").write_text("id,v,first,last,mail\n1,1,Ann,Lee,ann@example.com\n2,1,Bo,Kim,bo@example.com\n")
    hub.source("shop", SOURCE)
    (config / "drops").mkdir(exist_ok=True)
    (config / "drops" / "warehouse.yaml").write_text(DROP % (tmp_path / "out"))
    hub("pull")
    assert "person (2 customers)" in hub("drop")
    assert "nothing changed" in hub("drop")
    (folder / "people.csv").write_text("id,v,first,last,mail\n1,2,Ann,Low,ann@example.com\n2,1,Bo,Kim,bo@example.com\n")
    hub("pull")
    assert "person (1 customers)" in hub("drop")
    rows = [json.loads(line) for line in (tmp_path / "out" / "person.jsonl").read_text().splitlines()]
    assert [r["family_name"] for r in rows[2:]] == ["Low"]
    assert len({r["id"] for r in rows}) == 2
