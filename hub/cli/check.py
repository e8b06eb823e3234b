"""`hub check`: every fault of a configuration at once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.shared import CONFIG, ConfigOption, out
from hub.errors import ConfigError, Fault

if TYPE_CHECKING:
    from hub.access.policy.view import View
    from hub.settings import Config

app = typer.Typer()


@app.command()
def check(
    config: ConfigOption = CONFIG,
    connect: Annotated[
        bool,
        typer.Option("--connect", help="Also reach each source, and tell what its rows would come to. Stores nothing."),
    ] = False,
    against: Annotated[
        Path | None, typer.Option(help="An access.yaml: also tell who would gain or lose what by the one here.")
    ] = None,
    schemas: Annotated[Path | None, typer.Option(help="Also write JSON Schemas for editors here.")] = None,
) -> None:
    """Read the configuration and tell every fault at once: file, key, remedy."""
    from hub.settings import (
        Access,
        Campaign,
        CustomerType,
        Figures,
        InteractionType,
        Process,
        RelationType,
        Source,
        WorkingHours,
        WorkList,
        load,
    )

    if schemas is not None:
        schemas.mkdir(parents=True, exist_ok=True)
        for name, cls in (
            ("customer", CustomerType),
            ("interaction", InteractionType),
            ("relation", RelationType),
            ("source", Source),
            ("access", Access),
            ("figures", Figures),
            ("list", WorkList),
            ("process", Process),
            ("campaign", Campaign),
            ("working_hours", WorkingHours),
        ):
            (schemas / f"{name}.schema.json").write_text(
                json.dumps(cls.model_json_schema(), indent=2) + "\n", encoding="utf-8"
            )
    from hub.connectors import registry  # noqa: F401 - makes the kinds of connectors known

    settings = load(config)
    faults = list(mapping_faults(settings)) + list(write_back_faults(settings))
    if faults:
        raise ConfigError(faults)
    if connect:
        _look(settings)
    if settings.access.roles and not any("admin" in r.may for r in settings.access.roles.values()):
        out.print(
            f"{config / 'access.yaml'}: warning: no role has the permission 'admin': nobody can take back what went wrong in bulk"
        )
    if against is not None:
        _compare(settings, against)
    streams = sum(len(s.streams) for s in settings.sources.values())
    out.print(
        f"{config}: {len(settings.customers)} customer types, {len(settings.sources)} sources with {streams} streams, "
        f"{len(settings.access.roles)} roles: no fault found"
    )


def _compare(settings: Config, against: Path) -> None:
    """Tell who gains and who loses what, without counting customers."""
    from hub.access.policy.compare import compared
    from hub.access.policy.purposes import Views
    from hub.cli.access import print_differences
    from hub.settings import load_access

    types = {n: t.showable for n, t in settings.customers.items()}

    def views(of: Config) -> dict[str, View]:
        made = Views(of, types, {n: r.rows for n, r in of.access.roles.items()})
        return {r: made.of(r) for r in of.access.roles}

    print_differences(list(compared(views(load_access(settings, against)), views(settings))))


def _look(settings: Config) -> None:
    """Tell what each stream gives now. ConfigError with every fault, when there is one."""

    from hub.work.looking import look

    faults: list[Fault] = []
    for found in look(settings, env=os.environ):
        faults += found.faults
        more = "" if found.whole else ", and there are more"
        out.print(f"{found.source}.{found.stream}: {found.rows:,} rows looked at{more}")
        for line in found.told():
            out.print(f"  {line}")
    if faults:
        raise ConfigError(faults)


def mapping_faults(settings: Config) -> Iterator[Fault]:
    """What only compiling the maps shows."""
    from hub.connectors.mapping.mapper import Mapper
    from hub.settings import CustomerType

    for source in settings.sources.values():
        for name, stream in source.streams.items():
            kind = settings.customers.get(stream.customer)
            if stream.interaction in settings.interactions:
                kind = CustomerType(attributes=settings.interactions[stream.interaction].attributes)
            if kind is None:
                continue
            try:
                Mapper(name, stream, kind)
            except ConfigError as error:
                for fault in error.faults:
                    yield Fault(
                        f"{settings.folder / 'sources' / source.name}.yaml: {fault.where}", fault.what, fault.remedy
                    )


def write_back_faults(settings: Config) -> Iterator[Fault]:
    """A source is only sent what the role of its name is shown."""
    from hub.model import Sight

    for source in settings.sources.values():
        for name, stream in source.streams.items():
            view = (
                settings.access.roles[source.name].views.get(stream.customer, {})
                if source.name in settings.access.roles
                else {}
            )
            back = stream.write_back
            for attribute in back.written if back else ():
                if view.get(attribute, view.get("*")) is not Sight.SHOW:
                    yield Fault(
                        f"{settings.folder / 'sources' / source.name}.yaml: streams.{name}.write_back.{attribute}",
                        f"the role '{source.name}' is not shown it, so it would never be sent",
                        f"in access.yaml, roles.{source.name}.views.{stream.customer}: add {attribute}: show",
                    )
