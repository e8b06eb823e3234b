"""What a query's words stand for in a view: where they are found as typed, in another form, or misspelt. And at what cost.

Only attributes that the view shows are looked at. Where it has rows, nothing is weighed by how many customers hold a
word: some of them may lie outside.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.golden_record import search_store
from hub.golden_record.misspellings import near, slips
from hub.golden_record.search_store import Branch, WordCount
from hub.golden_record.search_terms import Term

STEP = 16  # between two ways of being met; within it, how rare a word is
AS_TYPED, IN_PART, ANOTHER_FORM, MISSPELT = 0, 2 * STEP, 2 * STEP, 4 * STEP
MANY = 10_000  # customers that a short beginning of a word is taken to stand for


@dataclass(frozen=True, slots=True)
class Ways:
    """How one word of a query is met, in one customer type."""

    branches: tuple[Branch, ...]
    size: int  # about how many customers meet it

    def meets(self, attribute: str, tokens: Iterable[str]) -> bool:
        """Do tokens of a customer's attribute meet it?"""
        own = set(tokens)
        return any(
            attribute in b.attributes
            and (any(t.startswith(b.prefix) for t in own) if b.prefix else own & set(b.tokens))
            for b in self.branches
        )


def ways(
    connection: Connection,
    type_name: str,
    counted: Collection[str],
    others: Collection[str],
    terms: Sequence[Term],
    *,
    rare: bool,
) -> list[Ways]:
    """Of each term. `counted`, `others`: the shown attributes whose words are counted, and the rest. `rare`: weigh how rare words are."""
    if not counted and not others:
        return [Ways((), 0) for _ in terms]
    asked = {t: near(word) for t in terms for word in t.exact[:1]}
    found = search_store.neighbours(connection, frozenset().union(*asked.values()))
    misspelt = {
        t: {w: s for w in found if (s := slips(t.exact[0], w)) is not None and near(w) & asked[t]} for t in asked
    }
    words = {w for t in terms for w in (*t.exact, *t.others, *misspelt.get(t, ()))}
    cells = search_store.cells(connection, type_name, counted, words)
    return [_ways(t, misspelt.get(t, {}), cells, tuple(sorted(counted)), tuple(sorted(others)), rare) for t in terms]


def _ways(
    term: Term,
    misspelt: Mapping[str, int],
    cells: Iterable[WordCount],
    counted: tuple[str, ...],
    others: tuple[str, ...],
    rare: bool,
) -> Ways:
    met: dict[tuple[str, int], list[str]] = {}
    size = 0
    for cell in cells:
        scarce = min(STEP - 1, cell.n.bit_length()) if rare else 0
        if cell.token in term.exact:
            cost = AS_TYPED + scarce
        elif cell.token in term.others:
            cost = ANOTHER_FORM + scarce
        elif cell.token in misspelt:  # of two words that may have been meant, the common one more likely was
            cost = MISSPELT * misspelt[cell.token] + (STEP - 1 - scarce if rare else 0)
        else:
            continue
        met.setdefault((cell.attribute, cost), []).append(cell.token)
        size += cell.n
    branches = [Branch((attribute,), tuple(tokens), cost) for (attribute, cost), tokens in sorted(met.items())]
    if others:
        branches.append(Branch(others, term.exact, AS_TYPED))
    for prefix in term.prefixes:
        branches.append(Branch((*counted, *others), (), IN_PART, prefix))
        size += MANY >> 2 * min(len(prefix), 6)
    return Ways(tuple(branches), size)
