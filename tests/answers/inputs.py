"""What kinds are asked: words of their own, what every source sends, and both put together by dice of a fixed seed."""

from __future__ import annotations

import random
from typing import Any

COUNT = 260  # inputs of a kind

COMMON: list[Any] = [
    "", " ", "-", "n/a", "NULL", "unknown", "?", "a", "A", "Ab", "***", "x" * 70, None, True, False, 0, 1, -1, 12, 1.5, 19800203, 10**30,
    float("nan"), float("inf"), [], {}, ["a", "b"], {"x": "y"}, [["a"]], {"line1": {"line1": "x"}}, "\u0000", "\ud800", "\u200b", "\u202eabc",
    "\uffff", "\U000e0041", "ǅ", "ŉ", "ﬁ", "İ", "ß", "e\u0301", "\u0301", "😀", "👨\u200d👩\u200d👧", "田中", "김철수", "محمد", "שלום", "Ελένη", "Владимир",
    "'; DROP TABLE x; --", "<script>", "%s", "{}", "\n", "\t a \r\n b ", "1e999999", "-0", "Inf", "²", "Ⅷ", "٣", "Berlin", "10115", "true", "yes", "ja",
]  # fmt: skip

DATES = [
    f"19{year}-{month}-{day}" for year in (80, 81, 91) for month in ("02", "12", "11") for day in ("01", "02", "12")
]

