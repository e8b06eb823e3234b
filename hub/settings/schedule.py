"""How often: `every 5 minutes`, or a line of cron. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


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
    comes = [CronTrigger.from_crontab(line, timezone=UTC).get_next_fire_time(None, since) for line in _lines(text)]
    found = [at for at in comes if at is not None]
    if not found:
        raise ValueError("it never comes")
    return int(min(found).timestamp()) * 1_000_000


def _lines(text: str) -> list[str]:
    """A line of cron as the library reads such: days of the week by name (it counts them from Monday, cron from Sunday), and
    two lines where both the day of the month and that of the week are told, since cron takes either."""
    minute, hour, day, month, weekday = text.split()
    named = _weekdays(weekday)
    if day.startswith("*") or weekday.startswith("*"):
        return [f"{minute} {hour} {day} {month} {named}"]
    return [f"{minute} {hour} {day} {month} *", f"{minute} {hour} * {month} {named}"]


def _weekdays(field: str) -> str:
    """`1-5` -> `mon,tue,wed,thu,fri`. ValueError: no days of the week."""
    if field == "*":
        return field
    found: set[int] = set()
    for part in field.casefold().split(","):
        span, _, step = part.partition("/")
        first, _, last = ("0", "-", "6") if span == "*" else span.partition("-")
        since = _weekday(first)
        until = _weekday(last) if last else 6 if step else since
        if step and not (step.isdigit() and int(step)):
            raise ValueError(f"'{part}' is no day of the week")
        until += 7 * (until < since)  # fri-mon, and 5-7 as cron has it
        found |= {n % 7 for n in range(since, until + 1, int(step or 1))}
    return ",".join(WEEKDAYS[n] for n in sorted(found))


def _weekday(text: str) -> int:
    """Sunday is 0, and 7."""
    if text in WEEKDAYS:
        return WEEKDAYS.index(text)
    if text.isdecimal() and text.isascii() and int(text) <= 7:
        return int(text)
    raise ValueError(f"'{text}' is no day of the week: 0 (or 7, Sunday) to 6, or sun to sat")


def passed(text: str, last: int, now: int) -> bool:
    """Has a moment of the schedule passed since `last`? Of something that was never done: yes. Microseconds."""
    if not last:
        return True
    return (after_cron(text, last) if is_cron(text) else last + schedule_seconds(text) * 1_000_000) <= now
