"""What is long stays readable on a terminal of 80 columns: real pseudo-terminals."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from tests.cli.test_start import ROOT, hub, mine

__all__ = ["mine"]  # the fixture
COLUMNS = 80

GOLDEN = """
from hub.access.seen import SeenCustomer
from hub.cli.shared import bars, out
from hub.demo.show import Show
from hub.model import RecordId

def record(source, key, value):
    return {"source": source, "stream": "people", "key": key, "value": value}

home, old = ({"line1": f"{street} 104", "postcode": "37065", "city": "Neustadt"} for street in ("Birkengasse", "Rheinufer"))
ids = [f"{n:08}-3f1c-4e0a" for n in range(7)]
mails = ["tanja.ziegler1973@a-long-name.example", "t_ziegler@webpost.example"]
Show(out, bars).golden(
    SeenCustomer(
        "cus_01a2", "person", 3, 0,
        {"address": home, "marketing_consent": "denied", "email": mails, "sex": None},
        records=tuple(RecordId("billing", "people", id) for id in ids),
        lineage={
            "address": {"rule": "most_trusted", "won": [record("billing", id, home) for id in ids],
                        "lost": [record("crm", "P-1", old)]},
            "marketing_consent": {"rule": "most_restrictive", "won": [record("app", "u9", "denied")]},
            "email": {"rule": "union", "won": [record("crm", id, mails[n % 2]) for n, id in enumerate(ids)]},
        },
    ),
    "steward",
)
"""


def terminal(folder: Path, *words: str, code: str = "from hub.cli import main; main()") -> list[str]:
    """The lines that a command prints to a terminal of 80 columns, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    env = {
        k: v for k, v in os.environ.items() if not k.startswith("HUB_") and k not in ("COLUMNS", "LINES", "NO_COLOR")
    }
    given = {"HUB_CONFIG": str(folder), "HUB_FOLDER": str(folder / "var"), "TERM": "xterm"}
    database = {"HUB_DATABASE_URL": f"sqlite:///{folder}/hub.sqlite"}
    with subprocess.Popen(
        [sys.executable, "-c", code, *words], cwd=ROOT, env={**env, **given, **database}, stdout=theirs, stderr=theirs
    ) as program:
        os.close(theirs)
        said = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # nobody is at the other end any more
                part = b""
            if not part:
                break
            said += part
    os.close(ours)
    assert program.returncode == 0, said
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.decode()).splitlines()]


def test_lineage_is_readable(tmp_path: Path) -> None:
    lines = terminal(tmp_path, code=GOLDEN)
    assert max(map(len, lines)) <= COLUMNS
    text = " ".join(" ".join(lines).split())
    assert "…" not in text
    for told in (
        "address Birkengasse 104, 37065, Neustadt by most_trusted from billing/00000000-3f1c-4e0a, ",
        "billing/00000006-3f1c-4e0a not Rheinufer 104, 37065, Neustadt from crm/P-1",
        "marketing_consent denied by most_restrictive from app/u9",
        "t_ziegler@webpost.example from crm/00000001-3f1c-4e0a, crm/00000003-3f1c-4e0a, crm/00000005-3f1c-4e0a",
    ):
        assert told in text


def test_an_explanation_is_broken_between_words(mine: Path) -> None:
    (mine / "drop" / "a.csv").write_text("id,given,family\n1,Ana Maria,Silva\n2,Ana Maria,Silva\n", encoding="utf-8")
    assert hub(mine, "pull")[0] == 0
    words = ("explain", "shop/customers/1", "shop/customers/2")
    lines = terminal(mine, *words)
    assert max(map(len, lines)) <= COLUMNS
    code, whole = hub(mine, *words)  # to a file: a line stays one
    assert code == 0
    assert max(map(len, whole.splitlines())) > COLUMNS
    assert " ".join(" ".join(lines).split()) == " ".join(whole.split())
