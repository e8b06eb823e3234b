"""Contact details inside what happened: a role sees no more of them there than it sees of customers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from hub.access.policy.view import Columns, View
from hub.model import Sight
from hub.settings import Attribute

PERSONAL = frozenset(
    ("email", "phone", "postal_address", "person_name", "given_name", "family_name", "company_name", "birth_date")
)
ORDER = (Sight.HIDE, Sight.PSEUDONYM, Sight.MASK, Sight.SHOW)
TOLD = "***"
_IN_TEXT = {
    "email": re.compile(
        r"[^\s@<>()\",;:]{1,64}@[^\s@<>()\",;:]{1,190}\.[^\s@<>()\",;:]{1,64}"
    ),  # bounded: a text may be long
    "phone": re.compile(r"(?<![\w.])(?!\d{4}-\d{2}-\d{2}\b)(?:\+|\(0)?\d(?:[\s()/.-]{0,2}\d){6,}(?!\w)"),
}  # seven digits or more: too short a rule would hide amounts and house numbers


def most_seen(view: View, types: Mapping[str, Mapping[str, Attribute]]) -> dict[str, Sight]:
    """Kind -> the most that a view of customers shows of it."""
    found: dict[str, Sight] = {}
    for type_name, attributes in types.items():
        for name, sight in view.of(type_name).items():
            kind = attributes[name].kind
            found[kind] = max(found.get(kind, Sight.HIDE), sight, key=ORDER.index)
    return found


def limited(columns: Columns, attributes: Mapping[str, Attribute], most: Mapping[str, Sight]) -> dict[str, Sight]:
    """Columns of a type of interactions, less what the role may not see of customers either."""
    found: dict[str, Sight] = {}
    for name, sight in columns.items():
        kind = attributes[name].kind
        seen = min(sight, most.get(kind, Sight.HIDE), key=ORDER.index) if kind in PERSONAL else sight
        if seen is not Sight.HIDE:
            found[name] = seen
    return found


def kinds_out_of_text(most: Mapping[str, Sight]) -> frozenset[str]:
    """Kinds of contact details that are taken out of free text for a role: those that it is not shown as they are."""
    return frozenset(k for k in _IN_TEXT if most.get(k) is not Sight.SHOW)


def redacted(value: object, kinds: Iterable[str]) -> Any:
    """A text without the contact details of these kinds."""
    if isinstance(value, list):
        return [redacted(v, kinds) for v in value]
    if isinstance(value, str):
        for kind in sorted(kinds):
            value = _IN_TEXT[kind].sub(TOLD, value)
    return value
