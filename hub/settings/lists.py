"""`config/lists/NAME.yaml`: what happened that somebody has to see to, and how it may stand. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field, field_validator, model_validator

from hub.errors import Fault
from hub.settings.base import Strict, duration_micros
from hub.settings.interactions import InteractionType
from hub.settings.working_time import checked_term


class Escalation(Strict):
    """What is not done is another's, some time after it was due."""

    after: str = "0 minutes"  # how long after it was due: 1 working day
    to: str  # the role whose it is then

    _term = field_validator("after")(checked_term)


class WorkList(Strict):
    """Interactions of a type as things to see to: one stands on the list until it is at an end."""

    name: str = ""
    title: str = ""  # what staff call it
    of: str  # the type of interactions that it is made of
    when: tuple[str, ...] = ()  # states of the interaction in which it is on the list; none: all
    within: str = "1y"  # what happened longer ago is not on it
    role: str = ""  # whose work it is
    states: tuple[str, ...] = Field(min_length=2)  # how it may stand; the first: nobody has done anything
    ends: tuple[str, ...] = Field(min_length=1)  # states in which it is done
    say_why: tuple[str, ...] = ()  # states that need a reason
    ended_by: dict[str, str] = Field(
        default_factory=dict
    )  # what happens later with the same customer, as order or call.answered -> the state that it is in then
    due_at: str = ""  # the attribute that says until when
    due: str = ""  # where none says so: how long after it happened, as 2 working days
    escalate: Escalation | None = None  # whose it is when it is overdue

    _term = field_validator("due")(checked_term)

    @field_validator("within")
    @classmethod
    def _span(cls, text: str) -> str:
        duration_micros(text)
        return text

    @model_validator(mode="after")
    def _states_are_known(self) -> WorkList:
        for field, named in (("ends", self.ends), ("say_why", self.say_why), ("ended_by", self.ended_by.values())):
            for state in named:
                if state not in self.states:
                    raise ValueError(f"{field} names '{state}', which is no state; known: {', '.join(self.states)}")
        if self.states[0] in self.ends:
            raise ValueError(f"ends names '{self.states[0]}', in which all begin: name it later in states")
        for state in self.ended_by.values():
            if state not in self.ends:
                raise ValueError(f"ended_by brings '{state}', which is no end; known: {', '.join(self.ends)}")
        return self

    @property
    def enders(self) -> dict[tuple[str, str], str]:
        """(type, its state or "") of what ends it -> the state that it is in then."""
        return {(name.partition(".")[0], name.partition(".")[2]): state for name, state in self.ended_by.items()}


def list_faults(
    where: str, given: WorkList, types: Mapping[str, InteractionType], roles: Mapping[str, object]
) -> Iterator[Fault]:
    """Names in a list's file that lead nowhere."""
    kind = types.get(given.of)
    if kind is None:
        yield Fault(f"{where}: of", f"unknown interaction type '{given.of}'", f"known: {', '.join(types)}")
        return
    known = kind.attributes[kind.state].options if kind.state else ()
    for state in given.when:
        if state not in known:
            yield Fault(
                f"{where}: when", f"'{state}' is no state of {given.of}", f"known: {', '.join(known) or 'none'}"
            )
    moments = [n for n, a in kind.attributes.items() if a.kind == "moment"]
    if given.due_at and given.due_at not in moments:
        yield Fault(f"{where}: due_at", f"'{given.due_at}' is no time of {given.of}", f"known: {', '.join(moments)}")
    yield from ender_faults(f"{where}: ended_by", given.enders, types)
    named = [("role", given.role)] + ([("escalate.to", given.escalate.to)] if given.escalate else [])
    for field, role in named:
        if role and roles and role not in roles:
            yield Fault(f"{where}: {field}", f"unknown role '{role}'", f"known: {', '.join(roles)}")


def ender_faults(
    where: str, enders: Mapping[tuple[str, str], str], types: Mapping[str, InteractionType]
) -> Iterator[Fault]:
    for name, state in enders:
        kind = types.get(name)
        if kind is None:
            yield Fault(where, f"unknown interaction type '{name}'", f"known: {', '.join(types)}")
        elif state and state not in (kind.attributes[kind.state].options if kind.state else ()):
            yield Fault(where, f"'{state}' is no state of {name}", "write TYPE or TYPE.STATE")
