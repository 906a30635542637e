"""Counts and durations of HTTP requests, by operation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from time import perf_counter
from typing import Any

from fastback.kit.metrics.registry import Metrics

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class RequestMetrics:
    """Count requests by the path template of their operation. It is a `RequestObserver`.

    The labels are bounded: paths without an operation count as `frontend`.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._requests = metrics.add_counter(
            "fastback_http_requests",
            "Requests that were answered; the status 499 means that the client has left before.",
            ("method", "route", "status"),
        )
        self._seconds = metrics.add_histogram(
            "fastback_http_request_duration_seconds",
            "Seconds from the head of a request to the end of its response, streams included.",
            ("method", "route"),
        )
        self._running = 0
        #: The counter of each status and the histogram, by method, route and status: looking labels up costs more.
        self._children: dict[tuple[str, str, int], tuple[Any, Any]] = {}
        metrics.add_gauge("fastback_http_requests_running", "Requests in progress.", self._read_running)

    def begin_request(self, scope: Any) -> Any:
        self._running += 1
        return partial(self._end_request, scope["method"], perf_counter())

    def _end_request(self, method: str, started: float, route: str, status: int) -> None:
        self._running -= 1
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            if method not in _METHODS:
                method = "other"
            children = (self._requests.labels(method, route, str(status)), self._seconds.labels(method, route))
            if method != "other":
                self._children[key] = children
        requests, seconds = children
        requests.inc()
        seconds.observe(perf_counter() - started)

    def _read_running(self) -> Iterator[tuple[tuple[str, ...], float]]:
        yield (), self._running
