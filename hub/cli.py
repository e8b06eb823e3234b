"""The `hub` command. Each verb is a few lines around the room that does the work."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from hub import cycle
from hub.access import audit, principals
from hub.access.secret import derive, hub_secret
from hub.api.hub import Hub, audit_path
from hub.bulk import Report
from hub.connectors.mapping import Mapper
from hub.connectors.pull import Pulled
from hub.db import Database
from hub.errors import ConfigError, Fault, HubError, NotFound
from hub.model import Sight
from hub.settings import Access, Config, CustomerType, Source, load

app = typer.Typer(name="hub", help="Customer master data hub: one golden record per customer, from the systems you already have.",
                  no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
keys = typer.Typer(help="API keys: shown once, stored as a hash.", no_args_is_help=True)
model = typer.Typer(help="Matching models.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.add_typer(model, name="model")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

ConfigOption = Annotated[Path, typer.Option("--config", envvar="HUB_CONFIG", help="Folder of the configuration.")]
DatabaseOption = Annotated[str, typer.Option("--database", envvar="HUB_DATABASE_URL", help="sqlite:///file or postgresql://...")]
FolderOption = Annotated[Path, typer.Option("--folder", envvar="HUB_FOLDER", help="Where the hub keeps its secret and its audit file.")]
ReportOption = Annotated[Path | None, typer.Option("--report", help="Write every figure to this JSON file.")]

CONFIG, DATABASE, FOLDER = Path("config"), "sqlite:///var/hub.sqlite", Path("var")


@contextmanager
def opened(config: Path, database: str, folder: Path, *, reaching: bool = False) -> Iterator[Hub]:
    """A migrated hub, closed at the end. `reaching`: its sources will be reached, so their variables must be set."""
    settings = load(config, reaching=reaching)
    folder.mkdir(parents=True, exist_ok=True)
    db = Database(database)
    try:
        db.upgrade()
        hub = Hub.open(db, settings, folder)
        try:
            yield hub
        finally:
            hub.close()
    finally:
        db.close()


def write_report(path: Path | None, figures: Any) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2, default=str) + "\n", encoding="utf-8")


@contextmanager
def bars() -> Iterator[Any]:
    """Progress of named steps: call it with (step, done, of)."""
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=err, transient=True) as shown:
        tasks: dict[str, Any] = {}

        def step(name: str, done: int, of: int) -> None:
            if name not in tasks:
                tasks[name] = shown.add_task(name, total=of)
            shown.update(tasks[name], completed=done, total=of)

        yield step


# --- check ------------------------------------------------------------------------------------------


@app.command()
def check(config: ConfigOption = CONFIG, schemas: Annotated[Path | None, typer.Option(help="Also write JSON Schemas for editors here.")] = None) -> None:
    """Read the configuration and tell every fault at once: file, key, remedy."""
    if schemas is not None:
        schemas.mkdir(parents=True, exist_ok=True)
        for name, cls in (("customer", CustomerType), ("source", Source), ("access", Access)):
            (schemas / f"{name}.schema.json").write_text(json.dumps(cls.model_json_schema(), indent=2) + "\n", encoding="utf-8")
    settings = load(config)
    faults = list(mapping_faults(settings)) + list(write_back_faults(settings))
    if faults:
        raise ConfigError(faults)
    streams = sum(len(s.streams) for s in settings.sources.values())
    out.print(f"{config}: {len(settings.customers)} customer types, {len(settings.sources)} sources with {streams} streams, "
              f"{len(settings.access.roles)} roles: no fault found")


def mapping_faults(settings: Config) -> Iterator[Fault]:
    """What only compiling the maps shows."""
    for source in settings.sources.values():
        for name, stream in source.streams.items():
            try:
                Mapper(name, stream, settings.customers[stream.customer])
            except ConfigError as error:
                for fault in error.faults:
                    yield Fault(f"{settings.folder / 'sources' / source.name}.yaml: {fault.where}", fault.what, fault.remedy)


def write_back_faults(settings: Config) -> Iterator[Fault]:
    """A source is only sent what the role of its name is shown."""
    for source in settings.sources.values():
        for name, stream in source.streams.items():
            if stream.write_back and stream.write_back.mode == "upsert":
                yield Fault(f"{settings.folder / 'sources' / source.name}.yaml: streams.{name}.write_back.mode",
                            "the hub does not create records in a source yet, it only updates them", "write mode: update")
            view = settings.access.roles[source.name].views.get(stream.customer, {}) if source.name in settings.access.roles else {}
            for attribute in stream.write_back.attributes if stream.write_back else ():
                if view.get(attribute, view.get("*")) is not Sight.SHOW:
                    yield Fault(f"{settings.folder / 'sources' / source.name}.yaml: streams.{name}.write_back.attributes.{attribute}",
                                f"the role '{source.name}' is not shown it, so it would never be sent",
                                f"in access.yaml, roles.{source.name}.views.{stream.customer}: add {attribute}: show")


# --- pull, match, push, verify ------------------------------------------------------------------------


@app.command()
def pull(
    sources: Annotated[list[str] | None, typer.Argument(help="Sources to pull; none named: all.")] = None,
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER, report: ReportOption = None,
    allow_deletes: Annotated[bool, typer.Option(help="Believe a complete listing that lacks more than 2 % of the records.")] = False,
    no_match: Annotated[bool, typer.Option("--no-match", help="Only land; resolve later with `hub match`.")] = False,
) -> None:
    """Read what the sources have, keep it, and resolve it into golden records."""
    with opened(config, database, folder, reaching=True) as hub:
        with bars() as step:
            done = cycle.pull(hub.resolver, sources or (), allow_deletes=allow_deletes,
                              progress=lambda p: step(f"{p.source}.{p.stream}", p.fetched, p.fetched))
            found = None if no_match else cycle.match(hub.resolver, progress=step)
        print_pulled(done)
        if found is not None:
            print_matched(found)
        write_report(report, {"pulled": [pulled_figures(p) for p in done]})
        if done and all(p.error or (p.quarantined and not p.landed + p.unchanged) for p in done):
            raise typer.Exit(1)  # nothing could be done


@app.command()
def quarantine(
    source: Annotated[str | None, typer.Argument(help="Only this source's rows.")] = None,
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER,
) -> None:
    """What was set aside, where it stood and why. The rows themselves stay in the database."""
    from hub.connectors.landing import quarantined
    from hub.model import from_micros

    with opened(config, database, folder) as hub, hub.database.read() as connection:
        shown = Table("stream", "where", "why", "since")
        for row in quarantined(connection, source):
            shown.add_row(f"{row.source}.{row.stream}", row.line, row.reason, from_micros(row.at).isoformat(timespec="minutes"))
        out.print(shown if shown.row_count else "nothing is set aside")


@app.command()
def match(
    full: Annotated[bool, typer.Option("--full", help="Derive everything anew, not only what is pending.")] = False,
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER,
) -> None:
    """Resolve what is pending into golden records."""
    with opened(config, database, folder) as hub:
        with bars() as step:
            found = cycle.match(hub.resolver, full=full, progress=step)
        if found is None:
            out.print("nothing is pending")
        else:
            print_matched(found)


@app.command()
def push(config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER) -> None:
    """Write golden values back to the sources that subscribe to them."""
    with opened(config, database, folder, reaching=True) as hub:
        print_pushed(cycle.push(hub.resolver, hub.reader))


@app.command()
def verify(config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER, report: ReportOption = None) -> None:
    """Derive clusters and golden records from what is stored, and count what differs from what is served."""
    from hub.verify import Verify

    with opened(config, database, folder) as hub:
        with bars() as step:
            found = Verify(hub.resolver, progress=step).run()
        shown = Table("what", "checked", "differences")
        for kind in sorted(found.checked.keys() | found.differences.keys()):
            shown.add_row(kind, f"{found.checked[kind]:,}", f"{found.differences[kind]:,}")
        out.print(shown)
        for kind, samples in found.samples.items():
            out.print(f"{kind}: " + "; ".join(samples))
        chain = audit.verify_chain(audit_path(folder), derive(hub_secret(folder), "audit"))
        out.print(f"audit: {chain.lines:,} lines, " + ("the chain is whole" if chain.ok else f"[red]{chain.problem}[/red]"))
        notes = ", ".join(f"{n:,} {what}" for what, n in found.notes.items() if n)
        out.print(f"{found.total:,} differences" + (f"; not compared: {notes}" if notes else ""))
        if found.notes["stale"]:
            out.print("stale rows were made by another configuration or model: hub match --full makes them anew")
        write_report(report, {"differences": found.total, "checked": dict(found.checked), "by_kind": dict(found.differences), "notes": dict(found.notes)})
        if found.total or not chain.ok:
            raise typer.Exit(1)


def pulled_figures(p: Pulled) -> dict[str, Any]:
    return {"source": p.source, "stream": p.stream, **p.counts(), "reasons": p.reasons, "notes": p.notes, "error": p.error}


def print_pulled(done: list[Pulled]) -> None:
    shown = Table(Column("source", overflow="fold"), "read", "landed", "unchanged", "quarantined", "suppressed", "deleted",
                  box=box.SIMPLE_HEAD, padding=0)
    for p in done:
        shown.add_row(f"{p.source}.{p.stream}", *(f"{n:,}" for n in p.counts().values()))
    out.print(shown)
    for p in done:
        for reason, count in p.reasons.items():
            out.print(f"  {p.source}.{p.stream}: {count} set aside: {reason}")
        for note in p.notes[:5]:
            out.print(f"  {p.source}.{p.stream}: {note}")
        if p.error:
            out.print(f"  {p.source}.{p.stream} stopped: {p.error}")


def print_matched(found: Report) -> None:
    out.print(f"resolved: {found.standardised:,} records standardised, {found.pairs:,} pairs kept, {found.clusters:,} customers, {found.changes:,} changes")
    for type_name, info in found.trained.items():
        for warning in info.get("warnings", ()):
            out.print(f"  {type_name}: {warning}")
    for type_name, counts in found.left_out.items():
        if counts.get("blocks_over_cap"):
            out.print(f"  {type_name}: {counts['blocks_over_cap']:,} blocks over their cap were left out (largest {counts['largest_block']:,} records)")


def print_pushed(pushed: Any) -> None:
    outcomes = ", ".join(f"{n:,} {what}" for what, n in pushed.outcomes.items())
    out.print(f"write-back: {pushed.looked_at:,} records looked at, {pushed.written:,} written" + (f" ({outcomes})" if outcomes else ""))
    for problem, count in pushed.problems.items():
        out.print(f"  {count} not written: {problem}")


# --- evaluate -----------------------------------------------------------------------------------------


@app.command()
def evaluate(
    sets: Annotated[list[Path], typer.Argument(help="YAML files of record sets with truth.")], config: ConfigOption = CONFIG, report: ReportOption = None,
) -> None:
    """Run record sets whose truth is known through a hub of their own, and print how good the result is."""
    from hub.evaluation import run_set

    customers = load_customers(config)
    shown = Table("set", "records", "precision", "recall", "F1", "B-cubed P", "B-cubed R", "B-cubed F1", "customers (true)", "seconds")
    figures, sizes = [], []
    for file in sets:
        with bars() as step:
            found = run_set(file, customers, progress=step)
        if found is None:
            out.print(f"{file}: its files are not here, skipped")
            continue
        q = found.quality
        shown.add_row(found.title, f"{q.records:,}", *(f"{x:.4f}" for x in (q.precision, q.recall, q.f1, q.b3_precision, q.b3_recall, q.b3_f1)),
                      f"{q.customers:,} ({q.true_customers:,})", f"{found.seconds:.1f}")
        sizes.append(f"{found.title}: " + ", ".join(f"{n:,} of {size}" for size, n in sorted(q.sizes.items())))
        sizes.extend(f"{found.title}: {n} rows set aside: {reason}" for reason, n in found.reasons.items())
        figures.append(found.as_dict())
    out.print(shown)
    out.print("cluster sizes")
    for line in sizes:
        out.print(f"  {line}")
    write_report(report, figures)


@app.command()
def estimate(
    sample: Annotated[int, typer.Option(min=20, help="How many pairs to label.")] = 200,
    to: Annotated[Path | None, typer.Option("--out", help="Draw pairs and write them to this CSV file, to be labelled in its column 'same'.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Read a labelled file and estimate.")] = None,
    customer_type: Annotated[str, typer.Option("--type", help="person or organisation")] = "person", seed: int = 0,
    role: Annotated[str, typer.Option(help="In whose view the pairs are written.")] = "steward",
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER, report: ReportOption = None,
) -> None:
    """Precision and recall of this hub without truth, from a few pairs that a steward labels."""
    from hub.estimation import draw_pairs, read_labels

    if (to is None) == (labels is None):
        raise ConfigError([Fault("hub estimate", "needs one of --out and --labels", "first --sample 200 --out pairs.csv, then --labels pairs.csv")])
    if labels is not None and not labels.is_file():
        raise ConfigError([Fault("--labels", f"no such file: {labels}", "write it with hub estimate --out")])
    with opened(config, database, folder) as hub:
        if customer_type not in hub.config.customers:
            raise ConfigError([Fault("--type", f"unknown customer type '{customer_type}'", f"known: {', '.join(hub.config.customers)}")])
        if to is not None:
            drawn = draw_pairs(hub.reader, principals.Principal("cli", "cli", "user", known_role(hub.config, role)), customer_type, sample, seed=seed)
            with to.open("w", encoding="utf-8", newline="") as target:
                writer = csv.writer(target)
                writer.writerow(drawn.columns)
                writer.writerows([row.get(c, "") if c == "weight" else safe_cell(row.get(c)) for c in drawn.columns] for row in drawn.rows)
            known = sum(1 for row in drawn.rows if row["same"])
            out.print(f"{to}: {len(drawn.rows):,} of {drawn.pairs:,.0f} pairs, {known:,} of them decided already; write yes or no under 'same', "
                      f"then: hub estimate --labels {to}", soft_wrap=True)
        if labels is not None:
            print_estimated(found := read_labels(hub.reader, labels, customer_type, seed=seed))
            write_report(report, found.as_dict())


def print_estimated(found: Any) -> None:
    shown = Table("pairs by match weight", Column("pairs", justify="right"), Column("labelled", justify="right"), Column("same", justify="right"))
    for x in found.strata:
        shown.add_row(x.stratum.name, f"{x.stratum.pairs:,.0f}", str(x.labelled), str(x.same))
    out.print(shown)
    e = found.estimate
    rows = (("precision", e.precision, "of the pairs that are together, those that are one customer"),
            ("recall", e.recall, "of the compared pairs that are one customer, those that are together"),
            ("overall recall", e.overall, f"with the {100 * found.lost:.2f} % that blocking is estimated to lose"), ("F1", e.f1, "of precision and recall"))
    for name, i, words in rows:
        out.print(f"{name:<15} {i.estimate:.3f}  95 % interval {i.low:.3f} to {i.high:.3f}   {words}", soft_wrap=True)
    if found.open:
        out.print(f"{found.open:,} pairs have no label and were left out")


def load_customers(config: Path) -> dict[str, CustomerType]:
    """Customer types only: a set brings its own sources."""
    from hub.settings import load_customer_types

    return load_customer_types(config)


# --- explain, export ------------------------------------------------------------------------------------


@app.command()
def explain(
    left: Annotated[str, typer.Argument(help="A customer id, or a record: source/stream/key.")],
    right: Annotated[str | None, typer.Argument(help="A second record: why these two are, or are not, one customer.")] = None,
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER,
    role: Annotated[str, typer.Option(help="In whose view.")] = "steward",
) -> None:
    """Why records are one customer, or are not."""
    from hub.access.stories import record_id, tell_customer, tell_records

    with opened(config, database, folder) as hub:
        principal = principals.Principal("cli", "cli", "user", known_role(hub.config, role))
        if right is not None:
            lines = tell_records(hub.reader, principal, record_id(left), record_id(right))
        else:
            id = hub.reader.crosswalk(principal, record=record_id(left)).customer if "/" in left else left
            lines = tell_customer(hub.reader, principal, id)
        for line in lines:
            out.print(line, markup=False, soft_wrap=True)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to: .csv or .jsonl")], role: Annotated[str, typer.Option(help="In whose view.")],
    customer_type: Annotated[str, typer.Option("--type", help="person or organisation")] = "person",
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER,
) -> None:
    """Write all golden records, as a role sees them, to a file."""
    from hub.access.export import export_rows

    if file.suffix not in (".csv", ".jsonl"):
        raise ConfigError([Fault(str(file), "is neither .csv nor .jsonl", "choose one of these endings")])
    with opened(config, database, folder) as hub:
        principal = principals.Principal("cli", "cli", "user", known_role(hub.config, role))
        if customer_type not in hub.config.customers:
            raise ConfigError([Fault("--type", f"unknown customer type '{customer_type}'", f"known: {', '.join(hub.config.customers)}")])
        columns, rows = export_rows(hub.reader, principal, customer_type)
        count = 0
        with file.open("w", encoding="utf-8", newline="") as target:
            writer = csv.writer(target) if file.suffix == ".csv" else None
            if writer:
                writer.writerow(columns)
            for row in rows:
                count += 1
                if writer:
                    writer.writerow([safe_cell(row.get(c)) for c in columns])
                else:
                    target.write(json.dumps(row, ensure_ascii=False) + "\n")
        out.print(f"{file}: {count:,} customers in the view of {role}")


def safe_cell(value: Any) -> str:
    """A CSV cell that no spreadsheet takes for a formula."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\0") else text


