"""`config/interactions/TYPE.yaml`: what may happen with a customer, and what of it is told. Pure."""

from __future__ import annotations

from functools import cached_property

from pydantic import Field, model_validator

from hub.kinds.money import known_currency
from hub.settings.base import ADDED, Strict
from hub.settings.customers import Attribute

ROLES = {
    "at": "moment",
    "state": "choice",
    "channel": "choice",
    "amount": "money",
    "cost": "money",
    "spent": "duration",
}
REFERENCES = ("reference", "text", "phone", "email")  # kinds of attributes that may lead to an offer


class InteractionType(Strict):
    """A type of interactions: its attributes, and which of them say when, by which channel, how much."""

    name: str = ""
    title: str = ""  # what staff call it
    customer_title: str = ""  # what it is called to customers; default: title
    attributes: dict[str, Attribute]  # name -> what it is
    at: str  # the attribute that says when it happened; a row without it is set aside
    channel: str = ""  # the attribute that says by which channel
    state: str = ""  # the attribute that says how it stands: a choice, its options are the states
    amount: str = ""  # the attribute that says what it is worth
    cost: str = ""  # the attribute that says what it cost
    spent: str = ""  # the attribute that says how long it took
    void: tuple[str, ...] = Field(default=())  # states in which it does not count
    reference: str = Field(
        default="", json_schema_extra=ADDED
    )  # the attribute that may lead to an offer of a campaign: a code, the number that was dialled, an address
    contact: bool = Field(default=False, json_schema_extra=ADDED)  # somebody was talked to: it counts as a contact
    currency: str = Field(default="", json_schema_extra=ADDED)  # of amounts that name none, such as EUR

    @model_validator(mode="after")
    def _leads_somewhere(self) -> InteractionType:
        for role, kind in ROLES.items():
            name = getattr(self, role)
            if not name:
                continue
            if name not in self.attributes:
                raise ValueError(f"{role} names '{name}', which is no attribute; known: {', '.join(self.attributes)}")
            if self.attributes[name].kind != kind or self.attributes[name].many:
                raise ValueError(f"{role} names '{name}', which must be one value of kind {kind}")
        leads = self.attributes.get(self.reference) if self.reference else None
        if self.reference and (leads is None or leads.kind not in REFERENCES):
            raise ValueError(
                f"reference names '{self.reference}', which is no attribute of kind {', '.join(REFERENCES)}"
            )
        options = self.attributes[self.state].options if self.state else ()
        for state in self.void:
            if state not in options:
                raise ValueError(f"void names '{state}', which is no state; known: {', '.join(options) or 'none'}")
        if self.currency and known_currency(self.currency) != self.currency:
            raise ValueError(f"currency '{self.currency}' is none of ISO 4217; write for example EUR")
        return self

    @cached_property
    def read_as(self) -> dict[str, Attribute]:
        """The attributes as rows are read: amounts that name no currency are in the type's."""
        plain = {"scheme": self.currency}
        return {
            n: a.model_copy(update=plain) if self.currency and a.kind == "money" and not a.scheme else a
            for n, a in self.attributes.items()
        }

    @cached_property
    def only_channel(self) -> str:
        """The channel of rows that name none, where there is but one."""
        options = self.attributes[self.channel].options if self.channel else ()
        return options[0] if len(options) == 1 else ""

    @property
    def counted(self) -> frozenset[str]:
        """Attributes that figures are made of: a row of which one was given and cannot be read is set aside."""
        return frozenset(name for role in ROLES if (name := getattr(self, role)))
