"""`config/access.yaml`: who sees what and may do what. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hub.model import Sight
from hub.settings.base import ADDED, Strict
from hub.settings.sign_in import SignIn

Permission = Literal[
    "read",
    "crosswalk",
    "explain",
    "match",
    "write_records",
    "log",
    "decide",
    "override",
    "subscribe",
    "identify",
    "break_glass",
    "audit",
    "privacy",
    "metrics",
    "admin",
    "own",
    "ask",
]


class RowLimits(Strict):
    """Which customers of a type: those that meet every condition named here."""

    sources: tuple[str, ...] = ()  # with a record of one of these sources
    where: dict[str, tuple[str, ...]] = Field(
        default_factory=dict
    )  # attribute, or attribute.part as address.country -> it is one of these values

    consent: tuple[str, ...] = ()  # who agreed to one of these purposes, by any channel; or purpose/channel
    restricted: bool = False  # true: those too whose data are restricted


class Role(Strict):
    """What a role sees: customer type -> attribute -> a sight. Unnamed is hidden."""

    title: str = ""
    views: dict[str, dict[str, Sight]] = Field(default_factory=dict)  # customer type -> attribute -> sight
    rows: dict[str, RowLimits] = Field(
        default_factory=dict
    )  # customer type -> which of its customers exist for the role; a type not named: all
    figures: tuple[str, ...] = ()  # figures and segments that it sees; "*" stands for all
    may: tuple[Permission, ...] = ("read",)  # permissions
    requests: int = Field(default=6000, ge=1)  # in a minute, by one principal
    purpose: str = ""  # what for, in words; stands in every audit line unless the role states purposes
    purposes: tuple[str, ...] = ()  # of purposes.yaml: what the role may ask for; a request narrows to one by X-Purpose
    asks: dict[str, tuple[str, ...]] = Field(
        default_factory=dict
    )  # customer type -> attributes, or attribute.part, that an answer of a caller may be compared with though they are not shown
    break_glass: str = ""  # with the permission `break_glass`: the role as which one customer is seen for some minutes
    pseudonyms: str = ""  # roles that write the same name here are shown the same pseudonyms; unset: its own alone


class CallerRules(Strict):
    """How callers are identified."""

    attempts: int = Field(default=3, ge=1, le=20)  # wrong answers about one customer before it is locked
    attempts_of_agent: int = Field(default=10, ge=1, le=200)  # wrong answers to one agent before it is locked
    lock_minutes: int = Field(default=30, ge=1, le=1440)
    proof_minutes: int = Field(default=15, ge=1, le=120)  # how long the proof of an identified caller is good


class Access(Strict):
    second_person_above: int | None = Field(
        default=None, ge=1, json_schema_extra=ADDED
    )  # pairs in one verdict on many, from which somebody else has to agree; unset: nobody has to
    callers: CallerRules = CallerRules()  # how callers are identified
    roles: dict[str, Role] = Field(
        default_factory=dict
    )  # name -> what it sees and may do; a source's own role has the source's name
    sign_in: SignIn = SignIn()  # how people and systems show who they are
