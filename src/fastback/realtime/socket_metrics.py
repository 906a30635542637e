"""Metrics of sockets."""

from __future__ import annotations

from fastback.kit.http.connection_limits import ConnectionLimits
from fastback.kit.metrics import Metrics
from fastback.realtime.sessions import SocketSessions


def add_socket_metrics(metrics: Metrics, *, sessions: SocketSessions, limits: ConnectionLimits) -> None:
    """Add the numbers of open sockets."""
    metrics.add_number("fastback_sockets_open", "Open sockets of all kinds, long polls included.", limits.count_open)
    text = "Open sockets on which no user has signed in yet."
    metrics.add_number("fastback_stranger_sockets_open", text, limits.count_strangers)
    text = "Pages of signed-in users, connected by Socket.IO."
    metrics.add_number("fastback_user_sockets_open", text, lambda: len(sessions))
