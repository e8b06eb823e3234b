"""What people add to what is to be done: who works on it, whose it is, until when, how it stands, comments. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

REVIEW = "review"  # the topic of what is to be decided


class Matter(NamedTuple):
    """What is to be done: of a topic (reviews, a list, a step of a process), about two records or, twice the same, one."""

    topic: str
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class Hold:
    """What people said of a matter. `state`: how it stands by their word, said by whom and when; "" where nobody did."""

    matter: Matter
    claimed_by: str = ""
    claimed_until: int | None = None
    assigned_to: str = ""
    due: int | None = None
    state: str = ""
    reason: str = ""
    next_step: str = ""
    stood_by: str = ""
    stood_at: int | None = None

    def claimed(self, now: int) -> bool:
        return self.claimed_until is not None and now < self.claimed_until

    @property
    def pair(self) -> tuple[int, int]:
        return self.matter.left, self.matter.right


@dataclass(frozen=True, slots=True)
class Note:
    id: int
    matter: Matter
    by: str
    at: int
    text: str

    @property
    def pair(self) -> tuple[int, int]:
        return self.matter.left, self.matter.right
