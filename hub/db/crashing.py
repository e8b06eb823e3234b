"""Fail points: where crash tests kill the process."""

from __future__ import annotations

import os


def fail_point(name: str) -> None:
    """Die here when `HUB_FAIL=name:n` asks for it, at the n-th pass. For crash tests only."""
    wanted = os.environ.get("HUB_FAIL")
    if not wanted:
        return
    point, _, count = wanted.partition(":")
    if point == name:
        left = int(count or 1) - 1
        if left <= 0:
            os.kill(os.getpid(), 9)
        os.environ["HUB_FAIL"] = f"{point}:{left}"