OWN: dict[str, list[Any]] = {
    "given_name": ["Anna", "ANNA", "anna-maria", "Anna Maria", "Hans-Peter", "J.", "J R", "Liz", "Elizabeth", "Bob", "Robert", "Jürgen", "Juergen", "José",
                   "Zoë", "D'Arcy", "Jean-Luc", "Mr. John", "Dr. Eva", "Mary Ann", "MCDONALD", "Test", "Baby", "Frau", "Katharina", "Cathy"],
    "family_name": ["Smith", "SMITH", "O'Brien", "OBrien", "van der Berg", "Van Der Berg", "McDonald", "Müller", "Mueller", "Müller-Lüdenscheidt", "Smith Jr.",
                    "King III", "García Márquez", "Łukasiewicz", "Nguyễn", "Berg, geb. Tal", "St. John", "Test", "de la Cruz", "Иванова", "Smyth", "Lee"],
    "person_name": ["Anna Berg", "Berg, Anna", "BERG ANNA", "Dr. Anna Berg", "Anna Maria van der Berg", "Mr. John Q. Smith Jr.", "Smith, John, III", "김철수",
                    "田中太郎", "Anna", "Prof. Dr. Hans Müller", "O'Brien, Mary Ann", "Anna Berg und Max Berg", "Herr Max", "José García Márquez", "J. R. R. Tolkien"],
    "name_suffix": ["Jr", "Jr.", "junior", "Sr.", "II", "III", "2nd", "IV", "PhD", "M.D.", "Esq.", "jun.", "x"],
    "company_name": ["Acme GmbH", "ACME Gesellschaft mit beschränkter Haftung", "Acme, Inc.", "The Acme Company", "Müller & Söhne KG", "Mueller und Soehne KG",
                     "ООО Ромашка", "株式会社トヨタ", "Acme (UK) Ltd", "Acme S.A.R.L.", "A.C.M.E.", "IBM", "I.B.M. Corp", "3M", "GmbH", "Acme GmbH & Co. KG", "Café 24"],
    "email": ["anna@x.de", "ANNA@X.DE", "anna.berg@x.de", "anna.berg+shop@gmail.com", "a.n.n.a@googlemail.com", "anna@", "@x.de", "anna@x", "anna x@x.de",
              "mailto:anna@x.de", "Anna <anna@x.de>", "müller@köln.de", "x@xn--kln-sna.de", "info@x.de", "test@test.de", "noreply@x.de", "anna@x.de;max@x.de", "a@b.c"],
    "phone": ["+49 30 123456", "030 123456", "030/123456", "(030) 12 34 56", "0049 30 123456", "+1 212 555 0100", "212-555-0100", "+44 20 7946 0018",
              "0170 1234567", "0000000000", "123456789", "12", "+49 (0)30 123456", "030-123456 ext 12", "tel:+4930123456", "1-800-FLOWERS", "0170 1234567 / 030 123456",
              4930123456, "+999 123", "4.9301E+11", "９０３０"],
    "birth_date": [*DATES, "1980-02-03", "03.02.1980", "02/03/1980", "13/02/1980", "3 Feb 1980", "February 3, 1980", "19800203", "1980", "0000-00-00", "1900-01-01", "2999-01-01",
                   "31.12.99", "1980-02-30", "1980-02-03T00:00:00Z", "3. März 1980", 315532800, "1980-2-3"],
    "date": ["1980-02-03", "03.02.1980", "02/03/1980", "13/02/1980", "3 Feb 1980", "19800203", "0000-00-00", "9999-12-31", "31.12.99", "1980-02-30",
             "1980-02-03T23:30:00+02:00", "1980-02"],
    "postal_address": ["Hauptstr. 12a, 10115 Berlin", "Hauptstraße 12 a, 10115 Berlin, DE", "12 Main St, Springfield, IL 62701", "10 Downing Street, London SW1A 2AA",
                       "Berlin", "Postfach 1234, 10115 Berlin", "Unter den Linden 1", "1 Rue de Rivoli, 75001 Paris, France", "c/o Berg, Hauptstr. 1, Berlin",
                       {"line1": "Hauptstr. 12", "postcode": "10115", "city": "Berlin", "country": "DE"}, {"line1": "Hauptstraße 12", "city": "BERLIN"},
                       {"line1": "12 Main Street", "line2": "Apt. 4", "city": "Springfield", "region": "Illinois", "postcode": "62701-1234", "country": "US"},
                       {"postcode": 10115, "city": "Berlin"}, {"postcode": "1", "country": "XX"}, {"city": "-", "line1": "n/a"}, {"country": "Germany"},
                       {"line1": "Hauptstr 12", "line2": "3. OG", "postcode": "D-10115", "city": "Berlin", "country": "Deutschland"}],
    "identifier": ["DE136695976", "DE 136 695 976", "de136695976", "GB82 WEST 1234 5698 7654 32", "GB82WEST12345698765433", "078-05-1120", "123-45-6789", "000-00-0000",
                   "5493001KJTIIGC8Y1R12", "12345678903", "0123456789", "A-1/2", "000", "9999999999", 123, "DE999999999", "ATU13585627", "86095742719"],
    "domain": ["acme.com", "ACME.COM", "https://www.acme.com/x?y", "www.acme.com", "shop.acme.co.uk", "köln.de", "xn--kln-sna.de", "localhost", "acme", "127.0.0.1",
               "gmail.com", "acme.com.", "http://", "a..b"],
    "category": ["m", "F", "männlich", "Herr", "Dr.", "DR", "M.", "female", "Retail & Trade", "EN", "de-DE", "ﬆ"],
    "consent": ["yes", "no", "ja", "nein", "Y", "N", "1", "0", "true", "granted", "withdrawn", "opt-in", "opt-out", "maybe", "on", "off", 2],
    "number": ["1", "1,200.50", "1.200,50", "1e5", "-3", "+4", "1 000", "1/2", "12 Mio", "0x10", "NaN", "12.0", "007", "1,2,3", "١٢", 1e5, 3.14159, -0.0],
    "text": ["Baker", "baker  ", "Software Engineer", "a\nb", "Café", "cafe", "ÀÉ", "a" * 80, "…", "C++"],
    "money": ["12.50 EUR", "EUR 1,250.00", "1.250,00 €", "12.505 EUR", "100 JPY", "100.5 JPY", "1.234 BHD", "12", "-3 USD", "12 XXX", {"amount": "12.5", "currency": "EUR"},
              {"amount": 12.5, "currency": "usd"}, {"amount": 12}, {"currency": "EUR"}, "9" * 20 + " EUR", "EUR", "12 EUR 13"],
    "moment": ["2024-02-03T10:00:00Z", "2024-02-03 10:00", "2024-02-03T10:00:00+02:00", "2024-02-03", 1706954400, 1706954400000, "1706954400", "03.02.2024 10:00", "10:00",
               "2024-02-30T10:00:00Z", "2024-03-31T02:30:00", "9999-12-31T23:59:59Z", "0001-01-01"],
    "duration": ["PT1H30M", "90 min", "1:30", "1:30:00", "90", 90, "1.5h", "-5 s", "P1D", "P1Y", "2 hours", "0", "01:02:03.5", "1 week"],
    "count": ["1", "2.0", "2.5", "-1", "1,000", 3, 3.0, 10**20, "three", "1e3", "+5", "0"],
    "choice": ["new", "NEW", "in progress", "In-Progress", "in_progress", "done", "Done.", "closed", "neu"],
    "secret_word": ["sealed:" + "0a" * 16 + ":" + "1b" * 32, "sealed:" + "0A" * 16 + ":" + "1b" * 32, "sealed:", "Rose", "1975-04-03"],
    "reference": ["A-1", "a 1", "T#12", "ticket/77", "0012", "ü-1", "A1", "CMP_2024_spring"],
}  # fmt: skip

