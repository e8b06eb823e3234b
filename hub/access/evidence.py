"""Why records are, or may be, one customer: what each says, pairs compared, reviews, probes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from sqlalchemy import Connection

from hub.access import seen as s
from hub.access.authentication.principals import Principal
from hub.access.cursors import seal, unseal
from hub.access.door import Door, bounded, may_crosswalk, shown_name
from hub.access.policy.view import View, visible_forms
from hub.errors import Forbidden
from hub.golden_record import store
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.matching.compare.model import Model
from hub.matching.compare.score import explain
from hub.model import RecordId, plain
from hub.resolve.resolver import ProbeMatch
from hub.stewardship import lookups as matching_lookups

PAIRS_EXPLAINED = 200
CIRCLE = 10  # customers that are looked at together


class Evidence(Door):
    """Evidence in a view."""

    def records(self, principal: Principal, id: str) -> tuple[s.SeenRecord, ...]:
        """What each source record of a customer says, in the view. Forbidden without the crosswalk."""
        view = self.view(principal)
        may_crosswalk(view)
        with self.database.read() as connection:
            customer = self._find(connection, view, id)
            found = self._seen_records(connection, view, self._members(connection, customer))
        self._sighted(principal, view, "records", [customer.id], [customer.type])
        return tuple(sorted(found.values(), key=lambda r: r.record))

    def explain(self, principal: Principal, id: str) -> s.Explained:
        """Why the records of a customer are one: each pair, compared by what the view shows and by nothing else.

        A weight is given only to a view that shows all that was compared: the rest could be taken off it.
        """
        view = self.view(principal)
        with self.database.read() as connection:
            customer = self._find(connection, view, id)
            seen = self._seen_records(connection, view, self._members(connection, customer))
            pairs = self._pairs(connection, view, customer.type, seen)
            found = s.Explained(
                customer.id,
                customer.type,
                self._complete(view, customer.type),
                tuple(sorted(seen.values(), key=lambda r: r.record)),
                pairs,
                self._models(connection).models[customer.type].told,
            )
        self._sighted(principal, view, "explain", [customer.id], [customer.type])
        return found

    def reviews(self, principal: Principal, *, limit: int = 50, cursor: str | None = None) -> s.SeenPage:
        """Pairs that the model is not sure of, or that something keeps apart, both sides in the view.

        Only of customer types of which the view shows everything that is compared: that a pair is here
        already tells how much agrees.
        """
        view, limit = self.view(principal), bounded(limit)
        bound = ("reviews", view.version)
        at: tuple[int, int] = tuple(unseal(self._cursors, cursor, *bound)) if cursor else (0, 0)
        found: list[tuple[tuple[int, int], s.SeenReview]] = []
        with self.database.read() as connection:
            while len(found) <= limit:
                rows = matching_lookups.open_pairs(connection, after=at, limit=limit + 1)
                found.extend(self._reviews(connection, view, rows))
                if len(rows) <= limit:
                    break
                at = (rows[-1].left, rows[-1].right)
        ends = found[limit - 1][0] if len(found) > limit else None
        data = [review for _, review in found[:limit]]
        seen = {c for d in data for c in (d.left.customer, d.right.customer) if c}
        self._sighted(principal, view, "reviews", sorted(seen), {d.left.type for d in data})
        return s.SeenPage(tuple(data), seal(self._cursors, ends, *bound) if ends else None)

    def compared(
        self, principal: Principal, wanted: Iterable[tuple[RecordId, RecordId]]
    ) -> dict[tuple[RecordId, RecordId], s.SeenReview]:
        """Pairs of records, both sides and the comparison in the view. Left out are those of which the asker may not know
        or may not see all that is compared: a pair in the queue already tells how much agrees."""
        view, found = self.view(principal), {}
        with self.database.read() as connection:
            for left, right in dict.fromkeys(wanted):
                ends = [landing.record_named(connection, r) for r in (left, right)]
                infos = [i for i in ends if self._knows(connection, view, i) and i is not None]
                if len(infos) == len(ends) and self._complete(view, infos[0].type):
                    found[left, right] = self._side_by_side(connection, view, infos[0], infos[1])
        seen = {c for r in found.values() for c in (r.left.customer, r.right.customer) if c}
        self._sighted(principal, view, "compare", sorted(seen), {r.left.type for r in found.values()})
        return found

    def circle(self, principal: Principal, start: Sequence[RecordId]) -> list[s.SeenRecord]:
        """All records of the customers of these, and of those that a pair that waits for a decision leads to from there.

        Empty where one is unknown, or of a type of which the view does not show all that is compared.
        """
        view = self.view(principal)
        with self.database.read() as connection:
            named = [landing.record_named(connection, r) for r in start]
            infos = [i for i in named if self._knows(connection, view, i) and i is not None]
            if len(infos) < len(start) or not all(self._complete(view, i.type) for i in infos):
                return []
            rids = self._joined(connection, view, {i.rid for i in infos})
            found = list(self._seen_records(connection, view, rids).values())
        self._sighted(
            principal, view, "compare", sorted({r.customer for r in found if r.customer}), {r.type for r in found}
        )
        return sorted(found, key=lambda r: (r.customer or "", r.record))

    def _joined(self, connection: Connection, view: View, start: Collection[int]) -> set[int]:
        """Records of the customers that open pairs lead to, step by step, as far as CIRCLE customers."""
        found: set[int] = set()
        new, homes = set(start), set[int]()
        while new:
            steps = set(matching_store.clusters_of(connection, new).values()) - homes
            customers = store.customers_of(connection, steps)
            within = sorted(c for c in steps if c in customers and self._within(connection, view, customers[c]))
            within = within[: CIRCLE - len(homes)]
            homes |= set(within)
            members = {r for of in matching_store.members_of(connection, within).values() for r in of}
            found |= members
            ends = matching_store.pairs_touching(connection, members)
            new = {r for pair in ends for r in pair} - found if len(homes) < CIRCLE else set()
        return found

    def _side_by_side(
        self, connection: Connection, view: View, left: landing.RecordInfo, right: landing.RecordInfo
    ) -> s.SeenReview:
        seen = self._seen_records(connection, view, {left.rid, right.rid})
        forms = matching_store.forms(connection, seen)
        a, b = seen[left.rid], seen[right.rid]
        pair = self._pair(connection, view, left.type, a, b, forms.get(left.rid, {}), forms.get(right.rid, {}))
        join = self._models(connection).models[left.type].join
        return s.SeenReview(pair, a, b, pair.weight is not None and pair.weight >= join)

    def models(self) -> Mapping[str, Model]:
        """What decides now, by customer type. It tells how often values are, so it is for who may administer."""
        with self.database.read() as connection:
            return self._models(connection).models

    def bounds(self, type_name: str) -> tuple[int, int]:
        """From which weights (milli-bits) two records are joined, and are asked about."""
        with self.database.read() as connection:
            model = self._models(connection).models[type_name]
        return model.join, model.review

    def matches(
        self, principal: Principal, type_name: str, found: Iterable[ProbeMatch], *, limit: int | None = None
    ) -> tuple[s.SeenMatch, ...]:
        """A probe's answer in the view, the nearest `limit` of it. Forbidden when the role never sees such customers."""
        view = self.view(principal)
        if not view.sees(type_name):
            raise Forbidden("this role does not see such customers")
        crosswalk, complete = "crosswalk" in view.may, self._complete(view, type_name)
        data = tuple(
            s.SeenMatch(m.customer, m.joins, m.record if crosswalk else None, m.weight if complete else None)
            for m in self._near(view, list(found))[:limit]
        )
        self._sighted(principal, view, "match", [d.customer for d in data], [])
        return data

    def _near(self, view: View, found: list[ProbeMatch]) -> list[ProbeMatch]:
        with self.database.read() as connection:
            known = self.known_customers(connection, view, [m.customer for m in found]) if view.rows else ()
        return [m for m in found if not view.rows or m.customer in known]

    def _seen_records(self, connection: Connection, view: View, rids: Iterable[int]) -> dict[int, s.SeenRecord]:
        infos = landing.records(connection, rids)
        held = matching_store.standardised(connection, infos)
        homes = matching_store.clusters_of(connection, infos)
        customers = store.customers_of(connection, set(homes.values()))
        found: dict[int, s.SeenRecord] = {}
        for rid, info in infos.items():
            values = (
                {a: [plain(v) for v in h.cell.values] for a, h in held[rid].folded.held.items()} if rid in held else {}
            )
            home = customers.get(homes.get(rid, -1))
            if home is not None and not self._within(connection, view, home):
                home = None
            found[rid] = s.SeenRecord(
                shown_name(info.id, view),
                info.type,
                home.id if home else None,
                info.alive,
                self._values(view, info.type, values),
            )
        return found

    def _pairs(
        self, connection: Connection, view: View, type_name: str, seen: Mapping[int, s.SeenRecord]
    ) -> tuple[s.SeenPair, ...]:
        """Every two of the records, strongest first, compared by what the view shows."""
        listed = sorted(seen, key=lambda r: seen[r].record)
        forms = matching_store.forms(connection, listed)
        made = [
            self._pair(connection, view, type_name, seen[a], seen[b], forms[a], forms[b])
            for a, b in combinations(listed, 2)
            if a in forms and b in forms
        ]
        made.sort(key=lambda p: (-sum(part.weight for part in p.parts), p.left, p.right))
        return tuple(made[:PAIRS_EXPLAINED])

    def _pair(
        self,
        connection: Connection,
        view: View,
        type_name: str,
        left: s.SeenRecord,
        right: s.SeenRecord,
        left_forms: Mapping[str, Any],
        right_forms: Mapping[str, Any],
    ) -> s.SeenPair:
        shown = view.shown(type_name)
        lines = explain(
            visible_forms(left_forms, shown),
            visible_forms(right_forms, shown),
            self._models(connection).models[type_name],
        )
        parts = tuple(s.SeenPart(p.comparison, p.level, p.words, p.weight) for p in lines)
        return s.SeenPair(
            left.record, right.record, sum(p.weight for p in parts) if self._complete(view, type_name) else None, parts
        )

    def _reviews(
        self, connection: Connection, view: View, rows: Sequence[Any]
    ) -> list[tuple[tuple[int, int], s.SeenReview]]:
        """Those that are shown, with the numbers of their records: names may be hidden."""
        rids = {r for row in rows for r in (row.left, row.right)}
        infos = landing.records(connection, rids)
        wanted = [r for r in rows if self._complete(view, infos[r.left].type) and view.sees(infos[r.left].type)]
        seen = self._seen_records(connection, view, {r for row in wanted for r in (row.left, row.right)})
        forms = matching_store.forms(connection, seen)
        models = self._models(connection).models
        made = []
        for row in wanted:
            type_name = infos[row.left].type
            if type_name in view.rows and not (seen[row.left].customer and seen[row.right].customer):
                continue
            pair = self._pair(
                connection, view, type_name, seen[row.left], seen[row.right], forms[row.left], forms[row.right]
            )
            review = s.SeenReview(pair, seen[row.left], seen[row.right], row.weight >= models[type_name].join)
            made.append(((row.left, row.right), review))
        return made
