"""The clients of Redis that the settings name, and the connection to the other processes that share one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster, LocalCluster
from fastback.kit.redis import Redis, RedisError, parse_sentinel_hosts
from fastback.settings import Settings, SettingsError

#: Connection options of Redis where the settings name no others: a Redis that hangs must not hold up requests.
REDIS_TIMEOUTS = {"socket_connect_timeout": 1.0, "socket_timeout": 1.0}


def open_redis(settings: Settings, options: Mapping[str, Any] | None = None) -> Redis:
    """Return a client of the Redis that the settings name; it connects when it is first used.

    `options` are those of its connections, by default the settings'.

    Raises:
        SettingsError: the address is invalid.
    """
    try:
        return Redis(
            settings.redis_url,
            prefix=settings.redis_key_prefix,
            cluster=settings.redis_cluster,
            sentinels=parse_sentinel_hosts(settings.redis_sentinel_hosts, settings.redis_sentinel_port),
            attempts=settings.redis_sentinel_max_retry_count,
            pause=(settings.redis_reconnect_delay or 0) / 1000,
            options={**REDIS_TIMEOUTS, **(settings.redis_options if options is None else options)},
        )
    except RedisError as error:
        raise SettingsError(f"REDIS_URL: {error}") from error


async def join_cluster(settings: Settings, redis: Redis | None) -> tuple[Cluster, Bus]:
    """Return the connection to the other processes that share a Redis, and the bus that passes events on to them."""
    if redis is None and settings.websocket_manager == "redis" and settings.websocket_redis_url:
        from fastback.realtime.socket_redis import open_socket_redis

        redis = open_socket_redis(settings)
    if redis is None:
        return LocalCluster(), Bus()
    from fastback.kit.cluster.redis_cluster import RedisCluster

    cluster = RedisCluster(redis)
    bus = Bus(cluster)
    await cluster.start()
    return cluster, bus
