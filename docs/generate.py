"""Writes docs/reference.md from the code: `python -m docs.generate`. A test fails when the file is stale."""

from __future__ import annotations

import ast
import inspect
import io
import json
import re
import tempfile
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from hub import settings
from hub.app import create_app
from hub.cli import app
from hub.connectors import registry  # noqa: F401 - makes the kinds of connectors known
from hub.db import Database
from hub.kinds import KINDS, form_names
from hub.model import Rule, Sight
from hub.open import Hub
from hub.quality import evaluation

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docs" / "reference.md"

HEAD = """# Reference

Made from the code by `python -m docs.generate`. Do not edit it by hand: a test fails when it is stale.

[Commands](#commands) · [Configuration](#configuration) · [Kinds](#kinds) · [Survivorship](#survivorship) · [Roles](#roles) · [API](#api) · [Environment variables](#environment-variables)
"""

RULES = {
    Rule.MOST_TRUSTED: "the value of the most trusted stream; with `half_life`, trust fades with the age of the value",
    Rule.MOST_RECENT: "the value with the latest time; a value without a time ranks last",
    Rule.MOST_FREQUENT: "the value that most records give, small and capital letters alike",
    Rule.MOST_COMPLETE: "the value with most parts, then the longest",
    Rule.UNION: "all values, the most trusted first (for `many: true`)",
    Rule.MIN: "the smallest number, or the first text",
    Rule.MAX: "the largest number, or the last text",
    Rule.MOST_RESTRICTIVE: "of consents: denied before unknown before granted",
}

SIGHTS = {
    Sight.SHOW: "as it is; may be searched and explained",
    Sight.MASK: "a part of it, as its kind has it",
    Sight.FIRST_LETTER: "its first letter",
    Sight.LAST_4: "its last four letters or digits, where it has more than eight",
    Sight.DOMAIN: "what stands behind the @ of an e-mail address",
    Sight.YEAR: "the year of a date",
    Sight.PSEUDONYM: "a token: the same for the same value, and nothing more",
    Sight.HIDE: "not at all; the same as not naming it",
}

PERMISSIONS = {
    "identify": "find out who is calling, and compare a caller's answers with what is held",
    "break_glass": "see one customer as another role does, for some minutes and a reason",
    "audit": "see who saw a customer, and who broke glass",
    "privacy": "see customers whose data are restricted; answer people about their data",
    "read": "search and read customers, their history, the feed of changes",
    "crosswalk": "names of source records, and what each says",
    "explain": "why records are one customer",
    "match": "ask which customers a row would join",
    "write_records": "give and delete source records",
    "log": "write down what happened with a customer",
    "decide": "the review queue, decisions, acts on whole customers",
    "override": "values set by hand",
    "subscribe": "be sent changes by webhook, in the role's view",
    "metrics": "figures of the service",
    "own": "of customers: to see and put right what is theirs, and nothing else",
    "ask": "of a company: ask customers for data, which they grant or not",
    "admin": "with `decide`: take back in bulk what a person decided, or what a source landed",
}

