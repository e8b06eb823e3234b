"""Identifiers by scheme."""

from __future__ import annotations

import pytest

from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context

KIND = KINDS["identifier"]


@pytest.mark.parametrize(
    ("raw", "scheme", "found"),
    [
        ("DE 136 695 976", "eu.vat", Cleaned("DE136695976")),
        ("DE 136 695 977", "eu.vat", Cleaned("DE136695977", valid=False)),
        ("GB82 WEST 1234 5698 7654 32", "iban", Cleaned("GB82WEST12345698765432")),
        ("536-90-4399", "us.ssn", Cleaned("536904399")),
        ("536904399", "us.ssn", Cleaned("536904399")),
        ("36 574 261 809", "de.idnr", Cleaned("36574261809")),
        (36574261809, "de.idnr", Cleaned("36574261809")),
        ("213800KUD8LAJWSQ9D15", "lei", Cleaned("213800KUD8LAJWSQ9D15")),
        ("hrb 12-345/b", None, Cleaned("HRB12345B")),
        ("hrb 12345", "no.such", Cleaned("HRB12345")),
        ("x1", "../os", Cleaned("X1")),
    ],
)
def test_identifiers_are_compact(raw: object, scheme: str | None, found: Cleaned) -> None:
    assert KIND.clean(raw, Context(scheme=scheme)) == found


def test_forms() -> None:
    assert KIND.forms("HRB12345B") == {"": "hrb12345b", "digits": "12345", "last4": "345b"}


@pytest.mark.parametrize("raw", ["000000000", "999999999", "123456789", "XXXX", "TEST", "111-11-1111"])
def test_placeholders_are_known(raw: str) -> None:
    found = KIND.clean(raw, Context())
    assert isinstance(found, Cleaned) and KIND.forms(found.value)[""] in KIND.placeholders


def test_masks_keep_two_characters() -> None:
    assert KIND.mask("536904399") == "***99"
    assert KIND.mask("12345") == "***"
