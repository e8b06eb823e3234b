"""What a campaign brought: responses, who is new, conversions, cost. Counted from the rows when asked.

A response that is nobody's yet is one, and becomes a customer's with its owner; of two customers that are merged it is one
respondent's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from sqlalchemy import Connection

from hub import db
from hub.figures.owners import homes_of, owners_of
from hub.interactions import listed_store, tally_store
from hub.interactions.listed_store import Happened, OfferResponse
from hub.kinds.money import exponent
from hub.settings import Campaign, Config, duration_micros

MOST = 200_000  # responses that are counted
TOGETHER = 1_000
DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class OfferResult:
    """What an offer brought.

    respondents  customers; nobodys: responses that are no customer's yet; new: respondents with whom nothing happened before
    converted    respondents with a conversion in time; sales: its amounts by currency, in minor units
    cost         in minor units of the figures' currency: of the offer and of the responses as contacts
    """

    name: str
    responses: int = 0
    respondents: int = 0
    nobodys: int = 0
    new: int = 0
    converted: int = 0
    sales: Mapping[str, int] | None = None
    cost: int = 0


@dataclass(frozen=True, slots=True)
class CampaignResult:
    """`whole`: of the campaign, each respondent once and with its own cost; then each offer."""

    campaign: Campaign
    whole: OfferResult
    offers: tuple[OfferResult, ...]


def result(connection: Connection, config: Config, campaign: Campaign) -> CampaignResult:
    """What it brought until now."""
    found = listed_store.responses(connection, campaign.offer_of, since=_since(campaign), limit=MOST)
    found = [r for r in found if r.at < _until(campaign)]
    homes: dict[int, int] = {}
    first: dict[int, int] = {}
    happened: dict[int, list[Happened]] = {}
    for part in db.chunks(found, TOGETHER):
        here = homes_of(connection, config, {r.owner for r in part})
        homes |= {r.rid: here[r.owner] for r in part if r.owner in here}
        named = owners_of(connection, config, set(here.values()))
        cluster_of = {id: cluster for cluster, ids in named.items() for id in ids}
        for tally in tally_store.of(connection, cluster_of):
            cluster = cluster_of[tally.owner]
            first[cluster] = min(first.get(cluster, tally.first), tally.first)
        for h in listed_store.later(connection, cluster_of, [campaign.converts], since=_since(campaign) - 1):
            if h.state not in config.interactions[h.type].void:
                happened.setdefault(cluster_of[h.owner], []).append(h)
    unique = {c: list({h.rid: h for h in hs}.values()) for c, hs in happened.items()}
    amounts = listed_store.amounts_of(connection, [h.rid for hs in unique.values() for h in hs])

    def of(name: str, responses: Sequence[OfferResponse], own: Fraction) -> OfferResult:
        return _counted(name, responses, homes, first, unique, amounts, config, campaign, own)

    by_offer: dict[str, list[OfferResponse]] = {name: [] for name in campaign.offers}
    for r in found:
        by_offer[campaign.offer_of[r.reference]].append(r)
    every = sum((Fraction(o.cost) for o in campaign.offers.values()), Fraction(campaign.cost))
    offers = tuple(of(n, by_offer[n], Fraction(o.cost)) for n, o in campaign.offers.items())
    return CampaignResult(campaign, of("", found, every), offers)


def _counted(
    name: str,
    responses: Sequence[OfferResponse],
    homes: Mapping[int, int],
    first: Mapping[int, int],
    happened: Mapping[int, Iterable[Happened]],
    amounts: Mapping[int, tuple[int, str]],
    config: Config,
    campaign: Campaign,
    own: Fraction,
) -> OfferResult:
    began: dict[int, int] = {}
    for r in responses:
        if r.rid in homes:
            began[homes[r.rid]] = min(began.get(homes[r.rid], r.at), r.at)
    span, sales, converted = duration_micros(campaign.within), dict[str, int](), 0
    for cluster, at in began.items():
        fit = [h for h in happened.get(cluster, ()) if at <= h.at <= at + span]
        converted += bool(fit)
        for units, currency in (amounts[h.rid] for h in fit if h.rid in amounts):
            sales[currency] = sales.get(currency, 0) + units
    currency = config.figures.currency
    contacts = sum(r.cost for r in responses if r.cost_currency == currency)
    return OfferResult(
        name,
        len(responses),
        len(began),
        sum(r.rid not in homes for r in responses),
        sum(first.get(cluster, at) >= at for cluster, at in began.items()),
        converted,
        dict(sorted(sales.items())),
        round(own * 10 ** exponent(currency)) + contacts,
    )


def unknown_references(connection: Connection, config: Config, limit: int = 1_000) -> list[tuple[str, int, int, int]]:
    """(reference, how many, first, last) of those that lead to no offer, the most frequent first."""
    known = {r for c in config.campaigns.values() for r in c.offer_of}
    return [row for row in listed_store.references(connection) if row[0] not in known][:limit]


def _since(campaign: Campaign) -> int:
    return _micros(campaign.since.toordinal())


def _until(campaign: Campaign) -> int:
    """Responses come late: as long as a conversion may."""
    return _micros(campaign.until.toordinal() + 1) + duration_micros(campaign.within)


def _micros(ordinal: int) -> int:
    return (ordinal - date(1970, 1, 1).toordinal()) * DAY
