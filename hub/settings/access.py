"""`config/access.yaml`: who sees what and may do what. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hub.model import Sight
from hub.settings.base import Strict
from hub.settings.sign_in import SignIn

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


class RowLimits(Strict):
    """Which customers of a type: those that meet every condition named here."""

    sources: tuple[str, ...] = ()  # with a record of one of these sources
    where: dict[str, tuple[str, ...]] = Field(
        default_factory=dict
    )  # attribute, or attribute.part as address.country -> it is one of these values


class Role(Strict):
    """What a role sees: customer type -> attribute -> show | mask | pseudonym | hide. Unnamed is hidden."""

    title: str = ""
    views: dict[str, dict[str, Sight]] = Field(default_factory=dict)  # customer type -> attribute -> sight
    rows: dict[str, RowLimits] = Field(
        default_factory=dict
    )  # customer type -> which of its customers exist for the role; a type not named: all
    may: tuple[Permission, ...] = ("read",)  # permissions
    purpose: str = ""  # what for; stands in every audit line


class Access(Strict):
    roles: dict[str, Role] = Field(
        default_factory=dict
    )  # name -> what it sees and may do; a source's own role has the source's name
    sign_in: SignIn = SignIn()  # how people and systems show who they are
