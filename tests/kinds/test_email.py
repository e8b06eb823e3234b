"""E-mail addresses."""

from __future__ import annotations

import pytest

from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context, Problem

KIND = KINDS["email"]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (" Anna@Firma.DE ", "Anna@firma.de"),
        ("mailto:a.b@x.org", "a.b@x.org"),
        ("Anna Schmidt <anna@firma.de>", "anna@firma.de"),
        ("müller@köln.de", "müller@köln.de"),
        ("o'neil+x@a-b.co.uk", "o'neil+x@a-b.co.uk"),
        ("x@xn--kln-sna.de", "x@köln.de"),
    ],
)
def test_addresses_are_read(raw: str, shown: str) -> None:
    assert KIND.clean(raw, Context()) == Cleaned(shown)


@pytest.mark.parametrize(
    "raw",
    [
        "anna",
        "anna@",
        "@x.de",
        "a@b",
        "a b@x.de",
        "a@b.de; c@d.de",
        "a..b@x.de",
        ".a@x.de",
        "a@-x.de",
        "a" * 65 + "@x.de",
    ],
)
def test_what_is_no_address_is_a_problem(raw: str) -> None:
    assert isinstance(KIND.clean(raw, Context()), Problem)


def test_several_addresses_are_named_as_such() -> None:
    assert KIND.clean("a@b.de; c@d.de", Context()) == Problem("more than one e-mail address")


def test_forms_fold_what_reaches_one_mailbox() -> None:
    assert KIND.forms("J.Doe+x@googlemail.com") == {
        "": "j.doe+x@googlemail.com",
        "folded": "jdoe@gmail.com",
        "local": "jdoe",
        "domain": "gmail.com",
    }
    assert KIND.forms("j.doe+x@firma.de")["folded"] == "j.doe@firma.de"


def test_an_offices_mailbox_is_no_persons() -> None:
    assert KIND.forms("Info@Firma.de") == {"": "info@firma.de", "folded": None, "local": None, "domain": "firma.de"}


@pytest.mark.parametrize(
    ("value", "mask"), [("anna@firma.de", "a***@***.de"), ("an@firma.de", "***@***.de"), ("x", "***")]
)
def test_masks_keep_the_initial_and_the_ending(value: str, mask: str) -> None:
    assert KIND.mask(value) == mask


def test_placeholders_are_known() -> None:
    assert KIND.forms("Test@Test.com")[""] in KIND.placeholders
    assert KIND.forms("test@test.com")["domain"] is None
