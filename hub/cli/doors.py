"""`hub serve | export | demo`, and `hub keys`: how others get in, and what they may take along."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich import box
from rich.table import Table

from hub.cli.shared import (
    CONFIG,
    DATABASE,
    FOLDER,
    ConfigOption,
    DatabaseOption,
    FolderOption,
    ReportOption,
    asking,
    bars,
    err,
    known_type,
    opened,
    out,
    private,
    write_report,
)
from hub.errors import ConfigError, Fault

if TYPE_CHECKING:
    from fastapi import FastAPI

    from hub.app import Listening
    from hub.open import Hub
    from hub.settings import Config

app = typer.Typer()
PortOption = Annotated[int, typer.Option("--port", envvar="HUB_PORT", help="Port to listen at.")]
keys = typer.Typer(help="API keys: shown once, stored as a hash.", no_args_is_help=True)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to: .csv or .jsonl")],
    role: Annotated[str, typer.Option(help="In whose view.")],
    customer_type: Annotated[str, typer.Option("--type", help="person or organisation")] = "person",
    wide: Annotated[bool, typer.Option("--wide", help="Of .csv: a column for each of several values.")] = False,
    purpose: Annotated[str, typer.Option(help="What for: one of the role's purposes; else all of them.")] = "",
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Write all golden records, as a role sees them, to a file."""
    from hub.access.export import export_rows
    from hub.access.policy.purposes import stated
    from hub.cli.sheet import fields_of, write_sheet, write_wide_sheet

    if file.suffix not in (".csv", ".jsonl"):
        raise ConfigError([Fault(str(file), "is neither .csv nor .jsonl", "choose one of these endings")])
    if wide and file.suffix != ".csv":
        raise ConfigError([Fault("--wide", "is of .csv alone: in .jsonl values keep their structure", "leave it out")])
    with opened(config, database, folder) as hub, stated(purpose):
        principal = asking(hub.config, role)
        known_type(hub.config, customer_type)
        _, rows = export_rows(hub.reader, principal, customer_type)
        with open(file, "w", encoding="utf-8", newline="", opener=private) as target:
            fields = fields_of(hub.config.customers[customer_type], hub.reader.view(principal).of(customer_type))
            if wide:
                count = write_wide_sheet(target, fields, rows, file.parent)
            elif file.suffix == ".csv":
                count = write_sheet(target, fields, rows)
            else:
                count = write_lines(target, rows)
        out.print(f"{file}: {count:,} customers in the view of {role}")


def write_lines(target: TextIO, rows: Iterable[Mapping[str, Any]]) -> int:
    """A JSON object a line; how many."""
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 - counted
        target.write(json.dumps(row, ensure_ascii=False) + "\n")
    return count


@app.command("drop")
def drop_now(
    name: Annotated[str, typer.Argument(help="Which one: the name of its file in drops/. None: all.")] = "",
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Put customers that changed into the folder or target of a file drop now; `hub serve` does it by schedule."""
    from hub.db import leased
    from hub.delivery.file_drops import FileDrops

    with opened(config, database, folder) as hub:
        drops = hub.config.drops
        if name and name not in drops:
            raise ConfigError([Fault(name, "there is no such file drop", f"known: {', '.join(drops) or 'none'}")])
        for one in [drops[name]] if name else drops.values():
            with leased(hub.database, f"drop {one.name}", wait=True) as lease:
                done = FileDrops(hub.reader, lease).run(one)
            files = (
                "" if done is None else ", ".join(f"{file} ({rows:,} customers)" for file, rows in done.files.items())
            )
            out.print(f"{one.name}: {files or 'nothing changed'}", soft_wrap=True)


@app.command()
def serve(
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
    host: Annotated[
        str,
        typer.Option(envvar="HUB_HOST", help="Address to listen at; beyond loopback with TLS or behind a proxy only."),
    ] = "127.0.0.1",
    port: PortOption = 8000,
    behind_proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", envvar="HUB_BEHIND_PROXY", help="A proxy that speaks TLS passes requests on."),
    ] = False,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain: the hub speaks TLS itself.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key.")] = None,
    no_jobs: Annotated[
        bool, typer.Option("--no-jobs", help="Serve only: no scheduled pulls, write-back or effective dates here.")
    ] = False,
) -> None:
    """Serve the API, and run the scheduled jobs. SIGHUP reads the configuration again."""
    from hub.settings import load

    at = _listening(host, port, behind_proxy, tls_cert, tls_key)
    free_port(host, port)
    with opened(config, database, folder, reaching=True) as hub:
        if hub.database.replica is not None:
            hub.database.replica.check()
        run_server(hub, at, jobs=not no_jobs, say=True, reread=lambda: load(config))


def _listening(host: str, port: int, behind_proxy: bool, cert: Path | None, key: Path | None) -> Listening:
    """Where and how to listen. ConfigError: what would let passwords and customers through in plain text."""
    from hub.app import Listening, beyond_loopback

    for name, file in (("--tls-cert", cert), ("--tls-key", key)):
        if file is not None and not file.is_file():
            raise ConfigError([Fault(name, f"there is no file {file}", "name a PEM file")])
    if (cert is None) != (key is None):
        raise ConfigError([Fault("--tls-cert", "needs --tls-key, and that needs it", "give both")])
    if cert is None and not behind_proxy and beyond_loopback(host):
        remedy = "give --tls-cert and --tls-key, or --behind-proxy where a proxy speaks TLS before it"
        raise ConfigError(
            [Fault("--host", f"{host} is beyond loopback, and the hub would speak plain HTTP there", remedy)]
        )
    return Listening(host, port, behind_proxy=behind_proxy, cert=cert, key=key)


def free_port(host: str, port: int) -> None:
    """Nothing, when this address can be listened at. ConfigError, before any work is done for it, when it cannot."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                [
                    Fault(
                        "--port",
                        f"cannot listen at {host}:{port}: {error.strerror}",
                        "choose another --port, or end what listens there",
                    )
                ]
            ) from None
        except OverflowError:
            raise ConfigError([Fault("--port", f"{port} is no port", "write a number from 1 to 65535")]) from None


