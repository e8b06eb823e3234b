"""A text of guidance as it was given. Pure."""

from __future__ import annotations

from typing import NamedTuple


class CardVersion(NamedTuple):
    card: str
    version: str
    title: str
    body: str
    since: int
