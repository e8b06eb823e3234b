"""A steward's acts on whole customers: previewed, done, listed, undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, Field

from hub.access.authentication.principals import Principal
from hub.access.cursors import seal, unseal
from hub.access.previews import SeenPreview, SeenState, must_see_customers, see_preview, seen_acts
from hub.access.read import Reader
from hub.api.customers import Cursor, Limit, micros
from hub.api.idempotency import IdempotencyKey, Mark, once
from hub.api.problems import documented
from hub.api.schemas import LARGEST, In, Out, Paged, RecordName, when
from hub.api.security import TheHub, needs
from hub.errors import Fault, Forbidden, NotFound, PreconditionRequired
from hub.model import RecordId, Verdict
from hub.open import Hub
from hub.settings import Attribute
from hub.stewardship.act_store import StoredAct
from hub.stewardship.acts import (
    PERMISSIONS,
    Act,
    Arrange,
    Decide,
    DecideAll,
    DropValue,
    KeepApart,
    Merge,
    SetValue,
    Split,
    Suspend,
    Undo,
    Unmerge,
    UnmergeAll,
    Withdraw,
    WithdrawInputs,
)
from hub.stewardship.run import Acts
from hub.stewardship.values import cleaned

router = APIRouter(prefix="/v1", tags=["acts"])


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for an act, and what of that the hub shows: what they do not see, they cannot name."""

    reader: Reader
    principal: Principal

    def customer(self, id: str) -> str:
        must_see_customers(self.reader, self.principal, (id,))
        return id

    def record(self, name: RecordName, where: str) -> RecordId:
        self.reader.must_see(self.principal, name.id(), where)
        return name.id()

    def writable(self, customer: str, attribute: str) -> Attribute:
        must_see_customers(self.reader, self.principal, (customer,))
        return self.reader.writable(self.principal, self.reader.type_of(self.principal, customer), attribute)


Tags = Annotated[
    dict[str, str],
    Field(
        max_length=10,
        description="customer id -> the ETag of what you read: the act is refused when one of them changed since",
    ),
]
Reason = Annotated[str, Field(min_length=1, max_length=1000)]
Id = Annotated[str, Field(max_length=100)]
LARGEST_BULK = 200  # pairs of one act


class DecideIn(In):
    """Two records are one customer (match), are not (no_match), or it cannot be said (unsure)."""

    kind: Literal["decide"]
    left: RecordName
    right: RecordName
    verdict: Verdict

    def act(self, asker: Asker) -> Decide:
        return Decide(asker.record(self.left, "/act/left"), asker.record(self.right, "/act/right"), self.verdict)


class WithdrawIn(In):
    """A decision is taken back."""

    kind: Literal["withdraw"]
    decision: int = Field(ge=1, le=LARGEST)

    def act(self, asker: Asker) -> Withdraw:
        asker.reader.must_see_decision(asker.principal, self.decision)
        return Withdraw(self.decision)


class MergeIn(In):
    """Two customers are one."""

    kind: Literal["merge"]
    a: Id
    b: Id

    def act(self, asker: Asker) -> Merge:
        return Merge(asker.customer(self.a), asker.customer(self.b))


class SplitIn(In):
    """These records are another customer than the rest."""

    kind: Literal["split"]
    customer: Id
    records: list[RecordName] = Field(min_length=1, max_length=200)

    def act(self, asker: Asker) -> Split:
        return Split(asker.customer(self.customer), tuple(r.id() for r in self.records))


class UnmergeIn(In):
    """This record is none of its customer's others."""

    kind: Literal["unmerge"]
    record: RecordName

    def act(self, asker: Asker) -> Unmerge:
        return Unmerge(asker.record(self.record, "/act/record"))


class UnmergeAllIn(In):
    """No two records of this customer are one."""

    kind: Literal["unmerge_all"]
    customer: Id

    def act(self, asker: Asker) -> UnmergeAll:
        return UnmergeAll(asker.customer(self.customer))


class KeepApartIn(In):
    """Two customers are not one, whatever comes."""

    kind: Literal["keep_apart"]
    a: Id
    b: Id

    def act(self, asker: Asker) -> KeepApart:
        return KeepApart(asker.customer(self.a), asker.customer(self.b))


class ArrangeIn(In):
    """These records of some customers are these customers: each group stays together, no two groups ever meet."""

    kind: Literal["arrange"]
    among: list[Id] = Field(min_length=1, max_length=10, description="the customers of the records")
    groups: list[Annotated[list[RecordName], Field(min_length=1, max_length=200)]] = Field(min_length=1, max_length=50)

    def act(self, asker: Asker) -> Arrange:
        among = tuple(dict.fromkeys(asker.customer(id) for id in self.among))
        return Arrange(among, tuple(tuple(r.id() for r in group) for group in self.groups))


class PairIn(In):
    left: RecordName
    right: RecordName


