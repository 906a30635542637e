"""Observers of HTTP requests: metrics and traces. Without any, the envelope of a request does nothing for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from fastback.kit.http.application import ROUTE_KEY, Scope

__all__ = ["CLIENT_CLOSED", "NO_ROUTE", "ROUTE_KEY", "EndRequest", "RequestObserver", "RequestObservers"]

#: Called with the path template of the operation (`frontend` without one) and the status, once the response has ended.
EndRequest = Callable[[str, int], Any]

#: The template of paths without an operation, and the status of a request whose client left before the response.
NO_ROUTE, CLIENT_CLOSED = "frontend", 499


class RequestObserver(Protocol):
    """Takes note of every request."""

    def begin_request(self, scope: Scope) -> EndRequest:
        """Return what to call when the response has ended."""
        ...


class RequestObservers:
    """The observers of a server; components add theirs before it serves."""

    def __init__(self) -> None:
        self.observers: list[RequestObserver] = []

    def add(self, observer: RequestObserver) -> None:
        """Add an observer."""
        self.observers.append(observer)
