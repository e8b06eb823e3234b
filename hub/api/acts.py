"""A steward's acts on whole customers: previewed, done, listed, undone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, Field

from hub.access.cursors import seal, unseal
from hub.access.previews import SeenPreview, SeenState, must_see_customers, see_preview, seen_acts
from hub.access.principals import Principal
from hub.api.customers import Cursor, Limit, cleaned, micros
from hub.api.idempotency import IdempotencyKey, Mark, once
from hub.api.problems import documented
from hub.api.schemas import In, Out, Paged, RecordName, when
from hub.api.security import TheHub, needs
from hub.errors import Fault, Forbidden, NotFound, PreconditionRequired
from hub.open import Hub
from hub.stewardship import acts as a
from hub.stewardship.act_store import StoredAct

router = APIRouter(prefix="/v1", tags=["acts"])

Tags = Annotated[
    dict[str, str],
    Field(
        max_length=10,
        description="customer id -> the ETag of what you read: the act is refused when one of them changed since",
    ),
]
Reason = Annotated[str, Field(min_length=1, max_length=1000)]
Id = Annotated[str, Field(max_length=100)]


class MergeIn(In):
    """Two customers are one."""

    kind: Literal["merge"]
    a: Id
    b: Id


class SplitIn(In):
    """These records are another customer than the rest."""

    kind: Literal["split"]
    customer: Id
    records: list[RecordName] = Field(min_length=1, max_length=200)


class UnmergeIn(In):
    """This record is none of its customer's others."""

    kind: Literal["unmerge"]
    record: RecordName


class UnmergeAllIn(In):
    """No two records of this customer are one."""

    kind: Literal["unmerge_all"]
    customer: Id


class KeepApartIn(In):
    """Two customers are not one, whatever comes."""

    kind: Literal["keep_apart"]
    a: Id
    b: Id


class SetValueIn(In):
    """Values shown instead of what the sources say; an empty list clears the attribute."""

    kind: Literal["set_value"]
    customer: Id
    attribute: Annotated[str, Field(max_length=100)]
    values: list[Any] = Field(max_length=100)
    until: AwareDatetime | None = None


class WithdrawInputsIn(In):
    """All that a person decided and set in a time window is taken back."""

    kind: Literal["withdraw_inputs"]
    by: Annotated[str, Field(min_length=1, max_length=200)]
    since: AwareDatetime
    until: AwareDatetime


class SuspendIn(In):
    """What a source landed in a time window counts as not there, until this is undone."""

    kind: Literal["suspend"]
    source: Annotated[str, Field(max_length=200)]
    stream: Annotated[str, Field(max_length=200)] = ""
    since: AwareDatetime
    until: AwareDatetime


AnyAct = Annotated[
    MergeIn | SplitIn | UnmergeIn | UnmergeAllIn | KeepApartIn | SetValueIn | WithdrawInputsIn | SuspendIn,
    Field(discriminator="kind"),
]


class ActIn(In):
    act: AnyAct
    reason: Reason
    etags: Tags = {}


class UndoIn(In):
    reason: Reason


class StateOut(Out):
    id: str
    type: str
    records: list[RecordName] | None
    values: dict[str, Any]

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
        act = _act(hub, principal, given.act)
        versions = _versions(hub, principal, act, given.etags)
        return a.Acts(hub.resolver).do(act, by=principal.name, reason=given.reason, versions=versions, mark=mark).id

    def tell(made: str) -> tuple[int, Any]:
        return 201, ActOut.of(_listed(hub, made)).model_dump(mode="json")

    return once(hub, principal, idempotency_key, ["POST /v1/acts", given.model_dump(mode="json")], make, tell)


@router.post("/acts/preview", operation_id="preview_act", responses=documented(404, 409, 410, 412, 428))
def preview_act(hub: TheHub, principal: Annotated[Principal, needs("decide")], given: ActIn) -> PreviewOut:
    """What would follow if this were done now: customers before and after, changes, and what would be written to sources. Nothing is done."""
    act = _act(hub, principal, given.act)
    found = a.Acts(hub.resolver).preview(
        act, by=principal.name, reason=given.reason, versions=_versions(hub, principal, act, given.etags)
    )
    return PreviewOut.of(see_preview(hub.reader, principal, found))


