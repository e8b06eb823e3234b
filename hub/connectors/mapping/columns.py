"""Which columns a stream's configuration needs, and which it looks at. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from hub.connectors.base import known_columns, schema_notes
from hub.connectors.mapping.paths import path
from hub.kinds import KINDS
from hub.settings import CustomerType, Stream


def needed_columns(stream: Stream) -> dict[str, str]:
    """Column -> the key of the stream's configuration that cannot do without it.

    Columns that are named plainly are needed; what an expression looks at may be missing.
    """
    found: dict[str, str] = {}
    texts: list[tuple[str, str]] = [("key", stream.key)]
    texts += [
        (n, t)
        for n, t in (("version", stream.version), ("observed", stream.observed), ("deleted", stream.deleted))
        if t
    ]
    for name, given in stream.map.items():
        texts += (
            [(f"map.{name}.{part}", t) for part, t in given.items()]
            if isinstance(given, dict)
            else [(f"map.{name}", given)]
        )
    for section in ("dates", "effective_from", "effective_to"):
        texts += [(f"{section}.{name}", t) for name, t in getattr(stream, section).items()]
    for where, text in texts:
        compiled = path(text)
        for item in compiled.items or (compiled,):
            if item.names:
                found.setdefault(item.field, where)
    return found


def missing_columns(stream: Stream, there: Collection[str]) -> dict[str, str]:
    """Those of them that are not there, neither by their name nor as what they are a part of."""
    return {c: k for c, k in needed_columns(stream).items() if c not in there and c.partition(".")[0] not in there}


def fatal_columns(stream: Stream, there: Collection[str]) -> dict[str, str]:
    """Those of them without which rows say something wrong: of whole records every one would empty its field everywhere."""
    missing = missing_columns(stream, there)
    return {c: key for c, key in missing.items() if stream.records == "full" or key == "key"}


def columns_of(stream: Stream, attribute: str) -> str:
    """The columns that an attribute is made of, as the map names them."""
    given = stream.map.get(attribute, attribute)
    return ", ".join(given.values()) if isinstance(given, dict) else given


def secret_columns(stream: Stream, of: CustomerType) -> dict[str, str]:
    """Column -> the attribute that it is mapped to, of those of which a hash alone is kept."""
    return {
        given: name
        for name, given in stream.map.items()
        if isinstance(given, str) and name in of.attributes and KINDS[of.attributes[name].kind].secret
    }


def written_fields(stream: Stream) -> Iterator[tuple[str, str]]:
    """(attribute, field of the source) for all that write-back would write."""
    back = stream.write_back
    for attribute in back.written if back else ():
        given = (back.map if back else {}).get(attribute, stream.map.get(attribute, {}))
        for text in given.values() if isinstance(given, dict) else [given]:
            yield from ((attribute, name) for name in (path(text).fields() if text else ()))


def used_columns(stream: Stream) -> frozenset[str]:
    """Every top-level field that the stream's expressions look at."""
    texts = [stream.key, stream.version, stream.observed, stream.deleted]
    for given in stream.map.values():
        texts += list(given.values()) if isinstance(given, dict) else [given]
    texts += [*stream.dates.values(), *stream.effective_from.values(), *stream.effective_to.values()]
    return frozenset().union(*(path(text).roots for text in texts if text))


def field_notes(where: str, stream: str, config: Stream, known: Sequence[str], seen: Sequence[str]) -> list[str]:
    """What a read says of fields, where rows tell which there are: new and vanished ones since the last read; at the first
    read those that the map names and no record has. `where` is the stream's place in its file."""
    if not seen:
        return []
    if known:
        used = used_columns(config)
        return list(schema_notes(stream, [c for c in known if c in used or c in seen], seen))
    return [
        f"{where}.{key}: no record has '{column}'; {known_columns(seen)}"
        for column, key in missing_columns(config, seen).items()
    ]
