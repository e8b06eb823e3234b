"""`hub subscriptions`: who is told of changes by webhook, how it went, and what to do with what could not be delivered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Column, Table

from hub.cli.shared import (
    CONFIG,
    DATABASE,
    FOLDER,
    ConfigOption,
    DatabaseOption,
    FolderOption,
    asking,
    err,
    opened,
    out,
)
from hub.errors import ConfigError, Fault

if TYPE_CHECKING:
    from pathlib import Path

    from hub.access.authentication.principals import Principal
    from hub.delivery.subscription_store import Delivery, Subscription
    from hub.delivery.subscriptions import Subscriptions

subscriptions = typer.Typer(help="Who is told of changes by webhook, and how it went.", no_args_is_help=True)
dead = typer.Typer(help="Events that ran out of tries.", no_args_is_help=True)
subscriptions.add_typer(dead, name="dead")

Id = Annotated[str, typer.Argument(help="The subscription's id: sub_...")]
Event = Annotated[str, typer.Argument(help="The event's id, as `hub subscriptions deliveries` tells it.")]
ALWAYS = 1 << 62  # microseconds: after every change
LimitOption = Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")]


@contextmanager
def _operator(config: Path, database: str, folder: Path) -> Iterator[tuple[Subscriptions, Principal]]:
    """All subscriptions of the hub: who sits at its machine is not asked for a key."""
    from hub.access.authentication.principals import Principal
    from hub.delivery.subscriptions import Subscriptions

    with opened(config, database, folder, despite=True) as hub:
        yield Subscriptions(hub.reader, hub.networks, operator=True), Principal("cli", "cli", "staff", "")


def _table(id: str, *names: str) -> Table:
    """Ids stand in one piece, whatever the width: they are copied."""
    columns = [Column(id, no_wrap=True, min_width=28), *(Column(n, overflow="fold", min_width=4) for n in names)]
    return Table(*columns, box=box.SIMPLE_HEAD, padding=0)


def _time(micros: int) -> str:
    from hub.model import from_micros

    return from_micros(micros).isoformat(timespec="seconds")


@subscriptions.command("list")
def subscriptions_list(
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """All subscriptions, the oldest first."""
    with _operator(config, database, folder) as (subs, me):
        shown = _table("id", "name", "role", "where to", "state", "waiting", "dead")
        totals = subs.totals(me)
        for s in subs.all(me):
            of = totals.get(s.id, {})
            shown.add_row(s.id, s.name, s.role, s.url, s.state, f"{of.get('pending', 0):,}", f"{of.get('dead', 0):,}")
        out.print(shown if shown.row_count else "there are no subscriptions; make one with: hub subscriptions add")


@subscriptions.command("show")
def subscriptions_show(
    id: Id, config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """One subscription: its filter, its state, and its deliveries by state."""
    with _operator(config, database, folder) as (subs, me):
        _show(subs.get(me, id))
        states = subs.totals(me).get(id, {})
        out.print("deliveries   " + (", ".join(f"{n:,} {s}" for s, n in sorted(states.items())) or "none yet"))


def _show(s: Subscription) -> None:
    lines = {
        "id": s.id,
        "name": s.name,
        "where to": s.url,
        "role": s.role,
        "purpose": s.purpose,
        "types": ", ".join(s.types) or "all that the role sees",
        "attributes": ", ".join(s.attributes) or "all that the role sees",
        "owner": s.owner,
        "made": _time(s.at),
        "state": s.state + (f": {s.reason}" if s.reason else ""),
        "failing": "no" if s.failing_since is None else f"since {_time(s.failing_since)}",
    }
    for name, value in lines.items():
        out.print(f"{name:<12} {value}", soft_wrap=True)


@subscriptions.command("add")
def subscriptions_add(
    name: Annotated[str, typer.Argument(help="What the subscriber is.")],
    url: Annotated[str, typer.Argument(help="Where events go: https://...")],
    role: Annotated[str, typer.Option(help="In whose view: a role of access.yaml.")],
    types: Annotated[list[str] | None, typer.Option("--type", help="Only this customer type; may be repeated.")] = None,
    attributes: Annotated[
        list[str] | None, typer.Option("--attribute", help="Only this attribute and its changes; may be repeated.")
    ] = None,
    purpose: Annotated[str, typer.Option(help="What for; else the role's purpose.")] = "",
    from_start: Annotated[bool, typer.Option("--from-start", help="Also the changes that the hub still has.")] = False,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Make a subscription. The secret that signs its events is shown once."""
    from hub.delivery.subscriptions import Wish

    with _operator(config, database, folder) as (subs, _):
        me = asking(subs.reader.config, role)
        wish = Wish(name, url, tuple(types or ()), tuple(attributes or ()), purpose, from_start)
        made, secret = subs.create(me, wish)
        out.print(secret, soft_wrap=True)
        err.print(f"subscription {made.id}: keep the secret now, it is not shown again", markup=False, soft_wrap=True)


