"""Loading python-socketio without what it loads besides: its Redis managers pull in the whole Redis client, some eight
megabytes that one process never needs."""

from __future__ import annotations

import importlib
import sys
from typing import Any

_ABSENT = [name for name in ("redis", "aioredis", "valkey") if name not in sys.modules]
for _name in _ABSENT:
    sys.modules[_name] = None  # type: ignore[assignment]
try:
    import socketio
finally:
    for _name in _ABSENT:
        del sys.modules[_name]

__all__ = ["redis_manager", "socketio"]


def redis_manager(url: str, options: dict[str, Any], json: Any) -> Any:
    """The manager whose rooms span processes; now the Redis client is needed."""
    importlib.reload(sys.modules["socketio.redis_manager"])
    module = importlib.reload(sys.modules["socketio.async_redis_manager"])
    return module.AsyncRedisManager(url, redis_options=options, json=json)
