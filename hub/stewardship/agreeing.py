"""The rule of two people: one verdict on very many pairs waits until somebody else agrees."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.errors import Conflict, Fault, Forbidden, NotFound
from hub.landing import store as landing
from hub.model import Verdict
from hub.stewardship import waiting_store as store
from hub.stewardship.acts import DecideAll
from hub.stewardship.doing import Done
from hub.stewardship.run import Acts
from hub.stewardship.waiting_store import StoredWaiting


@dataclass(frozen=True, slots=True)
class WaitingAct:
    """What somebody proposed. Of records that are erased nothing is left in it."""

    id: str
    by: str
    reason: str
    at: int
    act: DecideAll
    settled: bool


class Agreeing:
    """Proposes, agrees to and gives up acts on one hub."""

    def __init__(self, acts: Acts):
        self.acts, self.database = acts, acts.database

    def propose(self, act: DecideAll, *, by: str, reason: str) -> str:
        """Its id. NotFound where a record is unknown."""
        with self.database.unit() as connection:
            infos = landing.records_named(connection, {id for pair in act.pairs for id in pair})
            faults = [
                Fault(f"/pairs/{n}", "unknown record", "look at the queue again")
                for n, pair in enumerate(act.pairs)
                if not infos.keys() >= set(pair)
            ]
            if faults:
                raise NotFound("no such record", faults[:1])
            pairs = [(infos[a].rid, infos[b].rid) for a, b in act.pairs]
            id_ = f"wait_{secrets.token_hex(12)}"
            store.add(
                connection, StoredWaiting(id_, by, reason, self.database.clock.now(), act.verdict.value, pairs, None)
            )
        return id_

    def listed(self) -> list[WaitingAct]:
        """All that wait, the oldest first."""
        with self.database.read() as connection:
            return [_named(connection, row) for row in store.open_ones(connection)]

    def find(self, id: str) -> WaitingAct:
        """NotFound."""
        with self.database.read() as connection:
            row = store.find(connection, id)
            if row is None:
                raise NotFound("no such proposal", [Fault("/id", "unknown", "see what waits")])
            return _named(connection, row)

    def agree(self, id: str, *, by: str) -> Done:
        """Do it, as the act of who proposed it. Forbidden to that person; Conflict when it is settled already."""
        found = self.find(id)
        if found.by == by:
            raise Forbidden("somebody else has to agree to what you proposed")

        def settled(connection: Connection, act: str) -> None:
            if not store.settle(connection, id, by=by, at=self.database.clock.now(), act=act):
                raise _late()

        if found.settled:
            raise _late()
        reason = f"{found.reason} (agreed by {by})"
        return self.acts.do(found.act, by=found.by, reason=reason, agreed_by=by, mark=settled)

    def give_up(self, id: str, *, by: str) -> None:
        """Refused by the second person, or taken back by the first. Conflict when it is settled already."""
        with self.database.unit() as connection:
            if not store.settle(connection, id, by=by, at=self.database.clock.now(), act=""):
                raise _late()


def _late() -> Conflict:
    return Conflict(
        "this was settled already", [Fault("/id", "waits no more", "see what was done, in the list of acts")]
    )


def _named(connection: Connection, row: StoredWaiting) -> WaitingAct:
    infos = landing.records(connection, {r for pair in row.pairs for r in pair})
    pairs = tuple((infos[a].id, infos[b].id) for a, b in row.pairs if a in infos and b in infos)
    return WaitingAct(
        row.id, row.by, row.reason, row.at, DecideAll(pairs, Verdict(row.verdict)), row.settled_at is not None
    )
