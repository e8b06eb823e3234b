"""Models know values by heart that came often. What no record says any more goes out of them, which changes no weight.

Who else has a value is looked for among golden records first, by the index that finds customers; what none of them shows is
looked for in the rows themselves, while nobody waits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.db import Units
from hub.golden_record import lookups, search_store
from hub.golden_record.search_terms import query_tokens
from hub.kinds.levels_base import Forms, texts_of
from hub.landing import store as landing
from hub.matching import store
from hub.matching.compare.model import Known, Model

SHOWN = 20  # customers found by a value that are looked at: among so many one has it, or its words stand for another


@dataclass(frozen=True, slots=True)
class Lost:
    """What nobody said when version `landed` was the newest."""

    known: frozenset[Known]
    landed: int


def lost(connection: Connection, type_name: str, known: Iterable[Known]) -> Lost:
    """Which of these no record of a type says, alive or dead."""
    landed = landing.last_landing(connection)
    unseen = {k for k in known if not _shown(connection, type_name, k)}
    return Lost(frozenset(unseen - store.said(connection, type_name, unseen)), landed)


def still_lost(connection: Connection, found: Lost) -> set[Known]:
    """Which of these nobody said since either: asked in the unit that forgets them."""
    since = store.forms(connection, landing.landed_since(connection, found.landed)).values() if found.known else ()
    return {k for k in found.known if not any(_says(forms, k) for forms in since)}


def forget(database: Units, gone: Iterable[tuple[str, Forms]]) -> None:
    """Take out of all models that are kept what is gone, each with its customer type. Taken again it changes nothing."""
    with database.read() as connection:
        found = _lost_of_models(connection, gone)
    if any(f.known for f in found.values()):
        with database.unit() as connection:
            for type_name, of_type in found.items():
                _rewrite(connection, type_name, still_lost(connection, of_type))


def forget_at_once(connection: Connection, gone: Iterable[tuple[str, Forms]]) -> None:
    """The same in the caller's unit: who writes meanwhile waits for it."""
    for type_name, of_type in _lost_of_models(connection, gone).items():
        _rewrite(connection, type_name, of_type.known)


def _lost_of_models(connection: Connection, gone: Iterable[tuple[str, Forms]]) -> dict[str, Lost]:
    """By customer type, what is gone and a model knows."""
    by_type: dict[str, list[Forms]] = {}
    for type_name, forms in gone:
        by_type.setdefault(type_name, []).append(forms)
    found = {}
    for type_name, listed in by_type.items():
        models = [Model.from_json(m.body) for m in store.models(connection, type_name)]
        found[type_name] = lost(connection, type_name, {k for m in models for forms in listed for k in m.known(forms)})
    return found


def _rewrite(connection: Connection, type_name: str, known: Collection[Known]) -> None:
    for stored in store.models(connection, type_name):
        model = Model.from_json(stored.body).without(known)
        if (body := model.to_json()) != stored.body:
            store.rewrite_model(connection, stored.id, model.hash, body)


def _shown(connection: Connection, type_name: str, told: Known) -> bool:
    """Does a customer who is found by its words have it? False: not among those that were looked at."""
    terms = [
        [search_store.Branch((column.partition(".")[0],), term.exact, 0)]
        for column, text in told
        for term in query_tokens(text)
    ]
    hits = search_store.hits(connection, type_name, terms, after=None, limit=SHOWN)
    clusters = lookups.clusters_named(connection, [h.customer for h in hits])
    members = {rid for rids in store.members_of(connection, clusters).values() for rid in rids}
    return any(_says(forms, told) for forms in store.forms(connection, members).values())


def _says(forms: Forms, told: Known) -> bool:
    return all(text in texts_of(forms.get(column)) for column, text in told)
