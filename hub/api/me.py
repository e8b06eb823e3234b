"""Customers, of themselves: sign in by a code, see what is held, put it right, say what may be done with it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field

from hub.access.authentication.codes import Words
from hub.access.authentication.principals import Principal
from hub.api.consents import ConsentsOut
from hub.api.cookies import keep, session_cookie
from hub.api.guidance import AskedIn, CardOut, Cards, GivenCards, given
from hub.api.problems import documented
from hub.api.requests import RequestOut, as_download
from hub.api.schemas import Customer, In, Out, Paged, RecordName
from hub.api.security import OWN, Stranger, TheHub, needs
from hub.errors import Fault, Unprocessable
from hub.language.catalog import chosen
from hub.language.files import CopyFile, Form, copy_file
from hub.language.messages import PROOF, SIGN_IN, code_message
from hub.model import from_micros
from hub.open import Hub
from hub.privacy.package import Document
from hub.settings import duration_micros

router = APIRouter(prefix="/v1/me", tags=["me"])

Person = Annotated[Principal, needs(OWN)]
Accepted = Annotated[str, Header(alias="accept-language", max_length=500)]
MINUTE = 60_000_000


class CodeAsked(In):
    kind: Literal["email", "phone"] = Field(description="where the code is sent", examples=["email"])
    to: str = Field(min_length=1, max_length=320, examples=["ana@silva.pt"])


class TicketOut(Out):
    """The same, whether or not anybody is known by that contact point."""

    ticket: str = Field(description="to be shown with the code")


class CodeShown(In):
    ticket: str = Field(min_length=1, max_length=200)
    code: str = Field(min_length=1, max_length=20, examples=["123456"])


class ContactShown(CodeShown):
    attribute: str = Field(max_length=100, examples=["email"])
    to: str = Field(min_length=1, max_length=320)


class OwnWordIn(In):
    values: dict[str, str | dict[str, str] | list[str | dict[str, str]] | None] = Field(
        max_length=50,
        description="attribute -> what is right; of an attribute with many values all of them; null: there is none",
        examples=[{"occupation": "poet"}],
    )
    since: date | None = Field(default=None, description="the day from which it holds; null: it does")


class OwnConsentIn(In):
    purpose: str = Field(default="", max_length=100, examples=["marketing"])
    channel: str = Field(default="", max_length=100, description="empty: by any", examples=["email"])
    state: Literal["granted", "withdrawn", "objected", "preferred"] = Field(examples=["withdrawn"])
    text: str = Field(default="", max_length=200, description="the version of the text that was read")


class OwnRequestIn(In):
    kind: Literal["erasure", "restriction", "review"]
    source: str = Field(default="", max_length=200, description="of a review", examples=["crm"])
    reason: str = Field(default="", max_length=1000)


class OwnSightOut(Out):
    at: datetime
    role: str = Field(examples=["customer_service"])
    purpose: str


class OwnRecordOut(Out):
    record: RecordName
    values: dict[str, object]


class OwnOut(Out):
    """Who is signed in."""

    customer: str
    type: str
    certain: bool = Field(description="false: somebody has to look first whether all that is held is of one person")


def words(hub: Hub, language: str, text: str = SIGN_IN) -> Words:
    """What makes the message of a code."""
    minutes = duration_micros(hub.codes.rules.good) // MINUTE
    return lambda code: code_message(language, text, code, minutes)


@router.post("/code", operation_id="ask_code", status_code=202, dependencies=[Stranger], responses=documented(404))
def ask_code(hub: TheHub, given: CodeAsked, accepted: Accepted = "") -> TicketOut:
    """Have a code sent to a contact point that is known to be yours."""
    return TicketOut(ticket=hub.codes.ask(given.kind, given.to, words(hub, chosen(accepted))))


@router.post("/session", operation_id="sign_in_by_code", dependencies=[Stranger], responses=documented(404))
def sign_in_by_code(hub: TheHub, request: Request, response: Response, given: CodeShown) -> OwnOut:
    """Sign in: the answer sets the session's cookie. A code is good once."""
    begun = hub.codes.sign_in(given.ticket, given.code, instead=session_cookie(request) or "")
    keep(response, request, begun.token)
    principal = hub.gate.sessions.principal(begun.token)
    assert principal is not None
    return _own(hub, principal)


@router.get("/customer", operation_id="get_own_customer", responses=documented(404, 410))
def get_own_customer(hub: TheHub, principal: Person) -> OwnOut:
    """Which customer am I?"""
    return _own(hub, principal)


@router.get("/data", operation_id="get_own_data", responses=documented(404, 409, 410))
def get_own_data(hub: TheHub, principal: Person) -> Customer:
    """All that is held of me, each value with who gave it. 409 while it is not certain that it is all mine."""
    return Customer.of(hub.mine.customer(principal))


@router.get("/record", operation_id="get_own_record", responses=documented(404, 410))
def get_own_record(hub: TheHub, principal: Person) -> OwnRecordOut:
    """What the record says that I am known by: all that there is to see where more is not certain."""
    found = hub.mine.record(principal)
    return OwnRecordOut(record=RecordName.of(found.record), values=dict(found.values))


@router.patch("/data", operation_id="put_own_data_right", responses=documented(404, 409, 410))
def put_own_data_right(hub: TheHub, principal: Person, given: OwnWordIn) -> Customer:
    """Put values right, now or from a day on (a move): they survive every pull and go to the systems. A contact point that
    is not held yet is added by a code."""
    hub.mine.state(principal, given.values, since="" if given.since is None else given.since.isoformat())
    return Customer.of(hub.mine.customer(principal))


