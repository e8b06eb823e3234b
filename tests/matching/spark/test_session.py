"""What stands in the way of Spark is told in one line, with its remedy, before a JVM starts."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from hub.errors import ConfigError, RetryLater
from hub.matching.spark.session import check_java, check_master, reason


def java(folder: Path, version: str, modules: str = "java.base@17 jdk.incubator.vector@17") -> str:
    """A program that answers as a Java does."""
    program = folder / "java"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = -version ]; then echo \'openjdk version "{version}"\' >&2; else echo {modules}; fi\n'
    )
    program.chmod(0o755)
    return str(program)


def said(error: ConfigError) -> str:
    (fault,) = error.faults
    assert "\n" not in str(fault)
    return str(fault)


@pytest.mark.parametrize("version", ["17.0.15", "21.0.2"])
def test_a_java_that_spark_runs_on(tmp_path: Path, version: str) -> None:
    check_java(java(tmp_path, version))


def test_no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(ConfigError) as caught:
        check_java(None)
    assert "no Java" in said(caught.value)
    assert "openjdk-17" in said(caught.value)


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.22", "25"])
def test_another_java(tmp_path: Path, version: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_java(java(tmp_path, version))
    assert "Spark 4 needs 17 or 21" in said(caught.value)


def test_a_java_without_the_module(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        check_java(java(tmp_path, "17.0.1", modules="java.base@17"))
    assert "jdk.incubator.vector" in said(caught.value)


def test_a_master_that_does_not_answer() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(RetryLater, match="does not answer"):
            check_master(f"spark://127.0.0.1:{closed.getsockname()[1]}")


def test_one_master_of_several_is_enough() -> None:
    with socket.socket() as closed, socket.socket() as listening:
        closed.bind(("127.0.0.1", 0))
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        check_master(f"spark://127.0.0.1:{closed.getsockname()[1]},127.0.0.1:{listening.getsockname()[1]}")


def test_a_stack_trace_is_told_by_its_reason() -> None:
    trace = "An error occurred while calling o61.parquet.\n: org.apache.spark.SparkException: Job aborted\n\tat org.x.Y(Z.scala:1)"
    assert reason(trace) == "org.apache.spark.SparkException: Job aborted"
    assert reason("") == "no reason given"
