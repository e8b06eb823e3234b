"""Companies ask customers for data: they grant it, once or from then on, and take it back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import Field

from hub.access.authentication.principals import Principal
from hub.api.me import Person
from hub.api.problems import documented
from hub.api.schemas import In, Out, Paged
from hub.api.security import TheHub, needs
from hub.model import from_micros
from hub.privacy.asks import AskSeen, CompanyAsk

router = APIRouter(prefix="/v1", tags=["asks"])

Company = Annotated[Principal, needs("ask")]
AskId = Annotated[str, Path(max_length=100, examples=["ask_0a1b2c3d4e5f6071"])]


class AskIn(In):
    kind: Literal["email", "phone"] = "email"
    to: str = Field(
        min_length=1, max_length=320, description="by which the customer is known", examples=["ana@silva.pt"]
    )
    purpose: str = Field(max_length=100, examples=["tariffs"])
    attributes: list[str] = Field(min_length=1, max_length=50, examples=[["given_name", "address"]])
    ongoing: bool = Field(default=False, description="false: once")


class AskOut(Out):
    """Nothing of a customer before they granted it: not even that there is one."""

    id: str
    state: str = Field(description="asked, granted, delivered (of what is had once), withdrawn")
    values: dict[str, object] | None

    @classmethod
    def of(cls, a: AskSeen) -> AskOut:
        return cls(id=a.id, state=a.state, values=None if a.values is None else dict(a.values))


class OwnAskOut(Out):
    id: str
    company: str
    purpose: str
    attributes: list[str]
    ongoing: bool
    state: str = Field(description="asked, granted, refused, withdrawn, delivered")
    granted: list[str]
    asked_at: datetime
    had_at: datetime | None = Field(description="when it last had it")
    had: int = Field(description="how often")

    @classmethod
    def of(cls, a: CompanyAsk) -> OwnAskOut:
        return cls(
            id=a.id,
            company=a.company,
            purpose=a.purpose,
            attributes=list(a.attributes),
            ongoing=a.ongoing,
            state=a.state,
            granted=list(a.granted),
            asked_at=from_micros(a.at),
            had_at=None if a.had_at is None else from_micros(a.had_at),
            had=a.had,
        )


class GrantIn(In):
    attributes: list[str] = Field(max_length=50, description="which of what was asked for")


@router.post("/asks", operation_id="ask_customer", status_code=201, responses=documented())
def ask_customer(hub: TheHub, principal: Company, given: AskIn) -> AskOut:
    """Ask whoever is known by a contact point for data. The answer is the same whether or not anybody is."""
    made = hub.asks.ask(
        principal, given.kind, given.to, purpose=given.purpose, attributes=given.attributes, ongoing=given.ongoing
    )
    return AskOut.of(made)


@router.get("/asks/{ask}", operation_id="get_ask", responses=documented(404))
def get_ask(hub: TheHub, principal: Company, ask: AskId) -> AskOut:
    """How it stands, and what is granted, as it is now. What is granted once is had by this."""
    return AskOut.of(hub.asks.get(principal, ask))


@router.get("/me/asks", operation_id="list_own_asks", responses=documented(404, 409, 410))
def list_own_asks(hub: TheHub, principal: Person) -> Paged[OwnAskOut]:
    """What companies asked of me, what I granted, and when they had it."""
    me = hub.mine.sure(principal)
    return Paged(data=[OwnAskOut.of(a) for a in hub.asks.of(principal, me.id)])


@router.post("/me/asks/{ask}/grant", operation_id="grant_ask", responses=documented(404, 409, 410))
def grant_ask(hub: TheHub, principal: Person, ask: AskId, given: GrantIn) -> OwnAskOut:
    """Let the company have it."""
    return OwnAskOut.of(hub.asks.grant(principal, hub.mine.sure(principal).id, ask, given.attributes))


@router.post("/me/asks/{ask}/refuse", operation_id="refuse_ask", responses=documented(404, 409, 410))
def refuse_ask(hub: TheHub, principal: Person, ask: AskId) -> OwnAskOut:
    """No. The company is not told."""
    return OwnAskOut.of(hub.asks.refuse(principal, hub.mine.sure(principal).id, ask))


@router.post("/me/asks/{ask}/withdraw", operation_id="withdraw_ask", responses=documented(404, 409, 410))
def withdraw_ask(hub: TheHub, principal: Person, ask: AskId) -> OwnAskOut:
    """The company has nothing of it from now on."""
    return OwnAskOut.of(hub.asks.withdraw(principal, hub.mine.sure(principal).id, ask))
