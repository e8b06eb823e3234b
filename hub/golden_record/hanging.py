"""Attributes that hang together: a group's values from one record, and a full name made of the parts that won. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, zip_longest
from typing import Protocol, TypeVar

from hub.kinds import KINDS
from hub.model import Value

PARTS = ("given_name", "middle_name", "family_name", "name_suffix")  # of a full name, as it is written
LEADING = ("given_name", "family_name")


class Offer(Protocol):
    """A value that a record offers."""

    @property
    def value(self) -> Value | None: ...
    @property
    def record(self) -> object: ...


O = TypeVar("O", bound=Offer)


def from_one(
    offers: Mapping[str, Sequence[O]],
    group: Sequence[str],
    verified: Callable[[O], bool],
    merit: Callable[[str, O], tuple[object, ...]],
    name: Callable[[str, Value | None], Hashable],
) -> dict[str, list[O]]:
    """The offers of a group's attributes that may win: those of the best record, and those that say the same.

    Best: what it says is verified, says most of the group, and ranks best, rule by rule over the attributes in their
    order. What it leaves out is filled by the best record that contradicts nothing of what is chosen. An attribute
    of which only others speak is not in the answer: it is chosen by itself, since a doubtful name is better than none.
    """
    by_record: dict[object, dict[str, O]] = {}
    for attribute in group:
        for offer in offers.get(attribute, ()):
            by_record.setdefault(offer.record, {}).setdefault(attribute, offer)

    def rank(record: object) -> tuple[object, ...]:
        says = by_record[record]
        merits = [merit(a, says[a]) if a in says else () for a in group]
        level = chain.from_iterable(zip_longest(*([(True, m) for m in ms] for ms in merits), fillvalue=(False,)))
        return (all(map(verified, says.values())), len(says), tuple(level), record)

    chosen: dict[str, Hashable] = {}
    for record in sorted(by_record, key=rank, reverse=True):
        says = {a: name(a, o.value) for a, o in by_record[record].items()}
        if all(chosen.get(a, said) == said for a, said in says.items()):
            chosen = {**says, **chosen}
        if len(chosen) == len(group):
            break
    return {a: [o for o in offers[a] if name(a, o.value) == chosen[a]] for a in group if a in chosen}


def composed(parts: Mapping[str, Value]) -> str:
    """A full name of its parts. Chinese, Japanese and Korean names stand family name first, without a space."""
    said = {p: text for p in PARTS if isinstance(text := parts.get(p), str) and text}
    if "middle_name" in said and _same("given_name", said["middle_name"], said.get("given_name", "")):
        del said["middle_name"]
    if set(said) <= set(LEADING) and said and all(map(_east_asian, said.values())):
        return said.get("family_name", "") + said.get("given_name", "")
    return " ".join(said[p] for p in PARTS if p in said)


def agrees(whole: Value, kind: str, parts: Mapping[str, Value]) -> bool:
    """Does a full name say what the given and family name that won say?"""
    leading = {p: text for p in LEADING if isinstance(text := parts.get(p), str) and text}
    if not leading or not isinstance(whole, str):
        return True
    return _agrees(whole, kind, tuple(leading.items()), composed(parts))


@lru_cache(4_096)
def _agrees(whole: str, kind: str, leading: tuple[tuple[str, str], ...], made: str) -> bool:
    expand, forms = KINDS[kind].expand, KINDS[kind].forms
    assert expand is not None
    said = expand(whole)
    if all(_same(p, said.get(p, ""), text) for p, text in leading):
        return True
    if forms(whole).get("") == forms(made).get(""):
        return True
    words = " ".join(text for _, text in leading)
    return len(leading) == len(LEADING) and forms(whole).get("sorted") in (
        forms(words).get("sorted"),
        forms(made).get("sorted"),
    )


def _same(kind: str, left: str, right: str) -> bool:
    forms = KINDS[kind].forms
    return bool(left and right) and forms(left).get("") == forms(right).get("")


def _east_asian(text: str) -> bool:
    return all(
        "\u3040" <= c <= "\u30ff" or "\u3400" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7af" or c in " ·" for c in text
    )


def parts_of(whole: Iterable[str]) -> tuple[str, ...]:
    """The attributes that a full name is made of, of those that there are."""
    there = frozenset(whole)
    return tuple(p for p in PARTS if p in there)
