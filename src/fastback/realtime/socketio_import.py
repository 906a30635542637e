"""Import python-socketio without its optional dependencies.

Its Redis managers import the whole Redis client, its clients those of HTTP: some ten megabytes that a single process
never needs.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from fastback.kit.import_blocking import block_imports

with block_imports("redis", "aioredis", "valkey", "requests", "websocket"):
    import engineio
    import socketio

__all__ = ["create_redis_manager", "engineio", "socketio"]


def create_redis_manager(url: str, options: dict[str, Any], json: Any) -> Any:
    """Return the manager whose rooms span processes, with the Redis client imported."""
    importlib.reload(sys.modules["socketio.redis_manager"])
    module = importlib.reload(sys.modules["socketio.async_redis_manager"])
    return module.AsyncRedisManager(url, redis_options=options, json=json)
