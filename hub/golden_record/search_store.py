"""Finding customers by words: which words there are, and who holds them. The only SQL on these tables.

`search_word` counts the customers that hold a word in an attribute; `search_near` leads from what a misspelling shares
with a word to the word. Both are made of the search terms, in the unit that writes those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import Connection
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.golden_record.misspellings import near
from hub.golden_record.search_terms import LONGEST
from hub.golden_record.store import Term

LAST = "z" * LONGEST  # no token that begins with a prefix is above the prefix and this, under any collation


class SearchWordRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "search_word"
    __table_args__ = ({"sqlite_with_rowid": False},)
    token: str = Field(primary_key=True)
    type: str = Field(primary_key=True)
    attribute: str = Field(primary_key=True)
    n: int = big()  # customers


class SearchNearRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "search_near"
    __table_args__ = ({"sqlite_with_rowid": False},)
    near: str = Field(primary_key=True)
    token: str = Field(primary_key=True)


# --- keeping them ---------------------------------------------------------------------------------------


def count_words(connection: Connection, terms: Iterable[Term], step: int) -> None:
    """Terms of words came (`step` 1) or went (-1)."""
    changes = Counter((token, type_name, attribute) for type_name, attribute, token, _ in terms)
    rows = [{"token": w, "type": t, "attribute": a, "n": step * n} for (w, t, a), n in sorted(changes.items())]
    words = {w for w, _, _ in changes}
    before = _there(connection, words)
    db.do_many(
        connection,
        "INSERT INTO search_word (token, type, attribute, n) VALUES (:token, :type, :attribute, :n)"
        " ON CONFLICT (token, type, attribute) DO UPDATE SET n = search_word.n + excluded.n",
        rows,
    )
    if step > 0:
        db.insert_many(connection, table(SearchNearRow), ("near", "token"), near_rows(words - before))
        return
    db.do(connection, "DELETE FROM search_word WHERE n <= 0 AND token IN {words:text}", words=words)
    gone = near_rows(words - _there(connection, words))
    statement = "DELETE FROM search_near WHERE near = :near AND token = :token"
    db.do_many(connection, statement, [{"near": k, "token": w} for k, w in gone])


def recount(connection: Connection, counted: Mapping[str, Collection[str]]) -> None:
    """Make both tables anew. `counted`: customer type -> the attributes whose words are counted."""
    db.do(connection, "DELETE FROM search_word")
    db.do(connection, "DELETE FROM search_near")
    for type_name, attributes in counted.items():
        db.do(
            connection,
            "INSERT INTO search_word (token, type, attribute, n) SELECT token, type, attribute, count(*) FROM search_term"
            " WHERE type = :type AND attribute IN {attributes:text} GROUP BY token, type, attribute",
            type=type_name,
            attributes=attributes,
        )
    words = [w for (w,) in db.ask(connection, "SELECT DISTINCT token FROM search_word")]
    db.insert_many(connection, table(SearchNearRow), ("near", "token"), near_rows(words))


def near_rows(words: Iterable[str]) -> list[tuple[str, str]]:
    """In the order of the table."""
    return sorted((key, word) for word in words for key in near(word))


def _there(connection: Connection, words: Collection[str]) -> set[str]:
    found = db.ask(connection, "SELECT DISTINCT token FROM search_word WHERE token IN {words:text}", words=words)
    return {word for (word,) in found}


# --- looking --------------------------------------------------------------------------------------------


class WordCount(NamedTuple):
    """A word as it stands in an attribute, and how many customers hold it there."""

    attribute: str
    token: str
    n: int


def neighbours(connection: Connection, keys: Collection[str]) -> set[str]:
    """Words that are kept under any of these keys."""
    found = db.ask(connection, "SELECT DISTINCT token FROM search_near WHERE near IN {keys:text}", keys=keys)
    return {word for (word,) in found}


def cells(
    connection: Connection, type_name: str, attributes: Collection[str], words: Collection[str]
) -> list[WordCount]:
    """Where these words stand in these attributes. Of no other is anything looked at."""
    found = db.ask(
        connection,
        "SELECT attribute, token, n FROM search_word WHERE token IN {words:text} AND type = :type AND attribute IN {attributes:text}",
        words=words,
        type=type_name,
        attributes=attributes,
    )
    return [WordCount(*row) for row in found]


@dataclass(frozen=True, slots=True)
class Branch:
    """Search terms that a word of the query is met by: these tokens, or those of a prefix, in these attributes, and what they cost."""

    attributes: tuple[str, ...]
    tokens: tuple[str, ...]
    cost: int
    prefix: str = ""


class Hit(NamedTuple):
    """A customer found, and what it costs to take it for the one that was meant: the least first."""

    cost: int
    customer: str


MANY = 16  # attributes: what more of them do for a hit is less than a step of its cost


def hits(
    connection: Connection, type_name: str, terms: Sequence[Sequence[Branch]], *, after: Hit | None, limit: int
) -> list[Hit]:
    """Customers of a type that meet a branch of every term, the best first. The first term should be the rarest:
    those who meet it are looked at one by one."""
    if not terms or not all(terms):
        return []
    bound = _Bound(type_name)
    first = " UNION ALL ".join(
        f"SELECT customer, attribute, {b.cost} AS cost FROM search_term WHERE type = {bound.type} AND {bound.condition(b)}"
        for b in terms[0]
    )
    others = [
        f"(SELECT {bound.worth(term)} FROM search_term WHERE customer = met.customer AND ({bound.near(term)}))"
        for term in terms[1:]
    ]
    beyond = ""
    if after is not None:
        bound.values.update(cost=after.cost, customer=after.customer)
        beyond = " AND (total > :cost OR (total = :cost AND customer > :customer))"
    query = (
        f"WITH met AS (SELECT customer, {MANY} * min(cost) - count(DISTINCT attribute) AS worth FROM ({first}) AS branch GROUP BY customer)"
        f" SELECT total, customer FROM (SELECT customer, {' + '.join(['worth', *others])} AS total FROM met) AS ranked"
        f" WHERE total IS NOT NULL{beyond} ORDER BY total, customer LIMIT :limit"
    )
    return [Hit(*row) for row in db.ask(connection, query, **bound.values, limit=limit)]


class _Bound:
    """Values that were bound to a statement, and their marks."""

    def __init__(self, type_name: str) -> None:
        self.values: dict[str, Any] = {}
        self.type = self.mark(type_name)

    def mark(self, value: str) -> str:
        for name, known in self.values.items():
            if known == value:
                return f":{name}"
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def worth(self, term: Sequence[Branch]) -> str:
        """What a customer's terms are worth for a word of the query; NULL: they do not meet it."""
        cases = " ".join(f"WHEN {self.condition(b)} THEN {b.cost}" for b in term)
        met = " OR ".join(self.condition(b) for b in term)
        return f"{MANY} * min(CASE {cases} END) - count(DISTINCT CASE WHEN {met} THEN attribute END)"

    def near(self, term: Sequence[Branch]) -> str:
        """Cheaper than `condition`, and true wherever that is: most of a customer's terms are sorted out by it."""
        tokens = sorted({t for b in term for t in b.tokens})
        ranges = [self.range(p) for p in sorted({b.prefix for b in term if b.prefix})]
        return " OR ".join([*([f"token IN ({', '.join(map(self.mark, tokens))})"] if tokens else []), *ranges])

    def range(self, prefix: str) -> str:
        return f"token >= {self.mark(prefix)} AND token <= {self.mark(prefix + LAST)}"

    def condition(self, branch: Branch) -> str:
        attributes = f"attribute IN ({', '.join(map(self.mark, branch.attributes))})"
        if branch.prefix:
            return f"{attributes} AND {self.range(branch.prefix)}"
        return f"{attributes} AND token IN ({', '.join(map(self.mark, branch.tokens))})"


# --- checking -------------------------------------------------------------------------------------------


def differing_words(connection: Connection, counted: Mapping[str, Collection[str]]) -> Iterator[str]:
    """Words whose count is not that of the search terms. `counted`: customer type -> the attributes whose words are counted."""
    for type_name, attributes in counted.items():
        yield from (
            word
            for (word,) in db.ask(
                connection,
                "SELECT token FROM ("
                " SELECT token, attribute, n FROM search_word WHERE type = :type UNION ALL"
                " SELECT token, attribute, -count(*) AS n FROM search_term WHERE type = :type AND attribute IN {attributes:text} GROUP BY token, attribute"
                ") AS counted GROUP BY token, attribute HAVING sum(n) <> 0",
                type=type_name,
                attributes=attributes,
            )
        )


def differing_near(connection: Connection) -> int:
    """How many rows lead from a misspelling to a word that is not there, or are missing."""
    stored = {(k, w) for k, w in db.ask(connection, "SELECT near, token FROM search_near")}
    words = [w for (w,) in db.ask(connection, "SELECT DISTINCT token FROM search_word")]
    return len(stored ^ set(near_rows(words)))
