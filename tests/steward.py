"""A steward at a hub, for tests that are about something else: verdicts and values by hand, each as the act that it is."""

from __future__ import annotations

from hub.model import RecordId, Value, Verdict
from hub.resolve.resolver import Resolver
from hub.stewardship.acts import Decide, SetValue, Withdraw
from hub.stewardship.run import Acts


class Steward:
    def __init__(self, resolver: Resolver):
        self.acts = Acts(resolver)

    def decide(self, left: RecordId, right: RecordId, verdict: Verdict, *, by: str, reason: str) -> int:
        """The decision's number."""
        done = self.acts.do(Decide(left, right, verdict), by=by, reason=reason)
        return int(done.inputs["decisions"][0])

    def withdraw(self, decision: int, *, by: str, why: str) -> None:
        self.acts.do(Withdraw(decision), by=by, reason=why)

    def override(
        self,
        customer: str,
        attribute: str,
        values: tuple[Value, ...],
        *,
        by: str,
        reason: str,
        until: int | None = None,
    ) -> str:
        """The act's id."""
        return self.acts.do(SetValue(customer, attribute, values, until), by=by, reason=reason).id

    def undo(self, act: str, *, by: str) -> None:
        self.acts.undo(act, by=by, why="")
