"""E-mail addresses. The domain is shown in lower case, the local part as given.

Forms (lower-case ASCII):
""      the whole address
folded  what reaches the same mailbox: without +tag, and at Gmail without dots: 'J.Doe+x@googlemail.com' ->
'jdoe@gmail.com'; none of an office's mailbox (info@), which is no person's
local   before the @, folded
domain  after the @
"""

from __future__ import annotations

import re

from hub.kinds import levels_values
from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import HIDDEN, hidden, only, or_none, read, text_of, to_ascii, word_set
from hub.model import Value

NAMES = ("", "folded", "local", "domain")
PLACEHOLDERS = frozenset(
    {f"{local}@{domain}" for local in ("test", "info", "noemail", "no-email", "none", "noreply", "no-reply", "user",
    "email", "a", "abc",
                                       "xxx", "x", "na", "nomail", "example", "name", "unknown", "customer")
     for domain in ("test.com", "example.com", "example.org", "example.net", "email.com", "mail.com", "none.com",
     "noemail.com",
                    "nomail.com", "domain.com", "xxx.com", "a.com", "abc.com", "na.com", "test.de", "none.none",
                    "unknown.com")}
    | {"test@gmail.com", "noemail@gmail.com", "none@gmail.com", "asdf@asdf.com", "a@b.com", "a@b.c", "john@doe.com",
    "aa@aa.com"}
)  # fmt: skip
OFFICES = word_set("""info office kontakt contact mail post service support sales vertrieb verkauf einkauf buchhaltung rechnung
rechnungen billing accounts accounting admin webmaster postmaster reception empfang rezeption zentrale sekretariat team hello
hallo bestellung bestellungen order orders shop personal hr jobs presse press marketing newsletter contacto contato info1 informacion""")
_PLAIN = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_AMONG_OTHERS = (
    re.compile(  # without what may as well stand around an address, and never a part of a longer one: \u00fc, o'
        r"(?:(?<![^\s<>(\[{\"|;,:/\\\u3001\uff1b\uff0c])|(?<=^')|(?<=[\s,;(\[{]'))"
        r"[A-Za-z0-9][A-Za-z0-9._%+-]*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
    )
)
_NAMED = re.compile(r"[^<>]*<\s*([^<>\s]+@[^<>\s]+)\s*>")
_REMARKED = re.compile(r"(\S+@[^\s(]+)\s*\([^()@]*\)")  # a@x.example (private)
_LABELLED = re.compile(r"[^\W\d_][\w .-]{0,30}:\s*([^\s:]+@\S+)")  # private: a@x.example; mailto:a@x.example
_GMAIL = frozenset({"gmail.com", "googlemail.com"})


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    """An address fit to write to; 'Jane <jane@example.com>', 'mailto:' and 'private:' are understood. No look-ups."""
    text = read(raw)
    if not isinstance(text, str):
        return text
    if len(text) > 600:
        return Problem("longer than an e-mail address can be")
    if text[-1] == ">" and (named := _NAMED.fullmatch(text)):
        text = named[1]
    if text[-1] == ")" and (remarked := _REMARKED.fullmatch(text)):
        text = remarked[1]
    if labelled := _LABELLED.fullmatch(text):
        text = labelled[1]
    if len(text) <= 254 and _PLAIN.fullmatch(text) and "xn--" not in text:
        local, _, domain = text.rpartition("@")
        if len(local) <= 64:
            return Cleaned(f"{local}@{domain.lower()}")
    return _by_library(text)


def _by_library(text: str) -> Cleaned | Problem:
    """International and unusual addresses: 30 us and more."""
    if "@" not in text:
        return Problem("no @ in an e-mail address")
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
    except (EmailNotValidError, ValueError):
        several = text.count("@") > 1 and re.search(r"[;,\s]", text)
        return Problem("more than one e-mail address" if several else "not an e-mail address")
    again = read(found.normalized)
    return Cleaned(again) if isinstance(again, str) else Problem("not an e-mail address")


def within(text: str, context: Context) -> list[str]:
    """Every address of a text that holds two or more, if each @ of it is in one."""
    found = _AMONG_OTHERS.findall(text)
    return found if len(found) == text.count("@") > 1 else []


def forms(value: Value) -> Forms:
    whole = to_ascii(text_of(value)).lower()
    if whole in PLACEHOLDERS:
        return only(whole, NAMES)
    local, _, domain = whole.rpartition("@")
    folded = local.partition("+")[0] or local
    home = domain
    if domain in _GMAIL:
        folded, home = folded.replace(".", "") or folded, "gmail.com"
    if folded in OFFICES:
        return {"": or_none(whole), "folded": None, "local": None, "domain": or_none(home)}
    return {
        "": or_none(whole),
        "folded": f"{folded}@{home}" if home else or_none(folded),
        "local": or_none(folded),
        "domain": or_none(home),
    }


def mask(value: Value) -> Value:
    """'anna@firma.de' -> 'a***@***.de'."""
    text = text_of(value)
    local, at, domain = text.rpartition("@")
    if not at:
        return HIDDEN
    first = local[0] if len(local) > 2 else ""
    return hidden(f"{first}{HIDDEN}@{HIDDEN}.{domain.rpartition('.')[2]}", text)


EMAIL = Kind(
    name="email",
    clean=clean,
    forms=forms,
    mask=mask,
    keys=("", "folded", "local"),
    placeholders=PLACEHOLDERS,
    listed=True,
    within=within,
    version=5,
    levels=levels_values.EMAIL_ADDRESS,
    compares={"value": "folded"},
)
