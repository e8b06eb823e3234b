"""One pull of one stream: pages in, rows landed with their cursor, every row accounted for.

fetched = landed + unchanged + quarantined + suppressed, whatever happens.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from hub import db
from hub.connectors.base import JSON, BadRow, Connector, Cursor, Page, SourceRow
from hub.connectors.mapping.columns import needed_columns
from hub.connectors.mapping.paths import path
from hub.db import Lease
from hub.db.processes import seldom_collected
from hub.errors import ConfigError, Fault, HubError, RetryLater
from hub.landing import store as landing
from hub.landing.store import Incoming, Landed
from hub.matching.prepare import Ready
from hub.resolve.resolver import Resolver
from hub.work.repeats import Repeats

LIVE_ROWS = 2_000  # a larger backlog waits for the bulk path; the result is the same
LIVE_BATCH = 100  # rows in one unit while nobody else writes
SHARED_BATCH = 20  # rows in one unit while requests write too: so long they wait at most
ABSENT_SHARE = 0.02  # more missing at once than this is a broken listing, not deletes
ABSENT_TIMES = 2
LOST_BY = 10  # records of a page that lose their values of a column, and no row has it: then it was renamed or dropped
LOOKED_AT = 10_000  # landed rows of a large pull of which values left out are counted: reading them all costs as much as landing


class ColumnLost(ConfigError):
    """A column that many records had a value in is in no row any more: renamed there, or dropped."""

    def __init__(self, source: str, stream: str, where: str, column: str, records: int):
        super().__init__(
            [
                Fault(
                    f"sources/{source}.yaml: streams.{stream}.{where}",
                    f"no row has '{column}' any more, and at least {records} records had a value there: nothing was read on,"
                    " so that none of them is taken back",
                    f"correct the map, and hub source resume {source}; if the column is really gone,"
                    f" hub pull {source} --allow-losses",
                )
            ]
        )


@dataclass
class Pulled:
    """What one pull did."""

    source: str
    stream: str
    fetched: int = 0
    landed: int = 0
    unchanged: int = 0
    quarantined: int = 0
    suppressed: int = 0
    deleted: int = 0
    notes: list[str] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)  # values of landed rows, by (column, reason)
    looked_at: int = 0  # landed rows of which left_out tells
    error: str = ""
    pauses: bool = False  # the error is one that only a person can mend
    own: bool = False  # the error is the hub's own, such as a database that is busy: the source did nothing wrong
    wait: float = 0  # seconds that the source asked for before it is asked again

    def counts(self) -> dict[str, int]:
        names = ("fetched", "landed", "unchanged", "quarantined", "suppressed", "deleted")
        return {n: getattr(self, n) for n in names}


log = logging.getLogger(__name__)


def pages_of(connector: Connector, stream: str, cursor: Cursor | None) -> Iterator[Page]:
    """A connector's pages. What it did not foresee is its own fault, and stops neither the run nor other sources."""
    pages = connector.read(stream, cursor)
    while True:
        try:
            page = next(pages)
        except StopIteration:
            return
        except HubError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a connector does, the other sources go on
            # The message may hold a customer's values: kind and place must do.
            where = " < ".join(f"{f.name}:{f.lineno}" for f in reversed(traceback.extract_tb(error.__traceback__)[-6:]))
            log.error("a connector failed", extra={"stream": stream, "error": type(error).__name__, "where": where})
            raise RetryLater(f"{stream}: could not be read further ({type(error).__name__})") from None
        yield page


def _has(raw: Mapping[str, JSON], column: str) -> bool:
    return column in raw or column.partition(".")[0] in raw


Progress = Callable[[Pulled], None]


