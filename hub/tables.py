"""Every room's tables, imported for the metadata that migrations are written from."""

import hub.access.store
import hub.api.store
import hub.connectors.landing
import hub.connectors.suspension
import hub.delivery.store
import hub.golden_record.store
import hub.jobs
import hub.matching.act_store
import hub.matching.review_store
import hub.matching.store  # noqa: F401
