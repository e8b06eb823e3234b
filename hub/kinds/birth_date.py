"""Birth dates. Read as dates; before 1880 or after 2035 nobody living was born (valid=False: there is no clock here).

Forms: those of `date`: "", digits, year, month_day, swapped.
"""

from __future__ import annotations

from hub.kinds import date, levels_values
from hub.kinds.base import Cleaned, Context, Kind, Problem

EARLIEST, LATEST = "1880-01-01", "2035-12-31"


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    found = date.parse(raw, context)
    if not isinstance(found, str):
        return found
    return Cleaned(found, EARLIEST <= found <= LATEST)


BIRTH_DATE = Kind(
    name="birth_date",
    clean=clean,
    forms=date.forms,
    mask=date.mask,
    keys=("", "year", "month_day"),
    placeholders=date.PLACEHOLDERS,
    levels=levels_values.BIRTH_DATE,
    compares={"value": "digits"},
    version=2,
)
