"""Records for customers that a stream lacks: wanted once per customer, logged before they are made, tied when they land.

Between "logged" and "told" nobody knows whether a record was made: a source that knows idempotency keys is given the
same one again, any other is searched first, and a pull that gives just these values settles it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hub.access.handover import hand_over
from hub.access.policy.rows import within
from hub.access.read import Reader
from hub.connectors.base import Connector, FieldWrite, WriteResult
from hub.connectors.mapping.mapper import Mapper
from hub.db import Connection, fail_point
from hub.delivery.sending import send
from hub.delivery.write_back import Making, plan_new
from hub.golden_record import store as golden_store
from hub.golden_record.hanging import composed, parts_of
from hub.golden_record.store import StoredCustomer
from hub.landing import store as landing
from hub.landing.store import Creation, RecordInfo
from hub.matching import store as matching_store
from hub.model import RecordId, Value
from hub.resolve.adoption import adopt_answered, hashes_of
from hub.resolve.resolver import Resolver
from hub.settings import Stream, WriteBack

BATCH = 100
Streams = Mapping[tuple[str, str], Stream]
SETTLED = ("pending", "sending", "made", "needless")  # of these no second one is wanted


def want(
    connection: Connection,
    streams: Streams,
    members: Mapping[int, Collection[int]],
    infos: Mapping[int, RecordInfo],
    now: int,
) -> None:
    """Of customers that changed (cluster -> records), those that get a record in a stream that has none of them."""
    making = {name: s for name, s in streams.items() if s.write_back is not None and s.write_back.makes}
    customers = golden_store.customers_of(connection, members) if making else {}
    for (source, stream), given in making.items():
        assert given.write_back is not None
        lacking = [
            c
            for cluster, c in customers.items()
            if c.type == given.customer
            and not any(_is_of(infos[r].id, source, stream) for r in members[cluster])
            and within(given.write_back.when, c.values, {infos[r].id.source for r in members[cluster]})
        ]
        known = landing.made_for(connection, source, stream, {r for c in lacking for r in members[c.cluster]})
        wanted = [_anchor(c, members[c.cluster], infos, known) for c in lacking]
        landing.want(connection, source, stream, [r for r in wanted if r is not None], now)


def _is_of(record: RecordId, source: str, stream: str) -> bool:
    return (record.source, record.stream) == (source, stream)


def _anchor(
    customer: StoredCustomer, members: Collection[int], infos: Mapping[int, RecordInfo], known: Mapping[int, str]
) -> int | None:
    """The record that one is made for: whose try was refused before, else the one that its id is of. None: one is made."""
    tried = [r for r in sorted(members) if r in known]
    if any(known[r] in SETTLED for r in tried):
        return None
    return next(iter([*tried, *(r for r in members if infos[r].mint == customer.id), *sorted(members)]))


@dataclass(frozen=True, slots=True)
class OneMade:
    """What became of one record to make."""

    outcome: str
    attributes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class Creating:
    """Makes the records that one push has to make."""

    def __init__(
        self,
        resolver: Resolver,
        reader: Reader,
        check: Callable[[Connection], None],
        waits: Callable[[int], int],
        lease: int,
    ):
        """check: raises when the lease is lost; waits: seconds to wait after so many tries; lease: of what is claimed,
        microseconds."""
        self.resolver, self.reader, self.database = resolver, reader, resolver.database
        self.check, self.waits, self.lease = check, waits, lease

    def batch(self, connector: Connector, source: str, stream: str, given: Stream) -> list[OneMade]:
        """Make some that are due; nothing when none is."""
        now = self.database.clock.now()
        with self.database.unit(urgent=False) as connection:
            self.check(connection)
            claimed = landing.claim_creations(connection, source, stream, now, BATCH, self.lease)
        if not claimed:
            return []
        planned = self.plan(claimed, source, stream, given)
        sent = [(c, making) for c, making in planned if making is not None]
        with self.database.unit(urgent=False) as connection:
            self.check(connection)
            landing.needless(connection, [c.id for c, making in planned if making is None])
            for creation, making in sent:
                landing.intend(connection, creation.id, making.fields, making.hashes)
        fail_point("pre-create")
        results = self._write(connector, stream, sent)
        fail_point("post-create")
        found = self._settle(source, stream, sent, results)
        fail_point("creation told")
        return [*found, *(OneMade("no longer to be made") for _, making in planned if making is None)]

    def planned(self, source: str, stream: str, given: Stream, since: int = 0) -> Iterator[tuple[RecordId, Making]]:
        """Every record that would be made, by the record it is made for; `since`: of what waits from later than that."""
        after = 0
        while waiting := self._waiting(source, stream, after, since):
            after = waiting[-1].id
            with self.database.read() as connection:
                infos = landing.records(connection, [c.rid for c in waiting])
            for creation, making in self.plan(waiting, source, stream, given):
                if making is not None:
                    yield infos[creation.rid].id, making

    def _waiting(self, source: str, stream: str, after: int, since: int) -> list[Creation]:
        with self.database.read() as connection:
            return landing.waiting_creations(connection, source, stream, after, BATCH, since)

    def plan(
        self, claimed: Sequence[Creation], source: str, stream: str, given: Stream
    ) -> list[tuple[Creation, Making | None]]:
        """What each is made of; None: the customer has one there by now, or nothing that it may be made of."""
        assert given.write_back is not None
        back = given.write_back
        with self.database.read() as connection:
            mapper = self.resolver.recipe(connection).mappers[source, stream]
            has_one = self._has_one(connection, {c.rid for c in claimed}, source, stream)
            rids = [c.rid for c in claimed if c.fields is None and c.rid not in has_one]
            asked = (*back.written, *_parts(mapper, back))
            handed = hand_over(connection, self.reader, source, rids, {given.customer: asked})
        return [
            (c, None if c.rid in has_one else _again(c) or (_new(mapper, back, h.values) if (h := handed.get(c.rid)) else None))
            for c in claimed
        ]  # fmt: skip

    def _has_one(self, connection: Connection, rids: Iterable[int], source: str, stream: str) -> set[int]:
        homes = matching_store.clusters_of(connection, rids)
        members = matching_store.members_of(connection, set(homes.values()))
        infos = landing.records(connection, {r for m in members.values() for r in m})
        full = {cluster for cluster, m in members.items() if any(_is_of(infos[r].id, source, stream) for r in m)}
        return {rid for rid, cluster in homes.items() if cluster in full}

    def _write(self, connector: Connector, stream: str, sent: Sequence[tuple[Creation, Making]]) -> list[WriteResult]:
        writes = [
            FieldWrite(None, dict(m.fields), token=c.token, known=self._known(c) if c.unsure else None) for c, m in sent
        ]
        return send(connector, stream, writes)

    def _known(self, creation: Creation) -> Callable[[str], bool]:
        def known(key: str) -> bool:
            with self.database.read() as connection:
                return landing.record_named(connection, RecordId(creation.source, creation.stream, key)) is not None

        return known

    def _settle(
        self, source: str, stream: str, sent: Sequence[tuple[Creation, Making]], results: Sequence[WriteResult]
    ) -> list[OneMade]:
        found = []
        now = self.database.clock.now()
        with self.database.unit(urgent=False) as connection:
            recipe = self.resolver.recipe(connection)
            landed = set()
            for (creation, making), answer in zip(sent, results, strict=True):
                if answer.outcome in ("written", "unchanged") and answer.key:
                    current = making.current(hashes_of(recipe, source, stream, making.row(answer.current or {})))
                    landing.made_as(connection, creation.id, answer.key, current, now)
                    there = landing.creation(connection, creation.id)
                    landed.add(None if there is None or there.made else adopt_answered(connection, there, now))
                    found.append(OneMade("created", tuple(making.sent)))
                    continue
                status, unsure = self._verdict(creation, answer)
                wait = self.waits(creation.attempts) if status == "pending" else 0
                landing.settle_creation(
                    connection, creation.id, status, detail=answer.detail, next_at=now + wait * 1_000_000, at=now, unsure=unsure
                )  # fmt: skip
                found.append(OneMade("created" if status == "made" else answer.outcome, (), making.problems))
            self.resolver.settle(connection, recipe, {r for r in landed if r is not None})
        return found

    def _verdict(self, creation: Creation, answer: WriteResult) -> tuple[str, bool]:
        """(state, may it have been made unseen?)"""
        if answer.outcome in ("written", "unchanged"):  # without its key: a pull will tell
            return "made", True
        if answer.outcome in ("conflict", "retry"):
            return "pending", creation.unsure or not answer.untouched
        return "rejected", creation.unsure  # an earlier try may have made it


def _again(creation: Creation) -> Making | None:
    """What was sent before goes again, as it was: the source may know it by its idempotency key."""
    return None if creation.fields is None else Making(creation.fields, creation.hashes)


def _new(mapper: Mapper, back: WriteBack, golden: Mapping[str, tuple[Value, ...]]) -> Making | None:
    parts = {part: values[0] for part in _parts(mapper, back) if (values := golden.get(part))}
    whole = composed(parts)
    named = {w: (whole,) for w in mapper.customer_type.whole_names if whole and not golden.get(w)}
    made = plan_new(mapper, {**golden, **named}, back.written)
    return made if made.fields and set(back.when.has) <= set(made.sent) else None


def _parts(mapper: Mapper, back: WriteBack) -> tuple[str, ...]:
    """What a full name is made of, where the stream takes one: of most customers nobody says it whole."""
    of = mapper.customer_type
    return parts_of(of.attributes) if set(of.whole_names) & set(back.written) else ()
