"""PostgreSQL's logical replication protocol, version 1, as `pgoutput` writes it: messages to changes of rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Values = tuple[bytes | None, ...]  # as PostgreSQL's text; None is null
Kind = Literal["insert", "update", "delete", "truncate"]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    key: bool  # part of the replica identity
    type: int  # OID


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as it was when the changes after it were made."""

    name: str  # schema.table
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class RowChange:
    """One change of one row. `unsent`: places of long values that did not change, which PostgreSQL leaves out."""

    kind: Kind
    relation: Relation
    new: Values = ()
    old: Values = ()  # the old key or row, where it was sent: of a delete, and of an update that changed the key
    unsent: frozenset[int] = frozenset()


@dataclass(slots=True)
class Decoder:
    """Takes messages in order. `changes` are those since the last commit; a commit tells where it ends in the log."""

    relations: dict[int, Relation] = field(default_factory=dict)
    changes: list[RowChange] = field(default_factory=list)

    def take(self, message: bytes) -> int | None:
        """The end of the transaction in the log, when this message ends one. ValueError for what it does not know."""
        kind, read = message[:1], _Reading(message, 1)
        if kind == b"R":
            number = read.number(4)
            self.relations[number] = _relation(read)
        elif kind == b"I":
            relation = self.relations[read.number(4)]
            read.skip(1)
            new, _ = read.tuple_()
            self.changes.append(RowChange("insert", relation, new))
        elif kind == b"U":
            self.changes.append(self._update(read))
        elif kind == b"D":
            relation = self.relations[read.number(4)]
            read.skip(1)
            self.changes.append(RowChange("delete", relation, old=read.tuple_()[0]))
        elif kind == b"T":
            count = read.number(4)
            read.skip(1)
            self.changes += [RowChange("truncate", self.relations[read.number(4)]) for _ in range(count)]
        elif kind == b"B":
            self.changes.clear()
        elif kind == b"C":
            read.skip(1 + 8)
            return read.number(8)
        elif kind not in (b"Y", b"O", b"M"):  # types, origins, messages of applications
            raise ValueError(f"unknown message {kind!r}")
        return None

    def _update(self, read: _Reading) -> RowChange:
        relation = self.relations[read.number(4)]
        old: Values = ()
        if read.bytes_(1) in (b"K", b"O"):
            old, _ = read.tuple_()
            read.skip(1)
        new, unsent = read.tuple_()
        return RowChange("update", relation, new, old, unsent)


class _Reading:
    """Walks through a message."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def bytes_(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        if len(found) < count:
            raise ValueError("a message ends too early")
        self.at += count
        return found

    def skip(self, count: int) -> None:
        self.bytes_(count)

    def number(self, size: int) -> int:
        return int.from_bytes(self.bytes_(size), "big")

    def text(self) -> str:
        end = self.data.index(b"\0", self.at)
        found, self.at = self.data[self.at : end].decode(), end + 1
        return found

    def tuple_(self) -> tuple[Values, frozenset[int]]:
        values: list[bytes | None] = []
        unsent: set[int] = set()
        for place in range(self.number(2)):
            kind = self.bytes_(1)
            values.append(self.bytes_(self.number(4)) if kind in (b"t", b"b") else None)
            if kind == b"u":
                unsent.add(place)
        return tuple(values), frozenset(unsent)


def _relation(read: _Reading) -> Relation:
    schema, table = read.text(), read.text()
    read.skip(1)
    columns = []
    for _ in range(read.number(2)):
        key = bool(read.number(1) & 1)
        name, type_ = read.text(), read.number(4)
        read.skip(4)
        columns.append(Column(name, key, type_))
    return Relation(f"{schema or 'pg_catalog'}.{table}", tuple(columns))


def changes_of(messages: Iterator[bytes]) -> Iterator[tuple[list[RowChange], int]]:
    """Whole transactions in the order of their commits, each with its end in the log."""
    decoder = Decoder()
    for message in messages:
        if (end := decoder.take(message)) is not None:
            yield decoder.changes, end
            decoder.changes = []
