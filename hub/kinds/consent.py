"""Consent: granted, denied or unknown. Forms: "" the same word.

What cannot be read is a problem, never 'granted'. 'unknown' says nothing, and is None.
"""

from __future__ import annotations

from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.reading import hidden_mask, or_none, read, text_of, word_set, words
from hub.model import Value

GRANTED = word_set(
    """
    granted grant true t yes y 1 on optin accepted accept agreed agree allowed given subscribed active ja oui si sim da
    """
) | {
    "opt in", "opted in", "double opt in"}  # fmt: skip
DENIED = word_set(
    """
    denied deny false f no n 0 off optout refused rejected declined withdrawn revoked unsubscribed inactive nein non
    nao net
    """
) | {
    "opt out", "opted out", "not granted", "not given", "do not contact"}  # fmt: skip


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    if isinstance(raw, bool):
        return Cleaned("granted" if raw else "denied")
    text = read(raw)
    if not isinstance(text, str):
        return text
    said = words(text)
    if said in GRANTED:
        return Cleaned("granted")
    if said in DENIED:
        return Cleaned("denied")
    if said in ("pending", "unknown", "not asked"):
        return None
    return Problem("neither granted nor denied")


def forms(value: Value) -> Forms:
    return {"": or_none(words(text_of(value)))}


CONSENT = Kind(name="consent", clean=clean, forms=forms, mask=hidden_mask, keys=())