VARIABLES = {
    "HUB_AUDIT_CHECKPOINTS": "a file that `hub serve` adds a signed checkpoint of the audit chain to, each hour",
    "HUB_CONFIG": "folder of the configuration (`--config`)",
    "HUB_DATABASE_URL": "`sqlite:///path` or `postgresql://user:password@host/name` (`--database`)",
    "HUB_FOLDER": "folder of the hub's secret and audit file (`--folder`)",
    "HUB_BEHIND_PROXY": "set where a proxy that speaks TLS passes requests on (`--behind-proxy`)",
    "HUB_HOST": "address that `hub serve` listens at",
    "HUB_PORT": "port that `hub serve` listens at",
    "HUB_READ_URL": "a standby of the hub's PostgreSQL, for requests that only read; `HUB_READ_URL_FILE` names a file that holds it",
    "HUB_SECRET": "the hub's secret, at least 32 characters; `HUB_SECRET_FILE` names a file that holds it; else `secret` in the hub's folder",
    "HUB_SECRET_FILE": "see `HUB_SECRET`",
    "HUB_SECRET_PREVIOUS": "what the secret was before, several separated by spaces: `hub verify` checks with them the audit lines of that time; `HUB_SECRET_PREVIOUS_FILE` names a file",
    "HUB_SPARK_FOLDER": "a folder that the hub and every executor of Spark see, a path or a URL (`hub match --engine spark`); a local master needs none",
    "HUB_SPARK_MASTER": "where Spark runs: `local[*]` (default), `spark://host:7077`, `yarn` ...",
    "HUB_ADDABLE": "what a source that is added in the console may use beyond folders within the configuration's: other folders, with a `/` in them; variables that hold a database's URL, by name alone, which are never sent anywhere; and variables that hold a bearer token, each with the one host that it is sent to (with its port, where the address has one), such as `/srv/drop,SHOP_URL,SHOP_TOKEN@shop.example.com`",
    "HUB_WEBHOOK_NETWORKS": "networks beyond the public ones to which webhooks may go, such as `10.0.0.0/8,127.0.0.0/8`; http only there",
    "HUB_DEMO_DATABASE_URL": "database of `hub demo`, instead of SQLite in its folder",
    "HUB_FAIL": "crash tests only: die at a named place",
    "HUB_CHROMIUM": "tests only: the browser that drives the console, instead of the one that is found",
    "HUB_SCREENSHOTS": "tests only: a folder that keeps how the console's pages looked",
    "HUB_TEST_POSTGRES_URL": "tests only: a PostgreSQL server to use instead of the one from the wheel",
    "HUB_EXAMPLES": "tests only: how many examples a property draws",
    "HUB_FUZZ_SEED": "tests only: another draw of hostile rows",
    "HUB_PROVE": "tests only: set by `make prove`",
}


def reference() -> str:
    """The whole text."""
    return (
        "\n".join(
            [HEAD, *commands(), *configuration(), *kinds(), *survivorship(), *roles(), *routes(), *variables()]
        ).rstrip()
        + "\n"
    )


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    named = list(columns)
    yield "| " + " | ".join(named) + " |"
    yield "|" + "---|" * len(named)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
    yield ""


def one_line(text: str | None) -> str:
    return " ".join((text or "").split())


# --- commands ---------------------------------------------------------------------------------------


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Each verb with its full name."""
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from leaves(inner, (*path, name))
    else:
        yield " ".join(("hub", *path)), command


def commands() -> Iterator[str]:
    yield "## Commands\n"
    for name, command in leaves(typer.main.get_command(app)):
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        shown = " ".join(_argument(p) for p in arguments)
        yield f"### {name}\n"
        yield f"`{name}{' ' + shown if shown else ''}` · {one_line(command.help)}\n"
        rows = [(f"`{_argument(p)}`", one_line(p.help), "") for p in arguments if getattr(p, "help", None)]
        rows += [
            (
                " ".join(f"`{o}`" for o in p.opts),
                one_line(p.help) + (f" (`{p.envvar}`)" if p.envvar else ""),
                _default(p),
            )
            for p in command.params
            if p.param_type_name == "option" and p.name != "help"
        ]
        if rows:
            yield from table(("argument or option", "what it is", "default"), rows)


def _argument(p: Any) -> str:
    name = (p.name or "").upper()
    name = f"{name}..." if p.nargs == -1 else name
    return name if p.required else f"[{name}]"


def _default(p: Any) -> str:
    if p.required:
        return "needed"
    return "" if p.default is None or p.default is False or callable(p.default) else f"`{p.default}`"


# --- configuration ----------------------------------------------------------------------------------


def systems() -> Iterator[type[BaseModel]]:
    """What each kind of connector adds: its connection, its streams' own keys, and the models in them."""
    for _, source in sorted(settings.SOURCES.items()):
        for name in ("connector", "streams"):
            yield from models_in(source.model_fields[name].annotation)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, each before those in its own keys."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for name in own_keys(annotation):
            yield from models_in(annotation.model_fields[name].annotation)
    for inner in get_args(annotation):
        yield from models_in(inner)


def own_keys(model: type[BaseModel]) -> list[str]:
    """Its keys but those that it has from another model of this page."""
    return [name for name in model.model_fields if name in model.__annotations__ and name != "name"]


