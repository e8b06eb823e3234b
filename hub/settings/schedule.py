"""How often: `every 5 minutes`, or a line of cron. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def schedule_seconds(text: str) -> int:
    """'every 5 minutes' -> 300."""
    words = text.split()
    units = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
    if (
        len(words) == 3
        and words[0] == "every"
        and words[1].isdigit()
        and words[2].rstrip("s") in units
        and int(words[1])
    ):
        return int(words[1]) * units[words[2].rstrip("s")]
    raise ValueError(
        f"'{text}' is not a schedule; write for example 'every 5 minutes', or '30 3 * * *' as in cron (UTC)"
    )


def is_cron(text: str) -> bool:
    return len(text.split()) == 5


def check_schedule(text: str) -> None:
    """ValueError when it is none."""
    if not is_cron(text):
        schedule_seconds(text)
        return
    try:
        after_cron(text, 0)
    except ValueError as error:
        raise ValueError(f"'{text}' is no line of cron: {error}; write for example '30 3 * * *'") from None


def after_cron(text: str, micros: int) -> int:
    """The first moment of a line of cron after this one, in microseconds since 1970 UTC."""
    from apscheduler.triggers.cron import CronTrigger  # here: most commands read no schedule

    since = datetime.fromtimestamp(micros // 1_000_000 + 1, UTC)
    found = CronTrigger.from_crontab(text, timezone=UTC).get_next_fire_time(None, since)
    if found is None:
        raise ValueError("it never comes")
    return int(found.timestamp()) * 1_000_000


def passed(text: str, last: int, now: int) -> bool:
    """Has a moment of the schedule passed since `last`? Of something that was never done: yes. Microseconds."""
    if not last:
        return True
    return (after_cron(text, last) if is_cron(text) else last + schedule_seconds(text) * 1_000_000) <= now
