"""A database that was restored to a time before: who was erased since is erased again, before anything is served."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from hub.access.read import Reader
from hub.figures.owners import owners_of
from hub.landing import store as landing
from hub.landing import suppression
from hub.landing.suppression import of_record
from hub.matching import store as matching_store
from hub.model import RecordId
from hub.privacy.ledger import Ledger, LedgerLine
from hub.privacy.removal import forms_of, remove, words_of
from hub.privacy.sealing import Subject
from hub.resolve.forgetting import forget_at_once
from hub.resolve.resolver import Resolver

PAGE = 5_000


def replay(resolver: Resolver, reader: Reader, ledger: Ledger) -> int:
    """Erase again whom the ledger names and the database does not know to be erased; how many erasures."""
    standing = ledger.standing()
    if not standing:
        return 0
    with resolver.database.read() as connection:
        known = suppression.requests(connection)
    missing = {id: entry for id, entry in standing.items() if id not in known}
    if not missing:
        return 0
    for entry in missing.values():
        with resolver.database.unit() as connection:
            _again(connection, resolver, reader, entry)
    resolver.database.compact()
    return len(missing)


def _again(connection: Connection, resolver: Resolver, reader: Reader, entry: LedgerLine) -> None:
    hashes = {h for h, _ in entry.hashes or ()}
    rids, after = set(), 0
    while page := landing.records_after(connection, after, PAGE):
        rids |= {i.rid for i in page if of_record(resolver.suppression_key, i.id) in hashes}
        after = page[-1].rid
    infos = landing.records(connection, rids)
    words, forms = words_of(connection, resolver, infos), forms_of(connection, resolver, infos)
    names = {*(i.id for i in infos.values()), *_points(connection, resolver, rids)}
    subject = Subject(tuple(sorted(names)), tuple(i.mint for i in infos.values()), words)
    suppression.suppress(connection, entry.hashes or (), entry.request, entry.at)
    remove(connection, resolver, reader, subject, resolver.database.clock.now())
    forget_at_once(connection, forms)


def _points(connection: Connection, resolver: Resolver, rids: Collection[int]) -> set[RecordId]:
    """What else owned rows of theirs: contact points, of customers who were nobody but them."""
    homes = set(matching_store.clusters_of(connection, rids).values())
    members = matching_store.members_of(connection, homes)
    theirs = [home for home in homes if set(members[home]) <= set(rids)]
    owners = owners_of(connection, resolver.config, theirs)
    return {owner for home in theirs for owner in owners[home]}
