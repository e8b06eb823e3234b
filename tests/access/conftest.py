"""A hub on each database for the doors' tests."""

from __future__ import annotations

from tests.access.population import hub

__all__ = ["hub"]
