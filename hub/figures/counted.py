"""Tallies of a customer's records -> its figures, each with how it was counted; is it in a segment? Pure.

Numbers are exact fractions and are rounded half-even once, where they are told. What is not known (nothing divided,
a currency without a rate, no order yet) is None, and so is all that is made of it; a condition on it does not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hub.interactions.tally import Tally, begin, month_of, months_back
from hub.kinds.money import exponent, shown
from hub.model import from_micros
from hub.settings import Config
from hub.settings import formula as f

DAY = 86_400_000_000
DECIMALS = 6  # of a number that is told
Answer = Fraction | int | str | bool | tuple[str, ...] | None  # int: a time


@dataclass(frozen=True, slots=True)
class WasCounted:
    """What an aggregate counted: of which types, from when on, how many rows, sums by currency in minor units."""

    how: str
    what: str
    types: tuple[str, ...]
    channels: tuple[str, ...]
    states: tuple[str, ...]
    since: int | None
    rows: int
    sums: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ToldFigure:
    """A figure as it is told: text, so that it stays exact; None when it is not known, and why."""

    name: str
    title: str
    kind: f.Kind
    value: str | None
    currency: str | None
    formula: str
    counted: tuple[WasCounted, ...]
    unknown: str


@dataclass
class FiguresOf:
    """One customer's figures, each worked out when it is asked for. `values`: golden values (plain), by attribute."""

    config: Config
    type: str
    values: Mapping[str, Sequence[Any]]
    tallies: Sequence[Tally]
    now: int
    _known: dict[str, Answer] = field(default_factory=dict)

    def figure(self, name: str) -> Answer:
        if name not in self._known:
            self._known[name] = self._answer(self.config.figures.figures[name].tree)
        return self._known[name]

    def within(self, segment: str) -> bool:
        return self._answer(self.config.figures.segments[segment].tree) is True

    def told(self, name: str) -> ToldFigure:
        given, figures = self.config.figures.figures[name], self.config.figures
        kind, value = figures.kinds[name], self.figure(name)
        counted = tuple(self._counted(node) for node in self._aggregates(name))
        money = kind == "money"
        return ToldFigure(
            name,
            given.title or name,
            kind,
            _text(kind, value, figures.currency),
            figures.currency if money else None,
            given.formula,
            counted,
            "" if value is not None else self._why(counted, kind),
        )

    def _aggregates(self, name: str) -> Iterable[f.Aggregate]:
        """All that a figure counts, through the figures that it is made of."""
        seen: dict[f.Aggregate, None] = {}
        todo = [name]
        done: set[str] = set()
        while todo:
            here = todo.pop()
            if here not in done:
                done.add(here)
                for node in f.within(self.config.figures.figures[here].tree):
                    if isinstance(node, f.Aggregate):
                        seen[node] = None
                    elif isinstance(node, f.Named):
                        todo.append(node.name)
        return seen

    def _why(self, counted: Iterable[WasCounted], kind: f.Kind) -> str:
        lacking = sorted({c for a in counted for c in a.sums if c and self._rate(c, month_of(self.now)) is None})
        if lacking:
            return f"no rate of {', '.join(lacking)}"
        return "it never happened" if kind == "moment" else "nothing to divide by, or nothing happened"

    # --- answers ---

    def _answer(self, tree: f.Tree) -> Answer:
        if isinstance(tree, f.Number | f.Words):
            return tree.value
        if isinstance(tree, f.Named):
            return self.figure(tree.name)
        if isinstance(tree, f.OfCustomer):
            return self._of_customer(tree)
        if isinstance(tree, f.Aggregate):
            return self._aggregate(tree)
        if isinstance(tree, f.Sum):
            left, right = self._answer(tree.left), self._answer(tree.right)
            both = isinstance(left, Fraction) and isinstance(right, Fraction)
            return f.put_together(tree.op, left, right) if both else None  # type: ignore[arg-type]
        if isinstance(tree, f.Condition):
            return _compared(tree.op, self._answer(tree.left), self._answer(tree.right))
        if isinstance(tree, f.Logic):
            return _logic(tree.op, [self._answer(part) for part in tree.parts])
        if isinstance(tree, f.DaysSince):
            at = self._answer(tree.moment)
            return None if not isinstance(at, int) else Fraction(max(0, self.now - at) // DAY)
        return self._answer(tree.of) is not None

    def _of_customer(self, tree: f.OfCustomer) -> tuple[str, ...]:
        if tree.attribute == "type":
            return (self.type,)
        values = self.values.get(tree.attribute, ())
        return tuple(str(v.get(tree.part, "") if isinstance(v, Mapping) else v).casefold() for v in values)

    def _fitting(self, tree: f.Aggregate) -> list[Tally]:
        since = None if tree.months is None else months_back(month_of(self.now), tree.months - 1)
        types = self.config.interactions
        return [
            t
            for t in self.tallies
            if (not tree.types or t.type in tree.types)
            and t.type in types
            and (since is None or t.month >= since)
            and (not tree.channels or t.channel in tree.channels)
            and (t.state in tree.states if tree.states else tree.what == "cost" or t.state not in types[t.type].void)
        ]

    def _aggregate(self, tree: f.Aggregate) -> Answer:
        fitting = self._fitting(tree)
        if tree.how == "count":
            return Fraction(sum(t.n for t in fitting))
        if tree.how in ("first", "latest"):
            return min((t.first for t in fitting), default=None) if tree.how == "first" else max((t.last for t in fitting), default=None)  # fmt: skip
        if tree.how == "sum" and tree.what == "minutes":
            return Fraction(sum(t.seconds for t in fitting), 60)
        if tree.how == "sum":
            return self._sum(fitting, tree.what)
        return self._extreme(fitting, tree.how)

    def _sum(self, fitting: Iterable[Tally], what: str) -> Fraction | None:
        total = Fraction(0)
        for t in fitting:
            units, currency = (t.cost, t.cost_currency) if what == "cost" else (t.amount, t.currency)
            if currency:
                worth = self._worth(units, currency, t.month)
                if worth is None:
                    return None
                total += worth
        return total

    def _extreme(self, fitting: Iterable[Tally], how: str) -> Fraction | None:
        """Least or most of amounts."""
        found = [self._worth(t.least if how == "least" else t.most, t.currency, t.month) for t in fitting if t.currency]
        known = [w for w in found if w is not None]
        if not known or len(known) < len(found):
            return None
        return min(known) if how == "least" else max(known)

    def _worth(self, units: int, currency: str, month: int) -> Fraction | None:
        """Minor units of a currency in the currency of the figures, at the rate with which the month began."""
        rate = self._rate(currency, month)
        return None if rate is None else Fraction(units, 10 ** exponent(currency)) * rate

    def _rate(self, currency: str, month: int) -> Fraction | None:
        return self.config.figures.rate(currency, date(month // 100, month % 100, 1))

    def _counted(self, tree: f.Aggregate) -> WasCounted:
        fitting = self._fitting(tree)
        sums: dict[str, int] = {}
        if tree.what in ("amount", "cost"):
            for t in fitting:
                units, currency = (t.cost, t.cost_currency) if tree.what == "cost" else (t.amount, t.currency)
                if currency:
                    sums[currency] = sums.get(currency, 0) + units
        since = None if tree.months is None else begin(months_back(month_of(self.now), tree.months - 1))
        rows = sum(t.n for t in fitting)
        return WasCounted(tree.how, tree.what, tree.types, tree.channels, tree.states, since, rows, sums)


def _compared(op: str, left: Answer, right: Answer) -> bool | None:
    if left is None or right is None:
        return None
    if isinstance(left, str | tuple) or isinstance(right, str | tuple):
        one, other = _texts(left), _texts(right)
        return bool(one & other) if op == "==" else not one & other
    assert isinstance(left, Fraction)
    assert isinstance(right, Fraction)
    if op in ("==", "!="):
        return (left == right) is (op == "==")
    if op in ("<", ">="):
        return (left < right) is (op == "<")
    return (left > right) is (op == ">")


def _texts(answer: Answer) -> frozenset[str]:
    return frozenset(map(str.casefold, answer)) if isinstance(answer, tuple) else frozenset((str(answer).casefold(),))


def _logic(op: str, parts: Sequence[Answer]) -> bool | None:
    """Of three values: what is not known is neither."""
    if op == "not":
        return None if parts[0] is None else parts[0] is False
    decides = op == "or"
    if any(p is decides for p in parts):
        return decides
    return None if None in parts else not decides


def _text(kind: f.Kind, value: Answer, currency: str) -> str | None:
    if kind == "moment" and isinstance(value, int):
        return from_micros(value).isoformat().replace("+00:00", "Z")
    if not isinstance(value, Fraction):
        return None
    if kind == "money":
        return shown(round(value * 10 ** exponent(currency)), currency)
    rounded = round(value * 10**DECIMALS)
    text = format(Decimal(rounded).scaleb(-DECIMALS), "f")
    return text.rstrip("0").rstrip(".")
