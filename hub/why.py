"""Explanations of a running hub, as plain data: access filters them by view before anybody sees them."""

from __future__ import annotations

from hub.connectors import landing
from hub.errors import NotFound
from hub.matching import store as matching_store
from hub.matching.explain import ClusterStory, Explain, PairStory
from hub.model import RecordId
from hub.resolve import Resolver, find_customer


def why_pair(resolver: Resolver, left: RecordId, right: RecordId) -> PairStory:
    """Why two records are one customer, or are not. NotFound when one never landed."""
    with resolver.database.read() as connection:
        return Explain(connection, resolver.recipe(connection)).pair(left, right)


def why_customer(resolver: Resolver, id: str) -> ClusterStory:
    """How the customer that an id leads to was built, step by step. NotFound, Gone as for the customer."""
    with resolver.database.read() as connection:
        customer = find_customer(connection, id)
        members = landing.records(connection, matching_store.members_of(connection, [customer.cluster])[customer.cluster])
        if not members:
            raise NotFound("no such customer")
        return Explain(connection, resolver.recipe(connection)).cluster(min(i.id for i in members.values()))