class Pull:
    """A pull under way."""

    def __init__(
        self,
        resolver: Resolver,
        source: str,
        stream: str,
        *,
        complete: bool,
        allow_deletes: bool = False,
        allow_losses: bool = False,
        afresh: bool = False,
        progress: Progress | None = None,
        lease: Lease | None = None,
    ):
        """`afresh`: from the beginning, whatever the cursor says, and believed to be complete where the connector says so.
        `lease`: whoever lost it lands no more."""
        self.resolver, self.database = resolver, resolver.database
        self.complete, self.allow_deletes, self.afresh = complete or afresh, allow_deletes, afresh
        self.allow_losses = allow_losses
        self.lease = lease
        self.progress = progress or (lambda _pulled: None)
        self.result = Pulled(source, stream)
        self.seen: set[str] = set()
        given = resolver.config.stream(source, stream)
        self.losing = needed_columns(given) if given is not None and given.records == "full" else {}
        self.repeats = Repeats(versioned=given is not None and given.ordered is not None)
        self.number = 0
        self.twice = 0

    def run(self, connector: Connector, *, live: bool) -> Pulled:
        """Read all pages after the stored cursor. Errors of the source end the pull, not the run."""
        source, stream = self.result.source, self.result.stream
        with self.database.unit(urgent=False) as connection:
            cursor = None if self.afresh else landing.cursor_of(connection, source, stream)
            self.number = landing.start_pull(connection, source, stream, self.database.clock.now())
        try:
            with seldom_collected():
                for page in pages_of(connector, stream, cursor):
                    db.fail_point("page fetched")
                    self._keep(page, live=live and self.result.landed < LIVE_ROWS)
                    self.progress(self.result)
        except (RetryLater, ConfigError) as error:
            self.result.error = str(error)
            self.result.wait = getattr(error, "wait", None) or 0
            self.result.pauses = isinstance(error, ColumnLost)
        finally:
            connector.close()
        self.result.notes.extend(self.repeats.notes())
        if self.twice:
            self.result.notes.append(
                f"{self.twice} rows have a version in the hour that clocks repeat: which of two such is newer cannot be told;"
                " name a version in UTC"
            )
        of = "" if self.result.looked_at >= self.result.landed else f" (in the first {self.result.looked_at} rows)"
        left = [
            f"{n} values left out of {column}: {why}{of}" for (column, why), n in self.result.left_out.most_common(5)
        ]
        note = "; ".join([*self.result.notes[:5], *left, self.result.error]).strip("; ")
        with self.database.unit(urgent=False) as connection:
            landing.save_pull(connection, self.number, self.result.counts(), note[:2000], self.database.clock.now())
        return self.result

    def _keep(self, page: Page, *, live: bool) -> None:
        try:
            self._take(page, live=live)
        except RetryLater:
            self.result.own = True
            raise

    def _take(self, page: Page, *, live: bool) -> None:
        self.result.notes.extend(page.notes)
        rows = [r for r in page.rows if isinstance(r, SourceRow)]
        incoming, refused = self.resolver.read_rows(self.result.source, self.result.stream, [r.raw for r in rows])
        if not self.allow_losses:
            self._keep_columns(incoming.values())
        aside = [(r.line, r.reason, r.raw) for r in page.rows if isinstance(r, BadRow)]
        aside += [(rows[n].line, r.reason, db.dump_any(rows[n].raw)) for n, r in refused.items()]
        for clash in self.repeats.take([(n, r, rows[n].line) for n, r in incoming.items()]):
            if clash.equal_version and clash.place in incoming:
                reason = f"another row of this read has its key and version and says otherwise: {clash.first}"
                reason += ", which landed with an earlier page" if clash.landed else ""
                aside.append((clash.line, reason, db.dump_any(rows[clash.place].raw)))
                del incoming[clash.place]
        for _, reason, _ in aside:
            self.result.reasons[reason] = self.result.reasons.get(reason, 0) + 1
        listed = list(incoming.values())
        if self.complete:
            self.seen.update(r.key for r in listed if r.raw is not None)
        for part, last in self._batches(listed, live):
            made = (
                self.resolver.make_ready(self.result.source, self.result.stream, self.database.giving_way(part))
                if live
                else {}
            )  # while nobody waits
            with self.database.unit(urgent=False) as connection:
                if self.lease is not None:
                    self.lease.check(connection)
                landed = self._land(connection, part, live, made)
                erased = self._finish(connection, page, aside, live) if last else 0
                if last:
                    landing.save_cursor(
                        connection, self.result.source, self.result.stream, page.cursor, self.database.clock.now()
                    )
                    landing.save_pull(connection, self.number, self.result.counts(), "", None)  # so far
            self._count(landed, len(aside) - erased if last else 0, erased)
            new = [row for row, done in zip(part, landed, strict=True) if done.changed]
            self._count_left_out(new, live, made)
            self.twice += self.resolver.comes_twice(self.result.source, self.result.stream, new)

    def _keep_columns(self, rows: Iterable[Incoming]) -> None:
        """ColumnLost: a mapped column is in no row of this page, and records of it had a value there. Where each row says
        all that its record holds, that would take all these values back."""
        living = {row.key: row.raw for row in rows if row.raw is not None}
        gone = [c for c in self.losing if not any(_has(raw, c) for raw in living.values())]
        if not gone or len(living) < LOST_BY:
            return
        with self.database.read() as connection:
            held = landing.latest_rows(connection, self.result.source, self.result.stream, living)
        for column in gone:
            lost = sum(path(column).get(raw) not in (None, "", []) for raw in held)
            if lost >= LOST_BY:
                raise ColumnLost(self.result.source, self.result.stream, self.losing[column], column, lost)

    def _count_left_out(self, rows: Sequence[Incoming], live: bool, made: Mapping[str, Ready]) -> None:
        """Values that could not be read. Rows made ready tell for nothing; of others the first ones do."""
        looked = rows if live else rows[: max(0, LOOKED_AT - self.result.looked_at)]
        self.result.left_out.update(self.resolver.left_out(self.result.source, self.result.stream, looked, made))
        self.result.looked_at += len(looked)

    def _batches(self, rows: Sequence[Incoming], live: bool) -> Iterator[tuple[Sequence[Incoming], bool]]:
        """Slices, each a unit, and whether it is the last; an empty page is one empty slice."""
        start = 0
        while True:
            size = len(rows) if not live else SHARED_BATCH if self.database.requested_lately else LIVE_BATCH
            part, start = rows[start : start + size], start + size
            yield part, start >= len(rows)
            if start >= len(rows):
                return

    def _land(
        self, connection: Connection, rows: Sequence[Incoming], live: bool, made: Mapping[str, Ready]
    ) -> list[Landed]:
        source, stream = self.result.source, self.result.stream
        landed = self.resolver.land(connection, source, stream, rows, pending=not live, made=made)
        if live:
            self.resolver.settle_landed(connection, source, stream, landed, made)
        return landed

    def _count(self, landed: Sequence[Landed], aside: int, erased: int) -> None:
        """Of what was committed alone: a unit that failed has fetched nothing. `erased`: rows that would have been set aside."""
        changed, suppressed = sum(r.changed for r in landed), sum(r.suppressed for r in landed)
        self.result.fetched += len(landed) + aside + erased
        self.result.quarantined += aside
        self.result.landed += changed
        self.result.suppressed += suppressed + erased
        self.result.unchanged += len(landed) - changed - suppressed

    def _finish(self, connection: Connection, page: Page, aside: Sequence[tuple[str, str, str]], live: bool) -> int:
        """What the page's rows leave to do; how many of those set aside are of somebody who was erased."""
        source, stream = self.result.source, self.result.stream
        erased = self.resolver.set_aside(connection, source, stream, aside, self.database.clock.now())
        if self.complete and page.listed_all:
            self._absent(connection, live, self.result.quarantined + len(aside))
        return erased

    def _absent(self, connection: Connection, live: bool, aside: int) -> None:
        """What a complete listing lacks for the second time was deleted, unless too much is missing at once.

        A listing of which rows were set aside is not complete: what seems missing may be one of them.
        """
        alive = landing.living_keys(connection, self.result.source, self.result.stream)
        missing = {k: rid for k, rid in alive.items() if k not in self.seen}
        landing.save_absences(connection, {}, [rid for k, rid in alive.items() if k in self.seen])
        if not missing:
            return
        if aside:
            self.result.notes.append(
                f"{len(missing)} records are missing from a listing of which {aside} rows could not be read: nothing was deleted"
            )
            return
        known = landing.absences(connection, missing.values())
        if len(missing) > ABSENT_SHARE * len(alive) and not self.allow_deletes:
            landing.save_absences(connection, {rid: 0 for rid in missing.values() if rid not in known}, [])
            self.result.notes.append(
                f"{len(missing)} of {len(alive)} records are missing from a complete listing, more than {ABSENT_SHARE:.0%}: nothing was deleted; "
                "if they are really gone, pull again with --allow-deletes"
            )
            return
        # With --allow-deletes, a listing that lacked too many to be believed counts too: somebody has looked.
        times = {r: max(known[r], self.allow_deletes) + 1 if r in known else 1 for r in missing.values()}
        gone = [k for k, rid in missing.items() if times[rid] >= ABSENT_TIMES]
        landing.save_absences(
            connection, {rid: n for rid, n in times.items() if n < ABSENT_TIMES}, [missing[k] for k in gone]
        )
        if self.allow_deletes and len(gone) < len(missing):
            self.result.notes.append(
                f"{len(missing) - len(gone)} records are missing from a complete listing for the first time: if the next one lacks"
                " them too they are deleted, so pull again"
            )
        landed = self._land(connection, [Incoming(k, None, absent=True) for k in gone], live, {}) if gone else []
        self.result.deleted += sum(r.changed for r in landed)
