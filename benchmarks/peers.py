"""Splink and recordlinkage on the same records as the hub: at their defaults, and at the threshold that the truth picks.

Splink gets what its own demos use for such columns (comparison library, blocking rules, EM passes), recordlinkage its
ECM classifier over binary comparison vectors. Neither sees a label, but for "best", which no user can have.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.internals.exceptions import EMTrainingException

from hub.quality.measures import Quality, evaluate

if TYPE_CHECKING:  # neither is needed where memory is measured
    import pandas as pd

SEED = 1
DEFAULT_PROBABILITY = 0.95  # the threshold in Splink's own demos
SCORED_FROM = -10.0  # bits: pairs below are no candidate for any best threshold

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Rule = str | tuple[str, ...]  # SQL, or columns that must be equal


@dataclass(frozen=True)
class SplinkSettings:
    """A Splink demo's choices for one set of columns."""

    comparisons: Callable[[], list[Any]]  # made anew: Splink's creators keep state
    blocking: tuple[Rule, ...]
    certain: tuple[Rule, ...]  # deterministic rules for the prior
    recall: float  # guessed recall of those
    passes: tuple[Rule, ...]  # EM
    pairs_for_u: float = 1e6
    link_only: bool = False  # two sources free of duplicates


@dataclass(frozen=True)
class EcmSettings:
    """recordlinkage: columns compared, and blocks whose union is compared."""

    compared: Mapping[str, str]  # column -> exact | name (Jaro-Winkler >= .85) | text (Levenshtein >= .85)
    blocks: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class DataSet:
    """Records as a peer's user would hand them over: lower case, typed, one row per record.

    `records` has `unique_id` (0, 1 ... in order), `source_dataset` and the columns that the settings name.
    """

    title: str
    records: pd.DataFrame
    truth: Sequence[str]
    splink: Mapping[str, SplinkSettings]  # by what is special about it; "" for the plain one
    ecm: EcmSettings

    @property
    def link_only(self) -> bool:
        return any(s.link_only for s in self.splink.values())


@dataclass(frozen=True)
class Scored:
    """Candidate pairs by row number, each with its score; a higher score is more alike."""

    left: Ints
    right: Ints
    score: Floats
    seconds: dict[str, float] = field(default_factory=dict)
    faults: tuple[str, ...] = ()  # what the peer could not do


# --- thresholds -----------------------------------------------------------------------------------


def clusters_at(records: int, scored: Scored, threshold: float) -> list[int]:
    """Connected components over the pairs that reach the threshold, as a label per record."""
    kept = scored.score >= threshold
    left, right = scored.left[kept], scored.right[kept]
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(records, records))
    labels: list[int] = connected_components(graph, directed=False)[1].tolist()
    return labels


def quality_at(truth: Sequence[str], scored: Scored, threshold: float) -> Quality:
    return evaluate(clusters_at(len(truth), scored, threshold), truth)


