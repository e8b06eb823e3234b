"""Who saw a customer, and what for: read from the audit file, for whoever answers people about their own data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.access.audit.chain import sights
from hub.access.audit.log import AuditLine
from hub.access.authentication.principals import Principal
from hub.access.door import bounded
from hub.access.read import Reader


@dataclass(frozen=True, slots=True)
class SeenSight:
    """That somebody saw, or did something to, a customer. `identified`: shown that the customer was on the line."""

    at: int
    principal: str
    role: str
    action: str
    purpose: str
    attributes: tuple[str, ...]
    origin: str
    request: str
    identified: bool


def sights_of(reader: Reader, principal: Principal, id: str, limit: int) -> tuple[SeenSight, ...]:
    """The newest sights of the customer that an id leads to, under whichever of its ids. NotFound and Gone as for the
    customer. This is a sight too."""
    customer, ids = reader.ids_of(principal, id)
    found = sights(reader.audit.path, ids, bounded(limit))
    view = reader.view(principal)
    now = reader.database.clock.now()
    reader.audit.write(AuditLine(principal.id, principal.role, "sights", [customer], [], view.purpose, now))
    return tuple(_sight(line) for line in found)


def _sight(line: Mapping[str, Any]) -> SeenSight:
    return SeenSight(
        line["at"],
        line["principal"],
        line["role"],
        line["action"],
        line["purpose"],
        tuple(line["attributes"]),
        line.get("from", ""),
        line["request"],
        "identified" in line,
    )
