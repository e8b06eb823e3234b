"""Whether a match weight means what it says: its chance against the observed share of true pairs, on a demo world with truth.

    python -m benchmarks.calibration [--records 20000] [--seed 1]

prints the table and writes docs/calibration.md and docs/calibration.svg from the same numbers.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.worlds import config_over, fresh_hub, pull_all, write_exports
from hub.demo.world import World, generate, people_for
from hub.matching import store
from hub.matching.compare.model import Model
from hub.matching.training import batch
from hub.model import BIT
from hub.resolve.bulk import Bulk
from hub.resolve.resolver import Resolver

DOCS = Path(__file__).parent.parent / "docs"
EDGES = (-12, -10, -8, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16)  # bits
LEFT, TOP, WIDTH, HEIGHT = 70, 40, 640, 360  # of the picture's frame


@dataclass(frozen=True)
class Bin:
    """Candidate pairs whose weight lies between two edges (bits): what the weights say, and what is true."""

    low: float
    high: float
    pairs: int
    chance: float
    true: int

    @property
    def observed(self) -> float:
        return self.true / self.pairs

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, 95 %."""
        n, p, z = self.pairs, self.observed, 1.96
        middle, reach = (
            (p + z * z / (2 * n)) / (1 + z * z / n),
            z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n),
        )
        return max(0.0, middle - reach), min(1.0, middle + reach)


@dataclass(frozen=True)
class Calibration:
    """The bins of a world, and the distance between chance and truth in two figures.

    error: the mean difference between chance and observed share, over pairs from the review threshold on.
    slope: true log-odds per stated bit, fitted to all bins; 1 is right, below 1 the weights are too sure of themselves.
    """

    records: int
    seed: int
    join: float
    review: float
    bins: tuple[Bin, ...]
    error: float
    slope: float


def measure(records: int, seed: int, folder: Path) -> Calibration:
    """A world of about so many records through a hub of its own, and its person candidates against the truth."""
    world = generate(people_for(records), seed)
    write_exports(world, folder / "exports")
    resolver = fresh_hub(f"sqlite:///{folder / 'hub.sqlite'}", config_over(folder / "exports"))
    try:
        pull_all(resolver)
        Bulk(resolver).run()
        weights, true, model = _pairs(resolver, world)
    finally:
        resolver.database.close()
    return calibration(weights, true, model, len(world), seed)


def _pairs(resolver: Resolver, world: World) -> tuple[np.ndarray, np.ndarray, Model]:
    """Weights (bits) of all candidates that the first edge lets in, and which are true."""
    with resolver.database.read() as connection:
        found = store.promoted(connection, "person")
        names = connection.exec_driver_sql(
            "SELECT r.rid, r.source, r.stream, r.key FROM record r JOIN standardised s ON s.rid = r.rid WHERE s.type = 'person'"
        ).fetchall()
    assert found is not None, "a world of this size trains a model"
    model = Model.from_json(found.body)
    rows = zip(*(world.truth[c].to_pylist() for c in ("source", "stream", "key", "truth")), strict=True)
    truth = {(a, b, c): t for a, b, c, t in rows}
    who = {rid: truth[a, b, c] for rid, a, b, c in names}
    with resolver.database.read() as connection:
        forms = store.all_forms(connection, "person")
    cap = resolver.config.customers["person"].matching.block_cap
    made = batch.pairs(forms, None, model, floor=EDGES[0] * BIT, cap=cap)
    true = [who[a] == who[b] for a, b in zip(made["left"].to_pylist(), made["right"].to_pylist(), strict=True)]
    return np.asarray(made["weight"].to_pylist()) / BIT, np.asarray(true, bool), model


def calibration(weights: np.ndarray, true: np.ndarray, model: Model, records: int, seed: int) -> Calibration:
    """Bins of weights (bits) with their truth; bins without pairs are left out."""
    chances = 1 / (1 + np.exp2(-weights))
    bins = []
    for low, high in zip(EDGES, [*EDGES[1:], math.inf], strict=True):
        inside = (weights >= low) & (weights < high)
        if inside.any():
            bins.append(Bin(low, high, int(inside.sum()), float(chances[inside].mean()), int(true[inside].sum())))
    reviewed = [b for b in bins if b.low >= math.floor(model.review / BIT)]
    error = sum(abs(b.chance - b.observed) * b.pairs for b in reviewed) / max(1, sum(b.pairs for b in reviewed))
    return Calibration(records, seed, model.join / BIT, model.review / BIT, tuple(bins), error, _slope(weights, true))


def _slope(weights: np.ndarray, true: np.ndarray) -> float:
    """Logistic regression of the truth on the weight, by Newton's method; only the slope is told."""
    x = np.stack([np.ones(len(weights)), np.clip(weights, -20, 20) * math.log(2)], axis=1)
    beta = np.array([0.0, 1.0])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        step = np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]) + 1e-6 * np.eye(2), x.T @ (true - p))
        beta = beta + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-9:
            break
    return float(beta[1])


# --- told -------------------------------------------------------------------------------------------


def rows(found: Calibration) -> list[tuple[str, str, str, str, str]]:
    """The table: weight, pairs, chance, observed, 95 % interval of the observed share."""
    made = []
    for b in found.bins:
        reach = f"from {b.low}" if math.isinf(b.high) else f"{b.low} to {b.high}"
        low, high = b.interval
        made.append(
            (reach, f"{b.pairs:,}", _percent(b.chance), _percent(b.observed), f"{_percent(low)} to {_percent(high)}")
        )
    return made


