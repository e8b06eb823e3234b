"""The folder of a run goes with the run, and with the next one where the run was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hub.errors import ConfigError
from hub.matching.spark.run_folder import ALIVE, run_folder
from hub.matching.spark.session import trying_again


def test_it_is_its_owners_alone_and_goes_with_the_run(tmp_path: Path) -> None:
    with run_folder(str(tmp_path)) as folder:
        assert Path(folder).stat().st_mode & 0o077 == 0
        (Path(folder) / "records").mkdir()
        (Path(folder) / "records/forms.parquet").write_bytes(b"personal")
    assert list(tmp_path.iterdir()) == []


def test_it_goes_when_the_run_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stopped"), run_folder(str(tmp_path)):
        raise ValueError("stopped")
    assert list(tmp_path.iterdir()) == []


def test_it_goes_when_the_run_is_told_to_end(tmp_path: Path) -> None:
    words = f"""
import signal, time
from hub.cli import _end
from hub.matching.spark.run_folder import run_folder
signal.signal(signal.SIGTERM, _end)
with run_folder({str(tmp_path)!r}):
    print("open", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", words], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_one_that_cannot_be_made_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for base in (str(tmp_path / "file"), "nothing://of/the/kind"):
        with pytest.raises(ConfigError, match="HUB_SPARK_FOLDER: no folder can be made in") as caught, run_folder(base):
            pass
        assert "\n" not in str(caught.value)


def killed(base: Path, name: str, seconds: float) -> Path:
    """What a killed run leaves, so many seconds after its last beat."""
    folder = base / name
    folder.mkdir()
    (folder / "forms.parquet").write_bytes(b"personal")
    (folder / ALIVE).touch()
    then = time.time() - seconds
    os.utime(folder / ALIVE, (then, then))
    return folder


def test_what_killed_runs_left_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "hub-spark-z").mkdir()  # never said that it lives: who knows whose
    dead, lives = killed(tmp_path, "hub-spark-a", 3600), killed(tmp_path, "hub-spark-b", 5)
    theirs = killed(tmp_path, "somebody-elses", 3600)
    with run_folder(str(tmp_path)):
        assert not dead.exists()
        assert lives.exists() and theirs.exists()
        later = killed(tmp_path, "hub-spark-c", 3600)
    assert not later.exists()  # at the end too: who was killed just before may not have counted as dead at the start
    assert sorted(tmp_path.iterdir()) == [lives, tmp_path / "hub-spark-z", theirs]


def test_it_says_that_it_lives(tmp_path: Path) -> None:
    with run_folder(str(tmp_path), beat=0.01) as folder:
        os.utime(Path(folder) / ALIVE, (0, 0))
        until = time.monotonic() + 60
        while (Path(folder) / ALIVE).stat().st_mtime == 0:
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.mark.parametrize(
    ("given", "means"),
    [
        ("local", "local[1,4]"),
        ("local[*]", "local[*,4]"),
        ("local[2]", "local[2,4]"),
        ("local[2,1]", "local[2,1]"),
        ("spark://m:7077", "spark://m:7077"),
        ("yarn", "yarn"),
    ],
)
def test_a_local_master_tries_a_task_again(given: str, means: str) -> None:
    assert trying_again(given) == means
