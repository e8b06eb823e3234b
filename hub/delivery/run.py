"""Write-back: golden values to the sources that subscribe, changed fields only, and each write logged before it goes."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hub.access.handover import hand_over
from hub.access.read import Reader
from hub.connectors.base import Connector, FieldWrite, WriteResult
from hub.connectors.registry import connect
from hub.db import Clock, Connection, Lease, Units, fail_point
from hub.delivery import creating, store
from hub.delivery.creating import Creating
from hub.delivery.guarding import held_back, written_through
from hub.delivery.leaving import leaving
from hub.delivery.mirroring import look_at_all
from hub.delivery.outbox import Check, nothing, read_on
from hub.delivery.sending import send
from hub.delivery.store import Waiting
from hub.delivery.write_back import Making, Plan, plan, plan_removal, with_return
from hub.errors import ConfigError
from hub.golden_record import store as golden_store
from hub.golden_record.store import StoredChange
from hub.landing import store as landing
from hub.landing.store import Incoming
from hub.matching import store as matching_store
from hub.model import RecordId
from hub.resolve.adoption import disown
from hub.resolve.resolver import Resolver
from hub.settings import Config, Stream

BATCH = 100
LOOKED_AT = 1000  # landed versions that are looked through in one unit
LANDED = "write-back, landed"  # how far landings were looked through
LEASE = 300_000_000  # after that a claimed record is taken for its sender's death
DONE = {"clear": "cleared", "delete": "deleted", "archive": "archived"}
RETRY = (5, 60, 300, 1800, 7200, 21_600)  # seconds


@dataclass
class Pushed:
    """What one push did: records looked at, and what became of the writes."""

    looked_at: int = 0
    written: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    unreached: dict[str, str] = field(default_factory=dict)  # stream -> why its source could not be asked at all


Progress = Callable[[Pushed], None]


def targets(config: Config) -> dict[tuple[str, str], Stream]:
    """The streams that subscribe to golden values."""
    return {
        (source.name, name): stream
        for source in config.sources.values()
        for name, stream in source.streams.items()
        if stream.write_back
    }


class WriteBackConsumer:
    """Of what changed, the records that may differ from their golden record now: those of streams that subscribe."""

    name, view = "write-back", ""  # each source is told what its own role sees

    def __init__(self, streams: Mapping[tuple[str, str], Stream], clock: Clock):
        self.streams, self.clock = streams, clock
        self.records: set[int] = set()  # to look at

    def ready(self, connection: Connection) -> bool:
        return True

    def take(self, connection: Connection, changes: Sequence[StoredChange]) -> None:
        if not self.streams:
            return
        newest = {change.customer: change.seq for change in changes}
        homes = {cluster: newest[id] for id, cluster in golden_store.clusters_named(connection, newest).items()}
        members = matching_store.members_of(connection, homes)
        seqs = {rid: homes[cluster] for cluster, rids in members.items() for rid in rids}
        infos = landing.records(connection, seqs)
        names = {rid: (info.id.source, info.id.stream) for rid, info in infos.items()}
        rows = [(rid, *name, seqs[rid]) for rid, name in names.items() if name in self.streams]
        store.wait(connection, rows, self.clock.now())
        creating.want(connection, self.streams, members, infos, self.clock.now())
        self.records.update(row[0] for row in rows)


def fan_out(database: Units, config: Config, check: Check = nothing) -> int:
    """What changed since the last time waits to be written back. How many records."""
    consumer = WriteBackConsumer(targets(config), database.clock)
    # while a source is set aside, what waits for it must not be passed over
    read_on(database, consumer, check=check, advance=not config.aside)
    _wake_landed(database, consumer, check, advance=not config.aside)
    look_at_all(database, consumer.streams, check, advance=not config.aside)
    return len(consumer.records)


def _wake_landed(database: Units, consumer: WriteBackConsumer, check: Check, *, advance: bool) -> None:
    """Records of these streams of which a version landed are looked at too: what somebody typed there may lose against
    what is golden, and then nothing golden changes that would tell of it."""
    if not consumer.streams:
        return
    with database.read() as connection:
        mark = store.position(connection, LANDED)
        last = landing.last_landing(connection)
    while mark < last:
        with database.unit(urgent=False) as connection:
            check(connection)
            mark = max(mark, store.position(connection, LANDED))  # another one may have been at it meanwhile
            found = landing.landed_after(connection, mark, LOOKED_AT)
            mark = found[-1][0] if found else last
            rows = {
                rid: (rid, source, stream, 0)
                for _, rid, source, stream in found
                if (source, stream) in consumer.streams
            }
            store.wake(connection, list(rows.values()), database.clock.now())
            if advance:
                store.move(connection, LANDED, "", mark)
        consumer.records.update(rows)


class Push:
    """Delivers what waits, source by source."""

    def __init__(
        self,
        resolver: Resolver,
        reader: Reader,
        *,
        env: Mapping[str, str] | None = None,
        progress: Progress | None = None,
        lease: Lease | None = None,
    ):
        self.lease = lease
        self.resolver, self.reader, self.database = resolver, reader, resolver.database
        self.env = os.environ if env is None else env
        self.progress = progress or (lambda _pushed: None)
        self.result = Pushed()
        self.creating = Creating(resolver, reader, self._check, _wait, LEASE)

    def run(self) -> Pushed:
        """Everything that is due now. A source that is away keeps its records pending."""
        wanted = targets(self.resolver.config)
        fan_out(self.database, self.resolver.config, self._check)
        for (source, stream), given in sorted(wanted.items()):
            try:
                connector = connect(
                    self.resolver.config.sources[source], env=self.env, base_folder=self.resolver.config.folder
                )
            except ConfigError as error:  # told, and the other sources go on
                self.result.unreached[f"{source}.{stream}"] = str(error)
                continue
            try:
                if not _is_dry(given):
                    self._wake_dry(source, stream)
                    if refused := self._guard(source, stream, given):
                        self.result.unreached[f"{source}.{stream}"] = refused
                        continue
                while self._batch(connector, source, stream, given) or self._create(connector, source, stream, given):
                    self.progress(self.result)
                written_through(self.database, source, stream, self._check)
            finally:
                connector.close()
        return self.result

    def planned(self) -> Iterator[tuple[RecordId, Plan]]:
        """Every write that would go now, record by record. No source is asked and none is written to."""
        fan_out(self.database, self.resolver.config, self._check)
        for (source, stream), given in sorted(targets(self.resolver.config).items()):
            yield from self._planned(source, stream, given)

    def _planned(self, source: str, stream: str, given: Stream, since: int = 0) -> Iterator[tuple[RecordId, Plan]]:
        after = 0
        while waiting := self._waiting(source, stream, after, since):
            after = waiting[-1].rid
            for _, key, p in self._plan(waiting, source, stream, given):
                if p is not None and (p.writes or p.problems or p.tripped):
                    yield RecordId(source, stream, key), p

    def _guard(self, source: str, stream: str, given: Stream) -> str:
        """Why nothing is written to a stream now; empty when it is."""
        of = source, stream, given

        def plans(since: int) -> Iterator[Plan]:
            return (plan for _, plan in self._planned(*of, since))

        def new(since: int) -> Iterator[object]:
            return self.creating.planned(*of, since) if given.write_back and given.write_back.makes else iter(())

        return held_back(self.database, *of, plans, new, self._check)

    def _wake_dry(self, source: str, stream: str) -> None:
        """What a dry run kept back goes now that none is asked for."""
        with self.database.read() as connection:
            if not store.any_dry(connection, source, stream):
                return
        woken = LOOKED_AT
        while woken == LOOKED_AT:
            with self.database.unit(urgent=False) as connection:
                self._check(connection)
                woken = store.wake_dry(connection, source, stream, self.database.clock.now(), LOOKED_AT)

    def planned_new(self) -> Iterator[tuple[tuple[str, str], RecordId, Making]]:
        """Every record that would be made now: its stream, and the record that it is made for."""
        for (source, stream), given in sorted(targets(self.resolver.config).items()):
            for record, making in self.creating.planned(source, stream, given):
                yield (source, stream), record, making

    def _waiting(self, source: str, stream: str, after: int, since: int) -> list[Waiting]:
        with self.database.read() as connection:
            return store.waiting(connection, source, stream, after, BATCH, since)

    def _check(self, connection: Connection) -> None:
        """Whoever lost the lease sends no more."""
        if self.lease is not None:
            self.lease.check(connection)

    def _batch(self, connector: Connector, source: str, stream: str, given: Stream) -> bool:
        """Claim, plan and log in one unit; write; settle in another. False when nothing is due."""
        now = self.database.clock.now()
        with self.database.unit(urgent=False) as connection:
            self._check(connection)
            waiting = store.claim(connection, source, stream, now, BATCH, LEASE)
        if not waiting:
            return False
        planned = self._plan(waiting, source, stream, given)
        origin = uuid.uuid4().hex
        sent = [(w, key, p) for w, key, p in planned if p is not None and p.writes]
        dry = _is_dry(given)
        with self.database.unit(urgent=False) as connection:
            self._check(connection)
            for w, _, p in [] if dry else sent:
                assert p is not None
                for attribute, hash_ in p.hashes.items():
                    landing.log_write(
                        connection, w.rid, attribute, hash_, origin=origin, at=now, parts=p.parts[attribute]
                    )
        fail_point("pre-send")
        writes = [
            FieldWrite(k, dict(p.fields), dict(p.expected), delete=p.removal == "delete")
            for _, k, p in ([] if dry else sent)
            if p
        ]
        results = send(connector, stream, writes)
        fail_point("post-send")
        self._settle(planned, [] if dry else sent, results, origin, dry)
        self.result.looked_at += len(waiting)
        return True

    def _create(self, connector: Connector, source: str, stream: str, given: Stream) -> bool:
        """Make some records that are due. False when none is."""
        if given.write_back is None or not given.write_back.makes or _is_dry(given):
            return False
        tried = self.creating.batch(connector, source, stream, given)
        for one in tried:
            self.result.looked_at += 1
            self.result.outcomes[one.outcome] += 1
            self.result.problems.update(one.problems)
            if one.outcome == "created":
                self.result.written += 1
                self.result.fields.update(one.attributes)
        return bool(tried)

    def _plan(
        self, waiting: Sequence[Waiting], source: str, stream: str, given: Stream
    ) -> list[tuple[Waiting, str, Plan | None]]:
        assert given.write_back is not None
        back = given.write_back
        with self.database.read() as connection:
            recipe = self.resolver.recipe(connection)
            rids = [w.rid for w in waiting]
            infos = landing.records(connection, rids)
            latest = landing.latest_versions(connection, rids)
            written = landing.written(connection, rids)
            handed = hand_over(connection, self.reader, source, rids, {given.customer: back.attributes})
            gone = leaving(connection, back, rids, handed)
            archived = [w.rid for w in waiting if w.removals and back.deletes == "archive"]
            earlier = landing.versions_of(connection, archived)
        mapper = recipe.mappers[source, stream]
        shown = self.reader.view_of_role(source).shown(given.customer)
        attributes = [a for a in back.attributes if a in shown and a not in given.owns]

        def one(w: Waiting) -> Plan | None:
            version = latest.get(w.rid)
            if version is None or version.raw is None:
                return None  # gone there
            if w.rid in gone:
                return plan_removal(mapper, version.raw, back, gone[w.rid], w.removals)
            if w.rid not in handed:
                return None  # not resolved yet: a later change brings it back
            own, values = handed[w.rid].own, handed[w.rid].values
            planned = plan(mapper, version.raw, own, values, attributes, written.get(w.rid, {}))
            rows = [v.raw for v in reversed(earlier.get(w.rid, [])) if v.raw is not None]
            return with_return(planned, version.raw, back.archive, rows) if rows else planned

        return [(w, infos[w.rid].id.key, one(w)) for w in waiting]

    def _settle(
        self,
        planned: Sequence[tuple[Waiting, str, Plan | None]],
        sent: Sequence[tuple[Waiting, str, Plan | None]],
        results: Sequence[WriteResult],
        origin: str,
        dry: bool,
    ) -> None:
        answers = {w.rid: r for (w, _, _), r in zip(sent, results, strict=True)}
        now = self.database.clock.now()
        deleted: list[Waiting] = []
        with self.database.unit(urgent=False) as connection:
            for w, _, p in planned:
                answer = answers.get(w.rid)
                status, detail, wait = self._verdict(w, p, answer, dry)
                if answer is not None and (answer.untouched or answer.outcome in ("conflict", "gone", "rejected")):
                    landing.forget_writes(connection, w.rid, origin)
                store.settle(
                    connection, w, status, detail=detail, next_at=now + wait * 1_000_000, at=now, removals=_removals(w, p, answer)
                )  # fmt: skip
                if (
                    p is not None
                    and p.removal == "delete"
                    and answer is not None
                    and answer.outcome in ("written", "gone")
                ):
                    deleted.append(w)
                if answer is not None and answer.outcome == "written" and p is not None:
                    self._archived(connection, w, p)
                    landing.write_arrived(connection, w.rid, p.hashes, now)
                    self.result.written += 1
                    self.result.fields.update(p.hashes.keys())
            self._bury(connection, deleted)
            fail_point("attempt saved")

    def _archived(self, connection: Connection, w: Waiting, p: Plan) -> None:
        """Where the stream takes what is archived for deleted, who comes back gets another record."""
        if p.removal != "archive":
            return
        mapper = self.resolver.recipe(connection).mappers[w.source, w.stream]
        raw = landing.latest_versions(connection, [w.rid])[w.rid].raw
        if raw is not None and mapper.identify(mapper.after(raw, p.fields)).tombstone:
            landing.unmake(connection, w.rid)

    def _bury(self, connection: Connection, deleted: Sequence[Waiting]) -> None:
        """What the hub deleted there is gone here too, at its version: a page read before that brings it back to nobody."""
        if not deleted:
            return
        latest = landing.latest_versions(connection, [w.rid for w in deleted])
        infos, now = landing.records(connection, latest), self.database.clock.now()
        for w in deleted:
            disown(connection, w.rid, now)
            given = self.resolver.config.stream(w.source, w.stream)
            version = latest[w.rid].order[0] if given is not None and given.ordered is not None else None
            self.resolver.land(
                connection, w.source, w.stream, [Incoming(infos[w.rid].id.key, None, version)], pending=False
            )
        self.resolver.settle(connection, self.resolver.recipe(connection), {w.rid for w in deleted})

    def _verdict(self, w: Waiting, p: Plan | None, answer: WriteResult | None, dry: bool) -> tuple[str, str, int]:
        """(state, detail, seconds to wait)."""
        if p is not None:
            self.result.problems.update(p.problems.values())
            if dry and p.writes:
                self.result.outcomes["dry run"] += 1
                return "dry", "", 0
            if p.tripped and (answer is None or answer.outcome in ("written", "unchanged")):  # nothing else is open
                self.result.outcomes["tripped"] += 1
                return "tripped", store.TRIPPED + ", ".join(p.tripped), 0
        if answer is None:
            self.result.outcomes["nothing to write"] += 1
            return "done", "", 0
        if p is not None and p.removal and answer.outcome in ("written", "unchanged", "gone"):
            self.result.outcomes[DONE[p.removal]] += 1
            return "done", p.why, 0
        self.result.outcomes[answer.outcome] += 1
        if answer.outcome in ("written", "unchanged"):
            return "done", "", 0
        if answer.outcome in ("conflict", "retry"):
            return "pending", answer.detail, _wait(w.attempts)
        return ("done" if answer.outcome == "gone" else "rejected"), answer.detail, 0


def _is_dry(given: Stream) -> bool:
    return given.write_back is not None and given.write_back.dry_run


def _removals(w: Waiting, p: Plan | None, answer: WriteResult | None) -> int:
    """How often the record was removed since its customer left: none once the customer is there again."""
    if p is None or p.tripped:
        return w.removals
    if not p.removal:
        return w.removals if answer is not None and answer.outcome in ("conflict", "retry", "rejected") else 0
    return w.removals + (answer is not None and answer.outcome == "written")


def _wait(attempts: int) -> int:
    """Seconds to wait after so many tries."""
    return RETRY[min(attempts, len(RETRY) - 1)]
