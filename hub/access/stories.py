"""Explanations in words, through the one door: lines of hidden attributes are left out, and totals with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from hub.access.audit.log import AuditLine
from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.access.review_items import homes
from hub.errors import BadRequest, Fault, Forbidden
from hub.matching.explain import ClusterStory, Explain, PairStory, StepTold, bits
from hub.matching.recipe import read_recipe
from hub.model import RecordId


def tell_records(reader: Reader, principal: Principal, left: RecordId, right: RecordId) -> list[str]:
    """Why two records are, or are not, one customer. Forbidden: the role may not ask; NotFound: no such record."""
    _may(reader, principal)
    reader.must_see(principal, left, "left")
    reader.must_see(principal, right, "right")
    with reader.database.read() as connection:
        story = Explain(connection, read_recipe(connection, reader.config)).pair(left, right)
    shown = _sighted(reader, principal, story.type, (left, right))
    return list(_pair(story, shown, whole=_whole(reader, principal, story.type)))


def tell_customer(reader: Reader, principal: Principal, id: str, *, alone: bool = False) -> list[str]:
    """How a customer was built, step by step. `alone`: nothing of records that are not the customer's, not even that there
    are any: they are other people."""
    _may(reader, principal)
    reader.get_customer(principal, id)  # refused and audited as any other sight of it
    members = reader.records(principal, id)
    if not members:
        raise Forbidden("this role does not see which records a customer is made of")
    with reader.database.read() as connection:
        story = Explain(connection, read_recipe(connection, reader.config)).cluster(members[0].record)
    if alone:
        story = _alone(story)
    shown = _sighted(reader, principal, story.type, story.records)
    if story.type in reader.view(principal).rows:  # companions that were never in it may lie outside
        known = {r for r in story.component if reader.knows_record(principal, r)}
        named = tuple(c for c in story.clusters if known.issuperset(c))
        steps = tuple(s for s in story.steps if known.issuperset(_named(s)))
        return list(_cluster(replace(story, clusters=named, steps=steps), shown))
    return list(_cluster(story, shown))


def _alone(story: ClusterStory) -> ClusterStory:
    own = set(story.records)
    steps = tuple(s for s in story.steps if own.issuperset(_named(s)))
    return replace(story, clusters=(story.records,), steps=steps)


def _named(step: StepTold) -> set[RecordId]:
    return {*step.left, *step.right, *(step.pair or ())}


def record_id(text: str) -> RecordId:
    """`source/stream/key`. BadRequest when it is not that."""
    try:
        return RecordId.parse(text)
    except ValueError:
        raise BadRequest(
            f"'{text[:80]}' is no record",
            [Fault("record", "is not source/stream/key", "write for example crm/people/P-1")],
        ) from None


def _may(reader: Reader, principal: Principal) -> None:
    if "explain" not in reader.view(principal).may:
        raise Forbidden(f"the role '{principal.role}' may not ask for explanations")


def _whole(reader: Reader, principal: Principal, type_name: str) -> bool:
    compared = {a for a, given in reader.config.customers[type_name].attributes.items() if given.matching}
    return compared <= reader.view(principal).shown(type_name)


def _sighted(reader: Reader, principal: Principal, type_name: str, records: Collection[RecordId]) -> frozenset[str]:
    view = reader.view(principal)
    shown = view.shown(type_name)
    ids = homes(reader, principal, records)
    reader.audit.write(
        AuditLine(
            principal.id, principal.role, "explain", ids, sorted(shown), view.purpose, reader.database.clock.now()
        )
    )
    return shown


def _pair(story: PairStory, shown: frozenset[str], *, whole: bool) -> Iterator[str]:
    yield f"{story.left} and {story.right} are {'one customer' if story.together else 'two customers'}"
    for line in story.lines:
        if set(line.attributes) <= shown:
            values = f"{line.left} | {line.right}" if line.left or line.right else ""
            yield f"  {bits(line.weight):>12}  {line.comparison}: {line.words}" + (f"   ({values})" if values else "")
    if whole:
        yield f"  {bits(story.weight):>12}  in all: {story.chance:.1%} that they are one; records join by themselves from {bits(story.join)}"
    if story.lines:
        yield f"  weighed by {story.model}"
    for obstacle in story.obstacles:
        if (
            whole
            or (obstacle.attributes and set(obstacle.attributes) <= shown)
            or obstacle.reason in ("gone", "decision", "other_type")
        ):
            yield f"  kept apart: {obstacle.words}"
    for decision in story.decisions:
        yield f"  decision {decision.id}: {decision.by} said {decision.verdict.value}: {decision.reason}"
    if len(story.path) > 2:
        yield "  held together by decisions: " + " = ".join(map(str, story.path))


def _cluster(story: ClusterStory, shown: frozenset[str]) -> Iterator[str]:
    yield f"{len(story.records)} records are one customer: " + ", ".join(map(str, story.records))
    yield from _steps(story, shown)
    others = [c for c in story.clusters if set(c).isdisjoint(story.records)]
    for other in others:
        yield "  near, but apart: " + ", ".join(map(str, other))


def _steps(story: ClusterStory, shown: frozenset[str]) -> Iterable[str]:
    for number, step in enumerate(story.steps, 1):
        if set(step.attributes) <= shown:
            yield f"  {number}. {step.words}"
