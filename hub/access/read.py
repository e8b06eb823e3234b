"""The one door to customer data. Every answer goes through the asker's view and leaves an audit line.

The view is compiled before any query is built. An id that nobody minted, one of a customer type that the role never
sees and one of a customer outside its rows are answered alike, whatever became of the customer. Each subject has a
file: `customers`, `search`, `changes`, `evidence`, `writers`; what they share is in `door`.
"""

from __future__ import annotations

from hub.access.changes import Changes
from hub.access.evidence import Evidence
from hub.access.search import Search
from hub.access.writers import Writers


class Reader(Search, Changes, Evidence, Writers):
    """Answers for principals, each in the view of its role. Thread-safe."""
