"""Import python-socketio without its optional dependencies.

Its Redis managers import the whole Redis client, its clients those of HTTP: some ten megabytes that a single process
never needs.
"""

from __future__ import annotations

from fastback.kit.import_blocking import block_imports

with block_imports("redis", "aioredis", "valkey", "requests", "websocket"):
    import engineio
    import socketio

__all__ = ["engineio", "socketio"]
