"""A tiny hub for properties: few attributes, few values, so that draws collide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hub.connectors.registry  # noqa: F401 - makes the kinds of connectors known
from hub.db import Database
from hub.landing.fold import Held
from hub.matching import store as matching_store
from hub.model import RecordId
from hub.resolve.resolver import Resolver
from hub.settings import Access, Config, CustomerType, Source

IDS = [RecordId(s, "people", k) for s in ("bill", "crm", "web") for k in ("1", "2", "3")]


def customer_type(**matching: Any) -> CustomerType:
    return CustomerType.model_validate(
        {
            "name": "person",
            "attributes": {
                "given_name": {"kind": "given_name"},
                "family_name": {"kind": "family_name", "survivorship": "most_frequent"},
                "birth_date": {"kind": "birth_date", "survivorship": "most_recent"},
                "email": {"kind": "email", "many": True, "survivorship": "union"},
                "phone": {"kind": "phone", "many": True, "survivorship": {"rule": "most_trusted", "half_life": "2y"}},
                "tax_id": {"kind": "identifier", "exclusive": True},
            },
            "matching": {
                "rules": [["email"], ["phone.last8"], ["family_name.sound", "birth_date"], ["tax_id"]],
                "block_cap": 4,
                "largest": 4,
                "component": 6,
                "bridge_bits": 3,
                **matching,
            },
        }
    )


def stream(**more: Any) -> dict[str, Any]:
    attributes = ("given_name", "family_name", "birth_date", "phone", "tax_id")
    return {
        "customer": "person",
        "key": "id",
        "map": {**{a: a for a in attributes}, "email": "email"},
        "version": "v",
        "observed": "at",
        "verified": "all",
        "effective_from": {"phone": "phone_from"},
        "effective_to": {"phone": "phone_to"},
        "deleted": "gone",
        **more,
    }


def config(**matching: Any) -> Config:
    def source(name: str, **more: Any) -> Source:
        return Source.model_validate(
            {"name": name, "connector": {"kind": "file", "path": "."}, "streams": {"people": stream(**more)}}
        )

    return Config(
        folder=Path("."),
        customers={"person": customer_type(**matching)},
        access=Access(),
        sources={
            "bill": source("bill", trust={"default": 90}),
            "crm": source("crm", duplicate_free=True, trust={"default": 50}),
            "web": source("web", verified="none", records="partial", trust={"default": 20}),
        },
    )


CONFIG = config()


def resolver(database: Database, given: Config = CONFIG) -> Resolver:
    return Resolver(database, given)


def partition(database: Database) -> set[frozenset[RecordId]]:
    """Who is one customer."""
    found: dict[int, set[RecordId]] = {}
    with database.read() as c:
        for r in c.exec_driver_sql(
            "SELECT r.source, r.stream, r.key, m.cluster FROM record r JOIN membership m ON m.rid = r.rid"
        ):
            found.setdefault(r[3], set()).add(RecordId(*r[:3]))
    return {frozenset(c) for c in found.values()}


def answer(database: Database) -> dict[frozenset[RecordId], tuple[Any, ...]]:
    """Everything the hub says, by names alone: members -> values, lineage, members that gave and lost, shown mint record."""
    from hub.db import load

    with database.read() as c:
        names = {r[0]: RecordId(*r[1:4]) for r in c.exec_driver_sql("SELECT rid, source, stream, key FROM record")}
        mints = {r[0]: names[r[1]] for r in c.exec_driver_sql("SELECT mint, rid FROM record")}
        members: dict[int, set[RecordId]] = {}
        for r in c.exec_driver_sql("SELECT rid, cluster FROM membership"):
            members.setdefault(r[1], set()).add(names[r[0]])
        found: dict[frozenset[RecordId], tuple[Any, ...]] = {}
        for r in c.exec_driver_sql("SELECT cluster, id, body, lineage FROM customer"):
            lineage = {
                a: (
                    why["rule"],
                    [(names[x[0]], x[2]) for x in why["won"]],
                    [(names[x[0]], x[2]) for x in why.get("lost", [])],
                    "override" in why,
                )
                for a, why in load(r[3]).items()
            }
            found[frozenset(members[r[0]])] = (load(r[2]), lineage, mints[r[1]])
    return found


def nameless(answer_: dict[frozenset[RecordId], tuple[Any, ...]]) -> dict[frozenset[RecordId], tuple[Any, ...]]:
    """Without the shown id: that is chosen by landing order."""
    return {members: found[:2] for members, found in answer_.items()}


def held(database: Database, id: RecordId) -> dict[str, Held]:
    with database.read() as c:
        from hub.landing import store as landing

        info = landing.record_named(c, id)
        assert info is not None
        return dict(matching_store.standardised(c, [info.rid])[info.rid].folded.held)
