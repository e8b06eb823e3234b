"""What campaigns brought: responses, conversions, cost; references that lead to no offer. Counts, no customers."""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from hub.access.authentication.principals import Principal
from hub.api.problems import documented
from hub.api.schemas import Out, Paged
from hub.api.security import TheHub, needs
from hub.errors import Fault, NotFound
from hub.figures.campaigns import CampaignResult, OfferResult, result, unknown_references
from hub.kinds.money import shown
from hub.model import from_micros
from hub.settings import Campaign

router = APIRouter(prefix="/v1", tags=["figures"])


class OfferOut(Out):
    """What an offer brought until now; of the campaign as a whole each respondent once."""

    name: str
    responses: int
    respondents: int = Field(description="customers")
    nobodys: int = Field(description="responses that are no customer's yet")
    new: int = Field(description="respondents with whom nothing had happened before")
    converted: int = Field(description="respondents who did in time what it is for")
    sales: dict[str, str] = Field(description="of those, by currency", examples=[{"EUR": "120.50"}])
    cost: str = Field(description="of making it, and of the responses as contacts", examples=["1200.00"])
    cost_per_response: str | None
    cost_per_conversion: str | None

    @classmethod
    def of(cls, r: OfferResult, currency: str) -> OfferOut:
        return cls(
            name=r.name,
            responses=r.responses,
            respondents=r.respondents,
            nobodys=r.nobodys,
            new=r.new,
            converted=r.converted,
            sales={code: shown(units, code) for code, units in (r.sales or {}).items()},
            cost=shown(r.cost, currency),
            cost_per_response=_each(r.cost, r.responses, currency),
            cost_per_conversion=_each(r.cost, r.converted, currency),
        )


def _each(cost: int, n: int, currency: str) -> str | None:
    """Rounded half-even, once."""
    return shown(round(Fraction(cost, n)), currency) if n else None


class CampaignOut(Out):
    name: str = Field(examples=["winter"])
    title: str
    since: date
    until: date
    converts: str = Field(examples=["order"])

    @classmethod
    def of(cls, c: Campaign) -> CampaignOut:
        return cls(name=c.name, title=c.title or c.name, since=c.since, until=c.until, converts=c.converts)


class CampaignWhole(Out):
    campaign: CampaignOut
    currency: str = Field(description="of the costs", examples=["EUR"])
    whole: OfferOut
    offers: list[OfferOut]

    @classmethod
    def of_result(cls, r: CampaignResult, currency: str) -> CampaignWhole:
        return cls(
            campaign=CampaignOut.of(r.campaign),
            currency=currency,
            whole=OfferOut.of(r.whole, currency),
            offers=[OfferOut.of(o, currency) for o in r.offers],
        )


class UnknownReference(Out):
    reference: str = Field(description="letters and digits, in small letters", examples=["w26c"])
    n: int
    first: datetime
    last: datetime


@router.get("/campaigns", operation_id="list_campaigns", responses=documented())
def list_campaigns(hub: TheHub, _principal: Annotated[Principal, needs("metrics")]) -> Paged[CampaignOut]:
    """Campaigns of the configuration."""
    return Paged(data=[CampaignOut.of(c) for c in hub.config.campaigns.values()])


@router.get("/campaigns/unknown", operation_id="list_unknown_references", responses=documented())
def list_unknown_references(hub: TheHub, _principal: Annotated[Principal, needs("admin")]) -> Paged[UnknownReference]:
    """Codes, numbers and addresses that were named and lead to no offer, the most frequent first."""
    with hub.database.read() as connection:
        found = unknown_references(connection, hub.config)
    return Paged(
        data=[
            UnknownReference(reference=r, n=n, first=from_micros(first), last=from_micros(last))
            for r, n, first, last in found
        ]
    )


@router.get("/campaigns/{name}", operation_id="get_campaign", responses=documented(404))
def get_campaign(
    hub: TheHub, _principal: Annotated[Principal, needs("metrics")], name: Annotated[str, Path(max_length=100)]
) -> CampaignWhole:
    """What a campaign brought until now, as a whole and by offer: also by respondents who are new, or nobody's yet."""
    campaign = hub.config.campaigns.get(name)
    if campaign is None:
        raise NotFound("no such campaign", [Fault("/name", "unknown", "see the list of campaigns")])
    with hub.database.read() as connection:
        found = result(connection, hub.config, campaign)
    return CampaignWhole.of_result(found, hub.config.figures.currency)
