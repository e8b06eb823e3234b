"""The kinds of values that a customer, or what happened with one, has. Each file of this folder that holds a `Kind` is one."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from hub.kinds.base import Kind
from hub.kinds.levels_base import Levels
from hub.model import Value

REMEMBERED = (
    4096  # values of a kind whose forms are kept: those just cleaned are asked for again when a record is standardised
)

KINDS: dict[str, Kind] = {}  # by name
LEVELS: dict[str, Levels] = {}  # of the kinds that are evidence


def register(kind: Kind, about: str) -> None:
    """Make a kind known, with what it is in words. ValueError: another one has its name."""
    if kind.name in KINDS:
        raise ValueError(f"there are two kinds of the name '{kind.name}'")
    KINDS[kind.name] = replace(kind, forms=lru_cache(REMEMBERED)(kind.forms), about=about.split("\n\n")[0])
    if kind.levels is not None:
        LEVELS[kind.name] = kind.levels


for _found in iter_modules(__path__, f"{__name__}."):
    _module = import_module(_found.name)
    for _kind in [value for value in vars(_module).values() if isinstance(value, Kind)]:
        register(_kind, _module.__doc__ or "")


def spelling(kind: str, value: Value) -> Hashable:
    """What every spelling of a value shares, its comparison forms: 'Hauptstr. 1' and 'Hauptstraße 1' are one address."""
    forms = KINDS[kind].forms(value)
    return tuple(forms.values()) if forms.get("") else value


def form_names(kind: Kind) -> tuple[str, ...]:
    """The names of a kind's forms, "" first: the same for every value."""
    return tuple(kind.forms((("line1", "x"),) if kind.parts else "x"))
