"""What a page tells of a customer, laid out: values with their reasons, records side by side, what versions changed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.access.figures import SeenFigures
from hub.access.seen import FoundCustomer, SeenCustomer, SeenVersion
from hub.access.timeline import SeenInteraction
from hub.console.words import who
from hub.kinds.duration import seconds_of
from hub.language.wording import listed, said, title
from hub.settings import CustomerType, InteractionType

IN_ROW = 3  # values that a row of results shows beside the name
SHOWN_FIRST = ("email", "phone", "postal_address", "birth_date", "domain", "identifier")  # kinds, where nothing matched


@dataclass(frozen=True, slots=True)
class Saying:
    """A record that says a value, and since when its source does. `key`: only for who may see record names."""

    source: str
    stream: str
    key: str | None
    since: int | None


@dataclass(frozen=True, slots=True)
class SaidValue:
    value: str
    by: tuple[Saying, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """An attribute's golden values, each with who says it; what lost; the rule. `of`: parts that it is put together from."""

    attribute: str
    values: tuple[SaidValue, ...]
    lost: tuple[SaidValue, ...]
    taken_back: tuple[SaidValue, ...]
    rule: str
    verified: bool
    of: tuple[str, ...]
    override: object


def told(customer_type: CustomerType, seen: SeenCustomer) -> list[Reason]:
    """The values of a customer that was asked for with its lineage, in the order of the configuration."""
    lineage = seen.lineage or {}
    return [
        _reason(name, listed(seen.values[name]), lineage.get(name, {}))
        for name in customer_type.attributes
        if name in seen.values
    ]


def _reason(name: str, values: Sequence[object], why: Mapping[str, object]) -> Reason:
    won = {t.value: t for t in _grouped(why.get("won"))}
    of = why.get("of")
    return Reason(
        name,
        tuple(won.get(said(v), SaidValue(said(v), ())) for v in values),
        _grouped(why.get("lost")),
        _grouped(why.get("taken_back")),
        str(why.get("rule", "")),
        bool(why.get("verified", True)),
        tuple(title(part).lower() for part in of) if isinstance(of, Mapping) else (),
        why.get("override"),
    )


def _grouped(lines: object) -> tuple[SaidValue, ...]:
    """One entry per value, in the order given, with all who say it."""
    found: dict[str, list[Saying]] = {}
    for line in lines if isinstance(lines, list) else ():
        key, since = line.get("key"), line.get("since")
        by = [Saying(str(line["source"]), str(line["stream"]), key, since)] if "source" in line else []
        found.setdefault(said(line.get("value")), []).extend(by)
    return tuple(SaidValue(value, tuple(by)) for value, by in found.items())


def counted(seen: SeenFigures) -> list[tuple[str, str]]:
    """Figures that say something, with their titles: what is nothing is left out."""
    told = [(f.title or title(f.name), " ".join(filter(None, (f.value, f.currency)))) for f in seen.figures if f.value]
    return [(name, value) for name, value in told if any(c in "123456789" for c in value)]


@dataclass(frozen=True, slots=True)
class Row:
    """A customer among results: its name, and what the words were found in."""

    id: str
    type: str
    name: str
    values: tuple[tuple[str, str], ...]


def hit(types: Mapping[str, CustomerType], found: FoundCustomer) -> Row:
    attributes = types[found.type].attributes
    kinds = {n: a.kind for n, a in attributes.items()}
    named = {n for n, k in kinds.items() if k in ("person_name", "company_name", "given_name", "family_name")}
    first = [a for a in found.matched if a not in named]
    first += [n for k in SHOWN_FIRST for n in attributes if kinds[n] == k and n not in first]
    values = [(title(n), said(found.values[n])) for n in first if found.values.get(n)]
    return Row(found.id, found.type, who(types, found), tuple(values[:IN_ROW]))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, on a line: what, when, how it stands, how much; `more`: the rest of what is seen of it."""

    id: str
    title: str
    at: int
    state: str
    channel: str
    amount: str
    text: str
    more: tuple[tuple[str, str], ...]
    source: str
    key: str
    attributed: str


def event(kind: InteractionType, seen: SeenInteraction) -> Event:
    left = {n: _plain(kind, n, seen.values[n]) for n in kind.attributes if seen.values.get(n) not in (None, "", [])}
    left.pop(kind.at, None)
    state, channel, amount = (left.pop(n, "") for n in (kind.state, kind.channel, kind.amount))
    texts = [left.pop(n) for n in list(left) if kind.attributes[n].kind == "text"]
    more = tuple((title(n), value) for n, value in left.items())
    return Event(
        seen.id,
        seen.title,
        seen.at,
        state,
        channel,
        amount,
        " · ".join(texts),
        more,
        seen.record.source,
        seen.record.key,
        seen.attributed,
    )


def _plain(kind: InteractionType, name: str, value: object) -> str:
    if kind.attributes[name].kind != "duration":
        return said(value)
    seconds = seconds_of(str(value))
    return said(value) if seconds is None else f"{-(-seconds // 60)} min"


@dataclass(frozen=True, slots=True)
class Across:
    """An attribute in every record: its cells, each with whether it holds what the golden record says."""

    attribute: str
    golden: str
    cells: tuple[tuple[str, bool], ...]

    @property
    def agree(self) -> bool:
        return all(golden or not value for value, golden in self.cells)


def side_by_side(
    customer_type: CustomerType, golden: Mapping[str, object], records: Sequence[Mapping[str, object]]
) -> list[Across]:
    """The attributes that any of them has, in the order of the configuration."""
    rows = []
    for name in customer_type.attributes:
        if not any(r.get(name) for r in records) and not golden.get(name):
            continue
        kept = {said(v) for v in listed(golden.get(name))}
        cells = tuple(
            (said(r.get(name)), all(said(v) in kept for v in listed(r.get(name))) and bool(r.get(name)))
            for r in records
        )
        rows.append(Across(name, said(golden.get(name)), cells))
    return rows


@dataclass(frozen=True, slots=True)
class Changed:
    """A version, and what it changed: (attribute, before, after)."""

    version: int
    change: str
    at: int
    other: tuple[str, ...]
    values: tuple[tuple[str, str, str], ...]


def changes(versions: Sequence[SeenVersion]) -> list[Changed]:
    """Versions, given oldest first, the newest first."""
    found, before = [], dict[str, object]()
    for v in versions:
        now = dict(v.values or {})
        differing = [
            (title(a), said(before.get(a)), said(now.get(a)))
            for a in sorted(before.keys() | now.keys())
            if said(before.get(a)) != said(now.get(a))
        ]
        found.append(Changed(v.version, v.type, v.at, v.other, tuple(differing)))
        before = now
    return found[::-1]
