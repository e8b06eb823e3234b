"""How values, times and names are said on a page. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from markupsafe import Markup

from hub.language.wording import listed, said, sentence, title
from hub.model import from_micros
from hub.settings import CustomerType

NOBODY = "No name"
RULES = {
    "most_trusted": "the most trusted source",
    "most_recent": "the latest word",
    "most_frequent": "what most records say",
    "most_complete": "the most complete value",
    "union": "all that is said",
    "min": "the smallest value",
    "max": "the largest value",
    "most_restrictive": "the strictest word",
}
CHANGES = {
    "created": "First known",
    "updated": "Changed",
    "merged": "Merged",
    "split": "Split",
    "retired": "No longer there",
    "erased": "Erased",
    "entered": "Came into your view",
    "left": "Left your view",
}


ACTS = {
    "decide": "a verdict on two records",
    "withdraw": "a verdict taken back",
    "merge": "two customers merged",
    "split": "records split off",
    "unmerge": "a record taken out",
    "unmerge_all": "all records taken apart",
    "keep_apart": "two customers kept apart",
    "arrange": "records arranged",
    "decide_all": "one verdict on many pairs",
    "set_value": "a value set by hand",
    "drop_value": "a value by hand taken back",
    "withdraw_inputs": "all that somebody decided taken back",
    "suspend": "what a source landed suspended",
}


COMPARED = {"prior": "To begin with", "household": "One household"}  # beside attributes


class Describable(Protocol):
    """What has a type and values by attribute."""

    @property
    def type(self) -> str: ...
    @property
    def values(self) -> Mapping[str, object]: ...


def compared(name: str) -> str:
    """What a comparison is of."""
    return COMPARED.get(name) or title(name)


def who(types: Mapping[str, CustomerType], customer: Describable) -> str:
    """What a customer is called, by what is seen of it."""
    kinds = {name: a.kind for name, a in types[customer.type].attributes.items()}

    def of(*wanted: str) -> list[str]:
        found = (said(v) for n, k in kinds.items() if k in wanted for v in listed(customer.values.get(n))[:1])
        return [name for name in found if name]

    names = of("person_name")[:1] or of("company_name")[:1] or of("given_name", "family_name")
    return " ".join(names) or NOBODY


def when(micros: int | None) -> Markup:
    """A moment. The page's script shows it in the zone of who reads it; without it, it is UTC and says so."""
    if micros is None:
        return Markup("")
    at = from_micros(micros)
    return Markup('<time datetime="{}">{} UTC</time>').format(
        at.isoformat(timespec="seconds").replace("+00:00", "Z"), at.strftime("%-d %b %Y, %H:%M")
    )


def day(micros: int | None) -> Markup:
    """The day of a moment, in UTC: of what sources date, which is no more exact."""
    if micros is None:
        return Markup("")
    at = from_micros(micros)
    return Markup('<time datetime="{}" data-day>{}</time>').format(at.date().isoformat(), at.strftime("%-d %b %Y"))


def moment(text: str) -> Markup:
    """A moment that is written as text; what is none is shown as it is."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return Markup.escape(text)
    if at.tzinfo is None:
        return Markup.escape(text)
    return when(int(at.astimezone(UTC).timestamp()) * 1_000_000)


def told(text: str) -> str:
    """Words of the hub's in the language of the page: here English."""
    return text


def many(count: int, one: str, more: str = "") -> str:
    """3 records; 1 record."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def rule(name: str) -> str:
    return RULES.get(name, title(name).lower())


def change(name: str) -> str:
    return CHANGES.get(name, title(name))


def act(kind: str) -> str:
    return ACTS.get(kind, title(kind).lower())


def bits(weight: int) -> str:
    """A weight in bits, with its sign: +3.2."""
    return f"{weight / 1000:+.1f}".replace("-", "\N{MINUS SIGN}")


FILTERS: dict[str, Callable[..., object]] = {
    f.__name__: f
    for f in (title, compared, sentence, said, listed, when, day, moment, many, rule, change, act, bits, told)
}
