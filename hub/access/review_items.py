"""The review queue in the view of who works on it. Audited like every sight."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Connection

from hub.access.audit.log import REQUEST, AuditLine
from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.errors import Gone
from hub.model import RecordId
from hub.stewardship.items import Position
from hub.stewardship.queue import Queue, QueuePage, Shown


def see_queue(
    reader: Reader,
    principal: Principal,
    queue: Queue,
    *,
    kinds: Iterable[str] | None,
    mine: bool,
    after: Position | None,
    limit: int,
    only: Callable[[Shown], bool] = lambda _shown: True,
) -> QueuePage:
    """The next items, but those that somebody else has claimed.

    Only of customer types of which the view shows everything that is compared: that a pair is here already tells
    how much agrees. `mine`: only what was assigned to the asker; `only`: what it says yes to.
    """
    rows = reader.view(principal).rows

    def allows(connection: Connection, shown: Shown) -> bool:
        if not only(shown):
            return False
        if shown.item.kind == "disputed" or rows:
            return all(reader.knows_record(principal, r, connection) for r in (shown.left, shown.right))
        return True

    page = queue.page(
        types=reader.compared_types(principal),
        kinds=None if kinds is None else list(kinds),
        user=principal.name,
        assigned_to=principal.name if mine else None,
        after=after,
        limit=limit,
        allows=allows,
    )
    types = sorted({s.item.type for s in page.items})
    if page.items:
        view = reader.view(principal)
        customers = homes(reader, principal, [r for s in page.items for r in (s.left, s.right)])
        attributes = sorted({a for t in types for a in view.of(t)})
        reader.audit.write(
            AuditLine(
                principal.id,
                principal.role,
                "review queue",
                customers,
                attributes,
                view.purpose,
                reader.database.clock.now(),
                REQUEST.get(),
            )
        )
    return page


def homes(reader: Reader, principal: Principal, records: Iterable[RecordId]) -> list[str]:
    """The customers of these records; a record that is gone has none."""
    found: set[str] = set()
    for record in dict.fromkeys(records):
        try:
            found.update(reader.homes(principal, (record,)))
        except Gone:
            continue
    return sorted(found)
