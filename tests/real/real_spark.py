"""Past one machine: Spark says what DuckDB says, to the last milli-bit, and the command applies it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.hub import Hub
from tests.real.systems import ROOT, checked, installed

SOURCE = """
title: CRM
connector: {{kind: file, path: {folder}}}
streams:
  people:
    customer: person
    key: id
    map: {{given_name: first, family_name: last, email: mail, birth_date: born}}
    file: {{pattern: people.csv}}
"""


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python of an environment with the hub and its extra for Spark."""
    lock = str(ROOT / "requirements.lock")
    return installed("spark", "-e", f"{ROOT}[spark]", "-c", lock, "hypothesis", "pytest", "recordlinkage") / "python"


def local(**more: str) -> dict[str, str]:
    return {"HUB_SPARK_MASTER": "local[2]", "SPARK_LOCAL_IP": "127.0.0.1", **more}


def test_the_same_keys_pairs_and_weights(python: Path) -> None:
    words = [str(python), "-m", "tests.real.spark_same"] + (["--full"] if os.environ.get("HUB_PROVE") else [])
    found = json.loads(checked(words, env=local(), folder=ROOT).splitlines()[-1])
    for name, told in found.items():
        assert told["pairs"] > 300, name
        assert told["differences"] == [], name


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub(tmp_path / "hub")
    rows = ["id,first,last,mail,born"]
    for n in range(60):
        who = f"Ann{n},Lee{n},ann{n}@example.com,1980-01-{n % 28 + 1:02}"
        rows += [f"{2 * n},{who}", f"{2 * n + 1},{who}"]
    (tmp_path / "people.csv").write_text("\n".join(rows))
    made.source("crm", SOURCE.format(folder=tmp_path))
    made("pull", "--no-match")
    yield made


def test_the_command_applies_what_spark_says(python: Path, hub: Hub) -> None:
    said = checked([str(python.parent / "hub"), "match", "--engine", "spark"], env={**hub.env, **local()})
    assert "60 customers" in said
    assert "0 differences" in hub("verify")
