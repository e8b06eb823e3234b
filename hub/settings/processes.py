"""`config/processes/NAME.yaml`: what is to be done, step by step, when something happened, changed or came due. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

from pydantic import Field, field_validator, model_validator

from hub.errors import Fault
from hub.model import digest
from hub.settings.base import ADDED, Strict, duration_micros
from hub.settings.customers import CustomerType
from hub.settings.interactions import InteractionType
from hub.settings.lists import Escalation, WorkList, ender_faults
from hub.settings.working_time import checked_term

PROCESS = "process"  # the type of interactions that a running process is kept as
OPEN, DONE, NEEDLESS = "open", "done", "not needed"


class ProcessStart(Strict):
    """What starts a process: one of interaction, change, segment, date."""

    interaction: str = ""  # an interaction of this type
    states: tuple[str, ...] = ()  # of it, once it is in one of these states; none: all
    change: str = ""  # a changed attribute of a customer: address
    segment: str = ""  # a customer in this segment of figures.yaml
    date: str = ""  # a time of an interaction: quotation.valid_until
    before: str = "0 minutes"  # how long before that time
    within: str = "30d"  # what happened, or came due, longer ago starts nothing
    ahead: str = Field(default="1y", json_schema_extra=ADDED)  # of a date: how long before it the row may have happened
    again: str = "1y"  # how often at most a segment starts it for one customer

    @field_validator("within", "ahead", "again")
    @classmethod
    def _span(cls, text: str) -> str:
        if duration_micros(text) <= 0:
            raise ValueError(f"'{text}' is no time; write for example 30d")
        return text

    @field_validator("before")
    @classmethod
    def _term(cls, text: str) -> str:
        if "working" in text:
            raise ValueError("is told in days or hours, not in working time; write for example 3 days")
        return checked_term(text or "0 minutes") or text

    @model_validator(mode="after")
    def _one_of_them(self) -> ProcessStart:
        if sum(map(bool, (self.interaction, self.change, self.segment, self.date))) != 1:
            raise ValueError("names one of interaction, change, segment, date")
        return self


class ProcessStep(Strict):
    """One thing to be done. It is open once the one before is done."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")  # in addresses: confirm_address
    title: str = ""  # what staff call it
    role: str = ""  # whose work it is
    due: str = "2 working days"  # how long after it was open
    ended_by: tuple[str, ...] = ()  # what happens later with the same customer and ends it: call.answered
    escalate: Escalation | None = None  # whose it is when it is overdue

    _term = field_validator("due")(checked_term)


class Process(Strict):
    """A process. One that runs keeps the steps that it started with."""

    name: str = ""
    title: str = ""  # what staff call it
    starts: ProcessStart
    steps: tuple[ProcessStep, ...] = Field(min_length=1)  # in their order

    @model_validator(mode="after")
    def _each_step_once(self) -> Process:
        names = [s.name for s in self.steps]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"steps: '{twice[0]}' stands twice")
        return self

    @cached_property
    def version(self) -> str:
        """Names exactly these steps."""
        return digest(self.model_dump(mode="json", include={"steps"}), 6)

    @cached_property
    def lists(self) -> tuple[WorkList, ...]:
        """Each step as a list of its own: what runs is on one of them."""
        return tuple(
            WorkList(
                name=f"{self.name}.{s.name}",
                title=s.title or s.name,
                of=PROCESS,
                within="2y",
                role=s.role,
                states=(OPEN, DONE, NEEDLESS),
                ends=(DONE, NEEDLESS),
                ended_by=dict.fromkeys(s.ended_by, DONE),
                due=s.due,
                escalate=s.escalate,
            )
            for s in self.steps
        )


def process_faults(
    where: str,
    given: Process,
    types: Mapping[str, InteractionType],
    customers: Mapping[str, CustomerType],
    segments: Collection[str],
    roles: Collection[str],
) -> Iterator[Fault]:
    """Names in a process's file that lead nowhere."""
    if PROCESS not in types:
        yield Fault(
            where, f"there is no interaction type '{PROCESS}' to keep it as", f"copy interactions/{PROCESS}.yaml"
        )
    yield from _start_faults(f"{where}: starts", given.starts, types, customers, segments)
    for step in given.steps:
        at = f"{where}: steps.{step.name}"
        enders = {(n.partition(".")[0], n.partition(".")[2]): DONE for n in step.ended_by}
        yield from ender_faults(f"{at}.ended_by", enders, types)
        for role in (step.role, step.escalate.to if step.escalate else ""):
            if role and roles and role not in roles:
                yield Fault(at, f"unknown role '{role}'", f"known: {', '.join(roles)}")


def _start_faults(
    where: str,
    given: ProcessStart,
    types: Mapping[str, InteractionType],
    customers: Mapping[str, CustomerType],
    segments: Collection[str],
) -> Iterator[Fault]:
    if given.interaction:
        yield from ender_faults(where, {(given.interaction, s): "" for s in (given.states or ("",))}, types)
    known = {a for t in customers.values() for a in t.attributes}
    if given.change and given.change not in known:
        yield Fault(f"{where}.change", f"unknown attribute '{given.change}'", f"known: {', '.join(sorted(known))}")
    if given.segment and given.segment not in segments:
        known_segments = ", ".join(sorted(segments)) or "none"
        yield Fault(f"{where}.segment", f"unknown segment '{given.segment}'", f"known: {known_segments}")
    if given.date:
        type_name, _, attribute = given.date.partition(".")
        kind = types.get(type_name)
        if kind is None or attribute not in kind.attributes or kind.attributes[attribute].kind != "moment":
            yield Fault(f"{where}.date", f"'{given.date}' is no time of an interaction", "write TYPE.ATTRIBUTE")
