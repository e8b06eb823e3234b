"""Values that a person sets by hand, read as a source's are. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub.errors import Fault, Unprocessable
from hub.kinds import KINDS
from hub.kinds.base import Context, Problem
from hub.model import Value
from hub.settings import Attribute


def cleaned(attribute: Attribute, given: Sequence[Any]) -> tuple[Value, ...]:
    """Values as the attribute's kind writes them. Unprocessable names each that cannot be read, without repeating it."""
    values: list[Value] = []
    faults: list[Fault] = []
    if len(given) > 1 and not attribute.many:
        faults.append(Fault("/values", "this attribute has one value"))
    for n, raw in enumerate(given):
        found = KINDS[attribute.kind].clean(raw, Context(scheme=attribute.scheme))
        if found is None or isinstance(found, Problem):
            faults.append(
                Fault(
                    f"/values/{n}",
                    found.reason if found else "says nothing",
                    "to clear the attribute send an empty list",
                )
            )
        else:
            values.append(found.value)
    if faults:
        raise Unprocessable("these values cannot be set", faults)
    return tuple(dict.fromkeys(values))
