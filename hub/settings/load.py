"""Files of a configuration -> the configuration, or every fault in it at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from hub.errors import ConfigError, Fault
from hub.settings.access import Access
from hub.settings.campaigns import Campaign, campaign_faults
from hub.settings.checks import access_faults, missing_variables, source_faults
from hub.settings.config import Config
from hub.settings.customers import CustomerType
from hub.settings.drops import FileDrop, drop_faults
from hub.settings.figures import Figures, figure_faults
from hub.settings.guidance import GuidanceCard, card_faults, split
from hub.settings.interactions import InteractionType
from hub.settings.lists import WorkList, list_faults
from hub.settings.processes import Process, process_faults
from hub.settings.purposes import Answering, Purposes, QuietCustomers
from hub.settings.relations import RelationType
from hub.settings.sources import SOURCES, Source
from hub.settings.working_time import WorkingHours

FOLDERS = (
    "campaigns",
    "customers",
    "drops",
    "evaluate",
    "guidance",
    "interactions",
    "lists",
    "processes",
    "relations",
    "sources",
)  # of a configuration: no source's files are in them
SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where it is there: ten times as fast
T = TypeVar("T", bound=BaseModel)


class _Once(SAFE):  # type: ignore[misc,valid-type]  # which of the two it is depends on the machine
    """Refuses a key that stands twice in one place: YAML would take the last one and say nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' stands twice here", key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        found: dict[object, object] = super().construct_mapping(node, deep)
        return found


def _read_yaml(path: Path, faults: list[Fault]) -> dict[str, object] | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        faults.append(Fault(str(path), f"cannot be read: {error}", "save it as UTF-8 text"))
        return None
    return _yaml_of(text, path, faults)


def _yaml_of(text: str, path: Path, faults: list[Fault]) -> dict[str, object] | None:
    try:
        found = yaml.load(text, Loader=_Once)  # noqa: S506 - it is a safe one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        remedy = str(getattr(error, "problem", "") or "check the indentation")
        faults.append(Fault(f"{path}{line}", "not readable as YAML", remedy))
        return None
    if not isinstance(found, dict):
        faults.append(Fault(str(path), "must hold keys and values", "see README, 'Your first source'"))
        return None
    return found


def _parse(cls: type[T], path: Path, faults: list[Fault], **extra: object) -> T | None:
    data = _read_yaml(path, faults)
    return None if data is None else _validated(cls, data, path, faults, **extra)


def _validated(cls: type[T], data: dict[str, object], path: Path, faults: list[Fault], **extra: object) -> T | None:
    try:
        return cls.model_validate({**data, **extra})
    except ValidationError as error:
        connector = data.get("connector")
        kind = connector.get("kind") if cls is Source and isinstance(connector, dict) else None
        for item in error.errors():
            key = ".".join(str(part) for part in item["loc"]) or "(top)"
            what, remedy = item["msg"].removeprefix("Value error, "), ""
            if item["type"] == "extra_forbidden":
                what, remedy = _unknown_key(SOURCES.get(kind, cls) if kind else cls, item["loc"], kind)
            elif item["type"] == "missing":
                what, remedy = _missing_key(str(item["loc"][-1]))
            faults.append(Fault(f"{path}: {key}", what, remedy))
        return None


