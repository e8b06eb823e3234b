"""A hub on each database for the tests of webhooks."""

from __future__ import annotations

from tests.access.population import hub

__all__ = ["hub"]