@router.get("/acts", operation_id="list_acts", responses=documented())
def list_acts(
    hub: TheHub, principal: Annotated[Principal, needs("decide")], limit: Limit = 50, cursor: Cursor = None
) -> Paged[ActOut]:
    """Acts, newest first, undone ones too."""
    key, bound = hub.reader.cursor_key, ("acts", principal.role)
    before = tuple(unseal(key, cursor, *bound)) if cursor else None
    rows = a.Acts(hub.resolver).listed(before=before, limit=limit + 1)
    data = [ActOut.of(act) for act in seen_acts(hub.reader, principal, rows[:limit])]
    last = rows[limit - 1] if len(rows) > limit else None
    return Paged(data=data, next_cursor=seal(key, [last.at, last.id], *bound) if last else None)


@router.post("/acts/{id}/undo", operation_id="undo_act", responses=documented(404, 409))
def undo_act(hub: TheHub, principal: Annotated[Principal, needs("decide")], id: str, given: UndoIn) -> ActOut:
    """Take all of an act back: customers become what the remaining input makes of them. Updates received meanwhile stay."""
    _may_undo(hub, principal, id)
    a.Acts(hub.resolver).undo(id, by=principal.name, why=given.reason)
    return ActOut.of(_listed(hub, id))


@router.post("/acts/{id}/undo/preview", operation_id="preview_undo", responses=documented(404, 409))
def preview_undo(hub: TheHub, principal: Annotated[Principal, needs("decide")], id: str, given: UndoIn) -> PreviewOut:
    """What would follow if this act were undone now. Nothing is done."""
    _may_undo(hub, principal, id)
    return PreviewOut.of(
        see_preview(
            hub.reader, principal, a.Acts(hub.resolver).preview(a.Undo(id), by=principal.name, reason=given.reason)
        )
    )


# --- from what was sent to acts -----------------------------------------------------------------------


def _act(hub: Hub, principal: Principal, given: Any) -> a.Act:
    """The act, once it is sure that the asker may do it and sees what it names."""
    _allowed(hub, principal, given.kind)
    if isinstance(given, MergeIn | KeepApartIn):
        must_see_customers(hub.reader, principal, (given.a, given.b))
        return (a.Merge if isinstance(given, MergeIn) else a.KeepApart)(given.a, given.b)
    if isinstance(given, UnmergeIn):
        hub.reader.must_see(principal, given.record.id(), "/act/record")
        return a.Unmerge(given.record.id())
    if isinstance(given, WithdrawInputsIn):
        return a.WithdrawInputs(
            given.by, micros(given.since, "/act/since") or 0, micros(given.until, "/act/until") or 0
        )
    if isinstance(given, SuspendIn):
        return a.Suspend(
            given.source, micros(given.since, "/act/since") or 0, micros(given.until, "/act/until") or 0, given.stream
        )
    must_see_customers(hub.reader, principal, (given.customer,))
    if isinstance(given, SplitIn):
        return a.Split(given.customer, tuple(r.id() for r in given.records))
    if isinstance(given, UnmergeAllIn):
        return a.UnmergeAll(given.customer)
    kind = hub.reader.writable(principal, hub.reader.type_of(principal, given.customer), given.attribute)
    return a.SetValue(given.customer, given.attribute, cleaned(kind, given.values), micros(given.until, "/act/until"))


def _allowed(hub: Hub, principal: Principal, kind: str) -> None:
    """Values by hand and acts in bulk ask for more than deciding does."""
    more = {"set_value": "override", "drop_value": "override", "withdraw_inputs": "admin", "suspend": "admin"}.get(kind)
    if more and more not in hub.reader.view(principal).may:
        raise Forbidden(f"this role may not do that: it lacks the permission '{more}'")


def _versions(hub: Hub, principal: Principal, act: a.Act, etags: dict[str, str]) -> dict[str, int]:
    """The stored versions of the customers that an act names, if they are what the asker read."""
    named = {"merge": ("a", "b"), "keep_apart": ("a", "b")}.get(a.KINDS[type(act)], ("customer",))
    versions: dict[str, int] = {}
    for field in named:
        id = getattr(act, field, None)
        if id is None:
            continue
        if id not in etags:
            raise PreconditionRequired(
                "say which version you change",
                [Fault(f"/etags/{id}", "is missing", "send the ETag of the customer that you read")],
            )
        found = hub.reader.expect(principal, id, etags[id])
        versions[found.id] = found.version
    return versions


def _may_undo(hub: Hub, principal: Principal, id: str) -> None:
    found = a.Acts(hub.resolver).find(id)
    if not seen_acts(hub.reader, principal, [found]):
        raise NotFound("no such act", [Fault("/id", "unknown", "see the list of acts")])
    _allowed(hub, principal, found.kind)


def _listed(hub: Hub, id: str) -> StoredAct:
    return a.Acts(hub.resolver).find(id)