@router.post("/contacts/code", operation_id="ask_contact_code", status_code=202, responses=documented(404, 410))
def ask_contact_code(hub: TheHub, principal: Person, given: CodeAsked, accepted: Accepted = "") -> TicketOut:
    """Have a code sent to another contact point, to show that it is mine."""
    hub.mine.sure(principal)
    told = words(hub, chosen(accepted), PROOF)
    return TicketOut(ticket=hub.codes.ask_proof(principal, given.kind, given.to, told))


@router.post("/contacts", operation_id="add_own_contact", responses=documented(404, 409, 410))
def add_own_contact(hub: TheHub, principal: Person, given: ContactShown) -> Customer:
    """Hold a contact point from now on, with the code that was sent there."""
    kinds = hub.config.customers[hub.mine.sure(principal).type].attributes
    if given.attribute not in kinds:
        raise Unprocessable("there is no such value", [Fault("/attribute", "unknown", f"known: {', '.join(kinds)}")])
    written = hub.codes.proved(principal, given.ticket, given.code, kinds[given.attribute].kind, given.to)
    hub.mine.add_contact(principal, given.attribute, written)
    return Customer.of(hub.mine.customer(principal))


@router.get("/consents", operation_id="get_own_consents", responses=documented(404, 409, 410))
def get_own_consents(hub: TheHub, principal: Person) -> ConsentsOut:
    """What I agreed and objected to, and what holds."""
    return ConsentsOut.of(hub.mine.consents(principal))


@router.put("/consents", operation_id="put_own_consent", responses=documented(404, 409, 410))
def put_own_consent(hub: TheHub, principal: Person, given: OwnConsentIn) -> ConsentsOut:
    """Agree, withdraw, object, or name the channel that I like best. Whoever may no longer have me for a purpose loses me with
    the same commit."""
    hub.mine.consent(principal, given.purpose, given.channel, given.state, text=given.text, where="app")
    return ConsentsOut.of(hub.mine.consents(principal))


@router.get("/guidance", operation_id="get_own_guidance", responses=documented(404, 409, 410))
def get_own_guidance(
    hub: TheHub,
    principal: Person,
    topic: Annotated[str, Query(max_length=100, description="none: all", examples=["meter reading"])] = "",
    channel: Annotated[str, Query(max_length=50, examples=["web"])] = "",
) -> Cards:
    """What is said to me about a topic: the text that members of staff read to me, too."""
    seen = hub.guidance.cards(principal, topic=topic, customer=hub.mine.sure(principal).id, channel=channel)
    return Cards(data=[CardOut.of(c) for c in seen.cards], topics=hub.guidance.topics())


@router.post("/guidance", operation_id="give_own_guidance", responses=documented(404, 409, 410))
def give_own_guidance(hub: TheHub, principal: Person, told: AskedIn) -> GivenCards:
    """The same, and it is kept which version I was given."""
    return given(hub, principal, hub.mine.sure(principal).id, told, by="customer")


@router.get("/recipients", operation_id="get_own_recipients", responses=documented(404, 409, 410))
def get_own_recipients(hub: TheHub, principal: Person) -> Paged[dict[str, object]]:
    """Who was sent data of me, by name."""
    return Paged(data=hub.mine.recipients(principal))


@router.get("/sights", operation_id="get_own_sights", responses=documented(404, 409, 410))
def get_own_sights(hub: TheHub, principal: Person) -> Paged[OwnSightOut]:
    """Who looked, as what and what for: the last time of each day."""
    found = hub.mine.sights(principal)
    return Paged(data=[OwnSightOut(at=from_micros(s.at), role=s.role, purpose=s.purpose) for s in found])


@router.get("/requests", operation_id="list_own_requests", responses=documented(404, 410))
def list_own_requests(hub: TheHub, principal: Person) -> Paged[RequestOut]:
    """What I asked, and where it stands."""
    return Paged(data=[RequestOut.of(hub, r) for r in hub.mine.asked(principal)])


@router.post("/requests", operation_id="open_own_request", status_code=201, responses=documented(404, 409, 410))
def open_own_request(hub: TheHub, principal: Person, given: OwnRequestIn, accepted: Accepted = "") -> RequestOut:
    """Ask for erasure, restriction, or a look by somebody; `source`: what that system says is of somebody else."""
    language = chosen(accepted)
    if given.kind == "review" and given.source:
        return RequestOut.of(hub, hub.mine.contest(principal, given.source, language=language))
    return RequestOut.of(hub, hub.mine.ask(principal, given.kind, reason=given.reason, language=language))


@router.post("/copy", operation_id="get_own_copy", responses=documented(404, 409, 410))
def get_own_copy(hub: TheHub, principal: Person, portable: bool = False, accepted: Accepted = "") -> dict[str, object]:
    """A copy of everything; `portable`: of what I gave, to take elsewhere. It is kept as a request that was answered."""
    return hub.mine.package(principal, lambda document: document, portable=portable, language=chosen(accepted))


@router.post(
    "/copy/{form}",
    operation_id="get_own_copy_file",
    response_class=Response,
    responses=documented(404, 409, 410) | {200: {"content": {"application/pdf": {}, "text/html": {}, "text/csv": {}}}},
)
def get_own_copy_file(
    hub: TheHub, principal: Person, form: Form, portable: bool = False, accepted: Accepted = ""
) -> Response:
    """The same as a page, a PDF, JSON, or (of what I gave) CSV, in my language."""
    language = chosen(accepted)

    def file(document: Document) -> CopyFile:
        return copy_file(form, language, document, portable=portable)

    return as_download(hub.mine.package(principal, file, portable=portable, language=language), "my-data")


def _own(hub: Hub, principal: Principal) -> OwnOut:
    found = hub.mine.who(principal)
    return OwnOut(customer=found.id, type=found.type, certain=found.certain)
