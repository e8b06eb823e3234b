"""Guidance that is given: logged on the customer, with the version of its text, once a day for each channel and asker."""

from __future__ import annotations

from sqlalchemy import Connection

from hub.model import digest, from_micros
from hub.resolve.logbook import Logbook
from hub.settings import GuidanceCard
from hub.tasks import card_store
from hub.tasks.card import CardVersion

GUIDANCE = "guidance"  # the type of interactions that it is logged as


class Advice:
    """Writes to one hub."""

    def __init__(self, logbook: Logbook):
        self.logbook, self.database, self.config = logbook, logbook.database, logbook.config

    @property
    def logs(self) -> bool:
        """Has the configuration a type to log it as?"""
        return GUIDANCE in self.config.interactions

    def give(self, customer: str, card: GuidanceCard, *, topic: str, channel: str, by: str) -> str:
        """Keep that a card was given, as one of the customer's interactions; its id. NotFound and Gone as for the customer."""
        now = self.database.clock.now()
        said = {"topic": topic, "card": card.name, "version": card.version, **({"channel": channel} if channel else {})}
        once = digest([customer, said, by, from_micros(now).date().isoformat()])

        def keep(connection: Connection, _id: str) -> None:
            card_store.keep(connection, CardVersion(card.name, card.version, card.title, card.text, now))

        return self.logbook.add(customer, GUIDANCE, said, by=by, mark=keep, key=once)

    def versions(self, card: str) -> list[CardVersion]:
        """Texts of a card that were given, oldest first."""
        with self.database.read() as connection:
            return card_store.versions(connection, card)