REQUIRED = {
    "connector": ("how the system is reached", "connector: {kind: file, path: drop}"),
    "kind": ("what sort of thing it is", "kind: file of a connector, kind: email of an attribute"),
    "url_env": ("the variable that holds the address of the database", "url_env: BILLING_URL"),
    "host": ("the name of the server", "host: drop.example.com"),
    "user": ("the name that the hub signs in with there", "user: hub"),
    "streams": ("the kinds of rows in the source", "streams: {customers: {customer: person, key: id, map: {...}}}"),
    "key": ("the column that tells one row from all others", "key: id, or key: [company, number]"),
    "attributes": (
        "which attributes there are",
        "attributes: {email: {kind: email}}; of write_back: attributes: [phone]",
    ),
    "table": ("the table or view that the rows stand in", "table: addresses"),
    "claim": ("what the provider calls the number that it tells of a customer", "claim: customer_no"),
    "source": ("a source, by the name of its file", "source: billing"),
    "stream": ("a stream of that source", "stream: customers"),
    "folder": ("where the files are put", "folder: /srv/exchange/warehouse"),
    "rest": ("where the records are and how to page through them", "rest: {path: people, page: offset}"),
    "basis": ("the legal ground of the purpose", "basis: contract"),
    "is": ("how the figure is worked out", "is: count(order, months=12)"),
    "when": ("the condition", "when: count(complaint, months=12) >= 3"),
    "at": ("which attribute says when it happened", "at: placed"),
    "of": ("the type of interactions that the list is made of", "of: enquiry"),
    "states": ("how something on the list may stand, the first before anybody did anything", "states: [open, done]"),
    "ends": ("the states in which it is done", "ends: [done]"),
    "to": ("the role whose it is when it is overdue", "to: lead_steward"),
    "title": ("what the card is about, in a line", "title: When the meter is read"),
    "topics": ("what one asks for to be given the card", "topics: [meter reading]"),
    "since": ("the first day of the campaign", "since: 2026-11-01"),
    "until": ("the last day of the campaign", "until: 2027-01-31"),
    "offers": ("what leads to the campaign", "offers: {letter: {codes: [W26-A]}}"),
    "starts": ("what starts the process", "starts: {interaction: move, states: [announced]}"),
    "steps": ("what is to be done, in its order", "steps: [{name: confirm_address, role: customer_service}]"),
    "name": ("what the step is called in addresses", "name: confirm_address"),
    "issuer": ("the address of the OpenID provider", "issuer: https://login.example.com"),
    "client_id_env": ("the variable that holds the client's id", "client_id_env: CRM_CLIENT"),
    "client_id": ("what the hub is called at the provider", "client_id: hub"),
    "role": ("what the system sees and may do", "role: billing"),
    "read": ("of a batch: the request that reads many records by their keys", "read: {path: people/batch/read}"),
    "update": ("of a batch: the request that writes changed fields of many records", "update: {path: people/batch}"),
    "path": ("of the collection, below the base URL", "path: people"),
    "write_key_env": ("the variable that holds the key which clients send", "write_key_env: SEGMENT_WRITE_KEY"),
    "command": ("the tap's command", "command: tap-github, and packages: [tap-github==1.2.0]"),
    "key_env": ("the variable that holds the key of the service", "key_env: STRIPE_KEY"),
    "database": ("name of the database within the system", "database: crm"),
}  # what each key is that a file cannot do without, and how it is written


def _missing_key(name: str) -> tuple[str, str]:
    what, example = REQUIRED[name]
    return f"is missing: {what}", f"write for example {example}"


def _unknown_key(cls: type[BaseModel], loc: tuple[int | str, ...], kind: str | None) -> tuple[str, str]:
    """What to say of a key that its place does not know: the nearest that it does, or whose it is."""
    known = list(_model_at(cls, loc[:-1]).model_fields)
    name = str(loc[-1])
    if kind and len(loc) == 3 and any(name in _model_at(other, loc[:-1]).model_fields for other in SOURCES.values()):
        return f"a {kind} connector does not use this", f"remove it, or change connector.kind from {kind}"
    near = get_close_matches(name, known, 1)
    return f"unknown key '{name}'", (f"did you mean {near[0]}? " if near else "") + f"known keys: {', '.join(known)}"


def _model_at(cls: type[BaseModel], loc: Sequence[int | str]) -> type[BaseModel]:
    """The model that stands at a place: names of fields lead to theirs, names of entries to what a mapping holds."""
    for part in loc:
        field = cls.model_fields.get(str(part))
        if field is not None:
            cls = next(_models_in(field.annotation), cls)
    return cls


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def load(folder: Path, env: Mapping[str, str] | None = None, *, reaching: bool = True, despite: bool = False) -> Config:
    """The configuration of a folder, or a ConfigError with every fault in it.

    reaching: whether sources will be reached, so that the variables that they need must be set.
    despite: a source with a fault is left out and told in `Config.aside`. For what derives nothing: a hub that
    lacks a source would hold all that it derived for stale.
    """
    env = os.environ if env is None else env
    faults: list[Fault] = []
    if not folder.is_dir():
        raise ConfigError([Fault(str(folder), "no such folder", "pass --config or set HUB_CONFIG")])
    customers = _load_folder(CustomerType, folder / "customers", faults)
    aside: list[Fault] = []
    sources = _load_folder(Source, folder / "sources", aside)
    access = _optional(Access, folder / "access.yaml", faults) or Access()
    purposes = _optional(Purposes, folder / "purposes.yaml", faults)
    if not customers and not faults:
        faults.append(Fault(str(folder / "customers"), "no customer type", "copy config/customers/person.yaml"))
    interactions = _load_folder(InteractionType, folder / "interactions", faults)
    figures_file = folder / "figures.yaml"
    figures = _optional(Figures, figures_file, faults) or Figures()
    config = Config(
        folder=folder,
        customers=customers,
        sources=sources,
        access=access,
        interactions=interactions,
        purposes=purposes.purposes if purposes else {},
        answering=purposes.answering if purposes else Answering(),
        retention=purposes.retention if purposes else QuietCustomers(),
        relations=_load_folder(RelationType, folder / "relations", faults),
        figures=figures,
        lists=_load_folder(WorkList, folder / "lists", faults),
        guidance=_load_cards(folder / "guidance", faults),
        campaigns=_load_folder(Campaign, folder / "campaigns", faults),
        processes=_load_folder(Process, folder / "processes", faults),
        hours=_optional(WorkingHours, folder / "working_hours.yaml", faults) or WorkingHours(),
        drops=_load_folder(FileDrop, folder / "drops", faults),
    )
    for name, drop in config.drops.items():
        faults.extend(drop_faults(f"{folder / 'drops' / name}.yaml", drop, config.access, customers))
    for name, given in config.lists.items():
        faults.extend(list_faults(f"{folder / 'lists' / name}.yaml", given, interactions, config.access.roles))
    for name, process in config.processes.items():
        where = f"{folder / 'processes' / name}.yaml"
        roles = config.access.roles
        faults.extend(process_faults(where, process, interactions, customers, figures.segments, roles))
    faults.extend(campaign_faults(str(folder / "campaigns"), config.campaigns, interactions))
    channels = {o for t in interactions.values() if t.channel for o in t.attributes[t.channel].options}
    for name, card in config.guidance.items():
        faults.extend(card_faults(f"{folder / 'guidance' / name}.md", card, figures.segments, channels))
    faults.extend(figure_faults(str(figures_file), figures, interactions, customers))
    good = {}
    for name, source in sources.items():
        wrong = [*source_faults(config, source), *(missing_variables(config, source, env) if reaching else ())]
        aside.extend(wrong)
        if not wrong:
            good[name] = source
    faults = [*aside, *faults, *access_faults(config)] if not despite else [*faults, *access_faults(config)]
    if faults:
        raise ConfigError(faults)
    return config.model_copy(update={"sources": good, "aside": tuple(aside)}) if aside else config


