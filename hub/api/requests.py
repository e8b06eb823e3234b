"""What people ask about their data: opened, refused, extended, answered. For those who answer for privacy."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import Field
from starlette.responses import Response

from hub.access.authentication.principals import Principal
from hub.api.problems import documented
from hub.api.schemas import In, Out, Paged
from hub.api.security import TheHub, needs
from hub.errors import Conflict
from hub.language.catalog import first_named
from hub.language.files import CopyFile, Form, copy_file
from hub.language.letters import letter
from hub.language.paper import as_text
from hub.model import from_micros
from hub.open import Hub
from hub.privacy.requests import RequestSeen
from hub.resolve.own_side import OwnWord, contacts_of

router = APIRouter(prefix="/v1/requests", tags=["privacy"])

Officer = Annotated[Principal, needs("privacy")]
RequestId = Annotated[str, Path(max_length=100, examples=["req_0a1b2c3d4e5f6071"])]


def language_for(hub: Hub, principal: Principal, customer: str, wanted: str = "") -> str:
    """In which somebody is answered: as it is wanted, else theirs, where it is known. NotFound, Gone."""
    return first_named(wanted, hub.reader.get_customer(principal, customer).values.get("language"))


class ReceiptOut(Out):
    recipient: str = Field(examples=["source:crm"])
    state: str = Field(description="open, done or impossible", examples=["open"])
    note: str
    at: datetime


class RequestOut(Out):
    id: str = Field(examples=["req_0a1b2c3d4e5f6071"])
    kind: str = Field(examples=["erasure"])
    customer: str
    state: str = Field(
        description="open; of an erasure suppressed, removed, compacted; closed, refused; restricted, lifted",
        examples=["removed"],
    )
    by: str
    reason: str
    opened: datetime
    due: datetime = Field(description="until when it has to be answered, by the clock of the configuration")
    closed: datetime | None
    language: str = Field(description="in which the person is answered", examples=["de"])
    answer: str = Field(description="what they are told, where it is refused or takes longer")
    acknowledged: datetime | None = Field(description="when they were told that it came")
    acknowledge_by: datetime | None = Field(description="until when they have to be; null: they were, or need not be")
    receipts: list[ReceiptOut] = Field(description="who has to answer, and did")

    @classmethod
    def of(cls, hub: Hub, seen: RequestSeen) -> RequestOut:
        r, by = seen.request, hub.requests.to_acknowledge(seen.request)
        return cls(
            id=r.id,
            kind=r.kind,
            customer=r.customer,
            state=r.state,
            by=r.by,
            reason=r.reason,
            opened=from_micros(r.opened),
            due=from_micros(r.due),
            closed=None if r.closed is None else from_micros(r.closed),
            language=r.language,
            answer=r.answer,
            acknowledged=None if r.acknowledged is None else from_micros(r.acknowledged),
            acknowledge_by=None if by is None else from_micros(by),
            receipts=[
                ReceiptOut(recipient=x.recipient, state=x.state, note=x.note, at=from_micros(x.at))
                for x in seen.receipts
            ],
        )


class RequestIn(In):
    customer: str = Field(max_length=100, examples=["cus_019a1b2c3d4e7f60812233445566778a"])
    kind: Literal["access", "portability", "rectification", "erasure", "restriction", "lifting", "objection", "review"]
    reason: str = Field(default="", max_length=2000, examples=["asked by letter"])
    language: str = Field(
        default="",
        max_length=10,
        description="in which they are answered; unset: theirs, where it is known",
        examples=["de"],
    )
    purpose: str = Field(default="", max_length=100, description="of an objection: to what", examples=["marketing"])
    reviewed: bool = Field(default=False, description="of an erasure: somebody looked, all records are this one person")


class LetterOut(Out):
    language: str = Field(examples=["de"])
    subject: str
    text: str


class ReasonIn(In):
    reason: str = Field(max_length=2000, examples=["a contract runs until June"])


class RectifyIn(In):
    values: dict[str, str | dict[str, str] | list[str | dict[str, str]] | None] = Field(
        max_length=50,
        description="attribute -> what is right; of an attribute with many values all of them; null: there is none",
        examples=[{"address": {"line1": "Am Neuen Markt 7", "postcode": "99084", "city": "Erfurt", "country": "DE"}}],
    )
    how: str = Field(default="request", max_length=100, description="how it was said", examples=["letter"])
    since: date | None = Field(
        default=None, description="the day from which it holds; null: it does", examples=["2027-01-01"]
    )


class ReceiptIn(In):
    recipient: str = Field(max_length=200, examples=["source:crm"])
    note: str = Field(default="", max_length=2000, examples=["deleted there, ticket 17"])
    impossible: bool = Field(default=False, description="they cannot do it")


@router.post("", operation_id="open_request", status_code=201, responses=documented(404, 409, 410))
def open_request(hub: TheHub, principal: Officer, given: RequestIn) -> RequestOut:
    """What a person asks. An erasure and a restriction are done at once; the database's files are written anew by a job."""
    told = {
        "by": principal.name,
        "reason": given.reason,
        "language": language_for(hub, principal, given.customer, given.language),
    }
    if given.kind == "erasure":
        done = hub.requests.erase(given.customer, reviewed=given.reviewed, compact=False, **told)
        return RequestOut.of(hub, done)
    if given.kind == "restriction" or given.kind == "lifting":
        lift = given.kind == "lifting"
        made = hub.requests.restrict(given.customer, lift=lift, **told)
    elif given.kind == "objection":
        made = hub.requests.object_to(given.customer, given.purpose, **told)
    else:
        made = hub.requests.open(given.customer, given.kind, **told)
    return RequestOut.of(hub, hub.requests.get(made.id))


