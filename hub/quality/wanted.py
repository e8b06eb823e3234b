"""What people want done with a model: tried, or promoted. It is noted with the model, and done by a job of the hub, for it
takes as long as to resolve all records."""

from __future__ import annotations

from typing import Literal

from hub import db
from hub.errors import Conflict, Fault, NotFound, RetryLater
from hub.matching import store
from hub.matching.store import StoredModel
from hub.quality.learning import note_changes
from hub.quality.promotion import dry_run, promote
from hub.resolve.resolver import Resolver

Wanted = Literal["try", "promote"]


def want(database: db.Units, number: int, what: Wanted, *, by: str) -> None:
    """Note it. NotFound; Conflict when the model is in force, or something is to be done with one already."""
    with database.unit() as connection:
        found, other = store.model_numbered(connection, number), store.asked_model(connection)
        if found is None:
            raise NotFound("no such model", [Fault("/number", f"there is no model {number}", "see the list of models")])
        if found.status == "promoted":
            raise Conflict("this model is in force", [Fault("/number", f"model {number} decides already")])
        if other is not None:
            what_ = "tried" if other.asked == "try" else "promoted"
            fault = Fault("/number", f"model {other.id} is to be {what_} first, {other.asked_by} said", "wait for it")
            raise Conflict("another model is being worked on", [fault])
        store.ask_model(connection, number, what, by, database.clock.now())


def wanted(database: db.Units) -> StoredModel | None:
    """The model with which something is to be done."""
    with database.read() as connection:
        return store.asked_model(connection)


def work(resolver: Resolver, lease: db.Lease) -> None:
    """Do what is wanted. A process that ends meanwhile leaves it noted: the next one begins anew. What went wrong for
    another reason than that something is away is wanted no more."""
    given = wanted(resolver.database)
    if given is None:
        return
    try:
        made = dry_run(resolver, given.id) if given.asked == "try" else promote(resolver, given.id)
    except RetryLater:
        raise
    except Exception:
        _done(resolver, given, lease)
        raise
    if given.asked == "try":
        with resolver.database.unit(urgent=False) as connection:
            lease.check(connection)
            note_changes(connection, given.id, made.counts())
    _done(resolver, given, lease)


def _done(resolver: Resolver, given: StoredModel, lease: db.Lease) -> None:
    with resolver.database.unit(urgent=False) as connection:
        lease.check(connection)
        store.ask_model(connection, given.id, "", "", None)
