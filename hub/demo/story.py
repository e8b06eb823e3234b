"""Whom the demo follows. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Story:
    """One customer to follow: billing changes the address of `billing_key`, and it should reach `crm_key`."""

    truth: str
    billing_key: str
    crm_key: str
    address: dict[str, str | None]  # the new one, in billing's words
