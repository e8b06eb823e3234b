"""What a customer agreed and objected to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, Field

from hub.access.agreements import SeenAgreed, SeenAgreements, SeenStatement
from hub.access.authentication.principals import Principal
from hub.api.customers import Id, micros
from hub.api.problems import documented
from hub.api.schemas import In, Out, RecordName
from hub.api.security import TheHub, needs
from hub.consents.statement import PROVABLE, ConsentSaid
from hub.errors import Fault, Unprocessable

router = APIRouter(prefix="/v1", tags=["customers"])


class StatementOut(Out):
    id: str = Field(
        description="empty: an attribute of the record says it", examples=["con_019a1b2c3d4e7f60812233445566778a"]
    )
    record: RecordName
    values: dict[str, Any] = Field(
        description="purpose, channel, state, at, and what shows it: text (its version), how, where",
        examples=[{"purpose": "marketing", "channel": "email", "state": "granted", "at": "2026-05-12T08:00:00Z"}],
    )

    @classmethod
    def of(cls, s: SeenStatement) -> StatementOut:
        return cls(id=s.id, record=RecordName.of(s.record), values=dict(s.values))


class AgreedOut(Out):
    purpose: str = Field(examples=["marketing"])
    channel: str = Field(description="empty: by any", examples=["email"])
    state: str = Field(description="granted, withdrawn, denied or objected", examples=["granted"])
    why: str = Field(examples=["granted on 2026-05-12 by double opt-in"])
    by: StatementOut = Field(description="the statement that decides")
    others: list[StatementOut] = Field(description="what other records say, which did not prevail")

    @classmethod
    def of(cls, a: SeenAgreed) -> AgreedOut:
        others = [StatementOut.of(s) for s in a.others]
        return cls(
            purpose=a.purpose, channel=a.channel, state=a.state, why=a.why, by=StatementOut.of(a.by), others=others
        )


class PreferredOut(Out):
    channel: str = Field(examples=["email"])
    why: str = Field(examples=["answered 9 of 11 times (52% to 95%)"])


class ConsentsOut(Out):
    holds: list[AgreedOut] = Field(description="what holds, by purpose and channel")
    preferred: PreferredOut | None = Field(description="the channel that reaches them best, of those that they permit")
    statements: list[StatementOut] = Field(description="all that was said, the newest first")

    @classmethod
    def of(cls, a: SeenAgreements) -> ConsentsOut:
        chosen = None if a.preferred is None else PreferredOut(channel=a.preferred.channel, why=a.preferred.why)
        statements = [StatementOut.of(s) for s in a.statements]
        return cls(holds=[AgreedOut.of(h) for h in a.holds], preferred=chosen, statements=statements)


class ConsentIn(In):
    """What somebody agreed or objected to, and what shows it."""

    purpose: str = Field(default="", max_length=100, examples=["marketing"])
    channel: str = Field(default="", max_length=100, description="empty: by any", examples=["email"])
    state: Literal["granted", "withdrawn", "denied", "objected", "asked", "preferred"] = Field(
        description="asked: a double opt-in was sent and is not answered; preferred: the channel is the one to use",
        examples=["granted"],
    )
    at: AwareDatetime | None = Field(default=None, description="when it was said; none: now")
    text: str = Field(
        default="", max_length=200, description="the version of the text that was read", examples=["2026-04"]
    )
    how: str = Field(default="", max_length=100, description="call, letter, form, double opt-in", examples=["call"])
    where: str = Field(default="", max_length=200, examples=["Lisbon shop"])
    record: RecordName | None = Field(
        default=None,
        description="the source record that it was said of; none: all that the customer has, or the first where a yes cannot be proved",
    )


@router.get("/customers/{id}/consents", operation_id="get_customer_consents", responses=documented(404, 410))
def get_customer_consents(hub: TheHub, principal: Annotated[Principal, needs("read")], id: Id) -> ConsentsOut:
    """What a customer agreed and objected to, what holds of it, and why. Empty where your role does not see consents."""
    return ConsentsOut.of(hub.agreements.of_customer(principal, id))


@router.put("/customers/{id}/consents", operation_id="put_customer_consent", responses=documented(404, 410))
def put_customer_consent(
    hub: TheHub, principal: Annotated[Principal, needs("log")], id: Id, given: ConsentIn
) -> ConsentsOut:
    """Keep what was agreed or objected to. Whoever may no longer have this customer for a purpose loses it with the same
    commit. Sent twice it is kept once."""
    _may(hub, principal, id, given)
    at = micros(given.at, "/at") or hub.database.clock.now()
    at = at // 1_000_000 * 1_000_000
    said = ConsentSaid(
        given.purpose, given.channel.casefold(), given.state, at, given.text, given.how.casefold(), given.where
    )
    record = None if given.record is None else given.record.id()
    hub.logbook.say(id, said, by=principal.name, record=record)
    return ConsentsOut.of(hub.agreements.of_customer(principal, id))


def _may(hub: TheHub, principal: Principal, id: str, given: ConsentIn) -> None:
    hub.reader.type_of(principal, id)
    faults = []
    if not hub.agreements.view(principal).sees("consent"):
        faults.append(Fault("/state", "your role does not see consents", "ask for views: consent in access.yaml"))
    elif given.state != "preferred" and given.purpose not in hub.config.purposes:
        faults.append(Fault("/purpose", "unknown", f"known: {', '.join(hub.config.purposes) or 'none'}"))
    elif given.state == "preferred" and not given.channel:
        faults.append(Fault("/channel", "is missing", "name the channel that is preferred"))
    if given.how.casefold() == PROVABLE[0]:
        faults.append(Fault("/how", "only the person can say that", "say how you were told: call, letter, form"))
    if faults:
        raise Unprocessable("this cannot be kept", faults)
