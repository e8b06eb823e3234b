"""Phone numbers, held against the library on every country's example."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.kinds import KINDS, phone
from hub.kinds.base import Cleaned, Context, Problem

KIND = KINDS["phone"]


@pytest.mark.parametrize(
    ("raw", "country", "found"),
    [
        ("030 123456", "DE", Cleaned("+4930123456")),
        ("0049 30 123456", None, Cleaned("+4930123456")),
        ("0171/1234567", "DE", Cleaned("+491711234567")),
        ("+44 (0)20 7946 0958", None, Cleaned("+442079460958")),
        ("+39 06 1234567", "DE", Cleaned("+39061234567")),
        ("(212) 555-0123", "US", Cleaned("+12125550123")),
        ("1-212-555-0123", "US", Cleaned("+12125550123")),
        ("212-555-0123 ext. 7", "US", Cleaned("+12125550123;ext=7")),
        ("tel:+4930123456", None, Cleaned("+4930123456")),
        ("2125550123", None, Cleaned("2125550123", valid=False)),
        (2125550123.0, "US", Cleaned("+12125550123")),
        ("0000000000", "DE", Cleaned("+49000000000", valid=False)),
        ("call me", "DE", Problem("letters in a phone number")),
        ("12", None, Problem("too few or too many digits for a phone number")),
    ],
)
def test_numbers_are_read(raw: object, country: str | None, found: Cleaned | Problem) -> None:
    assert KIND.clean(raw, Context(country=country)) == found


def test_forms_agree_when_one_side_lost_its_country() -> None:
    whole, local = KIND.forms("+491711234567"), KIND.forms("01711234567")
    assert whole == {
        "": "491711234567",
        "national": "1711234567",
        "last8": "11234567",
        "last7": "1234567",
        "last6": "234567",
    }
    assert local["national"] == whole["national"] and local["last8"] == whole["last8"]


@pytest.mark.parametrize(
    "raw", ["0000000000", "1111111111", "+49 99999999", "123456789", "1234567890", "012345678", "+1 000 000 0000"]
)
@pytest.mark.parametrize("country", [None, "DE", "US"])
def test_digits_that_nobody_has_are_placeholders(raw: str, country: str | None) -> None:
    found = KIND.clean(raw, Context(country=country))
    assert isinstance(found, Cleaned) and not found.valid
    forms = KIND.forms(found.value)
    assert forms[""] in KIND.placeholders and forms["last8"] is None


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_the_short_cut_agrees_with_the_library_on_every_countrys_examples(country: str) -> None:
    for kind in (
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.TOLL_FREE,
    ):
        number = phonenumbers.example_number_for_type(country, kind)
        for style in (0, 1, 2) if number else ():
            text = phonenumbers.format_number(number, style)
            quick = phone._quick(text, country)
            assert quick is None or quick == phone._by_library(text, country), text


@settings(max_examples=400, deadline=None)
@given(
    prefix=st.sampled_from(["", "+", "0", "+49", "+1", "+44", "+39", "+7", "+54", "+52", "+55", "8", "1", "00"]),
    digits=st.text("0123456789", min_size=6, max_size=12),
    country=st.sampled_from([None, "DE", "US", "GB", "IT", "RU", "AR", "MX", "BR", "FR", "NL", "CI"]),
)
def test_the_short_cut_agrees_with_the_library_on_any_digits(prefix: str, digits: str, country: str | None) -> None:
    quick = phone._quick(prefix + digits, country)
    assert quick is None or quick == phone._by_library(prefix + digits, country)


def test_masks_keep_two_digits() -> None:
    assert KIND.mask("+4930123456") == "***56"
    assert KIND.mask("+4930123456;ext=99") == "***56"


@pytest.mark.parametrize(
    ("raw", "country", "found"),
    [
        ("+49 30 1234567 App. 4", "DE", Cleaned("+49301234567;ext=4")),
        ("030 1234567 Durchwahl 12", "DE", Cleaned("+49301234567;ext=12")),
        ("+49 30 1234567;ext=12", "DE", Cleaned("+49301234567;ext=12")),
        ("030 1234567 2. Stock", "DE", Cleaned("+49301234567")),
        ("030 123 45 67, 3 Etage links", "DE", Cleaned("+49301234567")),
        ("030 1234567 12 Uhr", "DE", Cleaned("+49301234567")),
        ("+1 212 555 1234 5th floor", "US", Cleaned("+12125551234")),
        ("1719998887.0", "DE", Cleaned("+491719998887")),
        ("+41 44 668 18 00 int. 3", "CH", Cleaned("+41446681800;ext=3")),
        ("+33 1 42 68 53 00 poste 12", "FR", Cleaned("+33142685300;ext=12")),
        ("22 628 43 21 wew. 12", "PL", Cleaned("+48226284321;ext=12")),
        ("8 (495) 123-45-67 доб. 12", "RU", Cleaned("+74951234567;ext=12")),
        ("415-555-2671x99", "US", Cleaned("+14155552671;ext=99")),
        ("415-555-2671 #99", "US", Cleaned("+14155552671;ext=99")),
        ("+49 30 1234567 (Büro)", "DE", Cleaned("+49301234567")),
        ("Tel. 030 1234567", "DE", Cleaned("+49301234567")),
        ("Mobile: +44 7911 123456", "GB", Cleaned("+447911123456")),
        ("0171 1234567 nach 18 Uhr", "DE", Cleaned("+491711234567")),
        ("+49 30 1234567 Haus 4", "DE", Cleaned("+49301234567")),
        ("12025550123 WORK", "US", Cleaned("+12025550123")),
        ("1-800-FLOWERS", "US", Cleaned("+18003569377")),
        ("1-800-FLOWERS", "DE", Problem("letters in a phone number")),
        ("0171l234567", "DE", Problem("letters in a phone number")),
        ("030 1234567 oder 0171 7654321", "DE", Problem("several phone numbers in one value")),
    ],
)
def test_words_beside_a_number_are_never_dialled(raw: str, country: str, found: Cleaned | Problem) -> None:
    assert KIND.clean(raw, Context(country=country)) == found


@pytest.mark.parametrize(
    ("raw", "country", "found"),
    [
        ("49 171 1234567", "DE", "+491711234567"),
        ("4930 1234567", "DE", "+49301234567"),
        ("44 7911 123456", "GB", "+447911123456"),
        ("31 6 12345678", "NL", "+31612345678"),
        ("43 1 5123456", "AT", "+4315123456"),
        ("39 333 1234567", "IT", "+393331234567"),
        ("45 12 34 56", "DK", "+4545123456"),
        ("04931 12345", "DE", "+49493112345"),
    ],
)
def test_a_number_that_lost_its_plus_gets_its_country_once(raw: str, country: str, found: str) -> None:
    assert KIND.clean(raw, Context(country=country)) == Cleaned(found)


@pytest.mark.parametrize(
    ("country", "text", "number"),
    [
        ("ES", "91 411 25 36 piso 3", "+34914112536"),
        ("FR", "01 42 68 53 00 étage 3", "+33142685300"),
        ("FR", "01 42 68 53 00 étage", "+33142685300"),
        ("CH", "044 668 18 00 Stock 3", "+41446681800"),
        ("DK", "33 12 34 56 etage 3", "+4533123456"),
        ("DE", "030 52 48 35 Uhr 18", "+4930524835"),
        ("DE", "030 5248351 2. Stock", "+49305248351"),
        ("US", "ID 4411 415-555-2671", "+14155552671"),
        ("AU", "1300 FLOWERS", "+611300356937"),
        ("TR", "0212 312 20 00 dahili 12", "+902123122000;ext=12"),
        ("CN", "010 6552 9988 转 12", "+861065529988;ext=12"),
        ("CH", "044 668 18 00 intern 12", "+41446681800;ext=12"),
    ],
)
def test_words_beside_a_number_take_no_digit_of_it(country: str, text: str, number: str) -> None:
    assert phone.clean(text, Context(country)) == Cleaned(number)