class DecideAllIn(In):
    """The same verdict on many pairs of records."""

    kind: Literal["decide_all"]
    pairs: list[PairIn] = Field(min_length=1, max_length=LARGEST_BULK)
    verdict: Verdict

    def act(self, asker: Asker) -> DecideAll:
        pairs = (
            (asker.record(p.left, f"/act/pairs/{n}/left"), asker.record(p.right, f"/act/pairs/{n}/right"))
            for n, p in enumerate(self.pairs)
        )
        return DecideAll(tuple(pairs), self.verdict)


class SetValueIn(In):
    """Values shown instead of what the sources say; an empty list clears the attribute."""

    kind: Literal["set_value"]
    customer: Id
    attribute: Annotated[str, Field(max_length=100)]
    values: list[object] = Field(max_length=100)
    until: AwareDatetime | None = None

    def act(self, asker: Asker) -> SetValue:
        attribute = asker.writable(self.customer, self.attribute)
        values = cleaned(attribute, self.values)
        return SetValue(self.customer, self.attribute, values, micros(self.until, "/act/until"))


class DropValueIn(In):
    """The value set by hand is taken back: what the sources say counts again."""

    kind: Literal["drop_value"]
    customer: Id
    attribute: Annotated[str, Field(max_length=100)]

    def act(self, asker: Asker) -> DropValue:
        asker.writable(self.customer, self.attribute)
        return DropValue(self.customer, self.attribute)


class WithdrawInputsIn(In):
    """All that a person decided and set in a time window is taken back."""

    kind: Literal["withdraw_inputs"]
    by: Annotated[str, Field(min_length=1, max_length=200)]
    since: AwareDatetime
    until: AwareDatetime

    def act(self, asker: Asker) -> WithdrawInputs:
        return WithdrawInputs(self.by, *_window(self.since, self.until))


class SuspendIn(In):
    """What a source landed in a time window counts as not there, until this is undone."""

    kind: Literal["suspend"]
    source: Annotated[str, Field(max_length=200)]
    stream: Annotated[str, Field(max_length=200)] = ""
    since: AwareDatetime
    until: AwareDatetime

    def act(self, asker: Asker) -> Suspend:
        return Suspend(self.source, *_window(self.since, self.until), self.stream)


def _window(since: AwareDatetime, until: AwareDatetime) -> tuple[int, int]:
    return micros(since, "/act/since") or 0, micros(until, "/act/until") or 0


AnyActIn = (
    DecideIn
    | WithdrawIn
    | MergeIn
    | SplitIn
    | UnmergeIn
    | UnmergeAllIn
    | KeepApartIn
    | ArrangeIn
    | DecideAllIn
    | SetValueIn
    | DropValueIn
    | WithdrawInputsIn
    | SuspendIn
)


class ActIn(In):
    act: Annotated[AnyActIn, Field(discriminator="kind")]
    reason: Reason
    etags: Tags = {}


class UndoIn(In):
    reason: Reason


class StateOut(Out):
    id: str
    type: str
    records: list[RecordName] | None
    values: dict[str, object]

    @classmethod
    def of(cls, s: SeenState) -> StateOut:
        return cls(
            id=s.id,
            type=s.type,
            records=None if s.records is None else [RecordName.of(r) for r in s.records],
            values=dict(s.values),
        )


class FollowOut(Out):
    type: str = Field(examples=["merged"])
    customer: str
    attributes: list[str]
    other: list[str]


class WriteOut(Out):
    record: RecordName
    attributes: list[str]


class PreviewOut(Out):
    """What would follow; nothing was done."""

    kind: str
    counts: dict[str, int]
    before: list[StateOut]
    after: list[StateOut]
    changes: list[FollowOut]
    writes: list[WriteOut] = Field(description="records of sources that would be written to, and which attributes")

    @classmethod
    def of(cls, p: SeenPreview) -> PreviewOut:
        return cls(
            kind=p.kind,
            counts=dict(p.counts),
            before=[StateOut.of(s) for s in p.before],
            after=[StateOut.of(s) for s in p.after],
            changes=[
                FollowOut(type=c.type, customer=c.customer, attributes=list(c.attributes), other=list(c.other))
                for c in p.changes
            ],
            writes=[WriteOut(record=RecordName.of(r), attributes=list(attributes)) for r, attributes in p.writes],
        )


class ActOut(Out):
    """An act that was done. Undo it by its id."""

    id: str
    kind: str
    by: str
    at: str
    reason: str
    customers: list[str] = Field(description="the customers it was about, by their ids then")
    undone: bool

    @classmethod
    def of(cls, act: StoredAct) -> ActOut:
        return cls(
            id=act.id,
            kind=act.kind,
            by=act.by,
            at=when(act.at),
            reason=act.reason,
            customers=list(act.customers),
            undone=act.undone_at is not None,
        )


