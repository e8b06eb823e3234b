"""`config/purposes.yaml`: what customers' data are used for. Pure."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, field_validator

from hub.settings.base import ADDED, Strict, duration_micros

Basis = Literal["contract", "legal_obligation", "legitimate_interest", "consent", "vital_interest", "public_task"]


class Purpose(Strict):
    """What data are used for, on which ground, and which of them it has a use for."""

    title: str = ""
    basis: Basis  # legal ground, as article 6 of the GDPR counts them
    channel: str = ""  # of consent: by which channel it must be given; unset: by any
    consent_of: tuple[str, ...] | None = None  # of consent: customer types that must have given it; unset: all
    uses: dict[str, tuple[str, ...]] | None = (
        None  # type -> attributes that this purpose has a use for, "*" for all; a type not named: none. Unset: all that a role sees
    )
    keeps: dict[str, str] = Field(
        default_factory=dict, json_schema_extra=ADDED
    )  # interaction type -> how long this purpose has a use for it, such as call: 2y; customer type -> for how long after the last sign of life, such as person: 3y; the longest of all purposes counts

    @field_validator("keeps")
    @classmethod
    def _durations(cls, given: dict[str, str]) -> dict[str, str]:
        for text in given.values():
            duration_micros(text)
        return given


class Answering(Strict):
    """Until when people are answered who ask about their data."""

    clock: Literal["gdpr", "ccpa"] = (
        "gdpr"  # gdpr: within a month, two more where told in time; ccpa: told within 10 business days that it came, answered within 45 days, 45 more where told in time
    )
    holidays: tuple[date, ...] = ()  # of ccpa: days that are no business days, beside Saturdays and Sundays


class QuietCustomers(Strict):
    """Customers of whom nothing was heard for longer than purposes keep them."""

    contracts: tuple[str, ...] = ()  # types of relations that are contracts: while one holds, nobody at its ends goes
    number: int = Field(default=100, ge=0)  # customers of a type that go at once by themselves; more wait for somebody
    share: float = Field(default=0.01, ge=0, le=1)  # of the type's customers, where that is more


class Purposes(Strict):
    purposes: dict[str, Purpose] = Field(default_factory=dict)  # name -> what it is
    answering: Answering = Answering()
    retention: QuietCustomers = QuietCustomers()
