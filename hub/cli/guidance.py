"""`hub guidance`: what to say about a topic."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from hub.cli.shared import CONFIG, ConfigOption, out, tell
from hub.errors import ConfigError, Fault

if TYPE_CHECKING:
    from hub.settings import GuidanceCard

app = typer.Typer()


@app.command()
def guidance(
    topic: Annotated[str, typer.Argument(help="the texts about this; none: all cards")] = "",
    channel: Annotated[str, typer.Option("--channel", help="on this channel: phone")] = "",
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="on this day; default: today")] = None,
    config: ConfigOption = CONFIG,
) -> None:
    """What to say about a topic, as agents and customers are told it; which cards there are, and for whom."""
    from hub.settings import load

    cards = load(config, reaching=False, despite=True).guidance
    topics = sorted({t for card in cards.values() for t in card.topics})
    day = on.date() if on else datetime.now(UTC).date()
    if not topic:
        fit = [c for c in cards.values() if not channel or not c.channels or channel in c.channels]
        out.print(_listed(fit, day) if fit else "no cards: write config/guidance/NAME.md")
        return
    if topic.casefold() not in {t.casefold() for t in topics}:
        raise ConfigError([Fault("TOPIC", f"no such topic '{topic}'", f"known: {', '.join(topics) or 'none'}")])
    found = [c for c in cards.values() if c.holds(topic, channel, day)]
    for card in sorted(found, key=lambda c: (not c.segments, c.name)):
        of = f", for {', '.join(card.segments)}" if card.segments else ""
        tell(f"{card.title}  ({card.name}, version {card.version}{of})")
        tell(f"{card.text.strip()}\n")
    if not found:
        out.print("no card about this holds on that day and channel")


def _listed(cards: list[GuidanceCard], day: date) -> Table:
    shown = Table("card", "topics", "for", "channels", "today", box=box.SIMPLE_HEAD, padding=0)
    for c in cards:
        holds = "yes" if c.holds("", "", day) else "no"
        named = (", ".join(c.topics), ", ".join(c.segments) or "all", ", ".join(c.channels) or "all")
        shown.add_row(*(f"{text} " for text in (c.name, *named, holds)))
    return shown
