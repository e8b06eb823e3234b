"""Two policies compared: who gains and who loses what. Told by role; counted on the data where there are some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from hub.access.door import Door
from hub.access.policy.view import View
from hub.golden_record import lookups
from hub.model import Sight

PAGE = 500
TELLS = {Sight.HIDE: 0, Sight.PSEUDONYM: 1, Sight.SHOW: 3}  # how much a sight tells; the others, a part, between
NOBODY = View("nobody")


@dataclass(frozen=True, slots=True)
class Differs:
    """One thing that a role gains or loses. `customers`: how many that concerns; None: it was not counted.
    `type` and `attribute` of what is seen; without an attribute, customers that exist for the role."""

    role: str
    gains: bool
    what: str
    customers: int | None = None
    type: str = ""
    attribute: str = ""


def compared(old: Mapping[str, View], new: Mapping[str, View]) -> Iterator[Differs]:
    """By role, in order of name. Pure."""
    for role in sorted(old.keys() | new.keys()):
        before, after = old.get(role, NOBODY), new.get(role, NOBODY)
        for permission in sorted(before.may ^ after.may):
            yield Differs(role, permission in after.may, f"may {permission}")
        for type_name in sorted(before.columns.keys() | after.columns.keys()):
            was, now = before.of(type_name), after.of(type_name)
            for attribute in sorted(was.keys() | now.keys()):
                yield from _seen(
                    role, type_name, attribute, was.get(attribute, Sight.HIDE), now.get(attribute, Sight.HIDE)
                )
            if was and now and before.rows.get(type_name) != after.rows.get(type_name):
                for gains in (True, False):
                    yield Differs(role, gains, f"customers of type {type_name}", type=type_name)


def _seen(role: str, type_name: str, attribute: str, was: Sight, now: Sight) -> Iterator[Differs]:
    if was is not now:
        gains = TELLS.get(now, 2) >= TELLS.get(was, 2)
        yield Differs(role, gains, f"{type_name}.{attribute}: {was.value} -> {now.value}", None, type_name, attribute)


def counted(old: Door, new: Door, roles: Mapping[str, tuple[View, View]], found: list[Differs]) -> list[Differs]:
    """The same with how many customers each concerns: those that have the attribute, those that come into or go out of the rows."""
    numbers: Counter[int] = Counter()
    for type_name in sorted({d.type for d in found if d.type}):
        for page in _pages(new, type_name):
            known = {r: _known(old, new, views, type_name, page) for r, views in roles.items()}
            for n, differs in enumerate(found):
                if differs.type != type_name:
                    continue
                before, after = known[differs.role]
                if differs.attribute:
                    there = after if differs.gains else before
                    numbers[n] += sum(1 for id, has in page.items() if id in there and differs.attribute in has)
                else:
                    numbers[n] += len(after - before if differs.gains else before - after)
    told = [replace(d, customers=numbers[n]) if d.type else d for n, d in enumerate(found)]
    return [d for d in told if d.attribute or d.customers != 0]


def _pages(door: Door, type_name: str) -> Iterator[dict[str, frozenset[str]]]:
    """Customers -> the attributes that they have, some at a time."""
    after = ""
    while True:
        with door.database.read() as connection:
            page = lookups.customers_after(connection, type_name, after, PAGE)
        if not page:
            return
        after = page[-1][0]
        yield {id: frozenset(a for a, given in values.items() if given) for id, values in page}


def _known(
    old: Door, new: Door, views: tuple[View, View], type_name: str, page: Mapping[str, frozenset[str]]
) -> tuple[frozenset[str], frozenset[str]]:
    def of(door: Door, view: View) -> frozenset[str]:
        if not view.sees(type_name):
            return frozenset()
        if type_name not in view.rows:
            return frozenset(page)
        with door.database.read() as connection:
            return door.known_customers(connection, view, page)

    return of(old, views[0]), of(new, views[1])
