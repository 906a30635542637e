"""How the server is set up around the application."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from fastback.kit.redis import Redis, RedisError, parse_sentinel_hosts
from fastback.realtime.log_filter import make_logger
from fastback.realtime.redis_address import build_redis_address
from fastback.server import make_uvicorn_config
from fastback.settings import Settings, load_settings


def load(**variables: str) -> Settings:
    return load_settings(variables, dotenv=None)


async def _nothing(scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize(
    ("variables", "name", "value"),
    [
        ({}, "forwarded_allow_ips", "*"),
        ({"FORWARDED_ALLOW_IPS": "10.0.0.0/8"}, "forwarded_allow_ips", "10.0.0.0/8"),
        ({}, "ws_per_message_deflate", False),
        ({"UVICORN_WS_PER_MESSAGE_DEFLATE": "true"}, "ws_per_message_deflate", True),
    ],
)
def test_what_uvicorn_is_told(variables: dict[str, str], name: str, value: Any) -> None:
    assert getattr(make_uvicorn_config(_nothing, load(**variables)), name) == value


async def test_a_proxy_is_believed_where_it_is_named() -> None:
    """The whole way: who asks, and over which scheme, as the application sees it."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["client"][0], scope["scheme"]))

    headers = [(b"x-forwarded-for", b"198.51.100.7"), (b"x-forwarded-proto", b"https")]
    for allowed in ("*", "127.0.0.1", "10.9.9.9"):
        config = make_uvicorn_config(app, load(FORWARDED_ALLOW_IPS=allowed))
        config.load()
        scope = {"type": "http", "scheme": "http", "client": ("127.0.0.1", 5), "headers": headers}
        await config.loaded_app(scope, None, None)  # type: ignore[arg-type]
    assert seen == [("198.51.100.7", "https"), ("198.51.100.7", "https"), ("127.0.0.1", "http")]


# Redis


def test_options_of_connections_to_redis() -> None:
    settings = load(
        REDIS_SOCKET_CONNECT_TIMEOUT="1.5",
        REDIS_SOCKET_TIMEOUT="2",
        REDIS_SOCKET_KEEPALIVE="true",
        REDIS_HEALTH_CHECK_INTERVAL="30",
    )
    redis = Redis("redis://cache/2", prefix="p", options=settings.redis_options)
    made = redis.client.connection_pool.connection_kwargs
    assert made["socket_connect_timeout"] == 1.5
    assert made["socket_timeout"] == 2
    assert made["socket_keepalive"] is True
    assert made["health_check_interval"] == 30
    assert made["db"] == 2
    assert redis.prefixed_key("auth") == "p:auth"
    with pytest.raises(RedisError):
        Redis("nonsense")


async def test_a_master_that_sentinels_name() -> None:
    from fastback.app import open_redis

    settings = load(
        REDIS_URL="redis://u:p@Chats:6379/3",
        REDIS_SENTINEL_HOSTS="one, two",
        REDIS_SENTINEL_PORT="26000",
        REDIS_SENTINEL_MAX_RETRY_COUNT="4",
        REDIS_RECONNECT_DELAY="250",
    )
    pool = open_redis(settings).client.connection_pool
    assert pool.service_name == "Chats"
    nodes = [one.connection_pool.connection_kwargs for one in pool.sentinel_manager.sentinels]
    assert [(one["host"], one["port"]) for one in nodes] == [("one", 26000), ("two", 26000)]
    assert nodes[0]["password"] == "p"
    assert pool.connection_kwargs["db"] == 3
    retry = pool.connection_kwargs["retry"]
    assert retry.get_retries() == 3
    assert retry._backoff.compute(1) == 0.25


async def test_a_cluster() -> None:
    from redis.asyncio import RedisCluster

    from fastback.app import open_redis

    redis = open_redis(load(REDIS_URL="redis://127.0.0.1:7000", REDIS_CLUSTER="true"))
    assert isinstance(redis.client, RedisCluster)
    assert not await redis.ping()  # nobody is there
    await redis.close()


@pytest.mark.parametrize(
    ("variables", "url", "options"),
    [
        ({"REDIS_URL": "redis://a:1"}, "redis://a:1", {"socket_timeout": None}),
        ({"REDIS_URL": "redis://a", "WEBSOCKET_REDIS_URL": "redis://b"}, "redis://b", {"socket_timeout": None}),
        (
            {"REDIS_URL": "redis://a", "REDIS_SOCKET_CONNECT_TIMEOUT": "3"},
            "redis://a",
            {"socket_timeout": None, "socket_connect_timeout": 3.0},
        ),
        (
            {"REDIS_URL": "redis://a", "WEBSOCKET_REDIS_OPTIONS": '{"socket_keepalive": true}'},
            "redis://a",
            {"socket_timeout": None, "socket_keepalive": True},
        ),
        ({"REDIS_URL": "redis://a", "WEBSOCKET_REDIS_OPTIONS": "["}, "redis://a", {"socket_timeout": None}),
        (
            {"REDIS_URL": "redis://:p@Chats:6379/3", "WEBSOCKET_SENTINEL_HOSTS": "x,y", "WEBSOCKET_SENTINEL_PORT": "2"},
            "redis+sentinel://:p@x:2,y:2/3/Chats",
            {"sentinel_kwargs": {"username": None, "password": "p", "socket_timeout": None}, "socket_timeout": None},
        ),
    ],
)
def test_where_socket_events_go(variables: dict[str, str], url: str, options: dict[str, Any]) -> None:
    assert build_redis_address(load(**variables)) == (url, options)


def test_hosts() -> None:
    assert parse_sentinel_hosts(" a, ,b ", 5) == [("a", 5), ("b", 5)]


# What the socket server writes


def test_the_socket_server_tells_no_contents(caplog: pytest.LogCaptureFixture) -> None:
    assert make_logger("tests.sockets", enabled=False) is False
    made = make_logger("tests.sockets", enabled=True)
    assert isinstance(made, logging.Logger)
    with caplog.at_level(logging.INFO, "tests.sockets"):
        made.info("%s: Received packet %s data %s", "sid", "MESSAGE", '0{"token":"hush"}')
        made.info("%s: Upgrade to websocket successful", "sid")
    assert caplog.messages == ["sid: Received packet MESSAGE", "sid: Upgrade to websocket successful"]
