"""The Redis that carries socket events, where it is not the one that processes share anyway."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from fastback.kit.cluster import Cluster
from fastback.kit.redis import Redis, RedisError, parse_sentinel_hosts
from fastback.kit.services import Services
from fastback.kit.tasks import Tasks
from fastback.settings import Settings, SettingsError

log = logging.getLogger("fastback.realtime")


def open_socket_redis(settings: Settings) -> Redis:
    """Return a client of the Redis of `WEBSOCKET_REDIS_URL`; it connects when it is first used.

    Raises:
        SettingsError: the address is invalid.
    """
    is_cluster = settings.websocket_redis_cluster
    try:
        return Redis(
            settings.websocket_redis_url,
            prefix=settings.redis_key_prefix,
            cluster=settings.redis_cluster if is_cluster is None else is_cluster,
            sentinels=parse_sentinel_hosts(settings.websocket_sentinel_hosts, settings.websocket_sentinel_port),
            options=build_options(settings),
        )
    except RedisError as error:
        raise SettingsError(f"WEBSOCKET_REDIS_URL: {error}") from error


def build_options(settings: Settings) -> dict[str, Any]:
    """Return the connection options: those of `WEBSOCKET_REDIS_OPTIONS` besides those of `REDIS_…`."""
    options: dict[str, Any] = {"socket_connect_timeout": 1.0, "socket_timeout": 1.0, **settings.redis_options}
    if not settings.websocket_redis_options:
        return options
    try:
        return options | msgspec.json.decode(settings.websocket_redis_options, type=dict[str, Any])
    except msgspec.MsgspecError:
        log.warning("WEBSOCKET_REDIS_OPTIONS is skipped: it is not a JSON object")
        return options


async def open_socket_cluster(services: Services) -> Cluster:
    """Return what carries socket events: a connection of their own where `WEBSOCKET_…` variables ask for it."""
    settings = services.get(Settings)
    has_own_redis = settings.websocket_redis_url != settings.redis_url or bool(settings.websocket_redis_options)
    if settings.websocket_manager != "redis" or not has_own_redis or not services.has(Redis):
        return services.get(Cluster)
    from fastback.kit.cluster.redis_cluster import RedisCluster

    cluster = RedisCluster(open_socket_redis(settings))
    await cluster.start()
    services.get(Tasks).run_at_shutdown(cluster.close)
    return cluster
