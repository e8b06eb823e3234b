"""The pure cluster function: the smallest histories that tell readings apart, and a slow plain oracle."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.matching.clusters.cluster import Clustering, Limits, Step, Traits, cluster, components
from hub.model import BIT, Pair, RecordId

COUNT = int(os.environ.get("HUB_EXAMPLES", "12"))
LINE = [RecordId(s, "c", "1") for s in "abcdef"]
A, B, C, D, E, F = LINE
ROOM = Limits(10 * BIT, 9, 9, 0)


def chain(*bits: int) -> dict[Pair, int]:
    """a-b, b-c, c-d ... at these bits."""
    return {Pair(LINE[i], LINE[i + 1]): w * BIT for i, w in enumerate(bits)}


def limits(join: int = 10, largest: int = 9, component: int = 9, margin: int = 0) -> Limits:
    return Limits(join * BIT, largest, component, margin * BIT)


def found(
    weights: Mapping[Pair, int],
    bounds: Limits = ROOM,
    *,
    matches: Iterable[Pair] = (),
    apart: Iterable[Pair] = (),
    traits: Mapping[RecordId, Traits] | None = None,
) -> set[str]:
    """The clusters as words."""
    members = {r for p in (*weights, *matches) for r in p}
    made = cluster(members, weights, matches=list(matches), apart=list(apart), traits=traits, limits=bounds)
    return {"".join(sorted(r.source for r in c)) for c in made.clusters}


# --- bridges


def test_bridges_are_cut_the_weakest_first_so_that_nobody_is_stranded() -> None:
    assert found(chain(10, 10, 10, 10), limits(margin=3)) == {"ab", "cde"}


def test_one_more_agreeing_record_splits_a_customer() -> None:
    assert found(chain(12, 12), limits(margin=3)) == {"abc"}
    assert found(chain(12, 12, 12), limits(margin=3)) == {"ab", "cd"}


def test_a_stricter_join_unites_what_a_looser_one_parted() -> None:
    four = chain(10, 11, 12)
    assert found(four, limits(margin=3)) == {"ab", "cd"}
    assert found({p: w for p, w in four.items() if w >= 11 * BIT}, limits(join=11, margin=3)) == {"bcd"}


def test_a_bridge_that_a_person_decided_is_not_cut() -> None:
    assert found(chain(12, 12, 12), limits(margin=3), matches=[Pair(B, C)]) == {"abcd"}


# --- sizes


def test_only_the_pieces_that_do_not_fit_are_joined_more_strictly() -> None:
    far = {Pair(A, B): 11 * BIT, Pair(B, C): 10 * BIT, Pair(C, D): 12 * BIT, Pair(D, E): 12 * BIT, Pair(E, F): 12 * BIT}
    assert found(far, limits(component=3)) == {"ab", "c", "d", "e", "f"}


def test_a_record_three_steps_away_parts_a_pair_through_n() -> None:
    assert found(chain(10, 12, 12), limits(component=4)) == {"abcd"}
    assert found(chain(10, 12, 12, 12), limits(component=4)) == {"a", "bcde"}


def test_a_record_two_steps_away_parts_a_pair_through_k() -> None:
    assert found(chain(10, 11), limits(largest=3)) == {"abc"}
    assert found(chain(10, 11, 12), limits(largest=3)) == {"a", "bcd"}


def test_decisions_alone_may_exceed_k_and_n() -> None:
    assert found({}, limits(largest=2, component=2), matches=list(chain(0, 0))) == {"abc"}


# --- guards


def test_a_no_holds_through_a_third_record() -> None:
    assert found({**chain(12, 11), Pair(A, C): 30 * BIT}, apart=[Pair(A, C)]) == {"ab", "c"}


def test_two_values_of_an_exclusive_attribute_stay_apart_unless_a_decision_brought_both() -> None:
    one, two = Traits(None, {"tax_id": frozenset({"1"})}), Traits(None, {"tax_id": frozenset({"2"})})
    traits = {A: one, B: two, C: one}
    assert found(chain(12), traits=traits) == {"a", "b"}
    assert found({Pair(A, C): 12 * BIT}, matches=[Pair(A, B)], traits=traits) == {"abc"}


def test_a_slip_in_an_exclusive_number_keeps_nobody_apart_and_hides_no_other_number() -> None:
    traits = {
        r: Traits(None, {"tax_id": frozenset({number})})
        for r, number in ((A, "47110000"), (B, "47110070"), (C, "47110770"), (D, "47117770"))
    }
    assert found(chain(12), traits=traits) == {"ab"}
    assert found(chain(12, 12), traits=traits) == {"abc"}, "two digits from the first"
    assert found(chain(12, 12, 12), traits=traits) == {"abc", "d"}, "three digits from the first, though near the third"
    assert found(
        {Pair(A, B): 12 * BIT},
        traits={A: Traits(None, {"tax_id": frozenset({"1"})}), B: Traits(None, {"tax_id": frozenset({"2"})})},
    ) == {"a", "b"}, "of a short number a digit is another number"


def test_two_records_of_a_duplicate_free_stream_stay_apart_unless_a_decision_joins_them() -> None:
    same = Traits(("crm", "people"))
    assert found(chain(12), traits={A: same, B: same}) == {"a", "b"}
    assert found(chain(12), matches=[Pair(A, B)], traits={A: same, B: same}) == {"ab"}


# --- the oracle: the words of the design, as slowly and plainly as they can be said

records = st.sampled_from(LINE)
pairs = st.tuples(records, records).filter(lambda p: p[0] != p[1]).map(lambda p: Pair.of(*p))
bits = st.sampled_from([9, 10, 11, 12, 14]).map(lambda b: b * BIT)
traits_of = st.builds(
    lambda stream, ids: Traits(("s", "t") if stream else None, {"x": frozenset(ids)} if ids else {}),
    st.sampled_from([False, False, True]),
    st.sets(st.sampled_from(["1", "2", "4711000", "4711007", "4710097", "9711000"]), max_size=2),
)
bounds = st.builds(limits, st.just(10), st.integers(2, 5), st.integers(2, 6), st.integers(0, 4))


def contradicted(matches: Iterable[Pair], apart: Iterable[Pair]) -> bool:
    parts = components(LINE, matches)
    return any(p.left in part and p.right in part for p in apart for part in parts)


def oracle(
    weights: Mapping[Pair, int], matches: set[Pair], apart: set[Pair], traits: Mapping[RecordId, Traits], given_: Limits
) -> set[frozenset[RecordId]]:
    strong = {p: w for p, w in weights.items() if w >= given_.join}
    made: set[frozenset[RecordId]] = set()
    for part in parts_of(frozenset(LINE), {*strong, *matches}):
        for piece, inside, join in pieces(
            part, {p: w for p, w in strong.items() if p.left in part}, given_.join, matches, given_.component
        ):
            for united in unite(piece, inside, matches, apart, traits, given_.largest):
                made |= cut(united, inside, matches, join + given_.margin)
    return made


def parts_of(members: frozenset[RecordId], edges: Iterable[Pair]) -> set[frozenset[RecordId]]:
    """Connected parts, by merging sets until nothing changes."""
    parts = {frozenset({m}) for m in members}
    for edge in edges:
        if set(edge) <= members:
            touched = {p for p in parts if p & set(edge)}
            parts = (parts - touched) | {frozenset().union(*touched)}
    return parts


def pieces(
    members: frozenset[RecordId], strong: Mapping[Pair, int], join: int, matches: set[Pair], most: int
) -> list[tuple[frozenset[RecordId], Mapping[Pair, int], int]]:
    if len(members) <= most or not strong:
        return [(members, strong, join)]
    raised = {p: w for p, w in strong.items() if w >= join + BIT}
    return [
        found
        for part in parts_of(members, {*raised, *matches})
        for found in pieces(part, {p: w for p, w in raised.items() if p.left in part}, join + BIT, matches, most)
    ]


def unite(
    members: frozenset[RecordId],
    strong: Mapping[Pair, int],
    matches: set[Pair],
    apart: set[Pair],
    traits: Mapping[RecordId, Traits],
    most: int,
) -> set[frozenset[RecordId]]:
    parts = parts_of(members, matches)
    for pair in sorted(strong, key=lambda p: (-strong[p], p)):
        left, right = (next(p for p in parts if r in p) for r in pair)
        if left == right or len(left | right) > most or any(set(p) <= left | right for p in apart):
            continue
        streams = [{traits[r].stream for r in side if traits[r].stream} for side in (left, right)]
        values = [{v for r in side for v in traits[r].exclusive.get("x", ())} for side in (left, right)]
        both = values[0] | values[1]
        far = any(
            a != b and (len(a) < 7 or len(b) < 7 or sum(x != y for x, y in zip(a, b, strict=True)) > 2)
            for a in values[0]
            for b in values[1]
        )
        if streams[0] & streams[1] or (far and both != values[0] and both != values[1]):
            continue
        parts = (parts - {left, right}) | {left | right}
    return parts


def cut(
    members: frozenset[RecordId], strong: Mapping[Pair, int], matches: set[Pair], bar: int
) -> set[frozenset[RecordId]]:
    edges = {p for p in {*strong, *matches} if set(p) <= members}
    for pair in sorted(
        (p for p in edges if p in strong and p not in matches and strong[p] < bar), key=lambda p: (strong[p], p)
    ):
        sides = parts_of(members, edges - {pair})
        if len(sides) == 2 and all(len(s) >= 2 for s in sides):
            return {c for side in sides for c in cut(side, strong, matches, bar)}
    return {members}


@settings(max_examples=COUNT * 40, deadline=None)
@given(
    weights=st.dictionaries(pairs, bits, min_size=3),
    matches=st.sets(pairs, max_size=3),
    apart=st.sets(pairs, max_size=3),
    traits=st.fixed_dictionaries({r: traits_of for r in LINE}),
    given_=bounds,
)
def test_the_clusters_are_those_of_the_slow_oracle(
    weights: dict[Pair, int], matches: set[Pair], apart: set[Pair], traits: dict[RecordId, Traits], given_: Limits
) -> None:
    if contradicted(matches, apart):
        return  # such decisions never stand together
    trace: list[Step] = []
    made: set[frozenset[RecordId]] = set()
    whole: list[Clustering] = []
    strong = [p for p, w in weights.items() if w >= given_.join]
    for part in components(LINE, [*strong, *matches]):
        inner = {p: w for p, w in weights.items() if p.left in part and p.right in part}
        plain = cluster(part, inner, matches=matches, apart=apart, traits=traits, limits=given_)
        traced = cluster(part, inner, matches=matches, apart=apart, traits=traits, limits=given_, trace=trace)
        assert plain == traced
        whole.append(plain)
        made |= plain.clusters
    assert made == oracle(weights, matches, apart, traits, given_)
    check_trace(weights, given_, trace, whole)


def check_trace(weights: Mapping[Pair, int], given_: Limits, trace: list[Step], whole: list[Clustering]) -> None:
    """Playing the steps gives the clusters, and every pair that was refused or cut has its step."""
    parts = {frozenset({r}) for r in LINE}
    for step in trace:
        if step.what in ("decided", "joined"):
            assert {step.left, step.right} <= parts
            parts = (parts - {step.left, step.right}) | {step.left | step.right}
        elif step.what == "cut":
            assert step.left | step.right in parts
            parts = (parts - {step.left | step.right}) | {step.left, step.right}
        elif step.what == "refused":
            assert step.why and step.pair is not None and weights[step.pair] >= given_.join
    assert parts == {c for made in whole for c in made.clusters}
    told = {s.pair: s for s in trace if s.what in ("refused", "cut")}
    for made in whole:
        assert made.cut == {
            s.pair
            for s in trace
            if s.what == "cut"
            and s.pair is not None
            and any(set(s.pair) <= p for p in [frozenset().union(*made.clusters)])
        }
        for pair in made.refused:
            assert pair in told


@settings(max_examples=COUNT * 10, deadline=None)
@given(
    weights=st.dictionaries(pairs, bits, min_size=3), apart=st.sets(pairs, max_size=2), given_=bounds, data=st.data()
)
def test_the_order_of_pairs_and_records_decides_nothing(
    weights: dict[Pair, int], apart: set[Pair], given_: Limits, data: st.DataObject
) -> None:
    for part in components(LINE, [p for p, w in weights.items() if w >= given_.join]):
        shuffled = dict(data.draw(st.permutations(list(weights.items()))))
        first = cluster(sorted(part), weights, apart=sorted(apart), limits=given_)
        assert first == cluster(
            data.draw(st.permutations(sorted(part))), shuffled, apart=sorted(apart, reverse=True), limits=given_
        )


@settings(max_examples=COUNT * 10, deadline=None)
@given(weights=st.dictionaries(pairs, bits, min_size=3), apart=st.sets(pairs, max_size=2), given_=bounds)
def test_no_piece_holds_a_no_is_larger_than_k_or_hangs_on_a_weak_bridge(
    weights: dict[Pair, int], apart: set[Pair], given_: Limits
) -> None:
    made = cluster(LINE, weights, apart=apart, limits=given_)
    for piece in made.clusters:
        assert len(piece) <= given_.largest
        assert not any(set(p) <= piece for p in apart)
        inside = {p: w for p, w in weights.items() if w >= given_.join and set(p) <= piece}
        for pair in inside:
            sides = parts_of(piece, inside.keys() - {pair})
            weak = inside[pair] < given_.join + given_.margin
            assert not (weak and len(sides) == 2 and all(len(s) >= 2 for s in sides))
    assert {p for p in combinations(sorted(LINE), 2) if Pair(*p) in made.cut} <= weights.keys()
