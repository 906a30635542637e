"""The address and the options of the Redis through which socket events reach other processes."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

import msgspec

from fastback.kit.redis import parse_sentinel_hosts
from fastback.settings import Settings

log = logging.getLogger("fastback.realtime")


def build_redis_address(settings: Settings) -> tuple[str, dict[str, Any]]:
    """Return the address as python-socketio takes it (with sentinels `redis+sentinel://…`), and the options."""
    options = _build_options(settings)
    url = settings.websocket_redis_url
    hosts = parse_sentinel_hosts(settings.websocket_sentinel_hosts, settings.websocket_sentinel_port)
    if not hosts:
        return url, options
    parts = urlsplit(url)
    credentials, at, host_port = parts.netloc.rpartition("@")
    service = host_port.partition(":")[0] or "mymaster"
    nodes = ",".join(f"{host}:{port}" for host, port in hosts)
    credential_options = {"username": parts.username or None, "password": parts.password or None}
    socket_options = {name: value for name, value in options.items() if name.startswith("socket_")}
    address = f"redis+sentinel://{credentials}{at}{nodes}/{parts.path.lstrip('/') or 0}/{service}"
    return address, {"sentinel_kwargs": {**credential_options, **socket_options}, **options}


def _build_options(settings: Settings) -> dict[str, Any]:
    # A listener waits until an event comes: no time limit unless the settings name one.
    options: dict[str, Any] = {"socket_timeout": None}
    text = settings.websocket_redis_options
    if not text:
        if settings.redis_socket_connect_timeout:
            options["socket_connect_timeout"] = settings.redis_socket_connect_timeout
        return options
    try:
        return options | msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        log.warning("WEBSOCKET_REDIS_OPTIONS is skipped: it is not a JSON object")
        return options
