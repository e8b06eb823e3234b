"""Company names and their legal forms."""

from __future__ import annotations

import pytest

from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context

KIND = KINDS["company_name"]


@pytest.mark.parametrize(
    ("name", "main", "legal"),
    [
        ("Müller & Söhne GmbH & Co. KG", "muller and sohne", "gmbh co kg"),
        ("Acme, Inc.", "acme", "inc"),
        ("Acme Incorporated", "acme", "inc"),
        ("ООО Газпром", "gazprom", "ooo"),
        ("«Газпром», ПАО", "gazprom", "pao"),
        ("株式会社トヨタ", "toyota", None),
        ("トヨタ自動車株式会社", KIND.forms("トヨタ自動車")[""], None),
        ("삼성전자(주)", KIND.forms("삼성전자")[""], None),
        ("The Coca-Cola Company", "coca cola", "co"),
        ("Eni S.p.A.", "eni", "spa"),
        ("Smith & Co", "smith", "co"),
        ("PT Astra International Tbk", "astra international", "tbk pt"),
        ("Škoda Auto a.s.", "skoda auto", "as"),
        ("Booking.com B.V.", "booking com", "bv"),
        ("J. Smith Ltd", "j smith", "ltd"),
        ("IBM", "ibm", None),
        ("GmbH", "gmbh", None),
        ("Limited Inc", "limited", "inc"),
        ("Grupo Bimbo, S.A.B. de C.V.", "grupo bimbo", "sab de cv"),
    ],
)
def test_legal_forms_are_left_out_of_the_main_form(name: str, main: str, legal: str | None) -> None:
    forms = KIND.forms(name)
    assert (forms[""], forms["legal"]) == (main, legal)
    assert KIND.clean(name, Context()) == Cleaned(name)


@pytest.mark.parametrize(
    ("one", "other", "form"),
    [
        ("International Business Machines Corp.", "IBM", "acronym"),
        ("Face Book", "Facebook", "joined"),
        ("Johnson and Johnson", "Johnson & Johnson", ""),
        ("Bank of America", "America Bank", "tokens"),
        ("Bäckerei Müller GmbH", "Baeckerei Mueller", "joined"),
        ("Kodak", "Codack", "sound"),
    ],
)
def test_spellings_that_share_a_form(one: str, other: str, form: str) -> None:
    assert KIND.forms(one)[form] == KIND.forms(other)[form] is not None
