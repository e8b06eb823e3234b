"""What differs between two configurations, by name. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hub.settings.config import Config


def differences(before: Config, after: Config) -> list[str]:
    """What was added, removed or changed, such as 'source crm changed'."""
    parts: dict[str, tuple[Mapping[str, object], Mapping[str, object]]] = {
        "customer type": (before.customers, after.customers),
        "interaction type": (before.interactions, after.interactions),
        "source": (before.sources, after.sources),
        "role": (before.access.roles, after.access.roles),
    }
    return [f"{part} {told}" for part, (old, new) in parts.items() for told in _told(old, new)]


def _told(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield f"{name} added"
        elif name not in new:
            yield f"{name} removed"
        elif old[name] != new[name]:
            yield f"{name} changed"
