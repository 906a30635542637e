"""Run the server: start the services, then uvicorn."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, cast

import uvicorn

from fastback import app
from fastback.kit.http.application import Asgi
from fastback.settings import Settings

log = logging.getLogger("fastback")


class StartError(Exception):
    """The server cannot start; the text is one line with the reason."""


def _bind_socket(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol: without it asyncio leaves Nagle's algorithm on, and every response is delayed by 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise StartError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error
    listener.listen(2048)
    return listener


def _warn_about_unsupported(settings: Settings) -> None:
    """Log settings that are not supported."""
    if settings.uvicorn_workers > 1:
        log.warning("UVICORN_WORKERS=%d counts as 1: several processes are not built yet", settings.uvicorn_workers)
    elif settings.websocket_manager == "redis":
        log.warning(
            "WEBSOCKET_MANAGER=redis passes socket events on, but each process knows only its own users and running "
            "answers: run one process"
        )


def make_uvicorn_config(application: Asgi, settings: Settings) -> uvicorn.Config:
    """Return the configuration of uvicorn."""
    return uvicorn.Config(
        cast(Any, application),
        loop="none",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=16 * 1024 * 1024,
        ws_per_message_deflate=settings.uvicorn_ws_per_message_deflate,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
        proxy_headers=True,
        forwarded_allow_ips=settings.forwarded_allow_ips,
    )


async def serve(settings: Settings, env: Mapping[str, str], *, ready: Callable[[], None] | None = None) -> None:
    """Serve until a signal stops the server; `ready` is called when it accepts requests.

    Raises:
        StartError: the address cannot be bound. DatabaseError, RevisionError: as `app.open_database`.
    """
    listener = _bind_socket(settings)
    async with app.run_services(settings, env) as services:
        server = uvicorn.Server(make_uvicorn_config(app.build_asgi(services), settings))
        _warn_about_unsupported(settings)
        # What exists at the start is never freed: the garbage collector need not check it again.
        gc.collect()
        gc.freeze()
        host = "localhost" if settings.host in ("0.0.0.0", "::") else settings.host
        log.info("ready on http://%s:%d", host, settings.port)
        if ready is not None:
            ready()
        await server.serve(sockets=[listener])


def run(settings: Settings, env: Mapping[str, str], *, ready: Callable[[], None] | None = None) -> None:
    """Serve on uvloop where it is installed; otherwise on asyncio's event loop."""
    # A computing thread yields to the event loop after half a millisecond instead of five.
    sys.setswitchinterval(0.0005)
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(settings, env, ready=ready))
    else:
        uvloop.run(serve(settings, env, ready=ready))
