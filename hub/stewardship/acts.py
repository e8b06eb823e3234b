"""What a steward does, as acts: frozen values that say who may do them and which customers they name. Pure.

An act is made of decisions and overrides and holds nothing of its own: the state is what the decisions, overrides
and landed versions give. So undoing an act is withdrawing its inputs, in any order, and a preview is the act done and
rolled back (`hub.stewardship.run`). What each act makes is in `hub.stewardship.doing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args

from hub.model import RecordId, Value, Verdict
from hub.settings import Permission


class _Act:
    """What every act says of itself."""

    __slots__ = ()
    kind: ClassVar[str]
    permission: ClassVar[Permission] = "decide"  # whoever does it needs it; whoever may do it may undo it

    def customers(self) -> tuple[str, ...]:
        """Ids of the customers that it names: who does it says which version of each was looked at."""
        return ()


@dataclass(frozen=True, slots=True)
class Decide(_Act):
    """Two records are one customer, are not, or it cannot be said."""

    kind = "decide"
    left: RecordId
    right: RecordId
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Withdraw(_Act):
    """A decision is taken back: the state is what the remaining input gives."""

    kind = "withdraw"
    decision: int


@dataclass(frozen=True, slots=True)
class Merge(_Act):
    """Two customers are one: all records of both stay together."""

    kind = "merge"
    a: str
    b: str

    def customers(self) -> tuple[str, ...]:
        return self.a, self.b


@dataclass(frozen=True, slots=True)
class Split(_Act):
    """These records are another customer than the rest: each side stays together, the two never meet again."""

    kind = "split"
    customer: str
    records: tuple[RecordId, ...]

    def customers(self) -> tuple[str, ...]:
        return (self.customer,)


@dataclass(frozen=True, slots=True)
class Unmerge(_Act):
    """This record is none of its customer's others. What it held together falls as the evidence has it."""

    kind = "unmerge"
    record: RecordId


@dataclass(frozen=True, slots=True)
class UnmergeAll(_Act):
    """No two records of this customer are one."""

    kind = "unmerge_all"
    customer: str

    def customers(self) -> tuple[str, ...]:
        return (self.customer,)


@dataclass(frozen=True, slots=True)
class KeepApart(_Act):
    """Two customers are not one, whatever comes: no record of one with a record of the other."""

    kind = "keep_apart"
    a: str
    b: str

    def customers(self) -> tuple[str, ...]:
        return self.a, self.b


@dataclass(frozen=True, slots=True)
class Arrange(_Act):
    """These records of some customers are these customers: each group stays together, no two of them ever meet.
    What is in no group stays where the evidence has it."""

    kind = "arrange"
    among: tuple[str, ...]
    groups: tuple[tuple[RecordId, ...], ...]

    def customers(self) -> tuple[str, ...]:
        return self.among


@dataclass(frozen=True, slots=True)
class DecideAll(_Act):
    """The same verdict on many pairs of records."""

    kind = "decide_all"
    pairs: tuple[tuple[RecordId, RecordId], ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class SetValue(_Act):
    """Golden values set by hand, or (without values) cleared; until a time, in microseconds UTC."""

    kind = "set_value"
    permission = "override"
    customer: str
    attribute: str
    values: tuple[Value, ...]
    until: int | None = None

    def customers(self) -> tuple[str, ...]:
        return (self.customer,)


@dataclass(frozen=True, slots=True)
class DropValue(_Act):
    """The value set by hand is taken back: what the sources say counts again."""

    kind = "drop_value"
    permission = "override"
    customer: str
    attribute: str

    def customers(self) -> tuple[str, ...]:
        return (self.customer,)


@dataclass(frozen=True, slots=True)
class WithdrawInputs(_Act):
    """All that a person decided and set in [since, until), microseconds UTC, is taken back."""

    kind = "withdraw_inputs"
    permission = "admin"
    by: str
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Suspend(_Act):
    """What a source (one stream of it, or all) landed in [since, until) counts as not there, until this is undone."""

    kind = "suspend"
    permission = "admin"
    source: str
    since: int
    until: int
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Undo(_Act):
    """An act is taken back: what it made is withdrawn, what it withdrew stands again, what it suspended is lifted."""

    kind = "undo"
    act: str


Act = (
    Decide
    | Withdraw
    | Merge
    | Split
    | Unmerge
    | UnmergeAll
    | KeepApart
    | Arrange
    | DecideAll
    | SetValue
    | DropValue
    | WithdrawInputs
    | Suspend
    | Undo
)

PERMISSIONS: dict[str, Permission] = {act.kind: act.permission for act in get_args(Act)}
