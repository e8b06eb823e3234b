"""What a subscribing system is handed for write-back: checked golden values, through its role's view.

A source's role is the role of its name. A value that nobody verified never leaves this way, and an
attribute that the role is not shown does not exist for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.access.audit.log import AuditLine
from hub.access.read import Reader
from hub.golden_record import store
from hub.golden_record.hanging import parts_of
from hub.golden_record.store import StoredCustomer
from hub.landing import store as landing
from hub.landing.fold import Held
from hub.matching import store as matching_store
from hub.model import Value, from_plain


@dataclass(frozen=True, slots=True)
class Handover:
    """For one record of the source: its customer, and the verified golden values that its role is shown."""

    customer: str
    values: Mapping[str, tuple[Value, ...]]  # attributes with a golden value; empty: cleared by hand
    own: Mapping[str, Held]  # what the source itself says


def hand_over(
    connection: Connection, reader: Reader, source: str, rids: Iterable[int], attributes: Mapping[str, Iterable[str]]
) -> dict[int, Handover]:
    """Handovers by record; `attributes`: customer type -> the attributes that are asked for. Audited."""
    listed = list(rids)
    homes = matching_store.clusters_of(connection, listed)
    customers = store.customers_of(connection, set(homes.values()))
    members = matching_store.members_of(connection, customers)
    everyone = {r for m in members.values() for r in m}
    held = {r: s.folded.held for r, s in matching_store.standardised(connection, everyone).items()}
    infos = landing.records(connection, everyone)
    view = reader.view_of_role(source, connection)
    rows = reader.known_customers(connection, view, [c.id for c in customers.values()]) if view.rows else None
    found: dict[int, Handover] = {}
    for rid in listed:
        customer = customers.get(homes.get(rid, -1))
        if customer is None or (rows is not None and customer.id not in rows):
            continue
        shown = view.shown(customer.type) & frozenset(attributes.get(customer.type, ()))
        checked = {
            r: {
                a
                for a in shown | frozenset(parts_of(customer.values))
                if (s := reader.config.stream(infos[r].id.source, infos[r].id.stream)) is not None and s.is_verified(a)
            }
            for r in members[customer.cluster]
        }
        values = {
            a: v for a in shown if a in customer.values if (v := _verified(customer, a, held, checked)) is not None
        }
        found[rid] = Handover(customer.id, values, held[rid])
    if found:
        sent = sorted({a for h in found.values() for a in h.values})
        reader.audit.write(
            AuditLine(
                f"source:{source}",
                source,
                "write-back",
                sorted({h.customer for h in found.values()}),
                sent,
                view.purpose,
                reader.database.clock.now(),
            )
        )
    return found


def _verified(
    customer: StoredCustomer, attribute: str, held: Mapping[int, Mapping[str, Held]], checked: Mapping[int, set[str]]
) -> tuple[Value, ...] | None:
    """The golden values of which a member's source or a person is sure; None when there is none of these."""
    why = customer.lineage[attribute]
    golden = tuple(from_plain(v) for v in customer.values[attribute])
    if why.get("override") is not None:
        return golden
    if "of" in why:  # a full name is as sure as its parts
        return golden if all(_verified(customer, part, held, checked) for part in why["of"]) else None
    sure = {
        value
        for rid, _, index in why["won"]
        if attribute in checked.get(rid, ())
        for value in (held[rid][attribute].cell.values[index : index + 1])
    }
    kept = tuple(v for v in golden if v in sure)
    cleared = not golden and any(attribute in checked.get(ref[0], ()) for ref in why["won"])
    return kept if kept or cleared else None
