"""`config/campaigns/NAME.yaml`: what was offered to whom, and by what a response is known. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property

from pydantic import Field, field_validator, model_validator

from hub.errors import Fault
from hub.settings.base import Strict, duration_micros
from hub.settings.interactions import InteractionType


def folded(text: str) -> str:
    """A code, a number or an address as it is looked up: `W-26 a` is `w26a`; of a web address without scheme and query."""
    said = text.casefold().partition("://")[2] or text.casefold()
    return "".join(c for c in said.partition("?")[0] if c.isalnum())


class CampaignOffer(Strict):
    """One of the ways in which it was offered: a letter, a spot. What stands here leads to it."""

    title: str = ""
    codes: tuple[str, ...] = ()  # on a mailer: W26-A
    numbers: tuple[str, ...] = ()  # that are dialled: +49 30 123456
    addresses: tuple[str, ...] = ()  # of the web, or of e-mail: shop.example/winter
    cost: Decimal = Field(default=Decimal(0), ge=0)  # of making it, in the currency of the figures

    @property
    def references(self) -> tuple[str, ...]:
        return (*self.codes, *self.numbers, *self.addresses)

    @model_validator(mode="after")
    def _leads_here(self) -> CampaignOffer:
        if not self.references:
            raise ValueError("nothing leads to it: write codes, numbers or addresses")
        for text in self.references:
            if not folded(text):
                raise ValueError(f"'{text}' has neither letters nor digits")
        return self


class Campaign(Strict):
    """A campaign. A response is an interaction whose type names a `reference`, which is one of an offer's."""

    name: str = ""
    title: str = ""
    since: date  # its first day
    until: date  # its last day
    offers: dict[str, CampaignOffer] = Field(min_length=1)  # name -> what leads to it
    converts: str = "order"  # the type of interactions that it is for
    within: str = "90d"  # how long after the response that counts
    cost: Decimal = Field(default=Decimal(0), ge=0)  # beside that of its offers, in the currency of the figures

    @field_validator("within")
    @classmethod
    def _span(cls, text: str) -> str:
        duration_micros(text)
        return text

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> Campaign:
        if self.until < self.since:
            raise ValueError("until is before since; swap them")
        return self

    @cached_property
    def offer_of(self) -> dict[str, str]:
        """Reference, folded -> the offer that it leads to."""
        return {folded(r): name for name, offer in self.offers.items() for r in offer.references}


def campaign_faults(
    folder: str, campaigns: Mapping[str, Campaign], types: Mapping[str, InteractionType]
) -> Iterator[Fault]:
    """References that lead to two offers, types that are not there."""
    seen: dict[str, str] = {}
    for name, campaign in campaigns.items():
        where = f"{folder}/{name}.yaml"
        if campaign.converts not in types:
            what = f"unknown interaction type '{campaign.converts}'"
            yield Fault(f"{where}: converts", what, f"known: {', '.join(types)}")
        for offer_name, offer in campaign.offers.items():
            for text in offer.references:
                place = f"{name}.{offer_name}"
                other = seen.setdefault(folded(text), place)
                if other != place:
                    yield Fault(f"{where}: offers.{offer_name}", f"'{text}' leads to {other} too", "give each its own")
