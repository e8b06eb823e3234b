"""SIGTERM: a command that is told to end leaves nothing of what it made for itself, such as rows of customers in a temporary folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.test_start import ROOT, mine
from tests.connectors.systems.test_sftp import PASSWORD, Server

__all__ = ["mine"]  # the fixture
PATIENCE = 60  # seconds
SFTP = """
connector: {{kind: sftp, host: 127.0.0.1, port: {port}, user: hub, path: drop, host_key: {key}, password_env: DROP_PASSWORD}}
streams: {{customers: {{customer: person, key: id, map: {{given_name: given, family_name: family}}}}}}
"""


@pytest.fixture
def stalling(tmp_path: Path) -> Iterator[Server]:
    """An SFTP server that gives the beginning of a file, and then nothing."""
    (tmp_path / "served" / "drop").mkdir(parents=True)
    (tmp_path / "served" / "drop" / "a.csv").write_text("id,given,family\n" + "1,Ana,Silva\n" * 100_000)
    made = Server(tmp_path / "served")
    made.stalls = 8
    yield made
    made.stalls = 1 << 30
    made.close()


def ended(mine: Path, beginning: str, *words: str) -> int:
    """What a command ends with that is told to end once there is a temporary folder of such a name; all of it must be gone."""
    kept = mine / "tmp"
    kept.mkdir()
    env = {k: v for k, v in os.environ.items() if not k.startswith("HUB_")}
    env |= {"HUB_CONFIG": str(mine), "HUB_FOLDER": str(mine / "var"), "TMPDIR": str(kept), "DROP_PASSWORD": PASSWORD}
    env["HUB_DATABASE_URL"] = f"sqlite:///{mine}/hub.sqlite"
    command = [sys.executable, "-c", "from hub.cli import main; main()", *words]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        until = time.monotonic() + PATIENCE
        while not list(kept.glob(f"{beginning}*")):
            assert process.poll() is None and time.monotonic() < until, process.stdout and process.stdout.read()
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE)
    assert list(kept.iterdir()) == []
    return code


def test_a_pull_over_sftp_leaves_no_file(mine: Path, stalling: Server) -> None:
    key = stalling.host_key.export_public_key().decode("ascii").strip()
    (mine / "sources" / "shop.yaml").write_text(SFTP.format(port=stalling.port, key=key), encoding="utf-8")
    assert ended(mine, "hub-sftp-", "pull") == 128 + signal.SIGTERM


def test_a_match_of_records_on_one_machine_leaves_no_rows(mine: Path) -> None:
    rows = [{"id": str(n), "given": "Ana", "family": f"Silva{n}"} for n in range(3000)]
    (mine / "records").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), mine / "records" / "part-0.parquet")
    words = ("--records", str(mine / "records"), "--stream", "shop.customers", "--out", str(mine / "out"))
    assert ended(mine, "hub-apart-", "match", *words) == 128 + signal.SIGTERM
