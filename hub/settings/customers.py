"""`config/customers/TYPE.yaml`: the attributes of a customer type, and when two records are one customer. Pure."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from pydantic import Field, field_validator

from hub.kinds import KINDS
from hub.model import Rule
from hub.settings.base import Strict, duration_micros


class Survivorship(Strict):
    """How one attribute's golden value is picked: a rule, its fallbacks, the half-life of trust."""

    rule: Rule = Rule.MOST_TRUSTED  # which value wins: see Survivorship
    fallbacks: tuple[Rule, ...] = ()  # rules that settle ties, in this order
    half_life: str | None = None  # most_trusted: how long until trust halves, such as 2y

    @field_validator("half_life")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        if text is not None:
            duration_micros(text)
        return text

    @cached_property
    def half_life_micros(self) -> int | None:
        return None if self.half_life is None else duration_micros(self.half_life)


class Attribute(Strict):
    kind: str  # see Kinds
    many: bool = False  # a customer may have several
    survivorship: Survivorship = Survivorship()  # a rule's name, or {rule, fallbacks, half_life}
    scheme: str | None = None  # of an identifier: eu.vat, iban, us.ssn ...
    exclusive: bool = False  # two different values are two customers
    matching: bool = True  # false: golden record only, never evidence
    title: str = ""

    @field_validator("survivorship", mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        return {"rule": given} if isinstance(given, str) else given

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"unknown kind '{kind}'; known kinds: {', '.join(sorted(KINDS))}")
        return kind


class Matching(Strict):
    """Probabilities at which pairs join or go to review, and the bounds of clustering."""

    join: float = Field(default=0.99, gt=0, lt=1)  # probability from which a pair joins
    review: float = Field(
        default=0.5, gt=0, lt=1
    )  # probability from which a pair is kept and, if it does not join, reviewed
    rules: tuple[tuple[str, ...], ...] = ()  # candidate rules: lists of keys (attribute or attribute.form)
    block_cap: int = Field(
        default=60, ge=2
    )  # records that may share a key; a larger block makes no pairs and is counted
    largest: int = Field(default=30, ge=2)  # K: records in a cluster
    component: int = Field(default=300, ge=2)  # N: records clustered at once
    bridge_bits: float = Field(default=3.0, ge=0)  # B: a bridge between two groups must weigh this much more than join


class CustomerType(Strict):
    name: str = ""
    title: str = ""
    attributes: dict[str, Attribute]  # name -> what it is
    matching: Matching = Matching()  # when records are one customer
