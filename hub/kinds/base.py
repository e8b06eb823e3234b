"""What a kind is: how one sort of value is cleaned, compared, keyed and masked.

A kind file defines one frozen `Kind`; `hub.kinds` finds it, and what its docstring says is its line in the reference.
All functions are pure and take no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hub.kinds.levels_base import Levels
from hub.model import Value

Form = str | int | float | None
Forms = dict[str, Form]  # comparison forms of one value by name; "" is the main one


class Problem(NamedTuple):
    """Why a raw value cannot be read. Says what is wrong without repeating the value."""

    reason: str


class Cleaned(NamedTuple):
    """A value fit to show. `valid` is False when it could be read but fails validation (an IBAN's check digits)."""

    value: Value
    valid: bool = True


@dataclass(frozen=True)
class Context:
    """What cleaning may lean on: the stream's declared country, date order, the attribute's scheme."""

    country: str | None = None  # ISO 3166 alpha-2: default for phones and addresses
    day_first: bool | None = None  # None: only unambiguous dates are read
    scheme: str | None = (
        None  # of an identifier: eu.vat, iban, us.ssn ...; of money: its currency; of a duration: its unit
    )
    options: tuple[str, ...] = ()  # of a choice
    zone: ZoneInfo | None = None  # of times that say none; None: UTC


Clean = Callable[[object, Context], Cleaned | Problem | None]
"""raw -> value, problem, or None when the raw value says nothing (empty, 'n/a', '-')."""


@dataclass(frozen=True)
class Kind:
    """One sort of value.

    clean   raw source value -> shown value (keeps its script and accents)
    forms   shown value -> comparison forms: lower-case ASCII (anyascii), made once and stored
    keys    names of the forms that may be used in blocking rules
    mask    shown value -> what a masked view shows
    parts   names of a composite's parts (empty for plain kinds)
    expand  a value that stands for several attributes (a full name) -> those attributes' raw values; with
            family_first=True for names that are written so
    placeholders  comparison forms that are no evidence whatever the data says
    listed  may several of it stand in one cell, with a separator between?
    continued  several values of a cell, each whole where a later one leaves out what the first began with
    within  the values that a text surely holds, two or more, whatever stands between them; none when that cannot be told
    levels  how far two values agree; None: it is no evidence of who somebody is
    compares  role in the comparison -> the form that plays it
    secret   kept as a hash alone: never shown, compared or written
    version  raised when an answer of the kind changes: stored rows made by the old one are stale
    """

    name: str
    clean: Clean
    forms: Callable[[Value], Forms]
    mask: Callable[[Value], Value]
    keys: tuple[str, ...] = ("",)
    parts: tuple[str, ...] = ()
    expand: Callable[..., Mapping[str, str]] | None = None
    placeholders: frozenset[str] = field(default_factory=frozenset)
    listed: bool = False
    continued: Callable[[list[str]], list[str]] | None = None
    within: Callable[[str, Context], list[str]] | None = None
    levels: Levels | None = None
    compares: Mapping[str, str] = field(default_factory=lambda: {"value": ""})
    secret: bool = False
    version: int = 1
    about: str = ""  # what it is in words: its file's docstring
