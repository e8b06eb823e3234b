"""Working on what is to be done: take it, give it, say until when and how it stands, comment. One way for all of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection

from hub.errors import Conflict, Fault, Unprocessable
from hub.tasks import hold_store as store
from hub.tasks.hold import Hold, Matter, Note

CLAIM = 900_000_000  # microseconds that a claim lasts


def claim(
    connection: Connection, matter: Matter, *, by: str, now: int, lasts: int = CLAIM, alike: Iterable[Hold] = ()
) -> Hold:
    """Take it for a while (microseconds). Conflict while somebody else has it, or one of what comes to the same (`alike`)."""
    hold = store.of_matter(connection, matter)
    for other in (hold, *alike):
        if other.claimed(now) and other.claimed_by != by:
            fault = Fault("", f"claimed by {other.claimed_by}", "take another item, or ask them")
            raise Conflict("somebody else works on this", [fault])
    return _saved(connection, replace(hold, claimed_by=by, claimed_until=now + lasts))


def release(connection: Connection, matter: Matter, *, by: str, now: int) -> Hold:
    """Give a claim back. Conflict when it is not yours."""
    hold = store.of_matter(connection, matter)
    if hold.claimed(now) and hold.claimed_by != by:
        raise Conflict("this is claimed by somebody else", [Fault("", f"claimed by {hold.claimed_by}")])
    return _saved(connection, replace(hold, claimed_by="", claimed_until=None))


def assign(connection: Connection, matter: Matter, *, to: str, due: int | None) -> Hold:
    """Say whose it is (empty: nobody's) and when it is due (microseconds UTC): from then on it comes first."""
    return _saved(connection, replace(store.of_matter(connection, matter), assigned_to=to, due=due))


def plan(connection: Connection, matter: Matter, words: str) -> Hold:
    """Say what is to be done next."""
    return _saved(connection, replace(store.of_matter(connection, matter), next_step=words))


def stand(connection: Connection, matter: Matter, state: str, *, reason: str, by: str, now: int) -> Hold:
    """Say how it stands. Conflict while somebody else has it."""
    hold = store.of_matter(connection, matter)
    if hold.claimed(now) and hold.claimed_by != by:
        raise Conflict("somebody else works on this", [Fault("", f"claimed by {hold.claimed_by}", "ask them")])
    return _saved(connection, replace(hold, state=state, reason=reason, stood_by=by, stood_at=now))


def comment(connection: Connection, matter: Matter, *, by: str, now: int, words: str) -> Note:
    if not words.strip():
        raise Unprocessable("a comment needs words", [Fault("/text", "is empty")])
    return store.add_note(connection, matter, by=by, at=now, words=words)


def _saved(connection: Connection, hold: Hold) -> Hold:
    store.save(connection, hold)
    return hold
