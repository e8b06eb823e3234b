"""A Spark session of the hub's own, and what stands in its way told in one line. The one place that starts a JVM."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hub.errors import ConfigError, Fault, RetryLater

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

JAVAS = (17, 21)
JAVA_MODULE = "jdk.incubator.vector"  # Spark 4 starts with it
ON_EXECUTORS = (
    "customer-hub",
    "duckdb",
    "pandas",
    "pyarrow",
    "splink",
)  # what its Python needs there, in the driver's versions
PATIENCE = 5  # seconds that a master has to take a connection
TRIES = 4  # of a task, as Spark has it on many machines
MEMORY = "4g"  # of the driver, which in local mode is all there is


@dataclass(frozen=True)
class Master:
    """Where Spark runs: its master, and a folder that the driver and every executor see (a path or a URL)."""

    master: str = "local[*]"
    folder: str = ""  # "": one of its own, which only a local master can do with

    @classmethod
    def given(cls) -> Master:
        return cls(os.environ.get("HUB_SPARK_MASTER") or "local[*]", os.environ.get("HUB_SPARK_FOLDER", ""))

    @property
    def local(self) -> bool:
        return self.master.startswith("local")


class Spark:
    """An open session and the folder of this run. What is put there is never written again: no reader sees it change."""

    def __init__(self, session: SparkSession, folder: str) -> None:
        self.session, self.folder = session, folder
        self._numbers = itertools.count()

    def _place(self, name: str) -> str:
        return f"{self.folder}/{next(self._numbers):04}-{name}"

    def _read(self, place: str) -> DataFrame:
        found: DataFrame = self.session.read.parquet(place)
        return found

    def kept(self, made: DataFrame, name: str) -> DataFrame:
        """What was made, written down: computed once, and not anew when an executor is lost."""
        place = self._place(name)
        made.write.parquet(place)
        return self._read(place)

    def sent(self, table: pa.Table, name: str, part: int = 500_000) -> DataFrame:
        """A table of the driver's, in parts that executors read side by side."""
        import pyarrow.parquet as pq
        from pyarrow import fs

        from hub.matching.spark.run_folder import uri

        place = self._place(name)
        system, path = fs.FileSystem.from_uri(uri(place))
        system.create_dir(path, recursive=True)
        for number, start in enumerate(range(0, max(table.num_rows, 1), part)):
            pq.write_table(table.slice(start, part), f"{path}/{number:06}.parquet", filesystem=system)
        return self._read(place)

    def fetched(self, made: DataFrame, name: str) -> pa.Table:
        """What was made, at the driver: through the folder, not through the driver's JVM."""
        import pyarrow.dataset as ds
        from pyarrow import fs

        from hub.matching.spark.run_folder import uri

        place = self._place(name)
        made.write.parquet(place)
        system, path = fs.FileSystem.from_uri(uri(place))
        return ds.dataset(path, filesystem=system, format="parquet").to_table()


@contextmanager
def opened(place: Master) -> Iterator[Spark]:
    """A session, ended at the end, its folder gone. ConfigError or RetryLater, each one line, where there can be none."""
    _look(place)
    from py4j.protocol import Py4JError, Py4JJavaError, Py4JNetworkError
    from pyspark.errors import PySparkException

    from hub.matching.spark.run_folder import run_folder

    with run_folder(place.folder) as folder:
        try:
            session = _started(place, folder)
            try:
                _probe(session)
                yield Spark(session, folder)
            finally:
                with suppress(Py4JError, ConnectionError):  # it may have died meanwhile
                    session.stop()
        except (PySparkException, Py4JJavaError, Py4JNetworkError, Py4JError, ConnectionError) as error:
            raise RetryLater(
                f"Spark at {place.master} stopped ({reason(str(error))}): nothing of it was applied; run the same command again"
            ) from error


def reason(said: str) -> str:
    """The line of a stack trace that says what went wrong, without values of records."""
    lines = [line.strip(" :") for line in said.splitlines() if line.strip()]
    told = next(
        (line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)),
        lines[0] if lines else "no reason given",
    )
    return told[:200]


# --- what must be there before a JVM starts ------------------------------------------------------


