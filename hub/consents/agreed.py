"""What is agreed with customers: what rows of consents say of their records, and what attributes of these say. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hub.consents.effective import as_words
from hub.consents.statement import DENIED, GRANTED, ConsentSaid, Statement
from hub.landing.fold import Held
from hub.model import Override, RecordId
from hub.settings import CustomerType

ATTRIBUTE = "attribute"  # how an attribute says it: a column of a customer's own record


def by_attribute(
    held: Mapping[RecordId, Mapping[str, Held]], overrides: Iterable[Override], customer: CustomerType, now: int
) -> list[Statement]:
    """What attributes of records say that stand for a purpose, such as `marketing_consent`."""
    purposes = {a: d.purpose for a, d in customer.attributes.items() if d.purpose}
    if not purposes:
        return []
    found = [
        Statement(record, ConsentSaid(purposes[a], "", str(value), given.time or 0, how=ATTRIBUTE))
        for record, cells in held.items()
        for a, given in cells.items()
        if a in purposes and given.cell.in_effect(now)
        for value in given.cell.values
    ]
    found += [
        Statement(o.anchor, ConsentSaid(purposes[o.attribute], "", str(value), o.at, how=ATTRIBUTE))
        for o in overrides
        if o.attribute in purposes and (o.until is None or now < o.until)
        for value in o.values
    ]
    return [s for s in found if s.said.state in (GRANTED, DENIED)]


def words_of(
    said: Mapping[RecordId, Mapping[int, Statement]], records: Iterable[RecordId], more: Iterable[Statement]
) -> list[str]:
    """What is agreed with the customer of these records, as words."""
    statements = [s for record in records for s in said.get(record, {}).values()]
    return as_words([*statements, *more])
