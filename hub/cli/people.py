"""The verbs of people: accounts of the staff who sign in with a password."""

from __future__ import annotations

from typing import Annotated

import typer
from rich import box
from rich.table import Column, Table

from hub.cli.shared import CONFIG, DATABASE, FOLDER, ConfigOption, DatabaseOption, FolderOption, err, opened, out

users = typer.Typer(
    help="People who sign in with a password: no account has one until its owner sets it.", no_args_is_help=True
)
WhoArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name of the account, or its id.")]
RoleOption = Annotated[
    str, typer.Option("--role", help="A role of access.yaml, or several with commas: one is chosen.")
]


@users.command("add")
def users_add(
    name: Annotated[str, typer.Argument(help="What its owner signs in by, such as ann or ann@example.com.")],
    role: RoleOption,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Make an account and a one-time token, with which its owner sets the password."""
    from hub.access.authentication.accounts import add_account

    with opened(config, database, folder, despite=True) as hub:
        token, account = add_account(hub.database, hub.config, name, role.split(","))
        _tell(token, f"{account.name} ({account.id}, {', '.join(account.roles)})", hub.config.access.sign_in.set_up)


@users.command("list")
def users_list(
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """What accounts there are."""
    from hub.access.authentication.accounts import list_accounts
    from hub.model import from_micros

    with opened(config, database, folder, despite=True) as hub:
        shown = Table(
            Column("id", no_wrap=True),
            "name",
            "roles",
            "by",
            "second factor",
            "last sign-in",
            "state",
            box=box.SIMPLE_HEAD,
            padding=0,
        )
        for a in list_accounts(hub.database):
            last = "never" if a.signed_in_at is None else from_micros(a.signed_in_at).isoformat(timespec="minutes")
            waiting = "waits for set-up" if a.password is None and not a.issuer else "live"
            state = "disabled" if a.disabled_at else waiting
            factor = "yes" if a.second_factor else "no"
            shown.add_row(a.id, a.name, ", ".join(a.roles), a.issuer or "password", factor, last, state)
        out.print(shown)


@users.command("disable")
def users_disable(
    name: WhoArgument, config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """End an account at once, and its sessions."""
    from hub.access.authentication.accounts import disable_account

    with opened(config, database, folder, despite=True) as hub:
        out.print(f"{disable_account(hub.database, name).name} is disabled and signed out everywhere")


@users.command("reset")
def users_reset(
    name: WhoArgument, config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """A new one-time token: the old password, second factor and sessions are void. A disabled account is live again."""
    from hub.access.authentication.accounts import reset_account

    with opened(config, database, folder, despite=True) as hub:
        token, account = reset_account(hub.database, hub.config, name)
        hub.gate.sign_ins.forgive(account.subject)
        _tell(token, f"{account.name} ({account.id})", hub.config.access.sign_in.set_up)


@users.command("roles")
def users_roles(
    name: WhoArgument,
    role: RoleOption,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Give an account these roles instead of those that it has. It is signed out."""
    from hub.access.authentication.accounts import set_roles

    with opened(config, database, folder, despite=True) as hub:
        changed = set_roles(hub.database, hub.config, name, role.split(","))
        out.print(f"{changed.name} has now: {', '.join(changed.roles)}")


@users.command("unlock")
def users_unlock(
    name: WhoArgument, config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """Let a name sign in again that has to wait after wrong tries."""
    with opened(config, database, folder, despite=True) as hub:
        hub.gate.sign_ins.forgive(name)
        out.print(f"{name} need not wait any more")


def _tell(token: str, whose: str, life: str) -> None:
    out.print(token, soft_wrap=True)
    err.print(
        f"one-time token of {whose}: give it to its owner within {life}; it is not shown again.\n"
        "They set the password with it on the hub's page /set-up, or by POST /v1/session/set-up",
        markup=False,
        soft_wrap=True,
    )
