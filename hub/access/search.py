"""Customers by words, and lists of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from hub.access import seen as s
from hub.access.cursors import seal, unseal
from hub.access.door import Door, bounded
from hub.access.policy import View
from hub.access.principals import Principal
from hub.errors import Fault, Unprocessable
from hub.golden_record import lookups, store
from hub.golden_record.search_terms import query_tokens, tokens
from hub.golden_record.store import StoredCustomer
from hub.model import from_plain

LOOKED_THROUGH = 500  # customers at a time, where the view has rows


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
        """Customers that hold every word in an attribute shown to the asker, those with most such attributes first.

        Without words: all customers, by id. Masked and pseudonymised attributes are not searched: trying one
        word after another would unmask them.
        """
        view, limit = self.view(principal), bounded(limit)
        columns = self._searched(view, type_name, attributes)
        terms = query_tokens(words)
        if words.strip() and not terms:
            return s.SeenPage(())
        bound = ("search", view.version, words, type_name, list(attributes))
        position = unseal(self._cursors, cursor, *bound) if cursor else None
        with self.database.read() as connection:

            def ask(after: Any, wanted: int) -> list[tuple[Any, str]]:
                if not terms:
                    return [(id, id) for id in lookups.listed(connection, columns, after=after or "", limit=wanted)]
                hit = lookups.Hit(*after) if after else None
                hits = lookups.search(connection, columns, terms, after=hit, limit=wanted)
                return [([h.attributes, h.exact, h.customer], h.customer) for h in hits]

            found = self._take(connection, view, ask, position, limit + 1)
        data = tuple(self._found(view, customer, columns, terms) for _, customer in found[:limit])
        next_position = found[limit - 1][0] if len(found) > limit else None
        self._sighted(principal, view, "search", [d.id for d in data], {d.type for d in data})
        return s.SeenPage(data, None if next_position is None else seal(self._cursors, next_position, *bound))

    def _take(
        self,
        connection: Connection,
        view: View,
        ask: Callable[[Any, int], list[tuple[Any, str]]],
        position: Any,
        wanted: int,
    ) -> list[tuple[Any, StoredCustomer]]:
        """As many customers of the view's rows as are wanted, each with its position; `ask` gives what follows one."""
        size = max(wanted, LOOKED_THROUGH) if view.rows else wanted
        found: list[tuple[Any, StoredCustomer]] = []
        while len(found) < wanted:
            hits = ask(position, size)
            known = store.customers_named(connection, [id for _, id in hits])
            found += [(at, known[id]) for at, id in hits if id in known and self._within(connection, view, known[id])]
            if len(hits) < size:
                break
            position = hits[-1][0]
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
        self, view: View, customer: StoredCustomer, columns: Mapping[str, frozenset[str]], terms: Sequence[Any]
    ) -> s.FoundCustomer:
        kinds = self.config.customers[customer.type].attributes
        matched = []
        for attribute in sorted(columns.get(customer.type, frozenset()) & customer.values.keys()):
            own = {t for v in customer.values[attribute] for t in tokens(kinds[attribute].kind, from_plain(v))}
            if any(t in term.exact or t.startswith(term.prefixes) for term in terms for t in own):
                matched.append(attribute)
        return s.FoundCustomer(
            customer.id, customer.type, self._values(view, customer.type, customer.values), tuple(matched)
        )
