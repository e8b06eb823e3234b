"""`config/figures.yaml`: what customers are worth and what they cost, and which of them are alike in that. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import TypeVar

from pydantic import Field, field_validator

from hub.errors import Fault
from hub.kinds.money import exponent, known_currency
from hub.settings import formula as f
from hub.settings.base import Strict
from hub.settings.customers import CustomerType
from hub.settings.interactions import InteractionType

ROLE_OF = {"amount": "amount", "minutes": "spent"}  # what a type must say so that it can be counted; a tariff may cost


T = TypeVar("T")


def in_force(dated: Mapping[date, T], day: date) -> T | None:
    """What holds on a day: the latest that begins by then."""
    began = max((d for d in dated if d <= day), default=None)
    return None if began is None else dated[began]


class Tariff(Strict):
    """What a contact by a channel costs from a day on, in the currency of the figures."""

    contact: Decimal = Field(default=Decimal(0), ge=0)  # each
    minute: Decimal = Field(default=Decimal(0), ge=0)  # for as long as it took


class Figure(Strict):
    title: str = ""  # what staff call it
    formula: str = Field(alias="is")  # how it is worked out: count(order, months=12)

    @field_validator("formula")
    @classmethod
    def _readable(cls, text: str) -> str:
        f.parse(text)
        return text

    @cached_property
    def tree(self) -> f.Tree:
        return f.parse(self.formula)


class Segment(Strict):
    """Customers of whom a condition holds."""

    title: str = ""  # what staff call it
    when: str  # a condition: complaints >= 3 and customer.type == "person"

    @field_validator("when")
    @classmethod
    def _readable(cls, text: str) -> str:
        f.parse(text)
        return text

    @cached_property
    def tree(self) -> f.Tree:
        return f.parse(self.when)


class Figures(Strict):
    """Figures, segments, and what contacts cost."""

    currency: str = "EUR"  # in which money is told
    rates: dict[str, dict[date, Decimal]] = Field(
        default_factory=dict
    )  # currency -> day from which on -> what one of it is worth in the currency of the figures
    tariffs: dict[str, dict[date, Tariff]] = Field(
        default_factory=dict
    )  # channel -> day from which on -> what a contact costs that does not say so itself
    figures: dict[str, Figure] = Field(default_factory=dict)  # name -> how it is worked out
    segments: dict[str, Segment] = Field(default_factory=dict)  # name -> whom it holds

    @field_validator("currency")
    @classmethod
    def _known(cls, code: str) -> str:
        if known_currency(code) != code:
            raise ValueError(f"'{code}' is no currency of ISO 4217; write for example EUR")
        return code

    def cost_of(self, channel: str, day: date, seconds: int) -> int:
        """What a contact cost by the tariff of its channel then, in minor units; zero without one. Rounded half-even."""
        tariff = in_force(self.tariffs.get(channel, {}), day)
        if tariff is None:
            return 0
        exact: Fraction = Fraction(tariff.contact) + Fraction(tariff.minute) * Fraction(seconds, 60)
        return round(exact * Fraction(10 ** exponent(self.currency)))

    def rate(self, currency: str, day: date) -> Fraction | None:
        """What one of a currency was worth on a day; None: no rate says so."""
        if currency == self.currency:
            return Fraction(1)
        found = in_force(self.rates.get(currency, {}), day)
        return None if found is None else Fraction(found)

    @cached_property
    def kinds(self) -> dict[str, f.Kind]:
        """What each figure is. Of a configuration without faults."""
        found: dict[str, f.Kind] = {}
        for name in self.order:
            found[name] = f.kind_of(self.figures[name].tree, found)
        return found

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Figures, each after those that it is made of; those that go round in a circle are left out."""
        found: list[str] = []
        while True:
            fit = [n for n, g in self.figures.items() if n not in found and f.names(g.tree) <= set(found)]
            if not fit:
                return tuple(found)
            found += fit


def figure_faults(
    where: str, given: Figures, types: Mapping[str, InteractionType], customers: Mapping[str, CustomerType]
) -> Iterator[Fault]:
    """Names that lead nowhere, figures made of themselves, parts that do not fit together."""
    for code in given.rates:
        if known_currency(code) != code:
            yield Fault(f"{where}: rates.{code}", "is no currency of ISO 4217", "write for example USD")
    channels = {o for t in types.values() if t.channel for o in t.attributes[t.channel].options}
    for channel in given.tariffs.keys() - channels:
        yield Fault(f"{where}: tariffs.{channel}", "is no channel", f"known: {', '.join(sorted(channels))}")
    for name in given.segments.keys() & given.figures.keys():
        yield Fault(f"{where}: segments.{name}", "a figure has this name too", "rename one of them")
    trees = {f"figures.{n}": g.tree for n, g in given.figures.items()}
    trees |= {f"segments.{n}": s.tree for n, s in given.segments.items()}
    kinds: dict[str, f.Kind] = {}
    for name in given.order:
        try:
            kinds[name] = f.kind_of(given.figures[name].tree, kinds)
            if kinds[name] in ("text", "truth"):
                raise ValueError("is a condition: a figure is a number, money or a time; put it under segments")
        except ValueError as error:
            kinds.setdefault(name, "number")  # so that it is told once
            yield Fault(f"{where}: figures.{name}.is", str(error), "correct it")
    yield from _circles(where, given, kinds)
    for name, segment in given.segments.items():
        try:
            if (kind := f.kind_of(segment.tree, kinds)) != "truth":
                raise ValueError(f"is a {kind}, no condition: compare it, as in {name} > 0")
        except ValueError as error:
            yield Fault(f"{where}: segments.{name}.when", str(error), "correct it")
    for at, tree in trees.items():
        for node in f.within(tree):
            for what, remedy in _unknown(node, types, customers):
                yield Fault(f"{where}: {at}", what, remedy)


def _circles(where: str, given: Figures, kinds: dict[str, f.Kind]) -> Iterator[Fault]:
    stuck = given.figures.keys() - set(given.order)
    for name in sorted(stuck):
        missing = sorted(f.names(given.figures[name].tree) - given.figures.keys())
        kinds.setdefault(name, "number")
        what = f"there is no figure '{missing[0]}'" if missing else "is made of itself"
        yield Fault(f"{where}: figures.{name}.is", what, f"known: {', '.join(given.figures)}" if missing else "cut it")


def _unknown(
    node: f.Tree, types: Mapping[str, InteractionType], customers: Mapping[str, CustomerType]
) -> Iterator[tuple[str, str]]:
    if isinstance(node, f.Aggregate):
        for name in node.types:
            if name not in types:
                yield f"unknown interaction type '{name}'", f"known: {f.ANY}, {', '.join(types)}"
            elif node.what in ROLE_OF and not getattr(types[name], ROLE_OF[node.what]):
                yield f"'{name}' says no {node.what}", f"name {ROLE_OF[node.what]} in interactions/{name}.yaml"
        there = [types[n] for n in node.types or types if n in types]
        for field, values in (("channel", node.channels), ("state", node.states)):
            known = {o for t in there if getattr(t, field) for o in t.attributes[getattr(t, field)].options}
            for value in set(values) - known:
                yield f"'{value}' is no {field} of it", f"known: {', '.join(sorted(known)) or 'none'}"
    if isinstance(node, f.OfCustomer) and node.attribute != "type":
        known = {a for t in customers.values() for a in t.attributes}
        if node.attribute not in known:
            yield f"unknown attribute '{node.attribute}'", f"known: type, {', '.join(sorted(known))}"
