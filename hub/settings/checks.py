"""What only the whole configuration shows: names that lead nowhere, variables that are not set. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from hub.errors import Fault
from hub.kinds import KINDS
from hub.settings.config import Config
from hub.settings.sources import Stream


def missing_variables(config: Config, env: Mapping[str, str]) -> Iterator[Fault]:
    for source in config.sources.values():
        file = f"{config.folder / 'sources' / source.name}.yaml"
        for field, value in source.connector.model_dump().items():
            for name, variable in value.items() if isinstance(value, dict) else [(field, value)]:
                if name.endswith("_env") and variable and variable not in env and f"{variable}_FILE" not in env:
                    yield Fault(
                        f"{file}: connector.{field}",
                        f"the environment variable {variable} is not set",
                        f"export {variable}=... or {variable}_FILE=/path/to/it",
                    )


def cross_check(config: Config) -> Iterator[Fault]:
    for source in config.sources.values():
        file = f"{config.folder / 'sources' / source.name}.yaml"
        for name, stream in source.streams.items():
            yield from stream.faults(f"{file}: streams.{name}")
            yield from _check_stream(config, file, name, stream)
    for role, rights in config.access.roles.items():
        for type_name, view in rights.views.items():
            where = f"{config.folder / 'access.yaml'}: roles.{role}.views.{type_name}"
            if type_name not in config.customers:
                yield Fault(where, f"unknown customer type '{type_name}'", f"known: {', '.join(config.customers)}")
                continue
            known = config.customers[type_name].attributes
            for attribute in view.keys() - known.keys() - {"*"}:
                yield Fault(f"{where}.{attribute}", f"unknown attribute '{attribute}'", f"known: {', '.join(known)}")


def _check_stream(config: Config, file: str, name: str, stream: Stream) -> Iterator[Fault]:
    where = f"{file}: streams.{name}"
    if not stream.customer:
        if stream.write_back:
            yield Fault(f"{where}.write_back", f"rows of a stream of {stream.sort}s are not written", "remove it")
        return
    if stream.customer not in config.customers:
        yield Fault(
            f"{where}.customer", f"unknown customer type '{stream.customer}'", f"known: {', '.join(config.customers)}"
        )
        return
    known = config.customers[stream.customer].attributes
    named: dict[str, Iterable[str]] = {
        "map": stream.map,
        "dates": stream.dates,
        "effective_from": stream.effective_from,
        "effective_to": stream.effective_to,
        "trust": stream.trust.__pydantic_extra__ or {},
        "verified": () if isinstance(stream.verified, str) else stream.verified,
        "owns": stream.owns,
        "write_back.attributes": stream.write_back.attributes if stream.write_back else (),
    }
    for section, attributes in named.items():
        for attribute in attributes:
            if attribute not in known:
                yield Fault(
                    f"{where}.{section}.{attribute}",
                    f"'{stream.customer}' has no attribute '{attribute}'",
                    f"known: {', '.join(known)}",
                )
    for attribute, path in stream.map.items():
        if isinstance(path, dict) and attribute in known:
            parts = KINDS[known[attribute].kind].parts
            for part in path.keys() - set(parts):
                yield Fault(
                    f"{where}.map.{attribute}.{part}",
                    f"unknown part '{part}'",
                    f"known: {', '.join(parts)}" if parts else f"'{attribute}' has no parts: map it to one expression",
                )
    for attribute in stream.write_back.attributes if stream.write_back else ():
        if (
            attribute in known
            and attribute not in stream.map
            and attribute not in (stream.write_back.map if stream.write_back else {})
        ):
            yield Fault(
                f"{where}.write_back.attributes.{attribute}",
                "not mapped from this stream",
                "add it to map or write_back.map",
            )
