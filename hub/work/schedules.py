"""When a source is pulled: by its schedule, by a nudge, again after a failure, or not at all while it is paused. Pure.

All of it is worked out from what happened last, kept in the database: so a restart shifts nothing, and after a downtime a
source is pulled once, not once for each pull that was missed.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Literal

from hub.settings import Source
from hub.settings.schedule import after_cron, is_cron, schedule_seconds

What = Literal["pull", "reconcile"]

MICROS = 1_000_000
JITTER = 0.05  # of an interval, sooner or later: sources with one interval do not come all at once
SOON = 10  # seconds
LONGEST_WAIT = 3600  # seconds that a source which fails waits at most


@dataclass(frozen=True, slots=True)
class SourceState:
    """What happened to a source last. Times are microseconds since 1970 UTC; 0: never.

    failures  pulls in a row that failed; paused_at: since when it is not pulled, and why, and by whom
    seen      since when it is looked after: a time of day counts from then, where it was never pulled
    """

    source: str
    started: int = 0
    ended: int = 0
    reconciled: int = 0
    failures: int = 0
    error: str = ""
    nudged: int = 0
    wait_until: int = 0  # the source asked for so much patience
    paused_at: int | None = None
    paused_by: str = ""
    paused_why: str = ""
    seen: int = 0


def due(state: SourceState, source: Source, now: int) -> What | None:
    """What to do with a source now; None: nothing yet."""
    if state.paused_at is not None or now < _patience(state):
        return None
    if source.reconcile is not None and _passed(source.reconcile, state.reconciled or state.seen, state, now):
        return "reconcile"
    if state.nudged > state.started or (state.failures and (source.schedule is not None or state.nudged)):
        return "pull"
    if source.schedule is None:
        return None
    if not state.started and not is_cron(source.schedule):  # an interval begins at once, a time of day does not
        return "pull"
    return "pull" if _passed(source.schedule, state.started or state.seen, state, now) else None


def _patience(state: SourceState) -> int:
    """Not before this: twice as long after each failure, and as the source asked."""
    wait = min(LONGEST_WAIT, 5 * 2 ** min(state.failures, 20)) if state.failures else 0
    return max(state.wait_until, state.ended + wait * MICROS)


def _passed(schedule: str, last: int, state: SourceState, now: int) -> bool:
    """Has a moment of the schedule passed since `last`? Since never: no."""
    if not last:
        return False
    if is_cron(schedule):
        return after_cron(schedule, last) + _spread(state, 60) <= now
    seconds = schedule_seconds(schedule)
    return last + seconds * MICROS + _spread(state, seconds * JITTER) <= now


def _spread(state: SourceState, seconds: float) -> int:
    """A part of `seconds` in microseconds, another for each source and pull, and always the same for one."""
    drawn = zlib.crc32(f"{state.source}/{state.started}".encode()) / 2**32
    return int(drawn * seconds * MICROS)


def broken_off(state: SourceState, ended: int) -> SourceState:
    """The state after a pull that the hub itself broke off: as before, and soon again."""
    return replace(state, wait_until=max(state.wait_until, ended + SOON * MICROS))


def after_pull(
    state: SourceState,
    source: Source,
    *,
    started: int,
    ended: int,
    error: str,
    wait: float,
    reconciled: bool,
    pauses: bool = False,
) -> SourceState:
    """The state after a pull. Too many failures in a row pause the source, or one that only a person can mend, until
    somebody resumes it."""
    failures = state.failures + 1 if error else 0
    paused = bool(error) and (pauses or failures >= source.pause_after) and state.paused_at is None
    why = error if pauses else f"{failures} pulls in a row failed: {error}"
    return replace(
        state,
        started=started,
        ended=ended,
        reconciled=started if reconciled and not error else state.reconciled,
        failures=failures,
        error=error,
        nudged=state.nudged if error or state.nudged > started else 0,  # answered
        wait_until=ended + int(wait * MICROS) if wait else 0,
        paused_at=ended if paused else state.paused_at,
        paused_by="hub" if paused else state.paused_by,
        paused_why=why if paused else state.paused_why,
    )
