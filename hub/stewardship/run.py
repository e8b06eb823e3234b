"""Doing, previewing and undoing acts: one unit each, and the list of those that were done."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from hub import db
from hub.errors import Conflict, Fault, NotFound
from hub.golden_record import store as golden_store
from hub.model import RecordId, Verdict
from hub.resolve.resolver import Resolver
from hub.stewardship import act_store
from hub.stewardship.act_store import StoredAct
from hub.stewardship.acts import Act, Decide, DecideAll, Undo
from hub.stewardship.doing import Doing, Done
from hub.stewardship.preview import Preview, preview_of

CHUNK = 500  # records of a large suspension that one unit settles


class Acts:
    """Does, previews and undoes acts on one hub."""

    def __init__(self, resolver: Resolver):
        self.resolver, self.database = resolver, resolver.database

    def do(
        self,
        act: Act,
        *,
        by: str,
        reason: str,
        versions: Mapping[str, int] | None = None,
        mark: Callable[[Connection, str], None] | None = None,
        agreed_by: str = "",
    ) -> Done:
        """Do an act in one unit. `versions`: the version of each customer (by id) that the steward looked at.
        `agreed_by`: the second person, where so large an act needs one (else Conflict).
        `mark`: told the act's id in the same unit, so that whoever asked for it knows for certain that it was done.

        Stale when one of these moved on; NotFound and Gone for what is not there; Conflict, with the path that
        contradicts, when standing decisions rule it out. Nothing changes then.
        """
        if self.needs_second(act) and not agreed_by:
            raise Conflict(
                "somebody else has to agree to so many at once",
                [Fault("/pairs", "are more than second_person_above allows", "propose it: POST /v1/acts/waiting")],
            )
        with self.database.unit() as connection:
            doing = Doing(self.resolver, connection, by=by, reason=reason)
            doing.expect(versions or {})
            done = doing.run(act)
            if mark is not None:
                mark(connection, done.id)
        if doing.read_later:
            self.resolver.reread()
        for part in db.chunks(sorted(doing.later), CHUNK):
            with self.database.unit(urgent=False) as connection:
                self.resolver.settle(connection, self.resolver.recipe(connection), part)
        return done

    def needs_second(self, act: Act) -> bool:
        """Is this more than one person may do alone?"""
        most = self.resolver.config.access.second_person_above
        return isinstance(act, DecideAll) and most is not None and len(act.pairs) > most

    def preview(self, act: Act, *, by: str, reason: str = "", versions: Mapping[str, int] | None = None) -> Preview:
        """What would follow if the act were done now: it is, and rolled back. Refused as the act would be."""
        with db.rehearsal(self.database) as stage:
            resolver = Resolver(stage, self.resolver.config)
            with stage.read() as connection:
                last = golden_store.next_seq(connection) - 1
            done = Acts(resolver).do(act, by=by, reason=reason, versions=versions, agreed_by=by)
            with self.database.read() as before, stage.read() as after:
                return preview_of(resolver.config, done, before, after, last)

    def undo(self, act_id: str, *, by: str, why: str, versions: Mapping[str, int] | None = None) -> Done:
        """Take all of an act back. NotFound; Conflict when it was undone already, or can stand no more."""
        return self.do(Undo(act_id), by=by, reason=why, versions=versions)

    def hold_together(self, left: RecordId, right: RecordId, *, by: str, reason: str) -> bool:
        """A system's own word that two of its records are one customer: a `match`, recorded once. False when standing
        decisions rule it out: what a person decided stands."""
        with self.database.unit() as connection:
            doing = Doing(self.resolver, connection, by=by, reason=reason)
            if doing.decided(left, right, Verdict.MATCH):
                return True
            try:
                doing.run(Decide(left, right, Verdict.MATCH))
            except Conflict:  # looked for before anything is written
                return False
            return True

    def find(self, act_id: str) -> StoredAct:
        """An act by its id. NotFound."""
        with self.database.read() as connection:
            found = act_store.act(connection, act_id)
        if found is None:
            raise NotFound("no such act", [Fault("/id", "unknown", "see the list of acts")])
        return found

    def listed(self, *, before: tuple[int, str] | None = None, limit: int = 50) -> list[StoredAct]:
        """Acts, newest first, after a position (at, id)."""
        with self.database.read() as connection:
            return act_store.acts(connection, before=before, limit=limit)
