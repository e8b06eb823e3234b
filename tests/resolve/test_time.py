"""Knowledge of then: what was served at any moment is served again, whatever came, went, was decided, undone or suspended since."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hub.access.audit.log import AuditLog
from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.db import Database
from hub.errors import HubError
from hub.settings import Access, Role
from hub.stewardship.acts import Suspend
from tests import tiny
from tests.promises.test_undo import Desk, histories

COUNT = int(os.environ.get("HUB_EXAMPLES", "4"))
some = settings(
    max_examples=COUNT, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
ASKER = Principal("k", "k", "staff", "all")
ROLE = Role(
    views={"person": dict.fromkeys(tiny.customer_type().attributes, "show")}, may=("read", "crosswalk", "explain")
)
CONFIG = tiny.CONFIG.model_copy(update={"access": Access(roles={"all": ROLE})})

suspensions = st.tuples(st.just("suspend"), st.sampled_from(["bill", "crm", "web"]))
commands = st.lists(
    st.one_of(histories.map(lambda h: h[0]), histories.map(lambda h: h[0]), suspensions), min_size=6, max_size=16
)


def served(reader: Reader, database: Database, at: int | None = None) -> dict[str, Any]:
    """What the hub answers for each id ever minted: a customer, or which refusal."""
    with database.read() as c:
        ids = [r[0] for r in c.exec_driver_sql("SELECT mint FROM record ORDER BY rid")]
    found: dict[str, Any] = {}
    for id in ids:
        try:
            found[id] = reader.get_customer(ASKER, id, lineage=True, known_at=at)
        except HubError as refused:
            found[id] = type(refused).__name__
    return found


@some
@given(history=commands)
def test_what_was_served_at_any_moment_is_served_again(
    database: Database, tmp_path_factory: Any, history: list[tuple[str, Any]]
) -> None:
    desk = Desk(database)
    folder: Path = tmp_path_factory.mktemp("audit")
    reader = Reader(database, CONFIG, AuditLog(folder / "audit.jsonl", b"k" * 32), b"s" * 32)
    moments: dict[int, dict[str, Any]] = {}
    for kind, what in history:
        if kind == "suspend":
            try:
                desk.done.append(desk.acts.do(Suspend(what, 0, database.clock.now()), by="ann", reason="").id)
            except HubError:
                continue
        else:
            desk.do((kind, what))
        now = served(reader, database)
        moments[database.clock.now()] = now
    shown: set[str] = (
        set()
    )  # an id that nobody was ever given is refused as one unheard of, or as gone: its records never said a thing
    for moment, then in moments.items():
        shown |= {id for id, answer in then.items() if not isinstance(answer, str)}
        again = served(reader, database, moment)
        then = {id: answer for id, answer in then.items() if id in shown}
        assert {id: again[id] for id in then} == then, moment
        assert all(again[id] in ("NotFound", "Gone") for id in again.keys() - then.keys())
