"""Guidance in the asker's view: a card for a segment is there for who may see that segment."""

from __future__ import annotations

from dataclasses import dataclass

from hub.access.authentication.principals import Principal
from hub.access.figures import FigureDoor
from hub.model import from_micros
from hub.settings import GuidanceCard


@dataclass(frozen=True, slots=True)
class SeenCards:
    """Cards of a topic; `customer`: the shown id of the customer that they are for; None: for anybody."""

    cards: tuple[GuidanceCard, ...]
    customer: str | None


class GuidanceDoor:
    """Answers for principals."""

    def __init__(self, figures: FigureDoor):
        self.figures, self.config, self.reader = figures, figures.config, figures.reader

    def topics(self) -> list[str]:
        """What one may ask for."""
        return sorted({t for card in self.config.guidance.values() for t in card.topics})

    def cards(
        self, principal: Principal, *, topic: str = "", customer: str | None = None, channel: str = ""
    ) -> SeenCards:
        """What to say about a topic today; of cards for segments those of the customer's. NotFound and Gone as for the
        customer. Those for a segment stand first: they are more to the point."""
        day = from_micros(self.reader.database.clock.now()).date()
        fit = [c for c in self.config.guidance.values() if c.holds(topic, channel, day)]
        shown, within = None, frozenset[str]()
        if customer is not None:
            found = self.figures.of_customer(principal, customer)
            shown, within = found.customer, frozenset(found.segments)
        told = [c for c in fit if not c.segments or within & set(c.segments)]
        return SeenCards(tuple(sorted(told, key=lambda c: (not c.segments, c.name))), shown)
