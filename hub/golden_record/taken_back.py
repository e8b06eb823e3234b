"""Values that were taken back: what a source states no more is golden only where somebody stated it later. Pure.

A source that stated X and then something else takes X back, at its own time. X stands where a record states it since
later, or where a stream says so that owns the attribute. A claim takes back no more than claims. All of it is a
function of the set of versions, so that neither order nor undo matters.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from math import inf
from typing import NamedTuple, Protocol

from hub.landing.fold import Held
from hub.model import Value

Name = Callable[[Value], Hashable]


class Said(Protocol):
    """A value that a record states."""

    @property
    def value(self) -> Value | None: ...
    @property
    def since(self) -> int | None: ...
    @property
    def verified(self) -> bool: ...
    @property
    def owned(self) -> bool: ...


class Hashed(NamedTuple):
    """A value of which only the write log's hash is known: the hub wrote it, and the source changed it before a pull."""

    hash: Value


class End(NamedTuple):
    """When a value was last taken back, by a source that checks it and by any."""

    any: float
    verified: float


def ends(held: Sequence[tuple[Held, bool]], name: Name) -> Mapping[Hashable, End]:
    """Of one attribute: value -> when it was taken back last. held: what each record holds, and whether that is verified.

    What only its hash is known of is named by that, as `Hashed`.
    """
    found: dict[Hashable, End] = {}
    for h, verified in held:
        for taken in h.taken:
            key = Hashed(taken.value) if taken.hashed else name(taken.value)
            before = found.get(key, End(-inf, -inf))
            found[key] = End(max(before.any, taken.at), max(before.verified, taken.at) if verified else before.verified)
    return found


def standing(
    said: Sequence[Said], found: Mapping[Hashable, End], name: Name, hash_of: Callable[[Value], str]
) -> list[bool]:
    """Of each value, does it stand?"""
    by_hash = any(isinstance(key, Hashed) for key in found)
    stated: dict[tuple[Hashable, bool], float] = {}
    for s in said:
        if s.value is None:
            continue
        key = (name(s.value), s.verified)
        stated[key] = max(stated.get(key, -inf), _time(s))

    def stands(s: Said) -> bool:
        if s.value is None or s.owned:
            return True
        key = name(s.value)
        end = found.get(key)
        if by_hash and (hashed := found.get(Hashed(hash_of(s.value)))) is not None:
            end = hashed if end is None else End(max(end.any, hashed.any), max(end.verified, hashed.verified))
        if end is None:
            return True
        sure, own = stated.get((key, True), -inf), _time(s)
        if s.verified:
            return sure > end.verified
        # somebody's check that came later speaks for a claim too; what was checked and taken back no claim revives
        return max(own, sure, stated.get((key, False), -inf)) > end.any and max(own, sure) > end.verified

    return [stands(s) for s in said]


def _time(said: Said) -> float:
    if said.owned:
        return inf
    return -inf if said.since is None else said.since
