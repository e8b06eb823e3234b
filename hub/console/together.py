"""Many records at once: which of these are one customer? Looked at side by side, arranged, previewed as any act is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from hub.access.seen import SeenRecord
from hub.console.marks import Marked, marked
from hub.console.pages import Desk, PageRoute, desk, record_named
from hub.console.words import who
from hub.errors import Fault, NotFound
from hub.language.wording import listed, said
from hub.settings import CustomerType

router = APIRouter(prefix="/review", route_class=PageRoute, include_in_schema=False)

Records = Annotated[list[Annotated[str, Query(max_length=1000)]], Query(max_length=50, description="source/stream/key")]


@dataclass(frozen=True, slots=True)
class Placed:
    """A record, and the letter of the customer that it is part of now."""

    seen: SeenRecord
    letter: str
    name: str


@dataclass(frozen=True, slots=True)
class SaidByAll:
    """An attribute of all the records, each beside the first that says something of it."""

    attribute: str
    cells: tuple[tuple[Marked, ...], ...]


@router.get("/together")
def together(at: Annotated[Desk, desk("decide")], record: Records) -> Response:
    """The records of all customers that open pairs join, in groups as they are now; each may be put into another."""
    start = [record_named(r, "?record") for r in record]
    found = at.hub.reader.circle(at.principal, start)
    placed = place(at.hub.config.customers, [r for r in found if r.customer is not None and r.alive])
    if not placed:
        raise NotFound("no such records", [Fault("?record", "one of them is not there", "go back to the queue")])
    customers = list(dict.fromkeys(p.seen.customer for p in placed))
    types = at.hub.config.customers
    return at.page(
        "review/together.html",
        {
            "placed": placed,
            "customers": customers,
            "letters": ascii_uppercase[: min(len(placed), len(ascii_uppercase))],
            "rows": beside_all(types[placed[0].seen.type], [p.seen for p in placed]),
            "start": start[0],
        },
    )


def place(types: dict[str, CustomerType], found: Sequence[SeenRecord]) -> list[Placed]:
    """Records by customer, those of the largest customer first: A. Pure."""
    sizes: dict[str, int] = {}
    for r in found:
        sizes[r.customer or ""] = sizes.get(r.customer or "", 0) + 1
    order = sorted(sizes, key=lambda c: (-sizes[c], c))
    letters = {c: ascii_uppercase[n % len(ascii_uppercase)] for n, c in enumerate(order)}
    rows = sorted(found, key=lambda r: (order.index(r.customer or ""), r.record))
    return [Placed(r, letters[r.customer or ""], who(types, r)) for r in rows]


def beside_all(customer_type: CustomerType, found: Sequence[SeenRecord]) -> list[SaidByAll]:
    """The attributes that any of them has; where a value is unlike the first one's, how. Pure."""
    rows = []
    for name in customer_type.attributes:
        said_by = [[said(v) for v in listed(r.values.get(name))] for r in found]
        first = next((values for values in said_by if values), [])
        if first:
            rows.append(SaidByAll(name, tuple(marked(values, first)[0] for values in said_by)))
    return rows
