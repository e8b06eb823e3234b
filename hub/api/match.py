"""Would this row join a customer? Asked without storing anything."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from hub.access.authentication.principals import Principal
from hub.api.exact import ExactRoute
from hub.api.problems import documented
from hub.api.schemas import Matches, MatchIn, MatchOut, answer
from hub.api.security import TheHub, may_write, needs
from hub.errors import BadRecord, Fault, Forbidden, NotFound, Unprocessable

ALL = 1_000_000

router = APIRouter(prefix="/v1", tags=["match"], route_class=ExactRoute)


@router.post("/match", operation_id="match_record", response_model=Matches, responses=documented(404))
def match_record(hub: TheHub, principal: Annotated[Principal, needs("match")], given: MatchIn) -> Response:
    """Customers that a row of a stream would join or come near to, nearest first. Stores nothing.

    A system asks with rows of its own source; a person, with attributes that its role is shown.
    """
    may_write(principal, given.source)
    stream = hub.config.stream(given.source, given.stream)
    if stream is None:
        raise NotFound(
            "no such stream",
            [
                Fault(
                    "/stream",
                    f"no stream '{given.stream}' of source '{given.source}' is configured",
                    "see config/sources",
                )
            ],
        )
    if not stream.customer:
        raise Unprocessable("rows of this stream are no customers", [Fault("/stream", f"is of {stream.sort}s")])
    if principal.source is None and not set(stream.map) <= hub.reader.view(principal).shown(stream.customer):
        raise Forbidden(
            "rows of this stream hold attributes that this role does not see"
        )  # or it could guess at hidden values
    try:
        # Customers outside the rows must not crowd out others: they are left out before the nearest are counted.
        limit = ALL if hub.reader.view(principal).rows else given.limit
        found = hub.resolver.probe(given.source, given.stream, given.record, limit=limit)
    except BadRecord as error:
        raise Unprocessable("this record cannot be read", [Fault("/record", str(error))]) from None
    return answer(
        Matches(data=[MatchOut.of(m) for m in hub.reader.matches(principal, stream.customer, found, limit=given.limit)])
    )