def source_of(config: Config, name: str, text: str) -> Source:
    """The source that a text would be as `sources/NAME.yaml`, or a ConfigError with every fault in it, as `load` finds them."""
    path, faults = config.folder / "sources" / f"{name}.yaml", list[Fault]()
    data = _yaml_of(text, path, faults)
    source = None if data is None else _validated(Source, data, path, faults, name=name)
    faults += () if source is None else source_faults(config, source)
    if source is None or faults:
        raise ConfigError(faults)
    return source


def load_access(config: Config, file: Path) -> Config:
    """The configuration with the roles of another file, or a ConfigError with every fault in it."""
    faults: list[Fault] = []
    found = _parse(Access, file, faults)
    if found is not None:
        config = config.model_copy(update={"access": found})
        faults += access_faults(config)
    if faults:
        raise ConfigError(faults)
    return config


def load_customer_types(folder: Path) -> dict[str, CustomerType]:
    """The customer types of a configuration alone, or a ConfigError with every fault in them."""
    faults: list[Fault] = []
    found = _load_folder(CustomerType, folder / "customers", faults)
    if not found and not faults:
        faults.append(Fault(str(folder / "customers"), "no customer type", "copy config/customers/person.yaml"))
    if faults:
        raise ConfigError(faults)
    return found


def _optional(cls: type[T], path: Path, faults: list[Fault]) -> T | None:
    return _parse(cls, path, faults) if path.exists() else None


def _load_folder(cls: type[T], folder: Path, faults: list[Fault]) -> dict[str, T]:
    found: dict[str, T] = {}
    for path in sorted(folder.glob("*.yaml")):
        parsed = _parse(cls, path, faults, name=path.stem)
        if parsed is not None:
            found[path.stem] = parsed
    return found


def _load_cards(folder: Path, faults: list[Fault]) -> dict[str, GuidanceCard]:
    """Cards of guidance: front matter, then the text."""
    found: dict[str, GuidanceCard] = {}
    for path in sorted(folder.glob("*.md")):
        try:
            parts = split(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            faults.append(Fault(str(path), f"cannot be read: {error}", "save it as UTF-8 text"))
            continue
        if parts is None:
            faults.append(
                Fault(str(path), "has no front matter", "begin with ---, title: and topics:, and another ---")
            )
            continue
        data = _yaml_of(parts[0], path, faults)
        card = None if data is None else _validated(GuidanceCard, data, path, faults, name=path.stem, text=parts[1])
        if card is not None:
            found[path.stem] = card
    return found


def secret(variable: str, env: Mapping[str, str] | None = None) -> str:
    """The value of a variable, or the content of the file that VARIABLE_FILE names."""
    env = os.environ if env is None else env
    if variable in env:
        return env[variable]
    if f"{variable}_FILE" in env:
        return Path(env[f"{variable}_FILE"]).read_text(encoding="utf-8").strip()
    raise ConfigError([Fault(variable, "this environment variable is not set", f"export {variable}=...")])
