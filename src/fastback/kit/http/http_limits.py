"""Limits of HTTP connections: the size of a head, and the time that slow clients have."""

from __future__ import annotations

import msgspec


class HttpLimits(msgspec.Struct, frozen=True):
    """Limits of each connection.

    Attributes:
        head_bytes: of the request line and the headers.
        head_seconds: until the head of a request is complete.
        body_seconds: in which a body may arrive too slowly.
        response_seconds: in which a client may read nothing of what waits for it.
        connections: open at the same time, those of sockets included.
    """

    head_bytes: int = 64 * 1024
    head_seconds: float = 30.0
    body_seconds: float = 60.0
    response_seconds: float = 120.0
    connections: int = 20_000
