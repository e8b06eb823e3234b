"""The verbs of privacy: what people ask about their data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.shared import (
    CONFIG,
    DATABASE,
    FOLDER,
    ConfigOption,
    DatabaseOption,
    FolderOption,
    asking,
    opened,
    out,
    private,
)
from hub.model import from_micros

if TYPE_CHECKING:
    from hub.language.files import Form
    from hub.open import Hub
    from hub.privacy.outliving import OutlivedCustomers
    from hub.privacy.requests import Kind, RequestSeen

FORMS: dict[str, Form] = {".html": "page", ".pdf": "pdf", ".csv": "csv"}  # by the ending of a file's name
privacy = typer.Typer(help="What people ask about their data: access, erasure, restriction.", no_args_is_help=True)
CustomerArgument = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.")]
RequestArgument = Annotated[str, typer.Argument(metavar="REQUEST", help="The request's id.")]
LanguageOption = Annotated[
    str, typer.Option("--language", help="In which they are answered; default: the customer's, where it is known.")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why: it is kept with the request.")]
BY = "cli"


@privacy.command("erase")
def privacy_erase(
    customer: CustomerArgument,
    reason: ReasonOption = "",
    language: LanguageOption = "",
    reviewed: Annotated[
        bool, typer.Option("--reviewed", help="Somebody looked: all of its records are this one person.")
    ] = False,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Erase a customer from everything that the hub keeps; it does not come back with a pull."""
    with opened(config, database, folder) as hub:
        spoken = _spoken(hub, customer, language)
        done = hub.requests.erase(customer, by=BY, reason=reason, reviewed=reviewed, language=spoken)
    _tell(done)
    _waiting(done)


