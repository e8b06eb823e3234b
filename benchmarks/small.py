"""How right the shipped weights are where there is too little to learn from: very many small worlds, 2 to 2,000 records each.

Worlds of the demo's people and companies, of colleagues at one reception, of shops of chains, and of tables with fewer
attributes. Records are cleaned, keyed, weighed and clustered by the hub's own functions, without a database. Pairs are
counted over all worlds of a size.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any

import typer

from benchmarks import harder, report
from benchmarks.harder import Hard, Row
from benchmarks.worlds import CONFIG
from hub.demo.world import generate
from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context
from hub.matching.clusters.cluster import Traits, cluster, components
from hub.matching.clusters.recluster import sure
from hub.matching.compare.candidates import keys
from hub.matching.compare.model import Model, default_model
from hub.matching.compare.score import contradicts, weigh
from hub.matching.compare.standardised import Standardiser
from hub.matching.pairs import limits_of
from hub.model import Cell, Pair, RecordId
from hub.settings import CustomerType, load_customer_types

SIZES = (2, 5, 20, 50, 200, 2_000)
RECORDS_PER_PERSON = 1.62
PRECISION, RECALL = 0.99, 0.85


def people(size: int, seed: int) -> Hard:
    """Families of the demo world."""
    rows = list(harder.person_rows(generate(max(2, round(size / RECORDS_PER_PERSON)), seed, companies=1)))
    return Hard("people", [row for row, _ in rows], [who for _, who in rows])


def colleagues(size: int, seed: int) -> Hard:
    """The same people, four at a time at one reception: half of their records have its telephone and mailbox."""
    given, dice = people(size, seed), random.Random(seed)
    desk = {who: n // 4 for n, who in enumerate(dict.fromkeys(given.truth))}
    rows = [
        {**row, "phone": f"+49 30 7{desk[who]:06}", "email": f"info@firma{desk[who]}.example"} if dice.random() < 0.5 else row
        for row, who in zip(given.rows, given.truth, strict=True)
    ]  # fmt: skip
    return Hard("colleagues", rows, given.truth)


def fewer(title: str) -> Callable[[int, int], Hard]:
    """The same people as another table would have them."""

    def made(size: int, seed: int) -> Hard:
        given = people(size, seed)
        kept = harder.SUBSETS[title]
        return Hard(f"only {title}", [{a: row[a] for a in kept if a in row} for row in given.rows], given.truth)

    return made


def companies(size: int, seed: int) -> Hard:
    """Companies, of which some moved and some have sisters."""
    return harder.companies(max(1, round(size / 2.1)), seed)


def sites(size: int, seed: int) -> Hard:
    """Shops of chains."""
    return harder.sites(max(2, round(size / 1.75)), seed)


WORLDS: dict[str, Callable[[int, int], Hard]] = {
    "people": people,
    "colleagues": colleagues,
    **{title: fewer(title) for title in harder.SUBSETS},
    "companies": companies,
    "sites": sites,
}


@dataclass(frozen=True)
class Standard:
    """A world's records as the hub compares them."""

    customer: CustomerType
    forms: tuple[dict[str, Any], ...]
    traits: tuple[Traits, ...]
    truth: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]  # that share a key


def standard(given: Hard, customers: dict[str, CustomerType]) -> Standard:
    customer = customers[given.customer]
    standardiser, model = Standardiser(customer), default_model(customer)
    cells = [_cells(row, customer) for row in given.rows]
    forms = tuple(standardiser.forms(c, lambda _: True) for c in cells)
    blocks: dict[int, list[int]] = defaultdict(list)
    for at, found in enumerate(forms):
        for key in keys(found, model):
            blocks[key].append(at)
    pairs = {p for b in blocks.values() if len(b) <= customer.matching.block_cap for p in combinations(b, 2)}
    exclusive = {name: KINDS[a.kind] for name, a in customer.attributes.items() if a.exclusive}
    traits = tuple(Traits(None, {a: sure(kind, c[a]) for a, kind in exclusive.items() if a in c}) for c in cells)
    return Standard(customer, forms, traits, tuple(given.truth), tuple(sorted(pairs)))


