"""Processes that help, and a collector that seldom looks."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hub.db.processes import SELDOM, Processes, seldom_collected


def test_answers_come_in_the_order_of_their_jobs() -> None:
    helped = Processes(2, int)
    try:
        assert list(helped.map(pow, ((2, n) for n in range(9)))) == [2**n for n in range(9)]
    finally:
        helped.close()


def test_what_goes_wrong_in_a_job_is_told() -> None:
    helped = Processes(1, int)
    try:
        with pytest.raises(ZeroDivisionError):
            list(helped.map(divmod, [(1, 1), (1, 0)]))
    finally:
        helped.close()


def test_the_collector_looks_seldom_only_meanwhile() -> None:
    before = gc.get_threshold()
    with seldom_collected():
        assert gc.get_threshold() == SELDOM
        with seldom_collected():
            pass
        assert gc.get_threshold() == SELDOM
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_a_process_that_set_its_own_pace_keeps_it() -> None:
    before = gc.get_threshold()
    gc.freeze()
    try:
        with seldom_collected():
            assert gc.get_threshold() == before
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()


SCRIPT = """
import signal, sys, time
from hub.db.processes import Processes

def begin():
    global connection
    import duckdb
    connection = duckdb.connect()

def work(seconds):
    time.sleep(seconds)
    return connection.execute("SELECT 7").fetchone()

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who starts tests in the background has it ignored
    helped = Processes(2, begin)
    try:
        for answer in helped.map(work, [(0,), (0,), (float(sys.argv[1]),)]):
            print(answer, flush=True)
    except KeyboardInterrupt:
        print("interrupted")
    finally:
        helped.close()
"""


def helped(folder: Path, seconds: str) -> subprocess.Popen[str]:
    """A program that is helped by processes with an engine in them."""
    (folder / "helped.py").write_text(SCRIPT, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "helped.py", seconds],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_they_end_without_a_word(tmp_path: Path) -> None:
    assert helped(tmp_path, "0").communicate(timeout=120)[0] == "(7,)\n" * 3


def test_an_interrupt_is_for_whom_they_help(tmp_path: Path) -> None:
    program = helped(tmp_path, "8")  # long: the interrupt comes before the last answer
    assert program.stdout is not None
    first = program.stdout.readline()
    os.killpg(program.pid, signal.SIGINT)  # as a terminal does
    rest = program.communicate(timeout=120)[0]
    assert first == "(7,)\n"
    assert "interrupted" in rest
    assert "Traceback" not in rest
    assert "leak" not in rest
