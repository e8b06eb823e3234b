"""The model in force: what each comparison weighs, from where pairs join. Another one: what it would change, and the word for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path
from starlette.responses import Response

from hub.console.evidence import SCALE, likely
from hub.console.pages import Desk, Outcome, PageRoute, desk, onward
from hub.console.words import who
from hub.errors import Conflict
from hub.language.wording import title
from hub.matching.compare.model import Model, probability
from hub.quality.edges import EdgePair, edge
from hub.quality.learning import versions
from hub.quality.wanted import Wanted, want

router = APIRouter(route_class=PageRoute, include_in_schema=False)

EXAMPLES = 10
Number = Annotated[int, Path(ge=0, lt=2**31)]


@dataclass(frozen=True, slots=True)
class Bar:
    """One level of a comparison: what it weighs against strangers, and its bar, in thousandths of the whole width."""

    words: str
    weight: int
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class ModelChart:
    """A model drawn: each comparison with its levels, all on one scale."""

    type: str
    join: int
    review: int
    join_share: str
    review_words: str
    prior: int
    zero: int
    comparisons: tuple[tuple[str, tuple[Bar, ...]], ...]


@router.get("/model")
def models(at: Annotated[Desk, desk("admin")]) -> Response:
    """What decides, by customer type."""
    found = at.hub.reader.models()
    titles = {name: kind.title or name for name, kind in at.hub.config.customers.items()}
    charts = [
        chart(titles.get(name, name), model) for name, model in sorted(found.items(), key=lambda m: m[0] != "person")
    ]
    return at.page("model.html", {"charts": charts, "versions": versions(at.hub.database), "titles": titles})


@dataclass(frozen=True, slots=True)
class EdgeExample:
    """A pair near the threshold: who it is about, what it weighs now and by the model that is looked at."""

    left: str
    right: str
    now: int
    then: int
    address: str


@router.get("/model/{number}")
def one(at: Annotated[Desk, desk("admin")], number: Number, done: Outcome = "") -> Response:
    """One model: what it would change, the pairs at its edge, and what is to be done with it."""
    return _one(at, number, done=done)


@router.post("/model/{number}/{what}")
def wanted(at: Annotated[Desk, desk("admin")], number: Number, what: Wanted) -> Response:
    """Have it tried, or decide by it from now on."""
    try:
        want(at.hub.database, number, what, by=at.principal.name)
    except Conflict as error:
        return _one(at, number, error=error)
    said = "is tried" if what == "try" else "is made the one that decides"
    return onward(f"/model/{number}", done=f"the model {said} within seconds, where the hub's jobs run")


def _one(at: Desk, number: int, *, done: str = "", error: Conflict | None = None) -> Response:
    found = edge(at.hub.database, at.hub.config, number)
    version = next(v for v in versions(at.hub.database) if v.number == number)
    kind = at.hub.config.customers[found.type]
    shown: dict[str, object] = {
        "version": version,
        "title": kind.title or found.type,
        "edge": found,
        "joined": _examples(at, found.joined),
        "parted": _examples(at, found.parted),
        "comparable": found.type in at.hub.reader.compared_types(at.principal),
        "done": done,
        "error": error,
    }
    return at.page("model_version.html", shown, error.status if error else 200)


def _examples(at: Desk, pairs: Sequence[EdgePair]) -> list[EdgeExample]:
    """The first of them that the asker may compare."""
    near = pairs[:EXAMPLES]
    seen, types = at.hub.reader.compared(at.principal, [(p.left, p.right) for p in near]), at.hub.config.customers
    return [
        EdgeExample(
            who(types, sides.left),
            who(types, sides.right),
            p.now,
            p.then,
            "/review/item?" + urlencode({"left": str(p.left), "right": str(p.right)}),
        )
        for p in near
        if (sides := seen.get((p.left, p.right))) is not None
    ]


def chart(name: str, model: Model) -> ModelChart:
    """Pure. Weights are against strangers; what housemates and namesakes share counts less, pair by pair."""
    weights = [level.strangers for w in model.comparisons for level in w.levels]
    low, high = min([0, *weights]), max([1, *weights])

    def bars(levels: Iterable[tuple[str, int]]) -> Iterable[Bar]:
        for words, weight in levels:
            left, right = sorted((_place(0, low, high), _place(weight, low, high)))
            yield Bar(words, weight, left, max(2, right - left))

    comparisons = tuple(
        (
            title(w.comparison.name),
            tuple(
                bars(
                    (said.words, held.strangers)
                    for said, held in zip(w.comparison.levels.levels, w.levels, strict=True)
                )
            ),
        )
        for w in model.comparisons
    )
    share = f"{100 * probability(model.join):.0f}"
    return ModelChart(
        name, model.join, model.review, share, likely(model.review), model.prior, _place(0, low, high), comparisons
    )


def _place(weight: int, low: int, high: int) -> int:
    return round(SCALE * (weight - low) / (high - low))
