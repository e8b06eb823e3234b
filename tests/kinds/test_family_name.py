"""Family names: particles, double names, umlauts."""

from __future__ import annotations

import pytest

from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context

KIND = KINDS["family_name"]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("McDonald", "McDonald"),
        ("MCDONALD", "McDonald"),
        ("van der Berg", "van der Berg"),
        ("VAN DER BERG", "van der Berg"),
        ("Van Der Berg", "Van Der Berg"),
        ("o'neil-smith", "O'Neil-Smith"),
        ("MÜLLER", "Müller"),
        ("DiCaprio", "DiCaprio"),
        ("Smith Jr", "Smith Jr"),
        ("Иванов", "Иванов"),
        ("LI", "LI"),
    ],
)
def test_names_keep_what_people_meant(raw: str, shown: str) -> None:
    assert KIND.clean(raw, Context()) == Cleaned(shown)


def test_forms_of_a_double_name() -> None:
    assert KIND.forms("Garcia Lopez") == {
        "": "garcia lopez",
        "plain": "garcialopez",
        "last": "lopez",
        "first": "garcia",
        "first4": "garc",
        "sound": KIND.forms("Garcialopez")["sound"],
        "sorted": "garcia lopez",
    }


@pytest.mark.parametrize(
    ("one", "other", "form"),
    [
        ("Müller", "Mueller", "plain"),
        ("Müller", "Muller", ""),
        ("Mueller", "Miller", "sound"),
        ("Sørensen", "Soerensen", "plain"),
        ("Groß", "Gross", ""),
        ("van der Berg", "Berg", "plain"),
        ("Lopez Garcia", "Garcia-Lopez", "sorted"),
        ("O'Neil", "ONeil", ""),
        ("Smith Jr.", "Smith", ""),
        ("Schmidt", "Schmitt", "sound"),
        ("Aagaard", "Ågård", "plain"),
    ],
)
def test_spellings_that_share_a_form(one: str, other: str, form: str) -> None:
    assert KIND.forms(one)[form] == KIND.forms(other)[form] is not None


def test_a_particle_alone_is_a_name() -> None:
    assert KIND.forms("Le")["plain"] == "le"
    assert KIND.forms("De La")["plain"] == "dela"
