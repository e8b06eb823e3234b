"""Which keys a read gave twice: two people of whom one would become a version of the other. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hub.landing.store import Incoming
from hub.model import digest

REMEMBERED = 500_000  # keys of one read; later ones are compared with these alone


class Seen(NamedTuple):
    """What a key came with: its version, what it held, and where it stood."""

    version: str | None
    content: str
    line: str
    file: str


class Clash(NamedTuple):
    """A row whose key another row of the read has, with other content."""

    place: int  # in the page
    line: str
    first: str  # where the other stood
    equal_version: bool  # neither is newer: nobody can say which counts
    landed: bool = False  # the other came with an earlier page, and stays


@dataclass
class Repeats:
    """The keys of one read, as its pages come."""

    versioned: bool  # has the stream a version?
    keys: dict[str, Seen] = field(default_factory=dict)
    aside: set[str] = field(default_factory=set)  # keys of which nothing landed: all that came was set aside
    count: int = 0
    example: tuple[str, str] | None = None
    across: tuple[str, str] | None = None  # two files that hold one key
    across_count: int = 0

    def take(self, rows: Sequence[tuple[int, Incoming, str]]) -> list[Clash]:
        """The clashes of a page's rows (place, row, line): with rows of this page and of earlier ones."""
        found: list[Clash] = []
        own: dict[str, int] = {}
        for place, row, line in rows:
            if row.raw is None:
                continue
            now = Seen(row.version, digest(row.raw, 8), line, line.rpartition(" line ")[0])
            before = self.keys.get(row.key)
            if before is None:
                if len(self.keys) < REMEMBERED:
                    self.keys[row.key] = now
                    own[row.key] = place
                continue
            if before.content == now.content:
                continue
            self.keys[row.key] = now
            if now.file != before.file:  # the same list, exported again
                self.across_count += 1
                self.across = self.across or (before.file, now.file)
                continue
            self.count += 1
            self.example = self.example or (before.line, line)
            equal = self.versioned and before.version == now.version
            if equal and row.key in own:
                self.aside.add(row.key)
                found.append(Clash(own[row.key], before.line, line, True))
            found.append(Clash(place, line, before.line, equal, equal and row.key not in self.aside))
        return found

    def notes(self) -> list[str]:
        """What the stream's owner should know."""
        said = []
        if self.example is not None:
            first, second = self.example
            more = f", and {self.count - 1} more" if self.count > 1 else ""
            said.append(
                f"{self.count} rows came with a key that another row of this read has ({first} and {second}{more}):"
                " if the key is not unique, name the columns that are together, such as key: [company, number]"
            )
        if self.across is not None and not self.versioned:
            older, newer = self.across
            said.append(
                f"{self.across_count} keys stand in more than one file, and the stream has no version:"
                f" the later file by name and time counts ({newer} over {older}); name a version to be sure"
            )
        return said
