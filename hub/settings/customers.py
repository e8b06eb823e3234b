"""`config/customers/TYPE.yaml`: the attributes of a customer type, and when two records are one customer. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cached_property
from typing import Literal

from pydantic import Field, field_validator, model_validator

from hub.kinds import KINDS, spelling
from hub.model import Rule, Value
from hub.settings.base import ADDED, Strict, duration_micros


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
    scheme: str | None = (
        None  # of an identifier: eu.vat, iban, us.ssn ...; of money: its currency; of a duration: its unit
    )
    options: tuple[str, ...] = Field(default=(), json_schema_extra=ADDED)  # of a choice: what may be said
    exclusive: bool = False  # two clearly different values are two customers; one a slip away, or invalid, is not
    matching: bool = True  # false: golden record only, never evidence
    purpose: str = Field(
        default="", json_schema_extra=ADDED
    )  # of a consent: the purpose that it is an answer to; what a record says there counts beside streams of consents
    title: str = ""

    @field_validator("survivorship", mode="before")
    @classmethod
    def _short_form(cls, given: object) -> object:
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
    together: tuple[tuple[str, ...], ...] | None = Field(
        default=None, json_schema_extra=ADDED
    )  # attributes whose values come from one record: [[given_name, family_name]]; unset: given and family name do
    learn: Literal["propose", "promote", "never"] = Field(
        default="propose", json_schema_extra=ADDED
    )  # of a model that hub serve trains by itself: wait for hub model promote, decide by it at once, or train none

    def spelling(self, attribute: str, value: Value) -> Hashable:
        """What every spelling of a value of an attribute shares."""
        return spelling(self.attributes[attribute].kind, value)

    @model_validator(mode="after")
    def _groups(self) -> CustomerType:
        seen: set[str] = set()
        for group in self.together or ():
            for name in group:
                if name not in self.attributes:
                    raise ValueError(
                        f"together names '{name}', which is no attribute; known: {', '.join(self.attributes)}"
                    )
                if name in seen:
                    raise ValueError(f"together names '{name}' twice: an attribute is in one group")
                if self.attributes[name].many or self.attributes[name].survivorship.rule is Rule.UNION:
                    raise ValueError(f"together names '{name}', of which a customer may have several")
                seen.add(name)
            if len(group) < 2:
                raise ValueError("a group of together has at least two attributes")
        return self

    @cached_property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Attributes that hang together: those that are named, else the given and the family name."""
        if self.together is not None:
            return self.together
        names = tuple(
            next((n for n, a in self.attributes.items() if a.kind == kind and not a.many), "")
            for kind in ("given_name", "family_name")
        )
        return (
            (names,)
            if all(names) and not any(self.attributes[n].survivorship.rule is Rule.UNION for n in names)
            else ()
        )

    @cached_property
    def showable(self) -> tuple[str, ...]:
        """Attributes that a view can show: all but those that are kept as a hash alone."""
        return tuple(n for n, a in self.attributes.items() if not KINDS[a.kind].secret)

    @cached_property
    def sayable(self) -> tuple[str, ...]:
        """Attributes of which customers say themselves what is right: what they agree to is a consent, secret words come from
        sources alone."""
        return tuple(n for n in self.showable if self.attributes[n].kind != "consent")

    @cached_property
    def whole_names(self) -> tuple[str, ...]:
        """Attributes that stand for others, such as a full name for its parts."""
        return tuple(n for n, a in self.attributes.items() if KINDS[a.kind].expand is not None and not a.many)