@privacy.command("retention")
def privacy_retention(
    apply: Annotated[
        bool, typer.Option("--apply", help="Remove it now; else it is shown, and a job removes it.")
    ] = False,
    customers: Annotated[
        int | None,
        typer.Option(
            "--customers",
            help="With --apply: so many customers go, as was shown, though it is more than the guard lets through.",
        ),
    ] = None,
    ids: Annotated[bool, typer.Option("--ids", help="Name the customers who would go, each on a line.")] = False,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """What is older than any purpose has a use for it (`keeps` in purposes.yaml), and of which customers nothing was heard
    for longer, with counts."""
    from hub.privacy.outliving import Outliving
    from hub.privacy.retention import Retention

    with opened(config, database, folder) as hub:
        retention = Retention(hub.resolver)
        for o in retention.preview():
            out.print(f"{o.type}: {o.count} before {from_micros(o.before):%Y-%m-%d}, kept for {', '.join(o.purposes)}")
        outliving = Outliving(hub.requests)
        previewed = outliving.preview()
        for told in previewed:
            _tell_outlived(told, sum(len(t.ids) for t in previewed))
            for id in told.ids if ids else ():
                out.print(f"  {id}")
        if apply:
            done = retention.remove()
            out.print(f"removed: {sum(done.values())}")
            gone = outliving.remove(confirmed=customers)
            out.print(f"customers erased: {sum(gone.values())}; who has to answer: hub privacy requests")


@privacy.command("package")
def privacy_package(
    customer: CustomerArgument,
    to: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to: .pdf or .html to read, .json, or .csv of what was given.")
    ],
    portable: Annotated[
        bool, typer.Option("--portable", help="Only what was given and observed, to take elsewhere.")
    ] = False,
    language: LanguageOption = "",
    role: Annotated[
        str, typer.Option("--role", help="Who answers: its view of the customer is given.")
    ] = "privacy_officer",
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """All that is held of a customer, for themselves: values and where they are from, what for, who had and who saw them."""
    from hub.language.files import copy_file

    form = FORMS.get(to.suffix, "json")
    portable = portable or form == "csv"
    with opened(config, database, folder) as hub:
        asking_ = asking(hub.config, role)
        spoken = _spoken(hub, customer, language)
        kind: Kind = "portability" if portable else "access"
        request = hub.requests.open(customer, kind, by=BY, language=spoken)
        customer = hub.requests.running(request.id).customer
        document = hub.packages.made(asking_, customer, portable=portable)
        with open(to, "wb", opener=private) as file:
            file.write(copy_file(form, spoken, document, portable=portable).body)
        hub.requests.close(request.id)
    out.print(
        f"{to}: all that is held of {customer}" if not portable else f"{to}: what {customer} gave", soft_wrap=True
    )


@privacy.command("letter")
def privacy_letter(
    request: RequestArgument,
    to: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to: .pdf or .html; default: its text is printed.")
    ] = None,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """What the person is told of a request as it stands, in the language in which they are answered."""
    from hub.language.letters import letter
    from hub.language.paper import as_page, as_text

    with opened(config, database, folder, despite=True) as hub:
        paper = letter(hub.requests.get(request))
    if to is None:
        typer.echo(as_text(paper), nl=False)
        return
    if to.suffix == ".pdf":
        from hub.language.pdf import as_pdf  # what draws is loaded by whoever asks for a PDF

        body = as_pdf(paper)
    else:
        body = as_page(paper).encode()
    with open(to, "wb", opener=private) as file:
        file.write(body)
    out.print(f"{to}: a letter of {request}", soft_wrap=True)


@privacy.command("restrict")
def privacy_restrict(
    customer: CustomerArgument,
    reason: ReasonOption = "",
    language: LanguageOption = "",
    lift: Annotated[bool, typer.Option("--lift", help="End it: all is as it was.")] = False,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Hide a customer from everybody but who answers for privacy."""
    with opened(config, database, folder) as hub:
        before = (
            [r.request.language for r in hub.requests.of(customer) if r.request.kind == "restriction"] if lift else []
        )
        spoken = _spoken(hub, customer, language or next(iter(before), ""))
        request = hub.requests.restrict(customer, by=BY, reason=reason, lift=lift, language=spoken)
        out.print(f"{request.customer}: {request.state} ({request.id})")


@privacy.command("requests")
def privacy_requests(
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """What is asked, how far it is, and until when it has to be answered."""
    from hub.model import from_micros

    with opened(config, database, folder, despite=True) as hub:
        for seen in hub.requests.all(open_only=not every):
            r = seen.request
            due = from_micros(r.due).date().isoformat()
            out.print(f"{r.id}: {r.kind} of {r.customer} is {r.state}, due {due}", soft_wrap=True)
            _waiting(seen)


@privacy.command("go-on")
def privacy_go_on(
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """Take every open erasure on: after a crash, or when a subscriber has heard of it."""
    with opened(config, database, folder) as hub:
        out.print(f"{hub.requests.go_on_with_all()} open erasures")


@privacy.command("receipt")
def privacy_receipt(
    request: RequestArgument,
    recipient: Annotated[str, typer.Argument(help="Who answered, such as source:crm.")],
    note: Annotated[str, typer.Option("--note", help="What they answered, and how that is known.")] = "",
    impossible: Annotated[bool, typer.Option("--impossible", help="They cannot.")] = False,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Note that a recipient did what was asked, or cannot."""
    with opened(config, database, folder) as hub:
        _tell(hub.requests.answered(request, recipient, note=note, impossible=impossible))


@privacy.command("release")
def privacy_release(
    request: RequestArgument,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Let who was erased come back, with the next pull that brings them."""
    with opened(config, database, folder) as hub:
        out.print(f"{hub.requests.release(request)} hashes released")


@privacy.command("scan")
def privacy_scan(
    values: Annotated[list[str], typer.Argument(help="Values that must stand nowhere.")],
    also: Annotated[
        list[Path] | None, typer.Option("--also", help="A file or folder to read too: exports, logs, backups.")
    ] = None,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Look for values in every byte that the hub keeps: its folder, its database and its log, and what you name. Ends with 1
    when one is found. Values are told by their number, never by themselves."""
    from hub.privacy.scan import scan

    with opened(config, database, folder, despite=True) as hub:
        read, found = scan(hub.database, folder, values, also or ())
    for place in found:
        out.print(f"value {place.value}: {place.where}", soft_wrap=True)
    out.print(f"{len(values)} values looked for in {read} files and tables: found in {len(found)}")
    if found:
        raise typer.Exit(1)


def _spoken(hub: Hub, customer: str, wanted: str) -> str:
    """In which language somebody is answered: as it is wanted, else theirs, where it is known."""
    from hub.golden_record.customers import find_customer
    from hub.language.catalog import first_named

    with hub.database.read() as connection:
        known = find_customer(connection, customer).values.get("language", ())
    return first_named(wanted, *known)


def _tell_outlived(told: OutlivedCustomers, whole: int) -> None:
    since = f"{from_micros(told.before):%Y-%m-%d}"
    out.print(
        f"{told.type}: {len(told.ids)} of {told.customers} customers, nothing heard since {since}, kept for {', '.join(told.purposes)}",
        soft_wrap=True,
    )
    for reason, count in sorted(told.kept.items()):
        out.print(f"  quiet too, and kept: {count} for {reason}")
    if len(told.ids) > told.most:
        out.print(f"  more than the {told.most} that go by themselves: all types wait for --apply --customers {whole}")


def _tell(standing: RequestSeen) -> None:
    r = standing.request
    out.print(f"{r.id}: {r.kind} of {r.customer} is {r.state}", soft_wrap=True)


def _waiting(standing: RequestSeen) -> None:
    for receipt in standing.receipts:
        if receipt.state == "open":
            out.print(f"  waits for {receipt.recipient}")
