"""`config/access.yaml`: who sees what and may do what. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hub.model import Sight
from hub.settings.base import Strict

Permission = Literal[
    "read",
    "crosswalk",
    "explain",
    "match",
    "write_records",
    "decide",
    "override",
    "subscribe",
    "metrics",
    "admin",
]


class Role(Strict):
    """What a role sees: customer type -> attribute -> show | mask | pseudonym | hide. Unnamed is hidden."""

    title: str = ""
    views: dict[str, dict[str, Sight]] = Field(default_factory=dict)  # customer type -> attribute -> sight
    may: tuple[Permission, ...] = ("read",)  # permissions
    purpose: str = ""  # what for; stands in every audit line


class Access(Strict):
    roles: dict[str, Role] = Field(
        default_factory=dict
    )  # name -> what it sees and may do; a source's own role has the source's name
