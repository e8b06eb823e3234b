"""What people say of themselves, once they proved who they are, stands above what was said of them before. Pure.

It is the whole of what is true of an attribute at its time: other values that were stated before, or at no known time,
are out of the race, whatever the rule; the same value stated by others stands beside it. What is stated later competes
by the attribute's rules. A function of the set of statements, so that neither order nor undo matters.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from math import inf
from typing import Protocol, TypeVar

from hub.model import Value

Name = Callable[[Value], Hashable]


class Stated(Protocol):
    """A value that a record states; None: that there is none."""

    @property
    def value(self) -> Value | None: ...
    @property
    def since(self) -> int | None: ...
    @property
    def own(self) -> bool: ...


S = TypeVar("S", bound=Stated)


def own_word(stated: Sequence[S], name: Name) -> tuple[float, list[bool]] | None:
    """When the person spoke last of an attribute, and of each statement whether it stands; None: they never did.

    name: what spellings of a value share.
    """
    own = [s for s in stated if s.own]
    if not own:
        return None
    at = max(map(_time, own))
    said = {name(s.value) for s in own if _time(s) == at and s.value is not None}

    def stands(s: S) -> bool:
        if _time(s) > at or (s.own and _time(s) == at):
            return True
        return s.value is not None and name(s.value) in said

    return at, [stands(s) for s in stated]


def _time(stated: Stated) -> float:
    return -inf if stated.since is None else stated.since