def known_role(settings: Config, role: str) -> str:
    if role not in settings.access.roles:
        raise ConfigError([Fault("--role", f"unknown role '{role}'", f"known: {', '.join(settings.access.roles)}")])
    return role


# --- serve ----------------------------------------------------------------------------------------------


@app.command()
def serve(
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER,
    host: Annotated[str, typer.Option(envvar="HUB_HOST", help="Address to listen at. Beyond loopback only when asked.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="HUB_PORT", help="Port to listen at.")] = 8000,
    no_jobs: Annotated[bool, typer.Option("--no-jobs", help="Serve only: no scheduled pulls, write-back or effective dates here.")] = False,
) -> None:
    """Serve the API, and run the scheduled jobs."""
    with opened(config, database, folder, reaching=True) as hub:
        run_server(hub, host, port, jobs=not no_jobs, say=True)


def run_server(hub: Hub, host: str, port: int, *, jobs: bool, say: bool = False) -> None:
    """Until interrupted. `say`: where it listens."""
    import socket

    import uvicorn

    from hub.app import create_app, steady
    from hub.jobs import schedule

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError([Fault("--port", f"cannot listen at {host}:{port}: {error.strerror}", "choose another --port, or end what listens there")]) from None
    if say:
        at = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        err.print(f"the hub is running at {at} (documentation: {at}/docs); Ctrl-C ends it", soft_wrap=True)
    scheduler = schedule(hub.resolver, hub.reader) if jobs else None
    try:
        served = create_app(hub)
        with steady():
            uvicorn.run(served, host=host, port=port, log_level="warning", access_log=False, server_header=False)
    finally:
        if scheduler is not None:
            scheduler.shutdown(wait=False)


# --- keys -------------------------------------------------------------------------------------------------


@keys.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")], role: Annotated[str, typer.Option(help="A role of access.yaml.")],
    source: Annotated[str | None, typer.Option(help="For a system: the one source whose records it may write.")] = None,
    days: Annotated[int, typer.Option(help="How long it is good for.")] = 90,
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER,
) -> None:
    """Make an API key. It is shown once."""
    with opened(config, database, folder) as hub:
        secret, key = principals.create_key(hub.database, hub.config, name, role, source=source, days=days)
        out.print(secret, markup=False, soft_wrap=True)
        err.print(f"key {key.id} for '{name}', role {role}: keep it now, it is not shown again", soft_wrap=True)


@keys.command("list")
def keys_list(config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER) -> None:
    """What keys there are, without their secrets."""
    from hub.model import from_micros

    with opened(config, database, folder) as hub, hub.database.read() as connection:
        shown = Table("id", "name", "role", "source", "expires", "last used", "state", box=box.SIMPLE_HEAD, padding=0)
        for key in principals.list_keys(connection):
            used = "never" if key.last_used is None else from_micros(key.last_used).isoformat(timespec="minutes")
            shown.add_row(key.id, key.name, key.role, key.source or "", from_micros(key.expires_at).date().isoformat(), used, "revoked" if key.revoked_at else "live")
        out.print(shown)


@keys.command("revoke")
def keys_revoke(id: str, config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER) -> None:
    """End a key at once."""
    with opened(config, database, folder) as hub:
        principals.revoke_key(hub.database, id)
        out.print(f"key {id} is revoked")


# --- models -----------------------------------------------------------------------------------------------


@model.command("list")
def model_list(config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER) -> None:
    """The models of this hub, by customer type."""
    from hub.matching import store
    from hub.model import from_micros

    with opened(config, database, folder) as hub, hub.database.read() as connection:
        shown = Table("number", "type", "hash", "trained", "state")
        for m in store.models(connection):
            shown.add_row(str(m.id), m.type, m.hash, from_micros(m.trained_at).isoformat(timespec="seconds"), m.status)
        out.print(shown)


@model.command("train")
def model_train(
    customer_type: Annotated[str, typer.Argument(help="person or organisation")],
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER,
) -> None:
    """Train a model on all records. It decides nothing until it is promoted."""
    from hub.bulk import Bulk

    with opened(config, database, folder) as hub:
        if customer_type not in hub.config.customers:
            raise ConfigError([Fault("customer type", f"unknown: '{customer_type}'", f"known: {', '.join(hub.config.customers)}")])
        with bars() as step:
            number = Bulk(hub.resolver, progress=step).train_candidate(customer_type)
        out.print(f"model {number} is trained; see what it would change: hub model promote {number} --dry-run")


@model.command("diff")
def model_diff(first: int, second: int, config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER) -> None:
    """Where two models weigh differently."""
    from hub.matching import store
    from hub.matching.model import Model, differences

    with opened(config, database, folder) as hub, hub.database.read() as connection:
        found = {m.id: m for m in store.models(connection)}
        for number in (first, second):
            if number not in found:
                raise NotFound(f"there is no model {number}: see hub model list")
        shown = Table("where", str(first), str(second))
        for where, a, b in differences(Model.from_json(found[first].body), Model.from_json(found[second].body)):
            shown.add_row(where, a, b)
        out.print(shown)


@model.command("export")
def model_export(
    number: int, file: Annotated[Path, typer.Argument(help="Where to: Splink 5 settings as JSON.")],
    records: Annotated[Path | None, typer.Option(help="Also write the standardised records that they fit to this Parquet file.")] = None,
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER,
) -> None:
    """Write a model as Splink settings: its levels and its weights against strangers, for Splink's charts and backends."""
    from hub.bulk import arrow
    from hub.matching import splink_bridge, store
    from hub.matching.model import Model

    with opened(config, database, folder) as hub:
        with hub.database.read() as connection:
            found = next((m for m in store.models(connection) if m.id == number), None)
        if found is None:
            raise NotFound(f"there is no model {number}: see hub model list")
        model_ = Model.from_json(found.body)
        file.write_text(splink_bridge.to_json(model_), encoding="utf-8")
        out.print(f"{file}: model {number} of {found.type} as Splink settings", soft_wrap=True)
        if records is not None:
            import pyarrow as pa
            import pyarrow.parquet as pq

            forms = arrow(hub.database, f"SELECT rid, forms FROM standardised WHERE type = '{found.type}' AND alive = 1 ORDER BY rid",
                          {"rid": pa.int64(), "forms": pa.string()})
            pq.write_table(splink_bridge.flattened(forms, model_), records)
            out.print(f"{records}: {forms.num_rows:,} standardised records (customers' data)", soft_wrap=True)


@model.command("promote")
def model_promote(
    number: int, dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER, report: ReportOption = None,
) -> None:
    """Decide by this model from now on: all records are resolved anew."""
    from hub.promotion import dry_run as try_out
    from hub.promotion import promote

    with opened(config, database, folder) as hub:
        with bars() as step:
            found = try_out(hub.resolver, number, progress=step) if dry_run else promote(hub.resolver, number, progress=step)
        out.print(("would change: " if dry_run else "changed: ") + ", ".join(f"{n:,} {what}" for what, n in found.counts().items()))
        write_report(report, found.as_dict())


# --- demo -------------------------------------------------------------------------------------------------


@app.command()
def demo(
    people: Annotated[int, typer.Option(min=20, help="How many people live in the world.")] = 5000,
    seed: Annotated[int, typer.Option(help="Another seed, another world.")] = 1,
    folder: Annotated[Path, typer.Option(help="The demo's own folder: it is replaced.")] = Path("demo-data"),
    config: ConfigOption = CONFIG, report: ReportOption = None, port: Annotated[int, typer.Option(help="Port to listen at.")] = 8000,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End when the story is told.")] = False,
) -> None:
    """Four running sources in, golden records out, a change pushed back."""
    from hub.demo.run import DemoOptions, run_demo
    from hub.demo.show import Show

    show = Show(out, bars)
    figures = run_demo(DemoOptions(folder, config, people, seed), show)
    with figures.hub() as hub:
        write_report(report, figures.figures)
        if not no_serve:
            show.what_next(hub, port)
            run_server(hub, "127.0.0.1", port, jobs=True)


def main() -> None:
    """The entry point: a user's mistake gets words, never a traceback."""
    try:
        app()
    except ConfigError as error:
        for fault in error.faults:
            err.print(f"[red]✗[/red] {fault.where}: {fault.what}" + (f"\n    → {fault.remedy}" if fault.remedy else ""), soft_wrap=True)
        sys.exit(2)
    except HubError as error:
        err.print(f"[red]✗[/red] {error}", soft_wrap=True)
        for fault in getattr(error, "faults", ()):
            err.print(f"    {fault.where}: {fault.what}" + (f"\n    → {fault.remedy}" if fault.remedy else ""), soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
