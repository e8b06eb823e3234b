"""The promises over random histories, on both databases, with `verify` and a second hub as oracles."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from hub.db import Database
from hub.errors import Conflict, Gone, NotFound
from hub.model import RecordId, Verdict
from hub.quality.verify import Verify
from hub.resolve.bulk import Bulk
from tests import tiny
from tests.conftest import empty
from tests.steward import Steward

COUNT = int(os.environ.get("HUB_EXAMPLES", "6"))
some = settings(
    max_examples=COUNT, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)

ids = st.sampled_from(tiny.IDS)
values = {
    "given_name": st.sampled_from(["Anna", "Hanna", "Otto", None]),
    "family_name": st.sampled_from(["Maier", "Meyer", None]),
    "birth_date": st.sampled_from(["1980-02-03", "1991-05-06", None]),
    "email": st.sampled_from(["a@x.example", "b@x.example", None, None]),
    "phone": st.sampled_from(["+4915112345678", "+4915187654321", None, None]),
    "tax_id": st.sampled_from([None, None, "T1", "T2", "47110000", "47110770", "47117770"]),
}
effective = st.sampled_from([None, None, None, "2023-11-01T00:00:00Z", "2090-01-01T00:00:00Z"])


@st.composite
def rows(
    draw: st.DrawFn, of: st.SearchStrategy[RecordId] = ids, seldom_gone: int = 5
) -> tuple[RecordId, dict[str, Any]]:
    id = draw(of)
    raw: dict[str, Any] = {
        "id": id.key,
        "v": draw(st.integers(1, 4)),
        "at": f"2023-01-0{draw(st.integers(1, 5))}T00:00:00Z",
    }
    if draw(st.integers(0, seldom_gone)) == 0:
        return id, {**raw, "gone": True}
    for name, strategy in values.items():
        if id.source != "web" or draw(st.booleans()):
            raw[name] = draw(strategy)
    raw.update(phone_from=draw(effective), phone_to=draw(effective))
    return id, raw


pairs = st.lists(ids, min_size=2, max_size=2, unique=True)
decisions = st.tuples(pairs, st.sampled_from([Verdict.MATCH, Verdict.NO_MATCH]))
overrides = st.tuples(ids, st.sampled_from(["given_name", "phone"]), st.sampled_from([(), ("Zoe",)]))
commands = st.lists(
    st.one_of(
        rows().map(lambda r: ("land", r)),
        rows().map(lambda r: ("land", r)),
        rows().map(lambda r: ("land", r)),
        decisions.map(lambda d: ("decide", d)),
        st.integers(1, 6).map(lambda n: ("withdraw", n)),
        overrides.map(lambda o: ("override", o)),
    ),
    min_size=4,
    max_size=14,
)


class Hub:
    """A hub and what it accepted."""

    def __init__(self, database: Database):
        empty(database)
        self.database, self.resolver = database, tiny.resolver(database)
        self.decided: list[int] = []

    def do(self, command: tuple[str, Any]) -> bool:
        """Was it accepted?"""
        kind, what = command
        try:
            if kind == "land":
                (source, stream, _), raw = what
                self.resolver.upsert(source, stream, [raw])
            elif kind == "decide":
                (a, b), verdict = what
                self.decided.append(Steward(self.resolver).decide(a, b, verdict, by="ann", reason="seen"))
            elif kind == "withdraw":
                Steward(self.resolver).withdraw(self.decided[what - 1], by="ann", why="mistake")
            else:
                id, attribute, given_ = what
                Steward(self.resolver).override(self.customer(id), attribute, given_, by="ann", reason="by phone")
        except (Conflict, NotFound, Gone, IndexError):
            return False
        return True

    def customer(self, id: RecordId) -> str:
        from hub.landing import store as landing

        with self.database.read() as c:
            info = landing.record_named(c, id)
        if info is None:
            raise NotFound("no such record")
        return info.mint

    def check(self) -> None:
        found = Verify(self.resolver).run()
        assert not found.total, (dict(found.differences), found.samples)


@some
@given(commands)
def test_live_equals_rebuilt(database: Database, given_: list[tuple[str, Any]]) -> None:
    hub = Hub(database)
    for command in given_:
        hub.do(command)
    hub.check()


@some
@given(commands=commands, data=st.data())
def test_order_and_repetition_do_not_matter(
    database: Database, commands: list[tuple[str, Any]], data: st.DataObject
) -> None:
    landings = [c for c in commands if c[0] == "land"]
    first = Hub(database)
    for command in landings:
        first.do(command)
    expected = tiny.nameless(tiny.answer(database))
    other = Hub(database)
    for command in data.draw(st.permutations([*landings, *landings[:2]])):
        other.do(command)
    assert tiny.nameless(tiny.answer(database)) == expected


@some
@given(commands=commands, split=st.integers(0, 14))
def test_the_bulk_path_gives_the_live_answer(database: Database, commands: list[tuple[str, Any]], split: int) -> None:
    landings = [c for c in commands if c[0] == "land"]
    first = Hub(database)
    for command in landings:
        first.do(command)
    expected = tiny.answer(database)
    other = Hub(database)
    for command in landings[:split]:
        other.do(command)
    land_pending(other, landings[split:])
    Bulk(other.resolver, workers=1).run(train=False)
    assert tiny.answer(database) == expected
    other.check()


def land_pending(hub: Hub, landings: Iterable[tuple[str, Any]]) -> None:
    for _, (id, raw) in landings:
        incoming, _ = hub.resolver.read_rows(id.source, id.stream, [raw])
        with hub.database.unit() as connection:
            hub.resolver.land(connection, id.source, id.stream, list(incoming.values()), pending=True)


@some
@given(commands=commands, data=st.data())
def test_what_is_withdrawn_was_never_made(
    database: Database, commands: list[tuple[str, Any]], data: st.DataObject
) -> None:
    hub = Hub(database)
    done = [c for c in commands if c[0] != "withdraw" and hub.do(c)]
    made = [n for n, c in enumerate(done) if c[0] == "decide"]
    assume(made)
    victim = data.draw(st.sampled_from(made))
    Steward(hub.resolver).withdraw(hub.decided[made.index(victim)], by="ann", why="mistake")
    found = tiny.answer(database)
    hub.check()
    without = Hub(database)
    kept = [c for n, c in enumerate(done) if n != victim]
    later = {
        c[0] for c in done[victim:]
    }  # a value set by hand afterwards is anchored to whom it was shown of: test_undo follows those
    if all([without.do(c) for c in kept]) and "override" not in later:
        assert tiny.answer(database) == found


@pytest.mark.parametrize("verdict", [Verdict.MATCH, Verdict.NO_MATCH])
def test_a_decision_and_its_contradiction(database: Database, verdict: Verdict) -> None:
    hub = Hub(database)
    a, b, c = tiny.IDS[0], tiny.IDS[3], tiny.IDS[1]
    for id in (a, b, c):
        hub.do(("land", (id, {"id": id.key, "v": 1, "given_name": f"N{id.key}", "family_name": id.source})))
    Steward(hub.resolver).decide(a, b, Verdict.MATCH, by="ann", reason="")
    Steward(hub.resolver).decide(b, c, Verdict.MATCH, by="ann", reason="")
    with pytest.raises(Conflict, match="bill/people/1 = crm/people/1 = bill/people/2"):
        Steward(hub.resolver).decide(a, c, Verdict.NO_MATCH, by="ann", reason="")
    assert frozenset((a, b, c)) in tiny.partition(database)
    hub.check()