HEAD = ("weight (bits)", "candidate pairs", "chance that the weight states", "true pairs", "95 % interval")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def page(found: Calibration, command: str) -> str:
    """docs/calibration.md."""
    table = "\n".join("| " + " | ".join(r) + " |" for r in [HEAD, ("---:",) * len(HEAD), *rows(found)])
    return f"""# Does a match weight mean what it says?

A weight of *w* bits states odds of 2^*w* that two records are one customer. Here every candidate pair of a demo world
({found.records:,} records, seed {found.seed}, its default model, trained without a label) is put into a bin by its weight; the truth then tells
how many pairs of each bin really are one customer.

![Stated chance and observed share of true pairs, by match weight](calibration.svg)

{table}

Mean difference between stated chance and observed share, over the bins from the review threshold on: **{_percent(found.error)}** of
the pairs. True log-odds per stated bit: **{found.slope:.2f}** (1 is right; below 1 the weights are surer than they should be).
Records join from {found.join:.2f} bits, stewards look from {found.review:.2f} bits. Pairs of one customer hang together, so the intervals are
a little too narrow.

Made by `{command}`, which overwrites this page and its picture.
"""


def picture(found: Calibration) -> str:
    """docs/calibration.svg: the curve is what weights state, the dots are what is true."""
    low, high = float(EDGES[0]), float(EDGES[-1])

    def x(bits: float) -> float:
        return round(LEFT + (min(max(bits, low), high) - low) / (high - low) * WIDTH, 1)

    def y(share: float) -> float:
        return round(TOP + (1 - share) * HEIGHT, 1)

    text = 'font-family="sans-serif" font-size="12" fill="#333"'
    parts = [f'<rect width="{LEFT + WIDTH + 30}" height="{TOP + HEIGHT + 60}" fill="#fff"/>']
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y(share)}" y2="{y(share)}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(share) + 4}" text-anchor="end" {text}>{100 * share:.0f} %</text>')
    for bits in range(int(low), int(high) + 1, 4):
        parts.append(f'<text x="{x(bits)}" y="{TOP + HEIGHT + 18}" text-anchor="middle" {text}>{bits}</text>')
    for name, at in (("review", found.review), ("join", found.join)):
        parts.append(
            f'<line x1="{x(at)}" x2="{x(at)}" y1="{TOP}" y2="{TOP + HEIGHT}" stroke="#999" stroke-dasharray="4 4"/>'
        )
        parts.append(
            f'<text x="{x(at)}" y="{TOP - 8}" text-anchor="{"end" if name == "review" else "start"}" {text}>{name}</text>'
        )
    curve = " ".join(f"{x(b)},{y(1 / (1 + 2**-b))}" for b in np.arange(low, high + 0.01, 0.25).tolist())
    parts.append(f'<polyline points="{curve}" fill="none" stroke="#2b6cb0" stroke-width="2"/>')
    most = math.log1p(max(b.pairs for b in found.bins))
    for b in found.bins:
        at = x(math.log2(b.chance / max(1 - b.chance, 1e-9)))
        bottom, top = b.interval
        parts.append(f'<line x1="{at}" x2="{at}" y1="{y(bottom)}" y2="{y(top)}" stroke="#c05621" stroke-width="1.5"/>')
        parts.append(
            f'<circle cx="{at}" cy="{y(b.observed)}" r="{2 + 4 * math.log1p(b.pairs) / most:.1f}" fill="#dd6b20" fill-opacity="0.85"/>'
        )
    parts.append(
        f'<text x="{LEFT + WIDTH / 2}" y="{TOP + HEIGHT + 42}" text-anchor="middle" {text}>match weight in bits</text>'
    )
    parts.append(
        f'<text x="{LEFT + 12}" y="{TOP + 18}" {text}><tspan fill="#2b6cb0">line: the chance a weight states</tspan></text>'
    )
    parts.append(
        f'<text x="{LEFT + 12}" y="{TOP + 36}" {text}><tspan fill="#c05621">dots: the share of true pairs, with its 95 % interval</tspan></text>'
    )
    size = f'width="{LEFT + WIDTH + 30}" height="{TOP + HEIGHT + 60}" viewBox="0 0 {LEFT + WIDTH + 30} {TOP + HEIGHT + 60}"'
    title = "<title>Stated chance and observed share of true pairs, by match weight</title>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}>\n{title}\n' + "\n".join(parts) + "\n</svg>\n"


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("--records", type=int, default=20_000, help="20000 by default; 100000 for a closer look")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the page and the picture")
    options = parser.parse_args(given)
    with tempfile.TemporaryDirectory(prefix="hub-calibration") as folder:
        found = measure(options.records, options.seed, Path(folder))
    table = [HEAD, *rows(found)]
    widths = [max(len(r[n]) for r in table) for n in range(len(HEAD))]
    for row in table:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    print(f"mean difference {_percent(found.error)}, true log-odds per stated bit {found.slope:.2f}")
    seed = f" --seed {options.seed}" if options.seed != 1 else ""
    (options.docs / "calibration.md").write_text(
        page(found, f"python -m benchmarks.calibration --records {options.records}{seed}"), encoding="utf-8"
    )
    (options.docs / "calibration.svg").write_text(picture(found), encoding="utf-8")


if __name__ == "__main__":
    main()