@router.get("", operation_id="list_requests", responses=documented())
def list_requests(hub: TheHub, _principal: Officer, everything: bool = False) -> Paged[RequestOut]:
    """What is asked and not answered yet; `everything`: what was answered too. The newest first."""
    return Paged(data=[RequestOut.of(hub, r) for r in hub.requests.all(open_only=not everything)])


@router.get("/{request}", operation_id="get_request", responses=documented(404))
def get_request(hub: TheHub, _principal: Officer, request: RequestId) -> RequestOut:
    """How far it is, and who has to answer."""
    return RequestOut.of(hub, hub.requests.get(request))


@router.get("/{request}/package", operation_id="get_request_package", responses=documented(404, 409, 410))
def get_request_package(hub: TheHub, principal: Officer, request: RequestId) -> dict[str, object]:
    """What the person is given, of a request of access or portability that runs."""
    running = hub.requests.running(request)
    if running.kind == "access":
        return hub.packages.access(principal, running.customer)
    if running.kind == "portability":
        return hub.packages.portable(principal, running.customer)
    raise Conflict(f"a request of {running.kind} has no package")


@router.get(
    "/{request}/package/{form}",
    operation_id="get_request_package_file",
    response_class=Response,
    responses=documented(404, 409, 410) | {200: {"content": {"application/pdf": {}, "text/html": {}, "text/csv": {}}}},
)
def get_request_package_file(hub: TheHub, principal: Officer, request: RequestId, form: Form) -> Response:
    """The same as a page, a PDF, JSON, or (of portability) CSV, in the person's language."""
    return package_file(hub, principal, request, form)


def package_file(hub: Hub, principal: Principal, request: str, form: Form) -> Response:
    """What the person is given, as a file. NotFound; Conflict: it was answered, or a request of its kind has none."""
    running = hub.requests.running(request)
    if running.kind not in ("access", "portability"):
        raise Conflict(f"a request of {running.kind} has no package")
    portable = running.kind == "portability"
    document = hub.packages.made(principal, running.customer, portable=portable)
    return as_download(copy_file(form, running.language, document, portable=portable), running.kind)


def as_download(made: CopyFile, name: str) -> Response:
    named = {"content-disposition": f'attachment; filename="{name}.{made.ending}"'}
    return Response(made.body, media_type=made.media, headers=named)


@router.get("/{request}/letter", operation_id="get_request_letter", responses=documented(404))
def get_request_letter(hub: TheHub, _principal: Officer, request: RequestId) -> LetterOut:
    """What the person is told of it as it stands, in their language."""
    made = letter(hub.requests.get(request))
    return LetterOut(language=made.language, subject=made.title, text=as_text(made))


@router.post("/{request}/acknowledge", operation_id="acknowledge_request", responses=documented(404, 409))
def acknowledge_request(hub: TheHub, _principal: Officer, request: RequestId) -> RequestOut:
    """The person was told that it came."""
    return RequestOut.of(hub, hub.requests.get(hub.requests.acknowledge(request).id))


@router.post("/{request}/refuse", operation_id="refuse_request", responses=documented(404, 409))
def refuse_request(hub: TheHub, _principal: Officer, request: RequestId, given: ReasonIn) -> RequestOut:
    """With the reason that the person is told; before anything was done."""
    return RequestOut.of(hub, hub.requests.get(hub.requests.refuse(request, reason=given.reason).id))


@router.post("/{request}/extend", operation_id="extend_request", responses=documented(404, 409))
def extend_request(hub: TheHub, _principal: Officer, request: RequestId, given: ReasonIn) -> RequestOut:
    """Longer, once, before it is due: the person is told why."""
    return RequestOut.of(hub, hub.requests.get(hub.requests.extend(request, reason=given.reason).id))


@router.post("/{request}/close", operation_id="close_request", responses=documented(404, 409))
def close_request(hub: TheHub, _principal: Officer, request: RequestId) -> RequestOut:
    """It was answered. An erasure closes by itself."""
    return RequestOut.of(hub, hub.requests.get(hub.requests.close(request).id))


@router.post("/{request}/rectify", operation_id="rectify_request", responses=documented(404, 409, 410))
def rectify_request(hub: TheHub, principal: Officer, request: RequestId, given: RectifyIn) -> RequestOut:
    """Put right what a person asked to: it survives every pull, and goes to the systems. Closes the request."""
    running = hub.requests.running(request)
    if running.kind != "rectification":
        raise Conflict(f"a request of {running.kind} puts nothing right")
    kinds = {
        a: d.kind for a, d in hub.config.customers[hub.reader.type_of(principal, running.customer)].attributes.items()
    }
    proved = contacts_of(kinds, given.values)  # who answers for it has looked who asks
    said = OwnWord(given.values, given.how, "" if given.since is None else given.since.isoformat(), proved)
    hub.own_side.state(
        running.customer, said, by=principal.name, mark=lambda connection: hub.requests.close_in(connection, request)
    )
    return RequestOut.of(hub, hub.requests.get(request))


@router.post("/{request}/receipts", operation_id="answer_request", responses=documented(404))
def answer_request(hub: TheHub, _principal: Officer, request: RequestId, given: ReceiptIn) -> RequestOut:
    """A recipient did what was asked, or cannot."""
    return RequestOut.of(
        hub, hub.requests.answered(request, given.recipient, note=given.note, impossible=given.impossible)
    )