def best_threshold(truth: Sequence[str], scored: Scored) -> float:
    """The score with the highest pairwise F1 of clusters, every distinct score tried.

    A maximum spanning forest has the same components as all pairs at every threshold, with fewer edges than records.
    """
    if not len(scored.score):
        return 0.0
    distinct, rank = np.unique(-scored.score, return_inverse=True)  # 0: the most alike
    forest = minimum_spanning_tree(
        coo_matrix((rank + 1.0, (scored.left, scored.right)), shape=(len(truth),) * 2).tocsr()
    ).tocoo()
    order = np.argsort(forest.data, kind="stable")
    steps = zip(forest.row[order].tolist(), forest.col[order].tolist(), forest.data[order].tolist(), strict=True)
    parent = list(range(len(truth)))
    held: list[Counter[str]] = [Counter([t]) for t in truth]
    true_pairs = sum(n * (n - 1) // 2 for n in Counter(truth).values())
    joined = right = 0
    best, best_rank, last = -1.0, 0, 0

    def find(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def judge() -> None:
        nonlocal best, best_rank
        value = 2 * right / (joined + true_pairs) if joined + true_pairs else 0.0
        if last and value > best:
            best, best_rank = value, last

    for a, b, step in steps:
        if int(step) != last:
            judge()
            last = int(step)
        one, other = find(a), find(b)
        if one == other:
            continue
        if len(held[one]) < len(held[other]):
            one, other = other, one
        joined += held[one].total() * held[other].total()
        right += sum(n * held[one][t] for t, n in held[other].items() if t in held[one])
        held[one].update(held[other])
        held[other] = Counter()
        parent[other] = one
    judge()
    return float(-distinct[best_rank - 1]) if best_rank else 0.0


# --- Splink ---------------------------------------------------------------------------------------


def to_rule(given: Rule) -> Any:
    """Splink's form of a rule."""
    return given if isinstance(given, str) else block_on(*given)


def trained_linker(table: pa.Table, given: SplinkSettings, seconds: dict[str, float], faults: list[str]) -> Linker:
    """Register, estimate the prior, u by random sampling with a seed, m by EM passes; each step timed.

    An EM pass in which some level has no pair at all ends in Splink with an error (its m would be 0): a user would go
    on without that pass, and so does this; `faults` says so.
    """
    settings = SettingsCreator(
        link_type="link_only" if given.link_only else "dedupe_only",
        comparisons=given.comparisons(),
        blocking_rules_to_generate_predictions=[to_rule(r) for r in given.blocking],
        retain_matching_columns=False,
    )
    api = DuckDBAPI()
    if given.link_only:
        homes = table["source_dataset"].to_pylist()
        parts = [table.filter(pa.array([h == name for h in homes])) for name in sorted(set(homes))]
        linker = Linker(
            [
                api.register(p.drop_columns(["source_dataset"]), dataset_display_name=f"part{n}")
                for n, p in enumerate(parts)
            ],
            settings,
            log_level="ERROR",
        )
    else:
        linker = Linker(api.register(table.drop_columns(["source_dataset"])), settings, log_level="ERROR")
    with _timed(seconds, "prior"):
        linker.training.estimate_probability_two_random_records_match(
            [to_rule(r) for r in given.certain], recall=given.recall
        )
    with _timed(seconds, "u"):
        linker.training.estimate_u_using_random_sampling(max_pairs=given.pairs_for_u, seed=SEED)
    with _timed(seconds, "EM"):
        for rule in given.passes:
            try:
                linker.training.estimate_parameters_using_expectation_maximisation(
                    to_rule(rule), estimate_without_term_frequencies=True
                )
            except (ValueError, EMTrainingException) as error:
                faults.append(f"EM pass on {rule}: {str(error).strip().splitlines()[0]}")
    return linker


def splink_pairs(given: DataSet, settings: SplinkSettings) -> Scored:
    """All blocked pairs of a set with Splink's match weight in bits."""
    seconds: dict[str, float] = {}
    faults: list[str] = []
    linker = trained_linker(pa.Table.from_pandas(given.records, preserve_index=False), settings, seconds, faults)
    with _timed(seconds, "predict"):
        found = linker.inference.predict(threshold_match_weight=SCORED_FROM).as_pyarrow_table()
    left, right = (found[name].to_numpy().astype(np.int64) for name in ("unique_id_l", "unique_id_r"))
    return Scored(left, right, found["match_weight"].to_numpy(), seconds, tuple(faults))


def weight_of(probability: float) -> float:
    """Bits at which Splink's match probability is this."""
    return float(np.log2(probability / (1 - probability)))


def splink_end_to_end(table: pa.Table, given: SplinkSettings) -> tuple[pa.Table, dict[str, float]]:
    """Train, predict and cluster as the demos do, nothing else: (unique_id, cluster_id) and the seconds by step.

    Pairs below the threshold are left out of the prediction: cheaper for Splink than the demos, and the same clusters.
    """
    seconds: dict[str, float] = {}
    linker = trained_linker(table, given, seconds, [])
    with _timed(seconds, "predict"):
        pairs = linker.inference.predict(threshold_match_probability=DEFAULT_PROBABILITY)
    with _timed(seconds, "cluster"):
        made = linker.clustering.cluster_pairwise_predictions_at_threshold(
            pairs, threshold_match_probability=DEFAULT_PROBABILITY
        )
        clusters = made.as_pyarrow_table().select(["unique_id", "cluster_id"])
    return clusters, seconds


# --- recordlinkage --------------------------------------------------------------------------------


def ecm_pairs(given: DataSet) -> Scored:
    """Indexed pairs of a set with the log odds of recordlinkage's ECMClassifier; 0 and above is its default."""
    import recordlinkage

    seconds: dict[str, float] = {}
    frame = given.records.set_index("unique_id")
    with _timed(seconds, "index"):
        index = recordlinkage.Index()
        for columns in given.ecm.blocks:
            index.block(list(columns))
        if given.link_only:
            first, second = (part for _, part in frame.groupby("source_dataset"))
            pairs = index.index(first, second)
            frames: tuple[pd.DataFrame, ...] = (first, second)
        else:
            pairs, frames = index.index(frame), (frame,)
    with _timed(seconds, "compare"):
        compare = recordlinkage.Compare()
        for column, how in given.ecm.compared.items():
            if how == "exact":
                compare.exact(column, column, label=column)
            else:
                compare.string(
                    column,
                    column,
                    method="jarowinkler" if how == "name" else "levenshtein",
                    threshold=0.85,
                    label=column,
                )
        vectors = compare.compute(pairs, *frames).astype(int)
    with _timed(seconds, "ECM"):
        classifier = recordlinkage.ECMClassifier()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a level that no pair has
            classifier.fit(vectors)
            odds = _log_odds(classifier, vectors)
    left, right = (vectors.index.get_level_values(n).to_numpy().astype(np.int64) for n in (0, 1))
    return Scored(left, right, odds, seconds)


def _log_odds(classifier: Any, vectors: pd.DataFrame) -> Floats:
    """Log odds of a match: unlike the classifier's probabilities they do not run into 1.0, so "best" has every threshold."""
    distinct, at = np.unique(vectors.to_numpy(), axis=0, return_inverse=True)
    likelihood = classifier.kernel._joint_log_likelihood(distinct)
    return np.nan_to_num(likelihood[:, 1] - likelihood[:, 0], nan=-1e3, posinf=1e3, neginf=-1e3)[at.ravel()]


class _timed:
    """Adds the seconds of its block to a dict."""

    def __init__(self, into: dict[str, float], name: str):
        self.into, self.name = into, name

    def __enter__(self) -> None:
        self.start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.into[self.name] = round(self.into.get(self.name, 0.0) + time.perf_counter() - self.start, 2)
