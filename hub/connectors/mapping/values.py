"""Raw values: caching what was made of them, flattening lists, numbers as text. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from hub.connectors.base import JSON

T = TypeVar("T")

CACHED = 20_000  # values per attribute
FIELD_BYTES = 4096


def cached(function: Callable[[JSON], T], value: JSON) -> T:
    """The cached answer; lists and objects cannot be cached."""
    try:
        return function(value)
    except TypeError:
        uncached: Callable[[JSON], T] = function.__wrapped__  # type: ignore[attr-defined]
        return uncached(value)


def flat(values: Iterable[JSON], depth: int = 0) -> Iterator[JSON]:
    for value in values:
        if isinstance(value, list | tuple) and depth < 8:
            yield from flat(value, depth + 1)
        else:
            yield value


def short(raw: Mapping[str, JSON]) -> bool:
    """Is it surely short enough, however its characters are spelled? (None of JSON's spellings takes more than 6 bytes.)"""
    size = 0
    for name, value in raw.items():
        if type(name) is not str or type(value) is not str:
            return False
        size += len(name) + len(value) + 1
    return 6 * size < FIELD_BYTES


def as_text(value: JSON) -> JSON:
    """Numbers as text, 12.0 as '12'; lists as their first value. Other things stay for the kind to judge."""
    if type(value) is str:
        return (value.replace("\x00", "") if "\x00" in value else value).strip()
    if isinstance(value, list):
        value = next((item for item in flat(value) if item is not None and item != ""), None)
        return "" if value is None else as_text(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e18 else str(value)
    return (
        str(value) if isinstance(value, int) else value.replace("\x00", "").strip() if isinstance(value, str) else value
    )
