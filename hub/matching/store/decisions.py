"""What stewards decided on two records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import Connection, Index
from sqlmodel import SQLModel

from hub import db
from hub.db import big, table
from hub.model import Decision, Pair, RecordId, Verdict

if TYPE_CHECKING:
    pass


class DecisionRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "decision"
    __table_args__ = (
        Index("decision_left", "left"),
        Index("decision_right", "right"),
        Index("decision_origin", "origin"),
    )
    id: int = big(primary_key=True)
    left: int = big()
    right: int = big()
    verdict: str
    reason: str
    by: str
    at: int = big()
    left_content: str = ""  # what it was made on
    right_content: str = ""
    weight: int | None = big(nullable=True, default=None)  # of the pair then, where it was a stored one
    withdrawn_at: int | None = big(nullable=True, default=None)
    withdrawn_by: str = ""
    withdrawn_why: str = ""
    origin: str = ""  # the act that made it: merge, split ... so that one undo takes all back


@dataclass(frozen=True, slots=True)
class StoredDecision:
    id: int
    left: int
    right: int
    verdict: Verdict
    reason: str
    by: str
    at: int
    left_content: str
    right_content: str
    withdrawn_at: int | None
    withdrawn_by: str
    origin: str
    weight: int | None = None


DECISION = (
    'id, "left", "right", verdict, reason, "by", at, left_content, right_content,'
    " withdrawn_at, withdrawn_by, origin, weight"
)


def _decision(row: db.Row) -> StoredDecision:
    return StoredDecision(row[0], row[1], row[2], Verdict(row[3]), *row[4:])


def decisions_touching(connection: Connection, rids: Iterable[int]) -> list[StoredDecision]:
    """Standing decisions that name one of these records."""
    found: dict[int, StoredDecision] = {}
    query = (
        f'SELECT {DECISION} FROM decision WHERE withdrawn_at IS NULL AND "left" IN {{ids}} UNION ALL'
        f' SELECT {DECISION} FROM decision WHERE withdrawn_at IS NULL AND "right" IN {{ids}}'
    )
    for r in db.ask(connection, query, ids=rids):
        found[r[0]] = _decision(r)
    return [found[i] for i in sorted(found)]


def standing_decisions(connection: Connection) -> list[StoredDecision]:
    query = f"SELECT {DECISION} FROM decision WHERE withdrawn_at IS NULL ORDER BY id"
    return [_decision(r) for r in db.ask(connection, query)]


def still_standing(connection: Connection, numbers: Iterable[int]) -> set[int]:
    """Those of these decisions that nobody withdrew, nor said otherwise on the same two records since."""
    query = (
        "SELECT d.id FROM decision d WHERE d.id IN {ids} AND d.withdrawn_at IS NULL AND NOT EXISTS (SELECT 1 FROM decision"
        ' n WHERE n."left" = d."left" AND n."right" = d."right" AND n.id > d.id AND n.withdrawn_at IS NULL'
        " AND n.verdict <> 'unsure')"
    )
    return {r[0] for r in db.ask(connection, query, ids=list(numbers))}


def decision(connection: Connection, number: int) -> StoredDecision | None:
    found = db.first(connection, f"SELECT {DECISION} FROM decision WHERE id = :id", id=number)
    return None if found is None else _decision(found)


def last_decision(connection: Connection) -> int:
    """The number of the newest decision."""
    return db.number(connection, "SELECT max(id) FROM decision")


def made_between(connection: Connection, since: int, until: int) -> list[tuple[str, str, int]]:
    """(steward, verdict, how many) of decisions that were made in [since, until), whatever became of them."""
    query = (
        'SELECT "by", verdict, count(*) FROM decision WHERE at >= :since AND at < :until'
        ' GROUP BY "by", verdict ORDER BY "by", verdict'
    )
    return [(by, verdict, n) for by, verdict, n in db.ask(connection, query, since=since, until=until)]


def decided_since(connection: Connection, number: int, at: int) -> set[int]:
    """Records of decisions after a number, or withdrawn from a time on."""
    query = 'SELECT "left", "right" FROM decision WHERE id > :number OR withdrawn_at >= :at'
    return {rid for pair in db.ask(connection, query, number=number, at=at) for rid in pair}


def decisions_connected(connection: Connection, rids: Iterable[int]) -> list[StoredDecision]:
    """Standing decisions in the decision component of these records."""
    reached, todo = set(rids), set(rids)
    found: dict[int, StoredDecision] = {}
    while todo:
        new = [d for d in decisions_touching(connection, todo) if d.id not in found]
        found.update({d.id: d for d in new})
        ends = {e for d in new for e in (d.left, d.right)}
        todo = ends - reached
        reached |= ends
    return [found[i] for i in sorted(found)]


def add_decision(
    connection: Connection,
    left: int,
    right: int,
    verdict: Verdict,
    *,
    reason: str,
    by: str,
    at: int,
    contents: tuple[str, str] = ("", ""),
    origin: str = "",
    weight: int | None = None,
) -> int:
    """Its number. `left` is the lower number of the two records, as in pairs."""
    assert left < right, "decisions name their records in order"
    number = db.next_number(connection, table(DecisionRow), "id")
    columns = (
        "id",
        "left",
        "right",
        "verdict",
        "reason",
        "by",
        "at",
        "left_content",
        "right_content",
        "weight",
        "withdrawn_by",
        "withdrawn_why",
        "origin",
    )
    db.insert_many(
        connection,
        table(DecisionRow),
        columns,
        [(number, left, right, verdict.value, reason, by, at, *contents, weight, "", "", origin)],
    )
    return number


def withdraw_decision(connection: Connection, number: int, *, by: str, why: str, at: int) -> None:
    db.do(
        connection,
        "UPDATE decision SET withdrawn_at = :at, withdrawn_by = :by, withdrawn_why = :why"
        " WHERE id = :id AND withdrawn_at IS NULL",
        at=at,
        by=by,
        why=why,
        id=number,
    )


def forget_words(connection: Connection, rids: Iterable[int]) -> None:
    """Decisions on records that were erased stand for nothing, and what was written to them goes."""
    listed = list(rids)
    for end in ("left", "right"):
        db.delete_numbered(connection, table(DecisionRow), "id", f'"{end}" IN {{ids}}', ids=listed)


def named(stored: Iterable[StoredDecision], names: Mapping[int, RecordId]) -> list[Decision]:
    return [Decision(d.id, Pair.of(names[d.left], names[d.right]), d.verdict) for d in stored]
