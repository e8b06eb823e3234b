"""What a writer is told before and after it writes."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from hub.access.authentication.principals import Principal
from hub.access.customers import Customers
from hub.access.policy.view import View
from hub.errors import Fault, NotFound, PreconditionRequired, Stale, Unprocessable
from hub.golden_record import store
from hub.golden_record.customers import find_customer
from hub.golden_record.store import StoredCustomer
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.model import RecordId
from hub.settings import Attribute


class Writers(Customers):
    """Looks that belong to writes."""

    def shown_version(self, principal: Principal, id: str) -> int | None:
        """The version of a customer in the asker's view; None when the role does not see it. No sight of its data."""
        view = self.view(principal)
        with self.database.read() as connection:
            found = store.customer(connection, id)
            return (
                None
                if found is None or not self._within(connection, view, found)
                else max(1, len(self._shown_changes(connection, view, id)))
            )

    def expect(self, principal: Principal, id: str, if_match: str | None) -> StoredCustomer:
        """The stored customer that a write is about, if it still is what the writer read.

        PreconditionRequired without an If-Match, Stale when it names another state of the writer's view.
        """
        with self.database.read() as connection:
            return self._expected(connection, self.view(principal, connection), id, if_match)

    def expect_record(self, connection: Connection, principal: Principal, record: RecordId, if_match: str) -> None:
        """The same of a record's customer, within the writer's transaction: nobody can change it between this look and the write."""
        view = self.view(principal, connection)
        self._expected(connection, view, self._customer_of(connection, view, record), if_match)

    def _expected(self, connection: Connection, view: View, id: str, if_match: str | None) -> StoredCustomer:
        customer = self._find(connection, view, id)
        if if_match is None:
            raise PreconditionRequired(
                "say which version you change",
                [Fault("If-Match", "is missing", "send the ETag of the customer that you read")],
            )
        tags = {t.strip() for t in if_match.split(",")}
        if "*" in tags or tags & {self._now(connection, view, customer, lineage).etag for lineage in (False, True)}:
            return customer
        raise Stale(
            "this customer changed since you read it", [Fault("If-Match", "is not the current ETag", "read it again")]
        )

    def writable(self, principal: Principal, type_name: str, attribute: str) -> Attribute:
        """An attribute that this principal may set by hand: one that it is shown. Else as if there were none."""
        if attribute not in self.view(principal).shown(type_name):
            raise Unprocessable(
                "no such attribute",
                [
                    Fault(
                        "/attribute",
                        "this customer type has no such attribute",
                        "use a name that the customer's values have",
                    )
                ],
            )
        return self.config.customers[type_name].attributes[attribute]

    def must_see(self, principal: Principal, record: RecordId, where: str) -> None:
        """NotFound, as for an unknown record, unless the asker sees customers of its type."""
        if not self.knows_record(principal, record):
            raise NotFound(
                "no such record",
                [Fault(where, "unknown record", "write source, stream and key as the source calls them")],
            )

    def must_see_decision(self, principal: Principal, number: int) -> tuple[RecordId, RecordId]:
        """The records that it is about. NotFound, as for a number that was never given, unless the asker may know of both."""
        view = self.view(principal)
        with self.database.read() as connection:
            found = matching_store.decision(connection, number)
            infos = {} if found is None else landing.records(connection, (found.left, found.right))
            if not infos or not all(self._knows(connection, view, i) for i in infos.values()):
                raise NotFound("no such decision")
            assert found is not None
            return infos[found.left].id, infos[found.right].id

    def homes(self, principal: Principal, records: Iterable[RecordId]) -> list[str]:
        """Ids of the customers that these records are part of. Ids alone are no sight of data."""
        view = self.view(principal)
        with self.database.read() as connection:
            infos = [
                i
                for i in (landing.record_named(connection, r) for r in records)
                if i is not None and self._knows(connection, view, i)
            ]
            return sorted({find_customer(connection, i.mint).id for i in infos})

    def ready(self) -> None:
        """An error that says why, when customers cannot be served: a table does not answer, or nothing can be written."""
        with self.database.read() as connection:
            store.customer(connection, "")
            landing.pending_count(connection)
        self.database.room()
        self.audit.room()
