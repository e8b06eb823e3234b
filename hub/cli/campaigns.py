"""`hub campaigns`: what was offered, and what it brought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from hub.cli.shared import CONFIG, DATABASE, FOLDER, ConfigOption, DatabaseOption, FolderOption, opened, out
from hub.errors import ConfigError, Fault

if TYPE_CHECKING:
    from hub.figures.campaigns import OfferResult
    from hub.open import Hub

app = typer.Typer()


@app.command()
def campaigns(
    name: Annotated[str, typer.Argument(help="each offer of this one; none: all campaigns")] = "",
    unknown: Annotated[bool, typer.Option("--unknown", help="What was named and leads to no offer.")] = False,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """What campaigns brought until now: responses, who is new, conversions, cost."""
    with opened(config, database, folder, despite=True) as hub:
        known = hub.config.campaigns
        if name and name not in known:
            fault = Fault("NAME", f"no such campaign '{name}'", f"known: {', '.join(known) or 'none'}")
            raise ConfigError([fault])
        hub.resolver.reread()
        if unknown:
            out.print(_unknown(hub))
        else:
            out.print(_results(hub, name) if known else "no campaigns: write config/campaigns/NAME.yaml")


def _results(hub: Hub, name: str) -> Table:
    from hub.figures.campaigns import result

    currency = hub.config.figures.currency
    headed = ("offer" if name else "campaign", "responses", "who", "new", "converted", "sales", f"cost {currency}")
    shown = Table(*headed, box=box.SIMPLE_HEAD, padding=0)
    with hub.database.read() as connection:
        found = {n: result(connection, hub.config, c) for n, c in hub.config.campaigns.items() if name in ("", n)}
    for of, r in found.items():
        for offer in r.offers if name else ():
            shown.add_row(*_row(offer.name, offer, currency))
        shown.add_row(*_row("all together" if name else of, r.whole, currency))
    return shown


def _row(name: str, r: OfferResult, currency: str) -> list[str]:
    from hub.kinds.money import shown

    sales = ", ".join(f"{shown(units, code)} {code}" for code, units in (r.sales or {}).items())
    counts = (r.responses, r.respondents, r.new, r.converted)
    return [f"{name} ", *(f"{n:,} " for n in counts), f"{sales} ", shown(r.cost, currency)]


def _unknown(hub: Hub) -> Table | str:
    from hub.figures.campaigns import unknown_references
    from hub.model import from_micros

    shown = Table("reference", "n", "first", "last", box=box.SIMPLE_HEAD, padding=0)
    with hub.database.read() as connection:
        found = unknown_references(connection, hub.config)
    for reference, n, first, last in found:
        shown.add_row(f"{reference} ", f"{n:,} ", *(f"{from_micros(at).date()} " for at in (first, last)))
    return shown if found else "whatever was named leads to an offer"
