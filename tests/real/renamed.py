"""A connector under the suite that all connectors pass, where its system has names of its own for what the suite asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hub.connectors.base import Connector, Cursor, Discovered, FieldWrite, Page, SourceRow, WriteResult

Row = dict[str, Any]


@dataclass
class Renamed:
    """`seen` makes a row of the suite of one of the system; `names` are those of single fields: the suite's -> the system's."""

    inner: Connector
    seen: Callable[[Row], Row]
    names: Mapping[str, str]
    listed: frozenset[str] = frozenset()  # of the suite's names: those of which the system keeps a list
    keys: Callable[[str], str] = str  # the suite's key -> the system's

    def discover(self) -> list[Discovered]:
        back = {theirs.partition(".")[0]: ours for ours, theirs in self.names.items()}
        return [replace(d, fields=tuple(back.get(f, f) for f in d.fields)) for d in self.inner.discover()]

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        for page in self.inner.read(stream, cursor):
            yield replace(
                page,
                rows=tuple(replace(r, raw=self.seen(r.raw)) if isinstance(r, SourceRow) else r for r in page.rows),
                notes=tuple(map(self._said, page.notes)),
            )

    def _said(self, note: str) -> str:
        for ours, theirs in self.names.items():
            note = note.replace(f"'{theirs}'", f"'{ours}'")
        return note

    def write(self, stream: str, writes: Sequence[FieldWrite]) -> list[WriteResult]:
        given = [
            replace(
                w, key=self.keys(w.key or ""), fields=self._theirs(w.fields), expected=self._theirs(w.expected or {})
            )
            for w in writes
        ]
        results = self.inner.write(stream, given)
        assert [r.key for r in results] == [w.key for w in given]
        return [
            replace(r, key=w.key or "", current=self._ours(r.current)) for r, w in zip(results, writes, strict=True)
        ]

    def close(self) -> None:
        self.inner.close()

    def _theirs(self, fields: Mapping[str, Any]) -> Row:
        return {self.names[n]: [v] if n in self.listed else v for n, v in fields.items()}

    def _ours(self, fields: Mapping[str, Any] | None) -> Row | None:
        """One value of a list, as the suite keeps it."""
        back = {theirs: ours for ours, theirs in self.names.items()}
        plain = {name: ", ".join(v) if isinstance(v, list) else v for name, v in (fields or {}).items()}
        return None if fields is None else {back.get(name, name): value for name, value in plain.items()}
