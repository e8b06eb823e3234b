"""Identifiers: tax, social security and registration numbers, IBANs. The attribute's scheme says which.

A scheme is the name of a python-stdnum module ('eu.vat', 'iban', 'us.ssn', 'de.idnr', 'lei'). Separators go; wrong
check digits make
valid=False. Without a known scheme: letters and digits in upper case.

Forms: "" letters and digits, lower-case ASCII; digits  the digits only; last4  the last four characters.
"""

from __future__ import annotations

import importlib
import re
from functools import lru_cache
from typing import Any

from hub.kinds import levels_values
from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import HIDDEN, hidden, joined, only, or_none, read, text_of
from hub.model import Value

NAMES = ("", "digits", "last4")
SAME, COUNTING = "000000000", "123456789"
PLACEHOLDERS = frozenset(
    {SAME, COUNTING, "test", "none", "na", "xxx", "xxxx", "pending", "applied", "dummy", "078051120", "219099999"}
)
_SEPARATORS = re.compile(r"[\s\-./_,:;|\\()#*'’–—·]+")
_SCHEME = re.compile(r"[a-z]{2,12}(\.[a-z0-9_]{2,20})?")
_NOT_DIGITS = re.compile(r"[^0-9]+")


@lru_cache(maxsize=256)
def scheme_module(scheme: str) -> object:
    """The python-stdnum module of a scheme, None when it has none."""
    name = scheme.lower().strip()
    if not _SCHEME.fullmatch(name):
        return None
    country, _, rest = name.partition(".")
    for path in (f"{country}_.{rest}" if country in ("is", "in", "do") else name, name):
        try:
            module = importlib.import_module(f"stdnum.{path}")
        except (ImportError, SyntaxError):
            continue
        if hasattr(module, "compact") and hasattr(module, "is_valid"):
            return module
    return None


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    text = read(raw)
    if not isinstance(text, str):
        return text
    module = scheme_module(context.scheme) if context.scheme else None
    if module is not None:
        return _by_scheme(module, text)
    return _plain(text)


def _plain(text: str) -> Cleaned | Problem:
    again = read(_SEPARATORS.sub("", text).upper())
    if not isinstance(again, str) or not any(map(str.isalnum, again)):
        return Problem("no letters or digits in an identifier")
    return Cleaned(again)


def _by_scheme(module: Any, text: str) -> Cleaned | Problem:
    text = text.upper()  # before it is stripped: some capitals are two letters
    try:
        compact = module.compact(text)
        valid = bool(module.is_valid(text))
    except Exception:  # noqa: BLE001 - strange input breaks some of the 200 modules in ways of their own
        compact, valid = text, False
    plain = _plain(compact)
    return plain if isinstance(plain, Problem) else Cleaned(plain.value, valid)


def forms(value: Value) -> Forms:
    whole = joined(text_of(value))
    digits = _NOT_DIGITS.sub("", whole)
    if len(whole) >= 4 and len(set(whole.lstrip("0"))) <= 1:
        return only(SAME, NAMES)
    if len(whole) >= 6 and "12345678901234567890".startswith(whole.lstrip("0") or "?"):
        return only(COUNTING, NAMES)
    if whole in PLACEHOLDERS:
        return only(whole, NAMES)
    return {"": or_none(whole), "digits": or_none(digits), "last4": whole[-4:] if len(whole) > 5 else None}


def mask(value: Value) -> Value:
    """'***89': the last two characters of an identifier of six or more."""
    text = text_of(value)
    return hidden(HIDDEN + text[-2:], text) if len(text) >= 6 else HIDDEN


IDENTIFIER = Kind(
    name="identifier",
    clean=clean,
    forms=forms,
    mask=mask,
    keys=("", "digits"),
    placeholders=PLACEHOLDERS,
    version=4,
    levels=levels_values.IDENTIFIER_NUMBER,
)
