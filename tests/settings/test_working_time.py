"""Terms in working time: what is due when."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from hub.model import from_micros, to_micros
from hub.settings import WorkingHours
from hub.settings.working_time import checked_term

BERLIN = WorkingHours.model_validate({"zone": "Europe/Berlin", "holidays": ["2027-01-01"]})


def due(at: str, term: str, hours: WorkingHours = BERLIN) -> str:
    from datetime import datetime

    return from_micros(hours.after(to_micros(datetime.fromisoformat(at)), term)).strftime("%a %d %b %H:%M")


@pytest.mark.parametrize(
    ("at", "term", "then"),
    [
        ("2026-12-28T09:00:00+01:00", "4 working hours", "Mon 28 Dec 12:00"),  # 13:00 in Berlin
        ("2026-12-28T16:30:00+01:00", "1 working hour", "Tue 29 Dec 08:30"),
        ("2026-12-28T20:00:00+01:00", "30 working minutes", "Tue 29 Dec 08:30"),
        ("2026-12-31T16:00:00+01:00", "2 working hours", "Mon 04 Jan 09:00"),  # New Year and a weekend between
        ("2026-12-31T10:00:00+01:00", "1 working day", "Mon 04 Jan 16:00"),
        ("2026-12-28T10:00:00+01:00", "2 working days", "Wed 30 Dec 16:00"),
        ("2026-12-26T10:00:00+01:00", "1 working day", "Mon 28 Dec 16:00"),  # a Saturday
        ("2026-12-28T10:00:00+01:00", "3 days", "Thu 31 Dec 09:00"),
        ("2027-03-26T12:00:00+01:00", "10 working hours", "Mon 29 Mar 12:00"),  # the clock went forward on Sunday
        ("2026-12-28T10:00:00+01:00", "0 minutes", "Mon 28 Dec 09:00"),
    ],
)
def test_what_is_due_when(at: str, term: str, then: str) -> None:
    assert due(at, term) == then


@pytest.mark.parametrize("text", ["soon", "2 weeks", "-1 days", "2working days", "99999 days"])
def test_what_is_no_term_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no term"):
        checked_term(text)


@pytest.mark.parametrize(
    "given",
    [{"zone": "Berlin"}, {"days": {"monday": "9-17"}}, {"days": {"monday": "17:00-09:00"}}, {"days": {}}, {"days": {"monntag": "09:00-17:00"}}],
)  # fmt: skip
def test_hours_that_cannot_be_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WorkingHours.model_validate(given)
