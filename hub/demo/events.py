"""What happens with the people and companies of a world, and the truth of it: what each is worth and costs, who complains
again and again, who lives together, who speaks for a company, whom a campaign reached. Pure.

A row names one of its customer's records, whichever; so all of it is right for a customer only when its records are together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

from hub.demo.dice import Dice
from hub.demo.people import END
from hub.demo.world import World
from hub.kinds import money

Row = dict[str, str]

LAST = date.fromordinal(END.astype("datetime64[D]").astype(int) + date(1970, 1, 1).toordinal())
SPAN = 3 * 365  # days before the last one in which it happened
OFFERS = {"letter": "W26-A", "spot": "W26-B"}
CAMPAIGN_DAYS = (120, 60)  # days before the last one on which the campaign began and ended
WITHIN = 60  # days after a response in which an order counts
CALL, CALL_MINUTE, MAIL = 50, 90, 200  # cents, as the shipped figures.yaml has it
SERIAL, COSTLY, QUIET = (
    0.02,
    0.05,
    0.25,
)  # shares of customers: complain again and again, cost more than they bring, bought long ago
RESPONDS = 0.3  # of those whom the CRM has
# Of which records what happens, and how much of it: so that it is ten a customer, who has 1.6 records.
KINDS: dict[str, tuple[tuple[str, float], ...]] = {
    "billing_customers": (("orders", 0.7),),
    "billing_companies": (("orders", 0.7),),
    "crm_people": (("calls", 0.55), ("complaints", 0.07)),
    "crm_companies": (("calls", 0.55), ("complaints", 0.07)),
    "web_signups": (("sessions", 0.6),),
    "app_profiles": (("sessions", 0.6),),
}
CRM = ("crm_people", "crm_companies")


@dataclass
class Worth:
    """What is true of one customer. Money in cents."""

    orders: list[tuple[date, int]] = field(default_factory=list)  # those that count
    calls: int = 0
    cost: int = 0
    complaints: list[date] = field(default_factory=list)
    responses: dict[str, date] = field(default_factory=dict)  # offer -> when
    rows: int = 0

    @property
    def revenue(self) -> int:
        return sum(cents for _, cents in self.orders)

    def within(self, today: date) -> set[str]:
        """The segments of the shipped figures.yaml that it is in on a day."""
        first = date(
            today.year - (today.month < 12), today.month % 12 + 1, 1
        )  # the running month and the eleven before
        bought = sum(day >= first for day, _ in self.orders)
        complained = sum(day >= first for day in self.complaints)
        true = {
            "serial_complainer": complained >= 3,
            "loss_making": self.cost > 0 and self.revenue * 3 < self.cost * 10,
            "dormant": bool(self.orders) and (today - max(day for day, _ in self.orders)).days > 365,
            "at_risk": bought > 0 and complained >= 2,
        }
        return {name for name, so in true.items() if so}

    def converted(self, offer: str | None = None) -> bool:
        """Did an order follow in time on the response (None: on the first one)?"""
        days = [d for o, d in self.responses.items() if offer in (None, o)]
        return bool(days) and any(0 <= (day - min(days)).days < WITHIN for day, _ in self.orders)


@dataclass(frozen=True)
class Events:
    """Rows by the name of their stream, and what is true, by p... or c... of the world's truth.

    households  people who live together and of whom there are records
    speaks_for  company -> who speaks for it
    strangers   addresses that wrote and that no record has
    """

    rows: Mapping[str, Sequence[Row]]
    worth: Mapping[str, Worth]
    households: Sequence[frozenset[str]]
    speaks_for: Mapping[str, str]
    strangers: Sequence[str]


def happen(world: World, each: float = 10) -> Events:
    """About so many interactions a customer. The same world gives the same ones."""
    return _Happening(world, each).all()


class _Happening:
    def __init__(self, world: World, each: float):
        self.world, self.each = world, each
        self.rows: dict[str, list[Row]] = defaultdict(list)
        self.records: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        columns = (world.truth[c].to_pylist() for c in ("source", "stream", "key", "truth"))
        for source, stream, key, truth in zip(*columns, strict=True):
            if not truth.startswith("j"):
                self.records[truth][f"{source}_{stream}"].append(key)
        self.worth = {truth: Worth() for truth in self.records}

    def all(self) -> Events:
        for truth in sorted(self.worth):
            self._customer(truth, _Draws(Dice(self.world.seed), truth))
        strangers = [f"stranger{n}@nowhere.example" for n in range(max(1, len(self.worth) // 100))]
        for n, address in enumerate(strangers):
            at = LAST - timedelta(days=n % 30)
            self._add("enquiries", None, at, {"from": address, "state": "new", "channel": "mail"})
        return Events(self.rows, self.worth, self._households(), self._speakers(), strangers)

    def _customer(self, truth: str, draw: _Draws) -> None:
        worth, streams = self.worth[truth], self.records[truth]
        kind = draw.share()
        serial, costly = kind < SERIAL, SERIAL <= kind < SERIAL + COSTLY
        newest = 500 if SERIAL + COSTLY <= kind < SERIAL + COSTLY + QUIET else 0
        for stream in sorted(streams):
            for name, part in KINDS[stream]:
                mean = part * self.each * len(streams[stream]) * (0.1 if costly and name == "orders" else 1)
                for _ in range(draw.times(mean)):
                    self._one(name, stream, worth, streams[stream], draw, newest, costly)
            if serial and stream in CRM:
                for _ in range(3 + draw.times(1)):
                    self._one("complaints", stream, worth, streams[stream], draw, 0, costly, 300)
        for stream in CRM:
            if stream in streams and draw.share() < RESPONDS:
                self._respond(worth, stream, streams[stream], draw)

    def _one(self, name: str, stream: str, worth: Worth, keys: list[str], draw: _Draws, newest: int, costly: bool, oldest: int = SPAN) -> None:  # fmt: skip
        day = LAST - timedelta(days=newest + draw.below(oldest - newest))
        owner, worth.rows = (stream, draw.of(keys)), worth.rows + 1
        if name == "orders":
            cents, counts = 500 + draw.below(20_000), draw.share() > 0.08
            state, channel = ("delivered" if counts else "cancelled"), draw.of(["shop", "web"])
            total = f"{money.shown(cents, 'EUR')} EUR"
            self._add(name, owner, day, {"state": state, "channel": channel, "total": total})
            worth.orders += [(day, cents)] if counts else []
        elif name == "calls":
            minutes = (30 if costly else 1) + draw.below(10)
            self._add(name, owner, day, {"outcome": "answered", "spent": f"{minutes} min"})
            worth.cost += CALL + CALL_MINUTE * minutes
        elif name == "complaints":
            self._add(name, owner, day, {"state": draw.of(["closed", "open"]), "channel": "mail"})
            worth.complaints.append(day)
            worth.cost += MAIL
        else:
            self._add(name, owner, day, {"pages": str(1 + draw.below(20)), "channel": "web"})

    def _respond(self, worth: Worth, stream: str, keys: list[str], draw: _Draws) -> None:
        began, ended = CAMPAIGN_DAYS
        offer, day = draw.of(sorted(OFFERS)), LAST - timedelta(days=ended + draw.below(began - ended))
        self._add("responses", (stream, draw.of(keys)), day, {"campaign": OFFERS[offer], "state": "responded"})
        worth.responses[offer], worth.rows = day, worth.rows + 1

    def _add(self, name: str, owner: tuple[str, str] | None, day: date, values: Row) -> None:
        stream = name if owner is None else f"{name}_{owner[0]}"
        of = {} if owner is None else {"owner": owner[1]}
        key = f"{name[0]}{len(self.rows[stream])}"
        self.rows[stream].append({"id": key, **of, "at": f"{day.isoformat()}T12:00:00Z", **values})

    def _households(self) -> list[frozenset[str]]:
        """As the CRM knows them: each member with the next."""
        members: dict[int, list[str]] = defaultdict(list)
        for n, household in enumerate(self.world.people.household.tolist()):
            if "crm_people" in self.records.get(f"p{n:07d}", {}):
                members[household].append(f"p{n:07d}")
        found = [m for m in members.values() if len(m) > 1]
        for one, other in (pair for m in found for pair in pairwise(m)):
            self.rows["households"].append(self._related("h", "households", one, other, "crm_people"))
        return [frozenset(m) for m in found]

    def _speakers(self) -> dict[str, str]:
        """Who speaks for a company: of those that the CRM has, each its own."""
        people = [t for t in sorted(self.worth) if t.startswith("p") and "crm_people" in self.records[t]]
        companies = [t for t in sorted(self.worth) if t.startswith("c") and "crm_companies" in self.records[t]]
        found = dict(zip(companies, people, strict=False))
        for company, person in found.items():
            row = self._related("s", "speakers", person, company, "crm_people", "crm_companies")
            self.rows["speakers"].append(row)
        return found

    def _related(self, letter: str, name: str, one: str, other: str, of: str, to: str = "") -> Row:
        left, right = self.records[one][of][0], self.records[other][to or of][0]
        return {"id": f"{letter}{len(self.rows[name])}", "one": left, "other": right}


class _Draws:
    """Numbers of one customer, each drawn once: they do not depend on who else is there."""

    def __init__(self, dice: Dice, topic: str):
        self._next = self._numbers(dice, topic)

    @staticmethod
    def _numbers(dice: Dice, topic: str) -> Iterator[float]:
        part = 0
        while True:
            yield from dice.uniform(f"events {topic} {part}", 64).tolist()
            part += 1

    def share(self) -> float:
        return next(self._next)

    def below(self, limit: int) -> int:
        return int(self.share() * limit)

    def times(self, mean: float) -> int:
        """Twice the mean at most, and the mean in the long run."""
        return int(self.share() * (2 * mean) + 0.5)

    def of(self, listed: Sequence[str]) -> str:
        return listed[self.below(len(listed))]