@router.post(
    "/acts",
    operation_id="do_act",
    status_code=201,
    response_model=ActOut,
    responses=documented(404, 409, 410, 412, 428),
)
def do_act(
    hub: TheHub, principal: Annotated[Principal, needs("decide")], given: ActIn, idempotency_key: IdempotencyKey = None
) -> Any:
    """Merge, split or keep apart whole customers, set a value by hand, or (for administrators) take back in bulk. It counts at once, and can be undone as a whole."""

    def make(mark: Mark) -> str:
        act = asked(hub, principal, given.act)
        versions = versions_of(hub, principal, act, given.etags)
        return Acts(hub.resolver).do(act, by=principal.name, reason=given.reason, versions=versions, mark=mark).id

    def tell(made: str) -> tuple[int, Any]:
        return 201, ActOut.of(_listed(hub, made)).model_dump(mode="json")

    return once(hub, principal, idempotency_key, ["POST /v1/acts", given.model_dump(mode="json")], make, tell)


@router.post("/acts/preview", operation_id="preview_act", responses=documented(404, 409, 410, 412, 428))
def preview_act(hub: TheHub, principal: Annotated[Principal, needs("decide")], given: ActIn) -> PreviewOut:
    """What would follow if this were done now: customers before and after, changes, and what would be written to sources. Nothing is done."""
    act = asked(hub, principal, given.act)
    found = Acts(hub.resolver).preview(
        act, by=principal.name, reason=given.reason, versions=versions_of(hub, principal, act, given.etags)
    )
    return PreviewOut.of(see_preview(hub.reader, principal, found))


@router.get("/acts", operation_id="list_acts", responses=documented())
def list_acts(
    hub: TheHub, principal: Annotated[Principal, needs("decide")], limit: Limit = 50, cursor: Cursor = None
) -> Paged[ActOut]:
    """Acts, newest first, undone ones too."""
    key, bound = hub.reader.cursor_key, ("acts", principal.role)
    before = tuple(unseal(key, cursor, *bound)) if cursor else None
    rows = Acts(hub.resolver).listed(before=before, limit=limit + 1)
    data = [ActOut.of(act) for act in seen_acts(hub.reader, principal, rows[:limit])]
    last = rows[limit - 1] if len(rows) > limit else None
    return Paged(data=data, next_cursor=seal(key, [last.at, last.id], *bound) if last else None)


@router.post("/acts/{id}/undo", operation_id="undo_act", responses=documented(404, 409))
def undo_act(hub: TheHub, principal: Annotated[Principal, needs("decide")], id: str, given: UndoIn) -> ActOut:
    """Take all of an act back: customers become what the remaining input makes of them. Updates received meanwhile stay."""
    may_undo(hub, principal, id)
    Acts(hub.resolver).undo(id, by=principal.name, why=given.reason)
    return ActOut.of(_listed(hub, id))


@router.post("/acts/{id}/undo/preview", operation_id="preview_undo", responses=documented(404, 409))
def preview_undo(hub: TheHub, principal: Annotated[Principal, needs("decide")], id: str, given: UndoIn) -> PreviewOut:
    """What would follow if this act were undone now. Nothing is done."""
    may_undo(hub, principal, id)
    return PreviewOut.of(
        see_preview(hub.reader, principal, Acts(hub.resolver).preview(Undo(id), by=principal.name, reason=given.reason))
    )


# --- from what was sent to acts -----------------------------------------------------------------------


def allowed(hub: Hub, principal: Principal, kind: str) -> None:
    """Values by hand and acts in bulk ask for more than deciding does. Forbidden."""
    needed = PERMISSIONS[kind]
    if needed not in hub.reader.view(principal).may:
        raise Forbidden(f"this role may not do that: it lacks the permission '{needed}'")


def asked(hub: Hub, principal: Principal, given: AnyActIn) -> Act:
    """The act, once it is sure that the asker may do it and sees what it names."""
    allowed(hub, principal, given.kind)
    return given.act(Asker(hub.reader, principal))


def versions_of(hub: Hub, principal: Principal, act: Act, etags: dict[str, str]) -> dict[str, int]:
    """The stored versions of the customers that an act names, if they are what the asker read."""
    versions: dict[str, int] = {}
    for id in act.customers():
        if id not in etags:
            raise PreconditionRequired(
                "say which version you change",
                [Fault(f"/etags/{id}", "is missing", "send the ETag of the customer that you read")],
            )
        found = hub.reader.expect(principal, id, etags[id])
        versions[found.id] = found.version
    return versions


def may_undo(hub: Hub, principal: Principal, id: str) -> None:
    """NotFound and Forbidden, unless the asker may take this act back."""
    found = Acts(hub.resolver).find(id)
    if not seen_acts(hub.reader, principal, [found]):
        raise NotFound("no such act", [Fault("/id", "unknown", "see the list of acts")])
    allowed(hub, principal, found.kind)


def _listed(hub: Hub, id: str) -> StoredAct:
    return Acts(hub.resolver).find(id)
