"""Figures and segments, in the asker's view. One that its role does not name is as good as absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from hub.access.audit.log import REQUEST, AuditLine
from hub.access.authentication.principals import Principal
from hub.access.cursors import seal, unseal
from hub.access.door import bounded
from hub.access.policy.view import View
from hub.access.relations import Relations
from hub.access.timeline import Timeline
from hub.errors import Fault, NotFound
from hub.figures import store
from hub.figures.counted import FiguresOf, ToldFigure, WasCounted
from hub.figures.customers import customers
from hub.golden_record import store as golden_store
from hub.settings import formula

SCANNED = 200  # members looked at together


@dataclass(frozen=True, slots=True)
class SeenFigures:
    """A customer's figures and the segments that it is in."""

    customer: str
    figures: tuple[ToldFigure, ...]
    segments: tuple[str, ...]
    below: tuple[str, ...] = ()  # customers that were added up with it


@dataclass(frozen=True, slots=True)
class SeenMember:
    """A customer in a segment, with the figures that the condition is made of."""

    customer: str
    type: str
    figures: Mapping[str, ToldFigure]


@dataclass(frozen=True, slots=True)
class SeenSegment:
    """A segment, how many it had when it was counted last (None: not yet, or not for this role), and a page of it."""

    name: str
    title: str
    when: str
    count: int | None
    counted_at: int | None
    members: tuple[SeenMember, ...] = ()
    next_cursor: str | None = None


class FigureDoor:
    """Answers for principals, through the reader's door."""

    def __init__(self, timeline: Timeline, relations: Relations):
        self.timeline, self.relations = timeline, relations
        self.reader, self.config = timeline.reader, timeline.config

    def of_customer(self, principal: Principal, id: str, *, along: str | None = None) -> SeenFigures:
        """What a customer is worth and costs now; `along` a relation that leads upward, with all that are below it and
        that the asker sees. NotFound and Gone as for the customer."""
        with self.reader.database.read() as connection:
            shown, _ = self.reader.located(connection, principal, id)
            below = self.relations.below(connection, principal, shown, along) if along else []
            found, *others = (self._customers(connection, [i])[i] for i in (shown, *below))
            found.tallies = [t for c in (found, *others) for t in c.tallies]
        view = self.timeline.view(principal)
        told = tuple(self._told(view, found, n) for n in self._visible(principal, self.config.figures.figures))
        within = tuple(s for s in self._visible(principal, self.config.figures.segments) if found.within(s))
        self._sighted(principal, [shown, *below], [*(t.name for t in told), *within])
        return SeenFigures(shown, told, within, tuple(below))

    def segments(self, principal: Principal) -> tuple[SeenSegment, ...]:
        """Those that the asker may see, without their members."""
        with self.reader.database.read() as connection:
            names = self._visible(principal, self.config.figures.segments)
            return tuple(self._segment(connection, principal, n) for n in names)

    def segment(self, principal: Principal, name: str, *, limit: int, cursor: str | None) -> SeenSegment:
        """Customers of a segment, by their ids: of those counted last, those of whom it holds still. NotFound."""
        self._known(principal, name)
        view, limit = self.reader.view(principal), bounded(limit)
        bound = ("segment", view.version, name)
        after = str(unseal(self.reader.cursor_key, cursor, *bound)) if cursor else ""
        with self.reader.database.read() as connection:
            whole, found = self._segment(connection, principal, name), list[SeenMember]()
            for member in self._members(connection, principal, name, after, limit + 1):
                found.append(member)
                if len(found) > limit:
                    break
        more, found = len(found) > limit, found[:limit]
        attributes = sorted({n for m in found for n in m.figures} | {name})
        self._sighted(principal, [m.customer for m in found], attributes)
        last = seal(self.reader.cursor_key, found[-1].customer, *bound) if more else None
        return replace(whole, members=tuple(found), next_cursor=last)

    def counts(self, principal: Principal, name: str, *, since: str) -> list[store.DayCount]:
        """How many a segment had, day by day, newest first. NotFound; nothing for a role that sees some customers only."""
        self._known(principal, name)
        if self.reader.view(principal).limited:
            return []
        with self.reader.database.read() as connection:
            return store.counts(connection, name, since=since)

    def _members(
        self, connection: Connection, principal: Principal, name: str, after: str, wanted: int
    ) -> Iterator[SeenMember]:
        """As many as are wanted looked at first: mostly all of them are in it still."""
        shown = [
            n
            for n in self._visible(principal, self.config.figures.figures)
            if n in formula.names(self.config.figures.segments[name].tree)
        ]
        size = wanted
        while True:
            listed = store.members(connection, name, after=after, limit=size)
            known = self.reader.known_customers(connection, self.reader.view(principal, connection), listed)
            found = self._customers(connection, sorted(known))
            for id in sorted(found):
                if found[id].within(name):
                    yield SeenMember(id, found[id].type, {n: found[id].told(n) for n in shown})
            if len(listed) < size:
                return
            after, size = listed[-1], SCANNED

    def _customers(self, connection: Connection, ids: list[str]) -> dict[str, FiguresOf]:
        stored = golden_store.customers_named(connection, ids).values()
        return customers(connection, self.config, stored, self.reader.database.clock.now())

    def _segment(self, connection: Connection, principal: Principal, name: str) -> SeenSegment:
        given = self.config.figures.segments[name]
        last = store.counts(connection, name, limit=1)
        told = last[0] if last and not self.reader.view(principal, connection).limited else None
        return SeenSegment(
            name, given.title or name, given.when, told.n if told else None, last[0].at if last else None
        )

    def _told(self, view: View, customer: FiguresOf, name: str) -> ToldFigure:
        """How it was counted is told of types that the view shows."""
        told = customer.told(name)
        return replace(told, counted=tuple(c for c in told.counted if self._sees_types(view, c)))

    def _sees_types(self, view: View, counted: WasCounted) -> bool:
        return all(view.sees(t) for t in counted.types or tuple(self.config.interactions))

    def _visible(self, principal: Principal, names: Mapping[str, object]) -> list[str]:
        role = self.config.access.roles.get(principal.role)
        named = role.figures if role else ()
        return [n for n in names if "*" in named or n in named]

    def _known(self, principal: Principal, name: str) -> None:
        if name not in self._visible(principal, self.config.figures.segments):
            raise NotFound("no such segment", [Fault("/name", "unknown", "see the list of segments")])

    def _sighted(self, principal: Principal, ids: list[str], names: list[str]) -> None:
        if ids:
            view, now = self.reader.view(principal), self.reader.database.clock.now()
            line = AuditLine(
                principal.id, principal.role, "figures", ids, sorted(names), view.purpose, now, REQUEST.get()
            )
            self.reader.audit.write(line)
