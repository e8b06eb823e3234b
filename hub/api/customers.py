"""Customers: search, one customer now and then, its history, why it is one, values set by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import AwareDatetime

from hub.access.audit.sights import sights_of
from hub.access.authentication.principals import Principal
from hub.api.problems import documented
from hub.api.schemas import (
    CrosswalkOut,
    Customer,
    CustomerFound,
    CustomerVersion,
    ExplainOut,
    OverrideIn,
    Paged,
    RecordOut,
    SightOut,
    answer,
)
from hub.api.security import TheHub, needs
from hub.errors import BadRequest, Fault, Stale, Unprocessable
from hub.model import RecordId, to_micros
from hub.stewardship.acts import Act, DropValue, SetValue
from hub.stewardship.run import Acts
from hub.stewardship.values import cleaned

router = APIRouter(prefix="/v1", tags=["customers"])

Limit = Annotated[int, Query(ge=1, le=200, description="rows of a page")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")]
Id = Annotated[str, Path(description="any customer id that the hub ever gave", max_length=100)]
IfMatch = Annotated[str | None, Header(description="the ETag of the customer that you read", max_length=500)]
TRIES = 3


@router.get("/customers", operation_id="search_customers", responses=documented())
def search_customers(
    hub: TheHub,
    principal: Annotated[Principal, needs("read")],
    q: Annotated[
        str,
        Query(
            max_length=200,
            description="words of names, companies and addresses, an e-mail address, a phone number or its last digits, an identifier, a customer id: all must be found",
            examples=["silva lisboa"],
        ),
    ] = "",
    type: Annotated[str | None, Query(max_length=100, examples=["person"])] = None,
    within: Annotated[
        list[str] | None, Query(alias="in", max_length=20, description="look only in these attributes")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Paged[CustomerFound]:
    """Customers in which every word is found, the best first: as typed, then cut short or another name of the same family, then misspelt. Without words: all, by id."""
    page = hub.reader.search(principal, q, type_name=type, attributes=within or (), limit=limit, cursor=cursor)
    return Paged(data=[CustomerFound.of(f) for f in page.data], next_cursor=page.next_cursor)


@router.get(
    "/customers/{id}",
    operation_id="get_customer",
    response_model=Customer,
    responses={**documented(404, 410), 304: {"description": "not changed since the ETag in If-None-Match"}},
)
def get_customer(
    hub: TheHub,
    principal: Annotated[Principal, needs("read")],
    id: Id,
    lineage: Annotated[bool, Query(description="with the reason of every value")] = False,
    as_of: Annotated[
        AwareDatetime | None, Query(description="the values in effect then; may lie in the future")
    ] = None,
    known_at: Annotated[AwareDatetime | None, Query(description="as it was served then")] = None,
    if_none_match: Annotated[str | None, Header(max_length=500)] = None,
) -> Response:
    """The customer that an id leads to now: an id of a merged customer answers with the one that it is part of."""
    found = hub.reader.get_customer(
        principal, id, lineage=lineage, as_of=micros(as_of, "?as_of"), known_at=micros(known_at, "?known_at")
    )
    headers = {"etag": found.etag, "cache-control": "private, no-cache"}
    if if_none_match and found.etag in {t.strip().removeprefix("W/") for t in if_none_match.split(",")}:
        return Response(status_code=304, headers=headers)
    return answer(Customer.of(found), headers)


@router.get("/customers/{id}/history", operation_id="get_customer_history", responses=documented(404, 410))
def get_customer_history(
    hub: TheHub, principal: Annotated[Principal, needs("read")], id: Id, limit: Limit = 50, cursor: Cursor = None
) -> Paged[CustomerVersion]:
    """The versions of a customer, oldest first: those that your role was shown."""
    page = hub.reader.history(principal, id, limit=limit, cursor=cursor)
    return Paged(data=[CustomerVersion.of(v) for v in page.data], next_cursor=page.next_cursor)


@router.get("/customers/{id}/records", operation_id="get_customer_records", responses=documented(404, 410))
def get_customer_records(hub: TheHub, principal: Annotated[Principal, needs("crosswalk")], id: Id) -> Paged[RecordOut]:
    """What each source record of a customer says."""
    return Paged(data=[RecordOut.of(r) for r in hub.reader.records(principal, id)])


@router.get("/customers/{id}/explain", operation_id="explain_customer", responses=documented(404, 410))
def explain_customer(hub: TheHub, principal: Annotated[Principal, needs("explain")], id: Id) -> ExplainOut:
    """Why the records of a customer are one customer: each two of them, compared attribute by attribute."""
    return ExplainOut.of(hub.reader.explain(principal, id))


@router.get("/customers/{id}/sights", operation_id="get_customer_sights", responses=documented(404, 410))
def get_customer_sights(
    hub: TheHub, principal: Annotated[Principal, needs("audit")], id: Id, limit: Limit = 50
) -> Paged[SightOut]:
    """Who saw the customer or did something to it, the newest first: when, in which role, what for, from where. This is kept too."""
    return Paged(data=[SightOut.of(s) for s in sights_of(hub.reader, principal, id, limit)])


@router.get("/crosswalk", operation_id="get_crosswalk", responses=documented(404, 410))
def get_crosswalk(
    hub: TheHub,
    principal: Annotated[Principal, needs("crosswalk")],
    customer: Annotated[str | None, Query(max_length=100)] = None,
    source: Annotated[str | None, Query(max_length=200)] = None,
    stream: Annotated[str | None, Query(max_length=200)] = None,
    key: Annotated[str | None, Query(max_length=512)] = None,
) -> CrosswalkOut:
    """The customer of a source record (source, stream, key), or the source records of a customer."""
    if customer is not None and source is None and stream is None and key is None:
        return CrosswalkOut.of(hub.reader.crosswalk(principal, id=customer))
    if customer is None and source is not None and stream is not None and key is not None:
        return CrosswalkOut.of(hub.reader.crosswalk(principal, record=RecordId(source, stream, key)))
    raise BadRequest(
        "ask for a customer, or for a record", [Fault("?customer", "give either customer, or source, stream and key")]
    )


@router.put(
    "/customers/{id}/overrides/{attribute}",
    operation_id="set_override",
    tags=["overrides"],
    responses=documented(404, 410, 412, 428),
)
def set_override(
    hub: TheHub,
    principal: Annotated[Principal, needs("override")],
    id: Id,
    attribute: str,
    given: OverrideIn,
    response: Response,
    if_match: IfMatch = None,
) -> Customer:
    """Show these values instead of what the sources say, until further notice or a time. It follows the customer through merges and splits."""
    until = micros(given.until, "/until")

    def made(customer: str, type_name: str) -> Act:
        settings = hub.reader.writable(principal, type_name, attribute)
        return SetValue(customer, attribute, cleaned(settings, given.values), until)

    _do(hub, principal, id, if_match, made, given.reason)
    return _answer(hub, principal, id, response)


@router.delete(
    "/customers/{id}/overrides/{attribute}",
    operation_id="withdraw_override",
    tags=["overrides"],
    responses=documented(404, 410, 412, 428),
)
def withdraw_override(
    hub: TheHub,
    principal: Annotated[Principal, needs("override")],
    id: Id,
    attribute: str,
    response: Response,
    if_match: IfMatch = None,
) -> Customer:
    """Take back the values set by hand: what the sources say counts again."""

    def made(customer: str, type_name: str) -> Act:
        hub.reader.writable(principal, type_name, attribute)
        return DropValue(customer, attribute)

    _do(hub, principal, id, if_match, made, "")
    return _answer(hub, principal, id, response)


def _do(
    hub: TheHub,
    principal: Principal,
    id: str,
    if_match: str | None,
    made: Callable[[str, str], Act],
    reason: str,
) -> None:
    """Do an act on the customer as the asker read it. A change that the asker's role does not see is no reason to refuse."""
    for left in reversed(range(TRIES)):
        customer = hub.reader.expect(principal, id, if_match)
        versions = {customer.id: customer.version}
        try:
            Acts(hub.resolver).do(made(customer.id, customer.type), by=principal.name, reason=reason, versions=versions)
            return
        except Stale:
            if not left:
                raise


def _answer(hub: TheHub, principal: Principal, id: str, response: Response) -> Customer:
    found = hub.reader.get_customer(principal, id)
    response.headers["etag"] = found.etag
    return Customer.of(found)


def micros(moment: AwareDatetime | None, where: str) -> int | None:
    if moment is None:
        return None
    try:
        return to_micros(moment)
    except OverflowError:
        raise Unprocessable("this time is out of range", [Fault(where, "out of range")]) from None