def _cells(row: Row, customer: CustomerType) -> dict[str, Cell]:
    address = {a.partition(".")[2]: v for a, v in row.items() if a.startswith("address.")}
    values: dict[str, Any] = {a: v for a, v in row.items() if not a.startswith("address.")}
    found: dict[str, Cell] = {}
    for name, raw in {**values, **({"address": address} if address else {})}.items():
        made = KINDS[customer.attributes[name].kind].clean(raw, Context(country="DE"))
        if isinstance(made, Cleaned):
            found[name] = Cell((made.value,), valid=made.valid)
    return found


@dataclass(frozen=True)
class Counts:
    """Pairs: put together rightly, put together, of one customer."""

    right: int = 0
    joined: int = 0
    true: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.right + other.right, self.joined + other.joined, self.true + other.true)

    @property
    def precision(self) -> float:
        return self.right / self.joined if self.joined else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else 1.0


def clusters(given: Standard, model: Model) -> list[frozenset[int]]:
    """Which of a world's records are one customer, by their places."""
    names = [RecordId("s", "r", f"{at:06}") for at in range(len(given.forms))]
    at = {name: n for n, name in enumerate(names)}
    weights = {(a, b): weigh(given.forms[a], given.forms[b], model).weight for a, b in given.pairs}
    strong = {Pair.of(names[a], names[b]): w for (a, b), w in weights.items() if w >= model.join}
    found: list[frozenset[RecordId]] = []
    for part in components(names, strong):
        if len(part) == 1:
            found.append(part)
            continue
        made = cluster(
            part,
            {p: w for p, w in strong.items() if p.left in part},
            traits={name: given.traits[at[name]] for name in part},
            limits=limits_of(model, given.customer),
            contradicts=lambda one, other: contradicts(given.forms[at[one]], given.forms[at[other]], model),
        )
        found.extend(made.clusters)
    return [frozenset(at[name] for name in c) for c in found]


def count(given: Standard, model: Model) -> Counts:
    """Cluster a world by a model, and count."""
    found = clusters(given, model)
    right = sum(_pairs(Counter(given.truth[at] for at in c).values()) for c in found)
    return Counts(right, _pairs(map(len, found)), _pairs(Counter(given.truth).values()))


def _pairs(sizes: Any) -> int:
    return sum(n * (n - 1) // 2 for n in sizes)


def worlds(name: str, size: int, number: int, seed: int) -> Iterator[Hard]:
    for at in range(number):
        yield WORLDS[name](size, seed * 100_000 + size * 1_000 + at)


def run(names: Sequence[str], sizes: Sequence[int], number: int, seed: int) -> bool:
    """Measure, print a table, save it. True when people, colleagues and sites reach the aim at every size."""
    customers = load_customer_types(CONFIG)
    models = {name: default_model(customer) for name, customer in customers.items()}
    rows, saved, precise = [], [], True
    for name in names:
        for size in sizes:
            total = Counts()
            made = max(3, number * 200 // max(size, 200))
            for given in worlds(name, size, made, seed):
                total += count(standard(given, customers), models[given.customer])
            precise = precise and total.precision >= PRECISION
            rows.append(
                (name, f"{size:,}", f"{made:,}", f"{total.true:,}", f"{total.precision:.4f}", f"{total.recall:.4f}")
            )
            saved.append(
                {"world": name, "records": size, "worlds": made, "precision": total.precision, "recall": total.recall}
            )
    report.table(
        "Small worlds, shipped weights", ("world", "records", "worlds", "true pairs", "precision", "recall"), rows
    )
    report.save("small", seed=seed, worlds=saved)
    return precise


def main(
    only: Annotated[str, typer.Option(help="worlds, by name, with semicolons between")] = "; ".join(WORLDS),
    number: Annotated[int, typer.Option(help="worlds of each size up to 200 records; fewer of larger ones")] = 200,
    largest: Annotated[int, typer.Option(help="records of the largest worlds")] = SIZES[-1],
    seed: int = 1,
) -> None:
    """Precision and recall of pairs in small worlds, by the shipped weights."""
    names = [name.strip() for name in only.split(";")]
    run(names, [size for size in SIZES if size <= largest], number, seed)


if __name__ == "__main__":
    typer.run(main)
