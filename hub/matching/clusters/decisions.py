"""A steward's decisions: which may stand together, and what a new one contradicts. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

from hub.errors import Conflict, Fault
from hub.model import Decision, RecordId, Verdict


def match_path(decisions: Iterable[Decision], start: RecordId, end: RecordId) -> list[RecordId]:
    """A shortest path of match decisions, smallest names first; empty when there is none."""
    near: dict[RecordId, list[RecordId]] = defaultdict(list)
    for decision in decisions:
        if decision.verdict is Verdict.MATCH:
            near[decision.pair.left].append(decision.pair.right)
            near[decision.pair.right].append(decision.pair.left)
    came: dict[RecordId, RecordId | None] = {start: None}
    todo = deque([start])
    while todo and end not in came:
        here = todo.popleft()
        for there in sorted(near[here]):
            if there not in came:
                came[there] = here
                todo.append(there)
    path: list[RecordId] = []
    step: RecordId | None = end if end in came else None
    while step is not None:
        path.append(step)
        step = came[step]
    return path[::-1]


def check(standing: Iterable[Decision], new: Decision) -> None:
    """Conflict, with the path that contradicts, if a no_match pair would be joined by matches."""
    check_all(standing, [new])


def check_all(standing: Iterable[Decision], new: Sequence[Decision]) -> None:
    """`check` for decisions that are made together."""
    if all(d.verdict is Verdict.UNSURE for d in new):
        return
    together = [*standing, *new]
    home = _groups(together)
    for pair in sorted({d.pair for d in together if d.verdict is Verdict.NO_MATCH}):
        if home.get(pair.left, pair.left) == home.get(pair.right, pair.right):
            path = match_path(together, pair.left, pair.right)
            words = " = ".join(map(str, path))
            raise Conflict(
                f"this contradicts decisions that stand: {words}, yet {pair.left} and {pair.right} are kept apart",
                [Fault("/verdict", f"{pair.left} ≠ {pair.right}", "withdraw one of the decisions on this path first")],
            )


def _groups(decisions: Iterable[Decision]) -> dict[RecordId, RecordId]:
    """Records that matches hold together, by one of them."""
    members: dict[RecordId, set[RecordId]] = {}
    for d in decisions:
        if d.verdict is Verdict.MATCH:
            left, right = (
                members.setdefault(d.pair.left, {d.pair.left}),
                members.setdefault(d.pair.right, {d.pair.right}),
            )
            if left is not right:
                large, small = (left, right) if len(left) >= len(right) else (right, left)
                large |= small
                members.update(dict.fromkeys(small, large))
    names = {id(group): min(group) for group in members.values()}
    return {r: names[id(group)] for r, group in members.items()}
