"""`config/guidance/NAME.md`: what to say about a topic, the same on every channel. Front matter, then the text. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from functools import cached_property

from pydantic import Field, field_validator

from hub.errors import Fault
from hub.model import digest
from hub.settings.base import Strict

FENCE = "---"


class GuidanceCard(Strict):
    """A card of guidance: its text is what agent and customer are told alike."""

    name: str = ""
    title: str  # what it is about, in a line
    topics: tuple[str, ...] = Field(min_length=1)  # what one asks for: meter reading
    segments: tuple[str, ...] = ()  # for customers of one of these alone; none: all
    channels: tuple[str, ...] = ()  # on one of these alone; none: all
    valid_from: date | None = None  # not before this day
    valid_until: date | None = None  # not after this day
    text: str = ""

    @field_validator("text")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("says nothing; write the text below the second ---")
        return text.strip()

    @cached_property
    def version(self) -> str:
        """Names exactly this title and text."""
        return digest([self.title, self.text], 6)

    def holds(self, topic: str, channel: str, day: date) -> bool:
        """Is it for this topic and channel ("": any) on a day?"""
        topics = {t.casefold() for t in self.topics}
        within = (self.valid_from or day) <= day <= (self.valid_until or day)
        return (
            within
            and (not topic or topic.casefold() in topics)
            and (not channel or not self.channels or channel in self.channels)
        )


def split(text: str) -> tuple[str, str] | None:
    """(front matter, text) of a card's file; None: it does not begin with front matter."""
    lines = text.replace("\r\n", "\n").split("\n")
    if not lines or lines[0].strip() != FENCE:
        return None
    end = next((n for n, line in enumerate(lines[1:], 1) if line.strip() == FENCE), None)
    return None if end is None else ("\n".join(lines[1:end]), "\n".join(lines[end + 1 :]))


def card_faults(
    where: str, card: GuidanceCard, segments: Collection[str], channels: Collection[str]
) -> Iterator[Fault]:
    """Names in a card that lead nowhere."""
    for field, named, known in (("segments", card.segments, segments), ("channels", card.channels, channels)):
        for name in named:
            if name not in known:
                yield Fault(f"{where}: {field}", f"unknown: '{name}'", f"known: {', '.join(sorted(known)) or 'none'}")
    if card.valid_from and card.valid_until and card.valid_until < card.valid_from:
        yield Fault(f"{where}: valid_until", "is before valid_from", "swap them")