FILES: tuple[tuple[str, str, tuple[type[BaseModel], ...]], ...] = (
    (
        "customers/NAME.yaml",
        "A customer type. Its name is the file's.",
        (settings.CustomerType, settings.Attribute, settings.Survivorship, settings.Matching),
    ),
    (
        "interactions/NAME.yaml",
        "What may happen with a customer. Its name is the file's. Fifteen types are shipped.",
        (settings.InteractionType,),
    ),
    (
        "sources/NAME.yaml",
        "A source. Its name is the file's.",
        (
            settings.Source,
            settings.Stream,
            settings.Owner,
            *systems(),
            settings.Trust,
            settings.WriteBack,
        ),
    ),
    (
        "access.yaml",
        "Who sees what.",
        (
            settings.Access,
            settings.Role,
            settings.SignIn,
            settings.IdentityProvider,
            settings.OpenIdProvider,
            settings.Client,
            settings.CustomerSignIn,
            settings.Sender,
            settings.CustomerProvider,
            settings.RecordClaim,
            settings.CallerRules,
        ),
    ),
    ("purposes.yaml", "What for.", (settings.Purposes, settings.Purpose, settings.Answering, settings.QuietCustomers)),
    (
        "relations/NAME.yaml",
        "How two customers may belong together. Its name is the file's. Four types are shipped.",
        (settings.RelationType,),
    ),
    (
        "figures.yaml",
        "What customers are worth, what they cost, and who is alike in that; not needed.",
        (settings.Figures, settings.Figure, settings.Segment, settings.Tariff),
    ),
    (
        "lists/NAME.yaml",
        "A list to work on. Its name is the file's. Three are shipped.",
        (settings.WorkList, settings.Escalation),
    ),
    ("drops/NAME.yaml", "A folder into which changed customers are put. Its name is the file's.", (settings.FileDrop,)),
    (
        "guidance/NAME.md",
        "What to say about a topic: front matter between two lines `---`, then the text.",
        (settings.GuidanceCard,),
    ),
    (
        "campaigns/NAME.yaml",
        "A campaign. Its name is the file's. None is shipped.",
        (settings.Campaign, settings.CampaignOffer),
    ),
    (
        "processes/NAME.yaml",
        "What is to be done step by step. Its name is the file's. One is shipped.",
        (settings.Process, settings.ProcessStart, settings.ProcessStep),
    ),
    ("working_hours.yaml", "When people work; not needed.", (settings.WorkingHours,)),
    (
        "evaluate/NAME.yaml",
        "A set of records with truth, for `hub evaluate`. The hub itself does not read it.",
        (evaluation.EvaluationSet, evaluation.SetSource),
    ),
)


def configuration() -> Iterator[str]:
    yield "## Configuration\n"
    yield "Unknown keys are refused. A duration is a number and one of `s m h d w y`, such as `2y`. `hub check --schemas FOLDER` writes JSON Schemas for editors.\n"
    for file, what, models in FILES:
        yield f"### {file}\n"
        yield f"{what}\n"
        for model in dict.fromkeys(models):  # what several keys hold is told once
            yield f"**{model.__name__}**" + (f": {one_line(model.__doc__)}" if model.__doc__ else "") + "\n"
            said = comments(model)
            yield from table(
                ("key", "type", "default", "what it is"),
                (
                    (
                        f"`{name}`",
                        f"`{spelled(field.annotation)}`",
                        default_of(field),
                        field.description or said.get(name, ""),
                    )
                    for name, field in ((n, model.model_fields[n]) for n in own_keys(model))
                ),
            )


