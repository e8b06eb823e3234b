"""The model in force: what each comparison weighs, and from where pairs join."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from hub.console.evidence import SCALE, likely
from hub.console.pages import Desk, PageRoute, desk
from hub.console.words import title
from hub.matching.compare.model import Model, probability
from hub.quality.learning import versions

router = APIRouter(route_class=PageRoute, include_in_schema=False)


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
