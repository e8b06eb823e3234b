"""A Chromium for the console's tests: `python -m tests.console.chromium` finds one, installs Debian's where it may, or says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "the console's tests need a Chromium: apt-get install chromium, or name one in HUB_CHROMIUM"


def found() -> str | None:
    """Where one is."""
    given = os.environ.get("HUB_CHROMIUM")
    return given or next((path for name in NAMES if (path := shutil.which(name))), None)


def install() -> None:
    """Debian's, where the packages of the system may be changed; what goes wrong there is told by `found`."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {
            "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            "stdout": subprocess.DEVNULL,
            "check": False,
        }
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
        ):
            subprocess.run(command, **quiet)


if __name__ == "__main__":
    if not found():
        install()
    sys.exit(0 if found() else MISSING)
