"""`hub evaluate | estimate | explain`: how good the result is, and why."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

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
    known_type,
    opened,
    out,
    private,
    tell,
    write_report,
)
from hub.errors import ConfigError, Fault

app = typer.Typer()


@app.command()
def evaluate(
    sets: Annotated[list[Path], typer.Argument(help="YAML files of record sets with truth.")],
    config: ConfigOption = CONFIG,
    report: ReportOption = None,
) -> None:
    """Run record sets whose truth is known through a hub of their own, and print how good the result is."""
    from hub.quality.evaluation import run_set
    from hub.settings import load_customer_types

    customers = load_customer_types(config)  # a set brings its own sources
    shown = Table(
        "set", "records", "P", "R", "F1", "B3 P", "B3 R", "B3 F1", "found", "true", "s", box=None, padding=(0, 1, 0, 0)
    )  # 80 columns
    figures, sizes = [], []
    for file in sets:
        with bars() as step:
            found = run_set(file, customers, progress=step)
        if found is None:
            out.print(f"{file}: its files are not here, skipped")
            continue
        q = found.quality
        shown.add_row(
            found.title,
            f"{q.records:,}",
            *(f"{x:.4f}" for x in (q.precision, q.recall, q.f1, q.b3_precision, q.b3_recall, q.b3_f1)),
            f"{q.customers:,}",
            f"{q.true_customers:,}",
            f"{found.seconds:.0f}",
        )
        sizes.append(f"{found.title}: " + ", ".join(f"{n:,} of {size}" for size, n in sorted(q.sizes.items())))
        sizes.extend(f"{found.title}: {n} rows set aside: {reason}" for reason, n in found.reasons.items())
        figures.append(found.as_dict())
    out.print(shown)
    out.print("P, R, F1: precision and recall of pairs; B3: B-cubed; found and true: customers; s: seconds")
    out.print("cluster sizes")
    for line in sizes:
        out.print(f"  {line}")
    write_report(report, figures)


@app.command()
def estimate(
    sample: Annotated[int, typer.Option(min=20, help="How many pairs to label.")] = 200,
    to: Annotated[
        Path | None,
        typer.Option("--out", help="Draw pairs and write them to this CSV file, to be labelled in its column 'same'."),
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="Read a labelled file and estimate.")] = None,
    customer_type: Annotated[str, typer.Option("--type", help="person or organisation")] = "person",
    seed: int = 0,
    role: Annotated[str, typer.Option(help="In whose view the pairs are written.")] = "steward",
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
    report: ReportOption = None,
) -> None:
    """Precision and recall of this hub without truth, from a few pairs that a steward labels."""
    from hub.quality.accuracy import keep
    from hub.quality.estimation import draw_pairs, read_labels

    if (to is None) == (labels is None):
        raise ConfigError(
            [
                Fault(
                    "hub estimate",
                    "needs one of --out and --labels",
                    "first --sample 200 --out pairs.csv, then --labels pairs.csv",
                )
            ]
        )
    if labels is not None and not labels.is_file():
        raise ConfigError([Fault("--labels", f"no such file: {labels}", "write it with hub estimate --out")])
    with opened(config, database, folder) as hub:
        known_type(hub.config, customer_type)
        if to is not None:
            from hub.cli.sheet import safe

            drawn = draw_pairs(hub.reader, asking(hub.config, role), customer_type, sample, seed=seed)
            with open(to, "w", encoding="utf-8", newline="", opener=private) as target:
                writer = csv.writer(target)
                writer.writerow(drawn.columns)
                writer.writerows(
                    [row.get(c, "") if c == "weight" else safe(row.get(c)) for c in drawn.columns] for row in drawn.rows
                )
            known = sum(1 for row in drawn.rows if row["same"])
            out.print(
                f"{to}: {len(drawn.rows):,} of {drawn.pairs:,.0f} pairs, {known:,} of them decided already; write yes or no under 'same', "
                f"then: hub estimate --labels {to}",
                soft_wrap=True,
            )
        if labels is not None:
            print_estimated(found := read_labels(hub.reader, labels, customer_type, seed=seed))
            keep(hub.database, customer_type, found)
            write_report(report, found.as_dict())


def print_estimated(found: Any) -> None:
    shown = Table(
        "pairs by match weight",
        Column("pairs", justify="right"),
        Column("labelled", justify="right"),
        Column("same", justify="right"),
    )
    for x in found.strata:
        shown.add_row(x.stratum.name, f"{x.stratum.pairs:,.0f}", str(x.labelled), str(x.same))
    out.print(shown)
    e = found.estimate
    rows = (
        ("precision", e.precision, "of the pairs that are together, those that are one customer"),
        ("recall", e.recall, "of the compared pairs that are one customer, those that are together"),
        ("overall recall", e.overall, f"with the {100 * found.lost:.2f} % that blocking is estimated to lose"),
        ("F1", e.f1, "of precision and recall"),
    )
    for name, i, words in rows:
        out.print(f"{name:<15} {i.estimate:.3f}  95 % interval {i.low:.3f} to {i.high:.3f}   {words}", soft_wrap=True)
    if found.open:
        out.print(f"{found.open:,} pairs have no label and were left out")


@app.command()
def explain(
    left: Annotated[str, typer.Argument(help="A customer id, or a record: source/stream/key.")],
    right: Annotated[
        str | None, typer.Argument(help="A second record: why these two are, or are not, one customer.")
    ] = None,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
    role: Annotated[str, typer.Option(help="In whose view.")] = "steward",
) -> None:
    """Why records are one customer, or are not."""
    from hub.access.stories import record_id, tell_customer, tell_records

    with opened(config, database, folder) as hub:
        principal = asking(hub.config, role)
        if right is not None:
            lines = tell_records(hub.reader, principal, record_id(left), record_id(right))
        else:
            id = hub.reader.crosswalk(principal, record=record_id(left)).customer if "/" in left else left
            lines = tell_customer(hub.reader, principal, id)
        for line in lines:
            tell(line)
