"""Options of the connections to PostgreSQL."""

from __future__ import annotations

import msgspec


class PoolOptions(msgspec.Struct, frozen=True):
    """Options of a pool; all times are in seconds.

    Attributes:
        size: the largest number of connections.
        timeout: how long a statement waits for a free connection.
        recycle: connections that were idle for so long are closed; at 0 or less, never.
        outage_wait: how long statements wait while the server cannot be reached.
        start_wait: how long the first connection waits for a server that is not up yet.
        statement_limit: time limit of a statement; 0 means none.
        lock_limit: how long a statement waits for a lock; 0 means for ever.
    """

    size: int = 10
    timeout: float = 30.0
    recycle: float = 3600.0
    outage_wait: float = 5.0
    start_wait: float = 0.0
    statement_limit: float = 0.0
    lock_limit: float = 0.0
