"""The setup of the server around the application: uvicorn, Redis, the log of the sockets."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from fastback import app
from fastback.kit.redis import Redis, RedisError, parse_sentinel_hosts
from fastback.realtime.log_filter import make_logger
from fastback.server import make_uvicorn_config
from fastback.settings import Settings, load_settings


def load_variables(**variables: str) -> Settings:
    return load_settings(variables, dotenv=None)


async def _ignore_request(scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize(
    ("variables", "name", "value"),
    [
        ({}, "forwarded_allow_ips", "*"),
        ({"FORWARDED_ALLOW_IPS": "10.0.0.0/8"}, "forwarded_allow_ips", "10.0.0.0/8"),
        ({}, "ws_per_message_deflate", False),
        ({"UVICORN_WS_PER_MESSAGE_DEFLATE": "true"}, "ws_per_message_deflate", True),
    ],
)
def test_variables_set_options_of_uvicorn(variables: dict[str, str], name: str, value: Any) -> None:
    assert getattr(make_uvicorn_config(_ignore_request, load_variables(**variables)), name) == value


async def test_forwarded_headers_count_only_from_an_allowed_proxy() -> None:
    """Check the client address and the scheme that the application sees behind uvicorn's proxy handling."""
    clients: list[Any] = []

    async def note_client(scope: Any, receive: Any, send: Any) -> None:
        clients.append((scope["client"][0], scope["scheme"]))

    headers = [(b"x-forwarded-for", b"198.51.100.7"), (b"x-forwarded-proto", b"https")]
    for allowed in ("*", "127.0.0.1", "10.9.9.9"):
        config = make_uvicorn_config(note_client, load_variables(FORWARDED_ALLOW_IPS=allowed))
        config.load()
        scope = {"type": "http", "scheme": "http", "client": ("127.0.0.1", 5), "headers": headers}
        await config.loaded_app(scope, None, None)  # type: ignore[arg-type]
    assert clients == [("198.51.100.7", "https"), ("198.51.100.7", "https"), ("127.0.0.1", "http")]


async def test_every_handler_can_be_bound(start_server: Any) -> None:
    """Check the signatures of all handlers: a server binds each on its first request only."""
    async with start_server() as server:
        app.build_application(server.services).bind_all()


# Redis


def test_options_of_connections_to_redis() -> None:
    settings = load_variables(
        REDIS_SOCKET_CONNECT_TIMEOUT="1.5",
        REDIS_SOCKET_TIMEOUT="2",
        REDIS_SOCKET_KEEPALIVE="true",
        REDIS_HEALTH_CHECK_INTERVAL="30",
    )
    redis = Redis("redis://cache/2", prefix="p", options=settings.redis_options)
    options = redis.client.connection_pool.connection_kwargs
    assert options["socket_connect_timeout"] == 1.5
    assert options["socket_timeout"] == 2
    assert options["socket_keepalive"] is True
    assert options["health_check_interval"] == 30
    assert options["db"] == 2
    assert redis.prefixed_key("auth") == "p:auth"
    with pytest.raises(RedisError):
        Redis("nonsense")


async def test_redis_with_sentinels() -> None:
    from fastback.redis_setup import open_redis

    settings = load_variables(
        REDIS_URL="redis://u:p@Chats:6379/3",
        REDIS_SENTINEL_HOSTS="one, two",
        REDIS_SENTINEL_PORT="26000",
        REDIS_SENTINEL_MAX_RETRY_COUNT="4",
        REDIS_RECONNECT_DELAY="250",
    )
    pool = open_redis(settings).client.connection_pool
    assert pool.service_name == "Chats"
    nodes = [sentinel.connection_pool.connection_kwargs for sentinel in pool.sentinel_manager.sentinels]
    assert [(options["host"], options["port"]) for options in nodes] == [("one", 26000), ("two", 26000)]
    assert nodes[0]["password"] == "p"
    assert pool.connection_kwargs["db"] == 3
    retry = pool.connection_kwargs["retry"]
    assert retry.get_retries() == 3
    assert retry._backoff.compute(1) == 0.25


async def test_a_redis_cluster() -> None:
    from redis.asyncio import RedisCluster

    from fastback.redis_setup import open_redis

    redis = open_redis(load_variables(REDIS_URL="redis://127.0.0.1:7000", REDIS_CLUSTER="true"))
    assert isinstance(redis.client, RedisCluster)
    assert not await redis.ping()  # no server runs at this address
    await redis.close()


def test_a_list_of_sentinel_hosts() -> None:
    assert parse_sentinel_hosts(" a, ,b ", 5) == [("a", 5), ("b", 5)]


# The log of the socket server


def test_the_log_of_the_socket_server_omits_contents(caplog: pytest.LogCaptureFixture) -> None:
    assert make_logger("tests.sockets", enabled=False) is False
    logger = make_logger("tests.sockets", enabled=True)
    assert isinstance(logger, logging.Logger)
    with caplog.at_level(logging.INFO, "tests.sockets"):
        logger.info("%s: Received packet %s data %s", "sid", "MESSAGE", '0{"token":"hush"}')
        logger.info("%s: Upgrade to websocket successful", "sid")
    assert caplog.messages == ["sid: Received packet MESSAGE", "sid: Upgrade to websocket successful"]
