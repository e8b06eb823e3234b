"""Break-glass: one customer, seen as another role sees it, for some minutes and a reason. Told at once, listed, kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import structlog

from hub.access import caller_store as callers
from hub.access.audit.log import AuditLine
from hub.access.authentication.principals import Principal
from hub.access.door import bounded
from hub.access.read import Reader
from hub.access.seen import OpenedView

MINUTE = 60_000_000
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """What is asked for: whom to see, why, for how long."""

    customer: str
    reason: str
    minutes: int


def open_for(reader: Reader, principal: Principal, asked: BreakGlass) -> OpenedView:
    """Open it. NotFound and Gone as for the customer in the view that is opened."""
    seen_as = reader.config.access.roles[principal.role].break_glass
    now = reader.database.clock.now()
    with reader.database.unit() as connection:
        customer = reader.find(connection, reader.view_of_role(seen_as, connection), asked.customer)
        made = OpenedView(
            secrets.token_hex(6),
            principal.id,
            principal.name,
            principal.role,
            seen_as,
            customer.id,
            asked.reason,
            now,
            now + asked.minutes * MINUTE,
        )
        callers.open_view(connection, made)
    _kept(reader, principal, "break glass", [customer.id])
    log.warning(
        "glass broken", id=made.id, principal=principal.id, role=principal.role, seen_as=seen_as, customer=customer.id
    )
    return made


def opened(reader: Reader, principal: Principal, limit: int) -> list[OpenedView]:
    """All that were opened, the newest first."""
    with reader.database.read() as connection:
        found = callers.opened_views(connection, bounded(limit))
    _kept(reader, principal, "list broken glass", sorted({o.customer for o in found}))
    return found


def _kept(reader: Reader, principal: Principal, action: str, customers: list[str]) -> None:
    purpose, now = reader.view(principal).purpose, reader.database.clock.now()
    reader.audit.write(AuditLine(principal.id, principal.role, action, customers, [], purpose, now))
