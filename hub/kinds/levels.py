"""The comparison levels of every kind that is evidence."""

from __future__ import annotations

from hub.kinds.levels_address import POSTAL_ADDRESS
from hub.kinds.levels_base import MISSING, Level, Levels
from hub.kinds.levels_company import COMPANY_NAME
from hub.kinds.levels_names import FAMILY_NAME, GIVEN_NAME
from hub.kinds.levels_values import (
    BIRTH_DATE,
    CATEGORY_WORD,
    DOMAIN_NAME,
    EMAIL_ADDRESS,
    FREE_TEXT,
    IDENTIFIER_NUMBER,
    PHONE_NUMBER,
    SUFFIX_WORD,
)

LEVELS: dict[str, Levels] = {
    "given_name": GIVEN_NAME,
    "family_name": FAMILY_NAME,
    "name_suffix": SUFFIX_WORD,
    "birth_date": BIRTH_DATE,
    "email": EMAIL_ADDRESS,
    "phone": PHONE_NUMBER,
    "postal_address": POSTAL_ADDRESS,
    "identifier": IDENTIFIER_NUMBER,
    "company_name": COMPANY_NAME,
    "domain": DOMAIN_NAME,
    "category": CATEGORY_WORD,
    "text": FREE_TEXT,
}

__all__ = ["LEVELS", "MISSING", "Level", "Levels"]