@subscriptions.command("pause")
def subscriptions_pause(
    id: Id, config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """Nothing is sent until it is resumed; nothing is lost."""
    with _operator(config, database, folder) as (subs, me):
        subs.set_state(me, id, "paused", "paused by hand")
        out.print(f"{id} is paused")


@subscriptions.command("resume")
def subscriptions_resume(
    id: Id, config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """Send again, after a pause or after it was disabled: what waited goes first."""
    with _operator(config, database, folder) as (subs, me):
        subs.set_state(me, id, "active")
        out.print(f"{id} is active")


@subscriptions.command("remove")
def subscriptions_remove(
    id: Id, config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """End a subscription. Its log goes with it."""
    with _operator(config, database, folder) as (subs, me):
        subs.remove(me, id)
        out.print(f"{id} is removed")


@subscriptions.command("test")
def subscriptions_test(
    id: Id, config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """Send a signed event that tells of nobody, and say what came back."""
    with _operator(config, database, folder) as (subs, me):
        found = subs.test(me, id)
        out.print(f"answered {found.code}" if found.code else found.detail, soft_wrap=True)
        if not 200 <= found.code < 300:
            raise typer.Exit(1)


@subscriptions.command("rotate")
def subscriptions_rotate(
    id: Id, config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """A new secret, shown once. For a day the old one signs too."""
    with _operator(config, database, folder) as (subs, me):
        out.print(subs.rotate(me, id)[1], soft_wrap=True)
        err.print("for a day the old secret signs too", markup=False)


@subscriptions.command("replay")
def subscriptions_replay(
    id: Id,
    since: Annotated[str, typer.Option(help="Changes from this time on: 2026-11-27 or 2026-11-27T08:00:00Z")],
    until: Annotated[str | None, typer.Option(help="Changes before this time; else all after `since`.")] = None,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Send the changes of a range of time again, with the same event ids."""
    with _operator(config, database, folder) as (subs, me):
        end = ALWAYS if until is None else _moment("--until", until)
        out.print(f"{subs.replay(me, id, _moment('--since', since), end):,} deliveries wait again")


def _moment(where: str, text: str) -> int:
    """Microseconds of a date or a time; without an offset it is UTC."""
    from datetime import UTC, datetime

    from hub.model import to_micros

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        remedy = "write 2026-11-27 or 2026-11-27T08:00:00Z"
        raise ConfigError([Fault(where, f"'{text}' is no time", remedy)]) from None
    return to_micros(found if found.tzinfo else found.replace(tzinfo=UTC))


@subscriptions.command("deliveries")
def subscriptions_deliveries(
    id: Id,
    status: Annotated[str | None, typer.Option(help="Only these: pending, done, dead or dropped.")] = None,
    limit: LimitOption = 50,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """What was sent and how it went, the newest first. No values: an event is rendered when it is sent."""
    known = ("pending", "done", "dead", "dropped")
    if status is not None and status not in known:
        raise ConfigError([Fault("--status", f"unknown state '{status}'", f"known: {', '.join(known)}")])
    with _operator(config, database, folder) as (subs, me):
        _print_deliveries(subs.deliveries(me, id, status=status, limit=limit))


def _print_deliveries(found: list[Delivery]) -> None:
    shown = _table("event", "customer", "state", "tries", "answer", "last try")
    for d in found:
        answer = " ".join(filter(None, (str(d.code or ""), d.detail)))
        shown.add_row(d.event, d.customer, d.status, str(d.attempts), answer, _time(d.at))
    out.print(shown if found else "none")


@dead.command("list")
def dead_list(
    id: Id,
    limit: LimitOption = 50,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Dead letters of a subscription, the newest first."""
    with _operator(config, database, folder) as (subs, me):
        _print_deliveries(subs.deliveries(me, id, status="dead", limit=limit))


@dead.command("retry")
def dead_retry(
    id: Id,
    event: Annotated[str | None, typer.Argument(help="Only this event; else all.")] = None,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Dead letters wait again, one or all."""
    with _operator(config, database, folder) as (subs, me):
        out.print(f"{subs.retry(me, id, event):,} deliveries wait again")


@dead.command("drop")
def dead_drop(
    id: Id,
    event: Event,
    reason: Annotated[str, typer.Option(help="Why it is given up; it stays in the log.")],
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Give a dead letter up."""
    with _operator(config, database, folder) as (subs, me):
        subs.drop(me, id, event, reason)
        out.print(f"{event} is dropped")