def run_server(
    hub: Hub,
    at: Listening,
    *,
    jobs: bool,
    say: bool = False,
    reread: Callable[[], Config] | None = None,
    besides: Callable[[FastAPI], None] | None = None,
) -> None:
    """Until interrupted. `say`: where it listens. `reread`: the configuration anew, for SIGHUP; else that ends the server.
    `besides`: what its application has beside the hub's own pages."""
    from hub.app import served, steady
    from hub.db import serving_alone
    from hub.serve import Serving, reloading

    with serving_alone(hub.database, at.url):
        serving = Serving(hub, jobs=jobs)
        if besides:
            besides(serving.app)
        renewed = reloading(lambda: serving.reload(reread)) if reread else nullcontext()
        with serving.running(), renewed as reread_soon:
            serving.app.state.reread = reread_soon
            if say:
                err.print(
                    f"the hub is running at {at.url} (pages: {at.url}/, documentation: {at.url}/docs); Ctrl-C ends it",
                    soft_wrap=True,
                )
            with steady(), suppress(KeyboardInterrupt):
                served(serving.app, at).run()


@app.command()
def demo(
    people: Annotated[int, typer.Option(min=20, help="How many people live in the world.")] = 5000,
    seed: Annotated[int, typer.Option(help="Another seed, another world.")] = 1,
    folder: Annotated[Path, typer.Option(help="The demo's own folder: it is replaced.")] = Path("demo-data"),
    config: ConfigOption = CONFIG,
    report: ReportOption = None,
    port: PortOption = 8000,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End when the story is told.")] = False,
) -> None:
    """Four running sources in, golden records out, a change pushed back."""
    from hub.app import Listening
    from hub.demo.pages import welcoming
    from hub.demo.run import DemoOptions, run_demo
    from hub.demo.show import Show

    if not no_serve:
        free_port("127.0.0.1", port)
    show = Show(out, bars)
    figures = run_demo(DemoOptions(folder, config, people, seed), show)
    with figures.hub() as hub:
        write_report(report, figures.figures)
        if not no_serve:
            show.what_next(hub, port)
            besides = partial(welcoming, hub, figures.figures)
            run_server(hub, Listening("127.0.0.1", port), jobs=True, besides=besides)


@keys.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    role: Annotated[str, typer.Option(help="A role of access.yaml.")],
    source: Annotated[str | None, typer.Option(help="For a system: the one source whose records it may write.")] = None,
    may: Annotated[
        str | None, typer.Option(help="Of the role's permissions only these, with commas.", show_default=False)
    ] = None,
    days: Annotated[int, typer.Option(help="How long it is good for.")] = 90,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Make an API key. It is shown once."""
    from hub.access.authentication.keys import create_key

    with opened(config, database, folder, despite=True) as hub:
        secret, key = create_key(
            hub.database, hub.config, name, role, source=source, scopes=may.split(",") if may else None, days=days
        )
        out.print(secret, markup=False, soft_wrap=True)
        err.print(
            f"key {key.id} for '{name}', role {role}: keep it now, it is not shown again", markup=False, soft_wrap=True
        )


@keys.command("rotate")
def keys_rotate(
    id: str,
    overlap: Annotated[int, typer.Option(min=0, help="Days until the old one ends.")] = 7,
    days: Annotated[int, typer.Option(help="How long the new one is good for.")] = 90,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """A second key of the same holder, with the same rights. It is shown once; both are good for some days."""
    from hub.access.authentication.keys import rotate_key

    with opened(config, database, folder, despite=True) as hub:
        secret, key = rotate_key(hub.database, id, days=days, overlap_days=overlap)
        out.print(secret, markup=False, soft_wrap=True)
        err.print(f"key {key.id} for '{key.name}': {id} ends in {overlap} days", markup=False, soft_wrap=True)


@keys.command("list")
def keys_list(
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """What keys there are, without their secrets."""
    from hub.access.authentication.keys import list_keys
    from hub.model import from_micros

    with opened(config, database, folder, despite=True) as hub, hub.database.read() as connection:
        shown = Table(
            "id", "name", "role", "may", "source", "expires", "last used", "state", box=box.SIMPLE_HEAD, padding=0
        )
        for key in list_keys(connection):
            used = "never" if key.last_used is None else from_micros(key.last_used).isoformat(timespec="minutes")
            shown.add_row(
                key.id,
                key.name,
                key.role,
                "all" if key.scopes is None else ", ".join(key.scopes),
                key.source or "",
                from_micros(key.expires_at).date().isoformat(),
                used,
                "revoked" if key.revoked_at else "live",
            )
        out.print(shown)


@keys.command("revoke")
def keys_revoke(
    id: str, config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """End a key at once."""
    from hub.access.authentication.keys import revoke_key

    with opened(config, database, folder, despite=True) as hub:
        revoke_key(hub.database, id)
        out.print(f"key {id} is revoked")
