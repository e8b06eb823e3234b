"""Candidate keys: two records that share one are compared.

Pure, and the same numbers as `keys_sql` makes in the batch: the low 63 bits of an MD5 over the rule's
name and its values, which both Python and DuckDB have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import product

from hub.kinds.levels_base import Forms, Texts
from hub.matching.compare.model import SEPARATOR, Model


def rule_name(rule: tuple[str, ...]) -> str:
    return "+".join(rule)


def key_of(rule: tuple[str, ...], values: tuple[str, ...]) -> int:
    """A key: rule and values as one non-negative 63-bit number."""
    text = SEPARATOR.join((rule_name(rule), *values))
    return int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()[8:], "little") >> 1


def keys(forms: Forms, model: Model) -> tuple[int, ...]:
    """The candidate keys of a standardised record, sorted, without repeats.

    A rule makes no key when one of its columns is missing or holds only placeholders.
    """
    forms = without_placeholders(forms, model)
    found = set()
    for rule in model.rules:
        for values in _values(forms, rule):
            found.add(key_of(rule, values))
    return tuple(sorted(found))


def _values(forms: Forms, rule: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    choices = []
    for column in rule:
        value = forms.get(column)
        if not value:
            return
        choices.append([value] if isinstance(value, str) else value)
    yield from product(*choices)


def without_placeholders(forms: Forms, model: Model) -> Forms:
    """A record without the values that are no evidence. One of a list goes alone; a single one takes its attribute along."""
    changed: dict[str, Texts] = {}
    for column, hollow in model.placeholders.items():
        value = forms.get(column)
        if isinstance(value, str):
            if value in hollow:
                attribute = column.partition(".")[0]
                changed.update((c, None) for c in forms if c.partition(".")[0] == attribute)
        elif value and not hollow.isdisjoint(value):
            changed[column] = [text for text in value if text not in hollow] or None
    return {**forms, **changed} if changed else forms
