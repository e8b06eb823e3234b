"""All statements of a customer's records -> what is agreed with that customer, and why. Pure: a function of the set.

Per record the latest statement holds; over the records the strictest. Only a later grant that the person gave provably
outweighs a no of another record. So a merge takes the strictest, and an unmerge gives each its own back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hub.consents.statement import GRANTED, LIFTED, PREFERRED, RESTRICTED, STRICTNESS, Statement
from hub.model import RecordId

AGREED = "@agreed"  # beside a customer's attributes: what is agreed with them, as words
IS_RESTRICTED = "@restricted"  # the word that says that nobody but who answers for privacy may see them


@dataclass(frozen=True, slots=True)
class Agreed:
    """What holds for a purpose and a channel ('': none named), by which statement, and what it outweighs."""

    purpose: str
    channel: str
    state: str
    by: Statement
    outweighs: tuple[Statement, ...] = ()


def effective(statements: Iterable[Statement]) -> list[Agreed]:
    """What holds for each purpose and channel that anybody said something about, in order of their names."""
    by_purpose: dict[str, list[Statement]] = {}
    for statement in statements:
        if statement.said.state in STRICTNESS:
            by_purpose.setdefault(statement.said.purpose, []).append(statement)
    found = []
    for purpose, said in sorted(by_purpose.items()):
        for channel in sorted({s.said.channel for s in said}):
            found.append(_holds(purpose, channel, [s for s in said if s.said.channel in (channel, "")]))
    return found


def _holds(purpose: str, channel: str, said: Sequence[Statement]) -> Agreed:
    if len(said) == 1:
        return Agreed(purpose, channel, said[0].said.state, said[0])
    last = _latest(said)
    proved = max((s.said.at for s in last if s.said.state == GRANTED and s.said.provable), default=None)
    outweighed = [s for s in last if s.said.state != GRANTED and proved is not None and s.said.at < proved]
    left = [s for s in last if s not in outweighed]
    by = max(left, key=lambda s: (STRICTNESS[s.said.state], s.order, s.owner))
    others = sorted((s for s in last if s is not by), key=lambda s: (s.order, s.owner))
    return Agreed(purpose, channel, by.said.state, by, tuple(others))


def _latest(said: Iterable[Statement]) -> list[Statement]:
    """The statement of each record that holds."""
    latest: dict[RecordId, Statement] = {}
    for statement in said:
        known = latest.get(statement.owner)
        if known is None or statement.order > known.order:
            latest[statement.owner] = statement
    return [latest[owner] for owner in sorted(latest)]


def restricted(statements: Iterable[Statement]) -> bool:
    """Is any record restricted, by what was said of it last?"""
    last = _latest(s for s in statements if s.said.state in (RESTRICTED, LIFTED))
    return any(s.said.state == RESTRICTED for s in last)


def preferred(statements: Iterable[Statement]) -> Statement | None:
    """The channel that the person wants to be reached by: what was said last, provable before other."""
    said = [s for s in statements if s.said.state == PREFERRED and s.said.channel]
    return max(said, key=lambda s: (s.said.provable, s.order, s.owner), default=None)


def as_words(statements: Iterable[Statement]) -> list[str]:
    """What is agreed as words: `purpose` or `purpose/channel` where granted, the same after `-` where not."""
    listed = list(statements)
    words = [("" if a.state == GRANTED else "-") + _word(a.purpose, a.channel) for a in effective(listed)]
    return sorted([*words, *([IS_RESTRICTED] if restricted(listed) else [])])


def allows(words: Iterable[object], wanted: str) -> bool:
    """Do these words agree to a purpose (by any channel) or to `purpose/channel`?"""
    said = set(words)
    if wanted in said:
        return True
    purpose, _, channel = wanted.partition("/")
    if channel:
        return purpose in said and f"-{wanted}" not in said
    return any(isinstance(w, str) and w.startswith(f"{purpose}/") for w in said)


def _word(purpose: str, channel: str) -> str:
    return f"{purpose}/{channel}" if channel else purpose
