"""What to say about a topic, the same to agent and customer; which version was given is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from hub.access.authentication.principals import Principal
from hub.access.guidance import SeenCards
from hub.api.problems import documented
from hub.api.schemas import In, Out, Paged
from hub.api.security import TheHub, needs
from hub.model import from_micros
from hub.open import Hub
from hub.settings import GuidanceCard
from hub.tasks.advice import GUIDANCE
from hub.tasks.card import CardVersion

router = APIRouter(prefix="/v1", tags=["tasks"])


class CardOut(Out):
    name: str = Field(examples=["meter_reading"])
    version: str = Field(description="names exactly this title and text")
    title: str
    topics: list[str] = Field(examples=[["meter reading"]])
    text: str = Field(description="Markdown")
    segments: list[str] = Field(description="for customers of one of these; none: for all")

    @classmethod
    def of(cls, c: GuidanceCard) -> CardOut:
        return cls(
            name=c.name,
            version=c.version,
            title=c.title,
            topics=list(c.topics),
            text=c.text,
            segments=list(c.segments),
        )


class CardVersionOut(Out):
    version: str
    title: str
    text: str
    since: datetime = Field(description="when it was given first")

    @classmethod
    def of(cls, v: CardVersion) -> CardVersionOut:
        return cls(version=v.version, title=v.title, text=v.body, since=from_micros(v.since))


class Cards(Out):
    data: list[CardOut]
    topics: list[str] = Field(description="all that one may ask for")


class AskedIn(In):
    """What is told, and how."""

    topic: str = Field(min_length=1, max_length=100, examples=["meter reading"])
    channel: str = Field(default="", max_length=50, examples=["phone"])


class GiveIn(AskedIn):
    """What is told to whom."""

    customer: str = Field(min_length=1, max_length=100, examples=["cus_0123456789abcdefghij"])


class GivenCards(Cards):
    logged: bool = Field(description="that they were given stands among what happened with the customer")


@router.get("/guidance", operation_id="get_guidance", responses=documented(404, 410))
def get_guidance(
    hub: TheHub,
    principal: Annotated[Principal, needs("read")],
    topic: Annotated[str, Query(max_length=100, description="none: all", examples=["meter reading"])] = "",
    customer: Annotated[str | None, Query(max_length=100, description="whom it is for")] = None,
    channel: Annotated[str, Query(max_length=50, examples=["phone"])] = "",
) -> Cards:
    """What to say about a topic, today."""
    seen = hub.guidance.cards(principal, topic=topic, customer=customer, channel=channel)
    return Cards(data=[CardOut.of(c) for c in seen.cards], topics=hub.guidance.topics())


@router.post("/guidance", operation_id="give_guidance", responses=documented(404, 410))
def give_guidance(hub: TheHub, principal: Annotated[Principal, needs("log")], told: GiveIn) -> GivenCards:
    """What to say to a customer about a topic, and keep which version was given: once a day, channel and asker."""
    return given(hub, principal, told.customer, told, by=principal.name)


@router.get("/guidance/{card}/versions", operation_id="list_guidance_versions", responses=documented())
def list_guidance_versions(
    hub: TheHub,
    _principal: Annotated[Principal, needs("read")],
    card: Annotated[str, Path(max_length=100, description="its name")],
) -> Paged[CardVersionOut]:
    """Texts of a card that were given, oldest first."""
    return Paged(data=[CardVersionOut.of(v) for v in hub.advice.versions(card)])


def given(hub: Hub, principal: Principal, customer: str, told: AskedIn, *, by: str) -> GivenCards:
    """What is said to a customer, and keep that it was."""
    seen = hub.guidance.cards(principal, topic=told.topic, customer=customer, channel=told.channel)
    logged = give(hub, principal, seen, topic=told.topic, channel=told.channel, by=by)
    return GivenCards(data=[CardOut.of(c) for c in seen.cards], topics=hub.guidance.topics(), logged=logged)


def give(hub: Hub, principal: Principal, seen: SeenCards, *, topic: str, channel: str, by: str) -> bool:
    """Keep that these cards were given, where the asker sees what is kept of it; whether it was."""
    if seen.customer is None or not hub.advice.logs or not hub.timeline.view(principal).sees(GUIDANCE):
        return False
    kind = hub.config.interactions[GUIDANCE]
    known = channel if kind.channel and channel in kind.attributes[kind.channel].options else ""
    for card in seen.cards:
        hub.advice.give(seen.customer, card, topic=topic, channel=known, by=by)
    return bool(seen.cards)
