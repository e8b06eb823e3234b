"""What names a row: its key, version, time and whether it says that the record is gone. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, cast

from hub.connectors.base import JSON
from hub.connectors.mapping.paths import Path, Row, path
from hub.connectors.mapping.times import instant, repeated, version_text
from hub.connectors.mapping.values import CACHED, cached
from hub.errors import BadRecord
from hub.model import RecordId
from hub.settings import Stream

KEY_CHARACTERS = 512
_SAYS_NO = frozenset({"", "0", "false", "f", "no", "n", "null", "none", "off"})


class Identity(NamedTuple):
    key: str
    version: str | None
    observed: int | None
    tombstone: bool


class Identifier:
    """Names the rows of one stream, whatever sort they are of: enough to land them."""

    def __init__(self, stream: Stream) -> None:
        self._key = path(stream.key)
        self._key_of = composite_key if self._key.items else record_key
        self._zone = stream.zone
        self._deleted = path(stream.deleted) if stream.deleted else None
        self._version = path(stream.version) if stream.version else None
        self._ordered = stream.ordered is not None
        self._observed = path(stream.observed) if stream.observed else None
        self._version_of = lru_cache(CACHED, typed=True)(
            lambda value: version_text(value, stream.day_first, stream.zone)
        )
        self._instant_of = lru_cache(CACHED, typed=True)(lambda value: instant(value, stream.day_first, stream.zone))

    def identify(self, raw: Row) -> Identity:
        """(key, version, observed, tombstone). BadRecord without a usable key."""
        version, moment = None, None
        if self._version is not None:
            said, moment = cached(self._version_of, self._version.get(raw))
            version = said if self._ordered else None
        if self._observed is not None:
            moment = self.instant(self._observed.get(raw))
        return Identity(self._key_of(self._key.get(raw)), version, moment, self.is_gone(raw))

    def comes_twice(self, raw: Row) -> bool:
        """Is the row's version a local time of the hour that clocks repeat? Which of two such is newer, nobody can tell."""
        if self._zone is None or self._version is None:
            return False
        return repeated(self._version.get(raw), self._zone) is not None

    def is_gone(self, raw: Row) -> bool:
        """Does the row say that its record was deleted?"""
        return self._deleted is not None and _truthy(self._deleted.get(raw))

    def instant(self, value: JSON) -> int | None:
        """A time of this stream, microseconds UTC."""
        return cached(self._instant_of, value)


def record_key(value: JSON) -> str:
    """A row's key as text: 12, 12.0 and ' 12 ' are '12'. BadRecord: empty, nested, too long or unprintable."""
    if type(value) is not str:
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e18:
            value = int(value)
        if value is None:
            raise BadRecord("no key")
        if isinstance(value, bool | list | dict):
            raise BadRecord("the key is not a plain value")
        value = str(value)
    key: str = value.strip()
    if not key:
        raise BadRecord("no key")
    if len(key) > KEY_CHARACTERS:
        raise BadRecord(f"the key is longer than {KEY_CHARACTERS} characters")
    if not key.isprintable() and any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in key):
        raise BadRecord("the key holds control characters")
    return key


def composite_key(values: JSON) -> str:
    """The key of a row that several columns name together: 'A|7'. A bar or backslash in a part is escaped."""
    parts = [record_key(value).replace("\\", "\\\\").replace("|", "\\|") for value in cast(Iterable[JSON], values)]
    return record_key("|".join(parts))


def record_of(row: Row, key: Path, of: tuple[str, str] | None, called: str) -> RecordId:
    """The record that a row names as its own owner or end, which `called` says in errors. `of`: (source, stream) of those
    that the key is one of; None where the row names [source, stream, key]. BadRecord: it names none."""
    found = key.get(row)
    try:
        if of is not None:
            return RecordId(*of, (composite_key if key.items else record_key)(found))
        source, stream, name = found if isinstance(found, list) and len(found) == 3 else ("", "", None)
        return RecordId(str(source), str(stream), record_key(name))
    except BadRecord as error:
        raise BadRecord(f"{called}: {error}") from None


def _truthy(value: JSON) -> bool:
    """Does a deletion mark say yes? Any text that is not a no does: `deleted_at` columns hold a time."""
    return value.strip().lower() not in _SAYS_NO if isinstance(value, str) else bool(value)
