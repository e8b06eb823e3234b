"""Past one machine: Spark says what DuckDB says, to the last milli-bit, and the command applies it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.real.hub import Hub
from tests.real.systems import ROOT, checked, free_port, installed

LONG = 1_800  # seconds that a run may take where others work too
LOST = "Python worker exited unexpectedly"  # so Spark says that a task died

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


def test_the_same_keys_pairs_weights_and_clusters(python: Path) -> None:
    words = [str(python), "-m", "tests.real.spark_same"] + (["--full"] if os.environ.get("HUB_PROVE") else [])
    found = json.loads(checked(words, env=local(), folder=ROOT, timeout=LONG).splitlines()[-1])
    for name, same in found.items():
        assert same["pairs"] > 300 and same["clusters"] > 0, name
        assert same["differences"] == [], name


def made(folder: Path) -> Hub:
    """A hub with records that wait: each person twice, some under one birth date and names alike."""
    hub = Hub(folder / "hub")
    rows = ["id,first,last,mail,born"]
    for n in range(60):
        family = f"Lee{chr(97 + n % 26)}{chr(97 + n // 26)}"
        who = f"{('Ann', 'Otto', 'Maria')[n % 3]},{family},{family.lower()}@example.com,1980-01-{n % 28 + 1:02}"
        rows += [f"{2 * n},{who}", f"{2 * n + 1},{who}"]
    (folder / "people.csv").write_text("\n".join(rows))
    hub.source("crm", SOURCE.format(folder=folder))
    hub("pull", "--no-match")
    return hub


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return made(tmp_path)


def told(hub: Hub) -> list[tuple[str, ...]]:
    """What its customers are, whatever their ids."""
    return sorted(
        tuple(v for k, v in sorted(c.items()) if k in ("given_name", "family_name", "email", "birth_date"))
        for c in hub.customers()
    )


def ended(process: subprocess.Popen[bytes]) -> None:
    """It and all that it started, at once: as when the machine goes."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def reached(folder: Path, step: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a run has put down what a step made."""
    until = time.monotonic() + LONG
    while not list(folder.glob(f"hub-spark-*/*-{step}/_SUCCESS")):
        assert process.poll() is None, "it ended before"
        assert time.monotonic() < until, f"{step} was not reached"
        time.sleep(0.05)


def test_a_run_that_died_is_run_again_and_gives_the_same(python: Path, hub: Hub, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    env = {**os.environ, **hub.env, **local(HUB_SPARK_FOLDER=str(shared))}
    command = [str(python.parent / "hub"), "match", "--engine", "spark"]
    with (tmp_path / "first.log").open("wb") as log:
        first = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            reached(shared, "blocked", first)
        finally:
            ended(first)
    assert hub.customers() == []  # nothing of it was applied
    for left in shared.glob("*/alive"):
        os.utime(left, (0, 0))  # as if some time had passed
    checked(command, env=env, timeout=LONG)
    assert list(shared.iterdir()) == []
    as_by_duckdb(hub, tmp_path)


def as_by_duckdb(hub: Hub, folder: Path) -> None:
    assert "0 differences" in hub("verify")
    (folder / "other").mkdir()
    other = made(folder / "other")
    other("match")
    assert len(told(other)) > 20
    assert told(hub) == told(other)


def test_tasks_that_are_killed_are_run_again_by_themselves(python: Path, hub: Hub, tmp_path: Path) -> None:
    shared, said = tmp_path / "shared", tmp_path / "run.log"
    env = {**os.environ, **hub.env, **local(HUB_SPARK_FOLDER=str(shared))}
    with said.open("wb") as log:
        run = subprocess.Popen(
            [str(python.parent / "hub"), "match", "--engine", "spark"],
            env=env,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            reached(shared, "blocked", run)
            while LOST not in said.read_text(errors="replace"):
                assert run.poll() is None, "it ended before a task was lost"
                for worker in workers(run.pid):
                    worker.kill()
                time.sleep(0.5)
            assert run.wait(LONG) == 0, said.read_text(errors="replace")[-3000:]
        finally:
            ended(run)
    as_by_duckdb(hub, tmp_path)


def workers(driver: int) -> list[psutil.Process]:
    """The processes in which Spark runs Python for a task: forked of a daemon of its own."""
    found = []
    for process in psutil.Process(driver).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            parent = process.parent()
            if parent is not None and "pyspark.daemon" in " ".join(parent.cmdline()):
                found.append(process)
    return found


def test_what_stands_in_the_way_is_one_line(python: Path, hub: Hub, tmp_path: Path) -> None:
    command = [str(python.parent / "hub"), "match", "--engine", "spark"]
    for more, words in (
        ({"JAVA_HOME": str(tmp_path)}, "no Java is there"),
        (
            {"HUB_SPARK_MASTER": f"spark://127.0.0.1:{free_port()}", "HUB_SPARK_FOLDER": str(tmp_path)},
            "does not answer",
        ),
        ({"HUB_SPARK_MASTER": "spark://127.0.0.1:7077"}, "HUB_SPARK_FOLDER"),
    ):
        done = subprocess.run(command, env={**os.environ, **hub.env, **local(**more)}, capture_output=True, text=True)
        assert done.returncode in (1, 2)
        assert words in done.stderr
        assert len(done.stderr.strip().splitlines()) <= 2, done.stderr  # the fault, and its remedy
    assert hub.customers() == []


def test_a_folder_of_parquet_in_and_its_clusters_out(python: Path, hub: Hub, tmp_path: Path) -> None:
    """Without a hub: as this hub's own records, from files; by Spark what is said on one machine."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    rows = pyarrow.csv.read_csv(tmp_path / "people.csv")
    (tmp_path / "records").mkdir()
    for n in range(3):
        part = rows.slice(n * 40, 40)
        pq.write_table(part.set_column(0, "id", part["id"].cast(pa.string())), tmp_path / f"records/{n}.parquet")
    command = [str(python.parent / "hub"), "match", "--records", str(tmp_path / "records"), "--stream", "crm.people"]
    found = {}
    for engine in ("duckdb", "spark"):
        out = tmp_path / f"by-{engine}"
        said = checked([*command, "--out", str(out), "--engine", engine], env={**hub.env, **local()}, timeout=LONG)
        assert "120 records of crm.people" in said
        found[engine] = sorted(map(tuple, (r.values() for r in pq.read_table(out).to_pylist())))
    assert found["spark"] == found["duckdb"]
    assert len({cluster for _, cluster in found["spark"]}) < 80
    again = subprocess.run(
        [*command, "--out", str(tmp_path / "by-spark"), "--engine", "spark"],
        env={**os.environ, **hub.env, **local()},
        capture_output=True,
        text=True,
    )
    assert (again.returncode, len(again.stderr.strip().splitlines())) == (2, 2), (
        again.stderr
    )  # the fault, and its remedy
    assert "is not empty" in again.stderr