def _look(place: Master) -> None:
    """ConfigError with what is missing and how to get it."""
    try:
        version("pyspark")
    except PackageNotFoundError:
        raise ConfigError(
            [Fault("--engine spark", "pyspark is not installed", "pip install 'customer-hub[spark]'")]
        ) from None
    check_java(shutil.which("java", path=_java_path()))
    if not place.local and not place.folder:
        raise ConfigError(
            [
                Fault(
                    "HUB_SPARK_FOLDER",
                    f"the master {place.master} needs a folder that the hub and every executor see",
                    "HUB_SPARK_FOLDER=/mnt/shared/hub or s3a://...",
                )
            ]
        )
    check_master(place.master)


def _java_path() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return f"{home}/bin" if home else None


def check_java(java: str | None) -> None:
    """Is there a Java that Spark 4 runs on?"""
    remedy = "apt-get install openjdk-17-jre-headless, or set JAVA_HOME to a Java 17 or 21"
    if java is None:
        where = "JAVA_HOME" if os.environ.get("JAVA_HOME") else "PATH"
        raise ConfigError([Fault(where, "no Java is there, which Spark needs", remedy)])
    said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30).stderr  # noqa: S603
    found = re.search(r'version "(\d+)', said)
    number = int(found[1]) if found else 0
    if number not in JAVAS:
        raise ConfigError([Fault(java, f"Java {number or 'of an unknown version'}: Spark 4 needs 17 or 21", remedy)])
    modules = subprocess.run([java, "--list-modules"], capture_output=True, text=True, timeout=30).stdout  # noqa: S603
    if JAVA_MODULE not in modules:
        raise ConfigError([Fault(java, f"this Java lacks the module {JAVA_MODULE}, with which Spark 4 starts", remedy)])


def check_master(master: str) -> None:
    """Does one of the masters of spark://host:port,host:port take a connection? Others find theirs themselves."""
    if not master.startswith("spark://"):
        return
    tried = master.removeprefix("spark://").split(",")
    for one in tried:
        at = urlsplit(f"//{one}")
        try:
            with socket.create_connection((at.hostname or "", at.port or 7077), PATIENCE):
                return
        except OSError:
            continue
    raise RetryLater(f"HUB_SPARK_MASTER: {master} does not answer: is it running, and is the port right?")


# --- the session ---------------------------------------------------------------------------------


def _started(place: Master, folder: str) -> SparkSession:
    import sys

    from pyspark.sql import SparkSession
    from splink.backends.spark import similarity_jar_location

    if place.local:
        os.environ["PYSPARK_PYTHON"] = sys.executable
    wanted = {
        "spark.jars": similarity_jar_location(),
        "spark.sql.ansi.enabled": "false",  # a list has no second value: null, not a fault
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": f"{folder}/warehouse",  # else it is made wherever the command is typed
        "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
        **(_LOCAL if place.local else {}),
    }
    builder = SparkSession.builder.master(trying_again(place.master)).appName("customer-hub")
    for name, value in wanted.items():
        builder = builder.config(name, value)
    session: SparkSession = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    session.sparkContext.setCheckpointDir(f"{folder}/checkpoints")
    return session


def trying_again(master: str) -> str:
    """A local master that, as every other, runs a task again that failed: when its Python died, say."""
    found = re.fullmatch(r"local(?:\[(\d+|\*)\])?", master)
    return f"local[{found[1] or 1},{TRIES}]" if found else master


_LOCAL = {
    "spark.driver.memory": MEMORY,
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "8",
}


def _probe(session: SparkSession) -> None:
    """Do the executors have the hub, in this version? Told by themselves, before anything is sent to them."""
    wanted = {name: version(name) for name in ON_EXECUTORS if _there(name)}

    def look(_: object) -> list[str]:  # inside: sent by value, an executor without the hub could not import it
        from importlib import metadata

        missing = []
        for name, number in wanted.items():
            try:
                found = metadata.version(name)
            except metadata.PackageNotFoundError:
                found = "none"
            if found != number:
                missing.append(f"{name} {number} (it has {found})")
        return missing

    context = session.sparkContext
    tasks = context.defaultParallelism
    missing = context.parallelize(range(tasks), tasks).mapPartitions(look).collect()
    if missing:
        raise ConfigError(
            [
                Fault(
                    "executors",
                    f"Python on an executor lacks {', '.join(sorted(set(missing)))}",
                    "install 'customer-hub[spark]' there, or send an environment with spark.archives",
                )
            ]
        )


def _there(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
