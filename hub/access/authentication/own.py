"""Which customer a person is who signed in, and whether it is certain that all of its records are theirs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.access.authentication.principals import Principal
from hub.access.door import unknown
from hub.access.read import Reader
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.matching.recipe import read_recipe
from hub.model import RecordId, Verdict

NEAR = 2_000  # milli-bits above the weight from which two records join: less is near, which is not certain


@dataclass(frozen=True, slots=True)
class OwnSelf:
    """id: of the customer that is shown now; record: by which the person is known; certain: are all records of the
    customer surely of one person? Else they see their own record alone."""

    id: str
    type: str
    record: RecordId
    certain: bool


def own_self(reader: Reader, principal: Principal) -> OwnSelf:
    """NotFound and Gone as for any customer; NotFound for who is no customer."""
    if principal.kind != "person" or principal.subject is None:
        raise unknown()
    with reader.database.read() as connection:
        customer = reader.find(connection, reader.view(principal, connection), principal.subject)
        members = matching_store.members_of(connection, [customer.cluster])[customer.cluster]
        infos = landing.records(connection, members)
        info = landing.record_minting(connection, principal.subject)
        named = infos.get(info.rid) if info is not None else None
        record = (named or infos[landing.earliest(infos, infos)]).id
        certain = _certain(connection, reader, customer.type, members)
    return OwnSelf(customer.id, customer.type, record, certain)


def _certain(connection: Connection, reader: Reader, type_name: str, members: Collection[int]) -> bool:
    """Do decisions and pairs that weigh well enough hold all of these records together?"""
    if len(members) < 2:
        return True
    enough = read_recipe(connection, reader.config).models[type_name].join + NEAR
    firm = set(matching_store.weights_touching(connection, members, enough))
    firm |= {
        (d.left, d.right) for d in matching_store.decisions_touching(connection, members) if d.verdict is Verdict.MATCH
    }
    return hang_together(members, firm)


def hang_together(members: Collection[int], pairs: Iterable[tuple[int, int]]) -> bool:
    """Is there a way from each member to each other over these pairs?"""
    home = {m: m for m in members}

    def root(m: int) -> int:
        while home[m] != m:
            home[m] = home[home[m]]
            m = home[m]
        return m

    for left, right in pairs:
        if left in home and right in home:
            home[root(left)] = root(right)
    return len({root(m) for m in members}) <= 1
