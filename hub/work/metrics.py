"""Figures of the service in Prometheus' text format: counts and times, no customers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

Labels = tuple[str, str, str]  # method, route, status


class Metrics:
    """Requests by method, route and status, and their times. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[Labels] = Counter()
        self._buckets: Counter[tuple[str, str, float]] = Counter()
        self._seconds: dict[tuple[str, str], list[float]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answered request. `route` is the template, never the path: ids are no labels."""
        with self._lock:
            self._requests[method, route, str(status)] += 1
            total = self._seconds.setdefault((method, route), [0.0, 0])
            total[0] += seconds
            total[1] += 1
            for bound in BUCKETS:
                if seconds <= bound:
                    self._buckets[method, route, bound] += 1

    def text(self, gauges: Mapping[str, int]) -> str:
        """All figures; `gauges` are read when asked (name -> value)."""
        with self._lock:
            lines = ["# TYPE hub_requests_total counter"]
            lines += [
                f'hub_requests_total{{method="{m}",route="{r}",status="{s}"}} {n}'
                for (m, r, s), n in sorted(self._requests.items())
            ]
            lines.append("# TYPE hub_request_seconds histogram")
            for (m, r), (total, count) in sorted(self._seconds.items()):
                label = f'method="{m}",route="{r}"'
                lines += [f'hub_request_seconds_bucket{{{label},le="{b}"}} {self._buckets[m, r, b]}' for b in BUCKETS]
                lines.append(f'hub_request_seconds_bucket{{{label},le="+Inf"}} {count:.0f}')
                lines.append(f"hub_request_seconds_sum{{{label}}} {total:.6f}")
                lines.append(f"hub_request_seconds_count{{{label}}} {count:.0f}")
        for name, value in sorted(gauges.items()):
            lines += [f"# TYPE {name} gauge", f"{name} {value}"]
        return "\n".join(lines) + "\n"