def comments(model: type[BaseModel]) -> dict[str, str]:
    """Field -> the comment on its lines: hub/settings describes its keys there."""
    source = inspect.getsource(model)
    body = ast.parse(source).body[0]
    assert isinstance(body, ast.ClassDef)
    lines = {
        line: node.target.id
        for node in body.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and token.start[0] in lines:
            found[lines[token.start[0]]] = token.string.removeprefix("#").strip()
    return found


def spelled(annotation: Any) -> str:
    text = (
        annotation.__name__ if isinstance(annotation, type) and not hasattr(annotation, "__args__") else str(annotation)
    )
    text = re.sub(r"typing\.|hub\.(?:[a-z_]+\.)+|<enum '(\w+)'>", r"\1", text)
    text = re.sub(r"Annotated\[(.*), FieldInfo\(.*\)\]", r"\1", text)
    return re.sub(r"Literal\[([^\]]*)\]", lambda m: m[1].replace("'", "").replace(", ", " | "), text)


def default_of(field: Any) -> str:
    if field.default_factory is not None:
        return "`{}`"
    if field.default is PydanticUndefined:
        return "needed"
    value = field.default.model_dump(mode="json") if isinstance(field.default, BaseModel) else field.default
    if value is None:
        return ""
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value, default=str, ensure_ascii=False)}`"


# --- kinds, rules, roles ----------------------------------------------------------------------------


def kinds() -> Iterator[str]:
    yield "## Kinds\n"
    yield "A kind decides how values are cleaned, compared and masked. Candidate rules name its comparison forms: `email` is the main one, `email.folded` another.\n"

    def rows() -> Iterator[tuple[str, ...]]:
        for name, kind in KINDS.items():
            said = one_line(kind.about)
            names = [f or "(main)" for f in form_names(kind)]
            yield f"`{name}`", said, ", ".join(names), ", ".join(kind.parts)

    yield from table(("kind", "what it is", "comparison forms", "parts"), rows())


def survivorship() -> Iterator[str]:
    yield "## Survivorship\n"
    yield "A verified value goes before a claimed one, whatever the rule. Ties go to `fallbacks`, then to trust, then to time; a total order ends them.\n"
    yield from table(("rule", "which value wins"), ((f"`{rule.value}`", RULES[rule]) for rule in Rule))


def roles() -> Iterator[str]:
    yield "## Roles\n"
    yield '`views` says how a role sees each attribute. What is not named is hidden; `"*"` stands for all attributes that are not named.\n'
    yield from table(("sight", "what it shows"), ((f"`{sight.value}`", SIGHTS[sight]) for sight in Sight))
    yield from table(
        ("permission (`may`)", "what it allows"), ((f"`{p}`", PERMISSIONS[p]) for p in settings.Permission.__args__)
    )


# --- API ----------------------------------------------------------------------------------------------


def api() -> Any:
    """The application, for its description alone."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/hub.sqlite")
        hub = Hub.open(
            database, settings.load(ROOT / "config", {}, reaching=False), Path(folder), {"HUB_SECRET": "x" * 32}
        )
        made = create_app(hub)
        made.openapi()
        hub.close()
        database.close()
        return made


def routes() -> Iterator[str]:
    yield "## API\n"
    yield "`hub serve` shows all of it, with examples, at `/docs`; the description itself is `/openapi.json`.\n"
    made = api()
    needed = dict(permissions(made.routes))

    def rows() -> Iterator[tuple[str, ...]]:
        for path, operations in made.openapi()["paths"].items():
            for method, operation in operations.items():
                asked = ", ".join(f"`{p['name']}`" for p in operation.get("parameters", ()) if p["in"] == "query")
                yield (
                    f"`{method.upper()} {path}`",
                    f"`{needed[method.upper(), path]}`",
                    one_line(operation.get("description")),
                    asked,
                )

    yield from table(("request", "permission", "what it answers", "query"), rows())


def permissions(listed: Iterable[Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """(method, path) -> the permission that its dependencies declare."""
    for route in listed:
        if inner := getattr(getattr(route, "original_router", None), "routes", None):
            yield from permissions(inner)
        elif dependant := getattr(route, "dependant", None):
            for d in dependant.dependencies:
                if said := getattr(d.call, "permission", None):
                    for method in route.methods:
                        yield (method, route.path_format), said


# --- environment --------------------------------------------------------------------------------------


def variables() -> Iterator[str]:
    yield "## Environment variables\n"
    yield (
        "Secrets and addresses of sources come from variables that their files name (`url_env`, `bearer_env` ...). For each such variable, "
        "`VARIABLE_FILE` may name a file that holds the value instead.\n"
    )
    code = "\n".join(
        p.read_text(encoding="utf-8")
        for folder in ("hub", "tests", "benchmarks")
        for p in sorted((ROOT / folder).rglob("*.py"))
    )
    used = (
        set(re.findall(r"environ(?:\.get\(|\[)\"(HUB_\w+)\"", code))
        | set(re.findall(r"envvar=\"(HUB_\w+)\"", code))
        | set(re.findall(r"^[A-Z]+ = \"(HUB_\w+)\"", code, re.MULTILINE))
        | {"HUB_SECRET"}
    )
    unknown = used - VARIABLES.keys()
    if unknown:
        raise SystemExit(f"docs/generate.py: say in VARIABLES what {', '.join(sorted(unknown))} is")
    yield from table(
        ("variable", "what it is"), ((f"`{name}`", said) for name, said in VARIABLES.items() if name in used)
    )


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
