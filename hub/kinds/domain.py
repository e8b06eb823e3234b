"""Internet domains, taken from a bare name, a web address or an e-mail address; lower case, without www.

Forms: "" the domain in ASCII; name  its first label, without the ending: 'acme' of acme.co.uk.
"""

from __future__ import annotations

import re

from hub.kinds import levels_values
from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import HIDDEN, hidden, only, or_none, read, text_of, to_ascii
from hub.model import Value

NAMES = ("", "name")
PLACEHOLDERS = frozenset(
    {"example.com", "example.org", "example.net", "test.com", "none.com", "domain.com", "website.com", "localhost"}
)
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]{0,61}[^\W_]")
_WWW = re.compile(r"(?:www\d?\.)+(?=.+\.)")


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    text = read(raw)
    if not isinstance(text, str):
        return text
    host = text.lower()
    if "://" in host:
        host = host.partition("://")[2]
    for end in "/?#":
        host = host.partition(end)[0]
    host = host.rpartition("@")[2].partition(":")[0].strip().rstrip(".")
    host = _WWW.sub("", host, count=1) if host.startswith("www") else host
    if "xn--" in host:
        host = _unicode(host)
    again = read(host)
    if not isinstance(again, str) or len(again) > 253 or not _DOMAIN.fullmatch(again):
        return Problem("not a domain")
    return Cleaned(again)


def _unicode(host: str) -> str:
    import idna

    try:
        return idna.decode(host)
    except (idna.IDNAError, UnicodeError):
        return host


def forms(value: Value) -> Forms:
    whole = to_ascii(text_of(value)).lower()
    if whole in PLACEHOLDERS:
        return only(whole, NAMES)
    return {"": or_none(whole), "name": or_none(whole.partition(".")[0])}


def mask(value: Value) -> Value:
    """'acme.com' -> '***.com'."""
    text = text_of(value)
    return hidden(f"{HIDDEN}.{text.rpartition('.')[2]}", text) if "." in text else HIDDEN


DOMAIN = Kind(
    name="domain",
    clean=clean,
    forms=forms,
    mask=mask,
    keys=("", "name"),
    placeholders=PLACEHOLDERS,
    listed=True,
    levels=levels_values.DOMAIN_NAME,
)