CONTEXTS: dict[str, list[dict[str, Any]]] = {
    "phone": [{}, {"country": "DE"}, {"country": "US"}, {"country": "XX"}],
    "postal_address": [{}, {"country": "DE"}, {"country": "US"}, {"country": "GB"}],
    "birth_date": [{}, {"day_first": True}, {"day_first": False}],
    "date": [{}, {"day_first": True}, {"day_first": False}],
    "moment": [{}, {"zone": "Europe/Berlin"}, {"day_first": True}],
    "identifier": [{}, *({"scheme": s} for s in ("eu.vat", "iban", "us.ssn", "de.idnr", "lei", "no.such"))],
    "money": [{}, {"scheme": "EUR"}, {"scheme": "JPY"}],
    "duration": [{}, {"scheme": "min"}, {"scheme": "h"}],
    "choice": [{}, {"options": ["new", "in progress", "done"]}],
    "number": [{}, {"country": "DE"}],
}
JOINS = ["", " ", ", ", "-", ".", " / "]


def of_kind(kind: str) -> list[list[Any]]:
    """[raw value, context] of a kind, `COUNT` at least."""
    dice, own, contexts = random.Random(kind), OWN.get(kind, []), CONTEXTS.get(kind, [{}])
    found = [[raw, context] for raw in own for context in contexts]
    found += [[raw, contexts[n % len(contexts)]] for n, raw in enumerate(COMMON)]
    texts = [t for t in own if isinstance(t, str)] or ["x"]
    common = [t for t in COMMON if isinstance(t, str)]
    while len(found) < COUNT or len(found) % 10:
        parts = [dice.choice(texts if dice.random() < 0.7 else common) for _ in range(dice.randint(1, 3))]
        drawn = spoiled(dice.choice(JOINS).join(parts), dice)
        found.append([[drawn, dice.choice(texts)] if dice.random() < 0.05 else drawn, dice.choice(contexts)])
    return found


def spoiled(text: str, dice: random.Random) -> str:
    """As it is, or in another case, cut, doubled, with a letter lost or a blank added."""
    at = dice.randrange(len(text)) if text else 0
    return dice.choice(
        [text, text, text.upper(), text.lower(), text.title(), text[:at], text[:at] + text[at + 1 :], f" {text} ", text + text[at:]]
    )  # fmt: skip
