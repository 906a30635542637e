"""Metrics of requests with the names of Open WebUI, and gauges of numbers that are read now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from time import perf_counter
from typing import Any

from fastback.kit.http.application import Scope
from fastback.kit.http.request_observer import EndRequest


class Meter:
    """Counts and durations of requests. It is a `RequestObserver`.

    `gauges` are descriptions by name; their `numbers`, as they were last read, are sent with every export.
    """

    def __init__(self, *, exporter: Any, resource: Any, interval_ms: int, gauges: Mapping[str, str]) -> None:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        self.numbers: dict[str, int] = {}
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=interval_ms)
        self._provider = MeterProvider(resource=resource, metric_readers=[reader], shutdown_on_exit=False)
        meter = self._provider.get_meter("fastback")
        self._requests = meter.create_counter("http.server.requests", "1", "Inbound HTTP requests.")
        self._durations = meter.create_histogram("http.server.duration", "ms", "Duration of inbound HTTP requests.")
        for name, text in gauges.items():
            meter.create_observable_gauge(name, [partial(self._observe, name)], "users", text)

    def begin_request(self, scope: Scope) -> EndRequest:
        return partial(self._end_request, scope["method"], perf_counter())

    def _end_request(self, method: str, started: float, route: str, status: int) -> None:
        attributes = {"http.method": method, "http.route": route, "http.status_code": status}
        self._requests.add(1, attributes)
        self._durations.record((perf_counter() - started) * 1000, attributes)

    def _observe(self, name: str, _options: Any) -> list[Any]:
        from opentelemetry.metrics import Observation

        return [Observation(self.numbers[name])] if name in self.numbers else []

    async def close(self) -> None:
        """Send what is left, for a moment at most."""
        await asyncio.to_thread(self._provider.shutdown, 800)
