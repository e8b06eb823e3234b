"""Customers by words, and lists of them."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from hub.access import seen as s
from hub.access.authentication.principals import Principal
from hub.access.cursors import seal, unseal
from hub.access.door import Door, bounded
from hub.access.policy.rows import HeldTerm, held_terms
from hub.access.policy.view import View
from hub.access.query_words import Ways, ways
from hub.errors import Fault, Gone, NotFound, Unprocessable
from hub.golden_record import lookups, store
from hub.golden_record.misspellings import COUNTED
from hub.golden_record.search_store import Branch, Hit, hits
from hub.golden_record.search_terms import Term, query_tokens, tokens
from hub.golden_record.store import StoredCustomer
from hub.model import from_plain

LOOKED_THROUGH = 500  # customers at a time at most, where the view has rows
ID = re.compile(r"\s*(cus_\w{1,90})\s*")

Place = Any  # of the last customer of a page, as its cursor holds it


class Search(Door):
    """Finds customers by what the view shows of them."""

    def search(
        self,
        principal: Principal,
        words: str = "",
        *,
        type_name: str | None = None,
        attributes: Sequence[str] = (),
        limit: int = 50,
        cursor: str | None = None,
    ) -> s.SeenPage:
        """Customers that hold every word in an attribute shown to the asker: as typed, in another spelling or form,
        cut short, or misspelt; the best first. A customer id leads to its customer. Without words: all customers, by id.

        Masked and pseudonymised attributes are not searched: trying one word after another would unmask them.
        """
        view, limit = self.view(principal), bounded(limit)
        columns = self._searched(view, type_name, attributes)
        terms = query_tokens(words)
        if words.strip() and not terms:
            return s.SeenPage(())
        bound = ("search", view.version, words, type_name, list(attributes))
        position = unseal(self._cursors, cursor, *bound) if cursor else None
        with self.database.read() as connection:
            met: dict[str, list[Ways]] = {}
            if named := ID.fullmatch(words):
                found = self._named(connection, view, named[1], columns)
            elif not terms:

                def following(after: Place, wanted: int) -> list[tuple[Place, str]]:
                    return [(id, id) for id in self._listed(connection, view, columns, after or "", wanted)]

                found = self._take(connection, view, following, position, limit + 1)
            else:
                met = {t: self._ways(connection, view, t, shown, terms) for t, shown in columns.items()}

                def ranked(after: Place, wanted: int) -> list[tuple[Place, str]]:
                    return self._ranked(connection, view, met, after, wanted)

                found = self._take(connection, view, ranked, position, limit + 1)
        data = tuple(self._found(view, customer, columns, met) for _, customer in found[:limit])
        next_position = found[limit - 1][0] if len(found) > limit else None
        self._sighted(principal, view, "search", [d.id for d in data], {d.type for d in data})
        return s.SeenPage(data, None if next_position is None else seal(self._cursors, next_position, *bound))

    def _named(
        self, connection: Connection, view: View, id: str, columns: Mapping[str, frozenset[str]]
    ) -> list[tuple[Place, StoredCustomer]]:
        """The customer that an id leads to, in these types; none is no fault."""
        try:
            customer = self._find(connection, view, id)
        except (NotFound, Gone):
            return []
        return [(customer.id, customer)] if customer.type in columns else []

    def ways_within(
        self, connection: Connection, view: View, type_name: str, attributes: frozenset[str], words: str
    ) -> list[Ways]:
        """How each of these words is met in these attributes, those that the view shows."""
        return self._ways(connection, view, type_name, attributes & view.shown(type_name), query_tokens(words))

    def holding(
        self, connection: Connection, view: View, type_name: str, met: Sequence[Ways], limit: int
    ) -> list[StoredCustomer]:
        """The best of those customers of the view that meet all of them."""

        def ranked(after: Place, wanted: int) -> list[tuple[Place, str]]:
            return self._ranked(connection, view, {type_name: met}, after, wanted)

        return [customer for _, customer in self._take(connection, view, ranked, None, limit)]

    def found(self, view: View, customer: StoredCustomer, met: Mapping[str, Sequence[Ways]]) -> s.FoundCustomer:
        """A customer as a hit. No audit line: that is the caller's, before the answer is sent."""
        return self._found(view, customer, {customer.type: view.shown(customer.type)}, met)

    def brief(self, principal: Principal, ids: Sequence[str]) -> dict[str, s.FoundCustomer]:
        """Those of these shown customers that exist for the asker, as hits are shown."""
        view = self.view(principal)
        with self.database.read() as connection:
            named = store.customers_named(connection, ids)
            data = {c.id: self.found(view, c, {}) for c in self._all_within(connection, view, named.values())}
        self._sighted(principal, view, "brief", sorted(data), {d.type for d in data.values()})
        return data

    def _ways(
        self, connection: Connection, view: View, type_name: str, shown: frozenset[str], terms: Sequence[Term]
    ) -> list[Ways]:
        kinds = self.config.customers[type_name].attributes
        counted = {a for a in shown if kinds[a].kind in COUNTED}
        return ways(connection, type_name, counted, shown - counted, terms, rare=type_name not in view.rows)

    def _held(self, view: View, type_name: str) -> tuple[HeldTerm, ...]:
        """Terms by which the index leads to the customers within the view's rows, and to few others."""
        kinds = {a: d.kind for a, d in self.config.customers[type_name].attributes.items()}
        return held_terms(view.rows[type_name], kinds) if type_name in view.rows else ()

    def _listed(self, connection: Connection, view: View, types: Collection[str], after: str, wanted: int) -> list[str]:
        """Ids that may be of the view's rows, of all types in order of id."""
        lists = []
        for type_name in types:
            terms = self._held(view, type_name)
            if terms:
                attribute, tokens = terms[0].attribute, terms[0].tokens
                found = lookups.listed_holding(connection, type_name, attribute, tokens, after=after, limit=wanted)
            else:
                found = lookups.listed(connection, type_name, after=after, limit=wanted)
            lists.append(found)
        return list(heapq.merge(*lists))[:wanted]

    def _ranked(
        self, connection: Connection, view: View, met: Mapping[str, Sequence[Ways]], after: Place, wanted: int
    ) -> list[tuple[Place, str]]:
        """The best customers of all types that meet these words and may be of the view's rows, each with its place."""
        place = Hit(*after) if after else None
        found = []
        for type_name, of in met.items():
            # The rarest word first: those who hold it are looked at for the others, and for what the rows ask.
            branches = [w.branches for w in sorted(of, key=lambda w: w.size)]
            rows = [(Branch((h.attribute,), h.tokens, 0),) for h in self._held(view, type_name)]
            found.append(hits(connection, type_name, [*branches, *rows], after=place, limit=wanted) if of else [])
        return [([h.cost, h.customer], h.customer) for h in list(heapq.merge(*found))[:wanted]]

    def _take(
        self,
        connection: Connection,
        view: View,
        ask: Callable[[object, int], list[tuple[object, str]]],
        position: object,
        wanted: int,
    ) -> list[tuple[object, StoredCustomer]]:
        """As many customers of the view's rows as are wanted, each with its position; `ask` gives what follows one."""
        size = wanted
        found: list[tuple[object, StoredCustomer]] = []
        while len(found) < wanted:
            hits = ask(position, size)
            known = store.customers_named(connection, [id for _, id in hits])
            within = {c.id for c in self._all_within(connection, view, known.values())}
            found += [(at, known[id]) for at, id in hits if id in within]
            if len(hits) < size:
                break
            position = hits[-1][0]
            size = max(wanted, min(4 * size, LOOKED_THROUGH))  # the first look may have met few of the view's rows
        return found[:wanted]

    def _searched(self, view: View, type_name: str | None, attributes: Sequence[str]) -> dict[str, frozenset[str]]:
        """Shown attributes by type. A hidden type or attribute is refused in the words of an unknown one."""
        columns = {t: view.shown(t) for t in sorted(view.columns)}
        if type_name is not None:
            if type_name not in columns:
                raise Unprocessable(
                    "no such customer type",
                    [Fault("?type", "unknown customer type", f"known: {', '.join(columns) or 'none'}")],
                )
            columns = {type_name: columns[type_name]}
        if attributes:
            known = sorted({a for c in columns.values() for a in c})
            if set(attributes) - set(known):
                raise Unprocessable(
                    "no such attribute", [Fault("?in", "unknown attribute", f"known: {', '.join(known)}")]
                )
            columns = {t: c & set(attributes) for t, c in columns.items()}
        return columns

    def _found(
        self,
        view: View,
        customer: StoredCustomer,
        columns: Mapping[str, frozenset[str]],
        met: Mapping[str, Sequence[Ways]],
    ) -> s.FoundCustomer:
        kinds = self.config.customers[customer.type].attributes
        matched = []
        for attribute in sorted(columns[customer.type] & customer.values.keys()):
            own = {t for v in customer.values[attribute] for t in tokens(kinds[attribute].kind, from_plain(v))}
            if any(way.meets(attribute, own) for way in met.get(customer.type, ())):
                matched.append(attribute)
        return s.FoundCustomer(
            customer.id, customer.type, self._values(view, customer.type, customer.values), tuple(matched)
        )
