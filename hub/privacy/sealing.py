"""What a request has to remember of a person until it is closed, so that its steps can be taken again: sealed, so that the
database alone does not tell it."""

from __future__ import annotations

import os
from dataclasses import dataclass

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.kinds.levels_base import Forms
from hub.model import RecordId

NONCE = 12


@dataclass(frozen=True, slots=True)
class Subject:
    """names: of all source records; ids: every customer id that leads to them; words: by which rows that were set aside are
    known; hashes: by which nothing of them comes back, each with its kind; forms: how whatever they ever said was compared, by
    customer type."""

    names: tuple[RecordId, ...]
    ids: tuple[str, ...]
    words: tuple[str, ...] = ()
    hashes: tuple[tuple[str, str], ...] = ()
    forms: tuple[tuple[str, Forms], ...] = ()


def seal_subject(key: bytes, request: str, subject: Subject) -> str:
    body = orjson.dumps([[list(n) for n in subject.names], subject.ids, subject.words, subject.hashes, subject.forms])
    nonce = os.urandom(NONCE)
    return (nonce + AESGCM(key).encrypt(nonce, body, request.encode())).hex()


def open_subject(key: bytes, request: str, sealed: str) -> Subject:
    kept = bytes.fromhex(sealed)
    names, ids, words, hashes, *forms = orjson.loads(AESGCM(key).decrypt(kept[:NONCE], kept[NONCE:], request.encode()))
    return Subject(
        tuple(RecordId(*n) for n in names),
        tuple(ids),
        tuple(words),
        tuple((h, k) for h, k in hashes),
        tuple((t, f) for t, f in (forms[0] if forms else ())),
    )
