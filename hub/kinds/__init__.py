"""The kinds of values that a customer, or what happened with one, has. Adding one is adding a file and a line here."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from functools import lru_cache

from hub.kinds.base import Kind
from hub.kinds.birth_date import BIRTH_DATE
from hub.kinds.category import CATEGORY
from hub.kinds.choice import CHOICE
from hub.kinds.company_name import COMPANY_NAME
from hub.kinds.consent import CONSENT
from hub.kinds.count import COUNT
from hub.kinds.date import DATE
from hub.kinds.domain import DOMAIN
from hub.kinds.duration import DURATION
from hub.kinds.email import EMAIL
from hub.kinds.family_name import FAMILY_NAME
from hub.kinds.given_name import GIVEN_NAME
from hub.kinds.identifier import IDENTIFIER
from hub.kinds.moment import MOMENT
from hub.kinds.money import MONEY
from hub.kinds.name_suffix import NAME_SUFFIX
from hub.kinds.number import NUMBER
from hub.kinds.person_name import PERSON_NAME
from hub.kinds.phone import PHONE
from hub.kinds.postal_address import POSTAL_ADDRESS
from hub.kinds.reference import REFERENCE
from hub.kinds.text import TEXT
from hub.model import Value

REMEMBERED = (
    4096  # values of a kind whose forms are kept: those just cleaned are asked for again when a record is standardised
)

KINDS: dict[str, Kind] = {
    kind.name: replace(kind, forms=lru_cache(REMEMBERED)(kind.forms))
    for kind in (
        GIVEN_NAME,
        FAMILY_NAME,
        PERSON_NAME,
        NAME_SUFFIX,
        COMPANY_NAME,
        EMAIL,
        PHONE,
        BIRTH_DATE,
        DATE,
        POSTAL_ADDRESS,
        IDENTIFIER,
        DOMAIN,
        CATEGORY,
        CONSENT,
        NUMBER,
        TEXT,
        MONEY,
        MOMENT,
        DURATION,
        COUNT,
        CHOICE,
        REFERENCE,
    )
}


def spelling(kind: str, value: Value) -> Hashable:
    """What every spelling of a value shares, its comparison forms: 'Hauptstr. 1' and 'Hauptstraße 1' are one address."""
    forms = KINDS[kind].forms(value)
    return tuple(forms.values()) if forms.get("") else value


def form_names(kind: Kind) -> tuple[str, ...]:
    """The names of a kind's forms, "" first: the same for every value."""
    return tuple(kind.forms((("line1", "x"),) if kind.parts else "x"))
