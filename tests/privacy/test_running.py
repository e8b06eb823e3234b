"""Somebody is erased while the hub is at work: pulling, resolving everything, promoting a model, handing data out. Nothing of them is
left afterwards, and what is stored is what follows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.access.authentication.principals import Principal
from hub.access.snapshots import Selection, Snapshots
from hub.connectors.base import Page, SourceRow
from hub.errors import Gone
from hub.open import Hub
from hub.privacy.scan import scan
from hub.quality.promotion import promote
from hub.quality.verify import Verify
from hub.resolve.bulk import Bulk
from hub.work.pull import Pull
from tests.privacy.test_models_forget import HERS, PLANTED, hub, land_hers

__all__ = ["hub"]
STEWARD = Principal("s", "s", "staff", "steward")


class Between:
    """A source whose page was read before somebody is erased, and lands after it."""

    def __init__(self, hub: Hub, id: str):
        self.hub, self.id = hub, id

    def read(self, _stream: str, _cursor: object) -> Iterator[Page]:
        page = Page(tuple(SourceRow({**HERS, "id": f"z{n}", "updated": "3"}, f"row {n}") for n in range(4)), {"at": 1})
        self.hub.requests.erase(self.id, by="o", reviewed=True)
        yield page

    def close(self) -> None:
        pass


def nothing_left(hub: Hub, id: str, folder: Path) -> None:
    hub.requests.go_on_with_all()
    (seen,) = hub.requests.all()
    for receipt in seen.receipts:
        hub.requests.answered(seen.request.id, receipt.recipient, note="deleted there")
    assert hub.requests.get(seen.request.id).request.state == "closed"
    with pytest.raises(Gone):
        hub.reader.get_customer(STEWARD, id)
    assert scan(hub.database, folder / "data", PLANTED)[1] == []  # type: ignore[arg-type]
    assert Verify(hub.resolver).run().total == 0


def test_a_page_that_was_read_before_lands_nothing(hub: Hub, tmp_path: Path) -> None:
    id = land_hers(hub)
    pull = Pull(hub.resolver, "billing", "customers", complete=False)
    assert pull.run(Between(hub, id), live=True).counts()["suppressed"] == 4  # type: ignore[arg-type]
    nothing_left(hub, id, tmp_path)


@pytest.mark.parametrize("at", [0, 2])
@pytest.mark.parametrize("promoting", [False, True])
def test_everything_is_resolved_around_it(hub: Hub, tmp_path: Path, at: int, promoting: bool) -> None:
    """Erased at one of the times at which a run tells how far it is."""
    id = land_hers(hub)
    number = Bulk(hub.resolver).train_candidate("person") if promoting else 0
    told: list[str] = []

    def erase(stage: str, _done: int, _of: int) -> None:
        if len(told) == at:
            hub.requests.erase(id, by="o", reviewed=True)
        told.append(stage)

    if promoting:
        promote(hub.resolver, number, progress=erase)
    else:
        Bulk(hub.resolver, progress=erase).run(full=True, train=True)
    assert len(told) > at, told
    nothing_left(hub, id, tmp_path)


def test_who_is_handed_out_as_of_before_is_told_that_they_are_gone(hub: Hub, tmp_path: Path) -> None:
    id = land_hers(hub)
    pages = Snapshots(hub.reader).take(STEWARD, Selection())
    next(pages)
    hub.requests.erase(id, by="o", reviewed=True)
    cursor = [page.cursor for page in pages][-1]
    after = hub.reader.changes(STEWARD, cursor=cursor).data
    assert [(c.type, c.customer) for c in after if c.customer == id] == [("erased", id)]
    nothing_left(hub, id, tmp_path)
