"""The application for another ASGI server: `granian --interface asgi bench.granian_app:application`.

Its services start and stop with the lifespan of the server, as `fastback.server` starts and stops them around uvicorn.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from contextlib import suppress
from typing import Any

from fastback import app
from fastback.kit import log
from fastback.kit.http.application import Asgi
from fastback.kit.memory_allocator import configure_allocator, release_free_memory
from fastback.kit.tasks import Tasks
from fastback.realtime.server import SocketServer
from fastback.settings import ensure_secret_key, load_settings, read_environment

#: Seconds that sockets have to send what waits for them.
_SOCKET_SECONDS = 2.0


class Application:
    """The ASGI application with its lifespan."""

    def __init__(self) -> None:
        self._application: Asgi | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._run_services(receive, send)
        else:
            assert self._application is not None
            await self._application(scope, receive, send)

    async def _run_services(self, receive: Any, send: Any) -> None:
        await receive()
        configure_allocator()
        sys.setswitchinterval(0.0005)
        environment = read_environment({})
        settings = ensure_secret_key(load_settings(environment))
        log.configure_logging(settings.global_log_level, settings.log_format)
        async with app.run_services(settings, environment) as services:
            self._application = app.build_asgi(services)
            gc.collect()
            gc.freeze()
            release_free_memory()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            grace = settings.fastback_shutdown_grace_seconds
            await services.get(Tasks).finish_running(grace, asyncio.Event())
            with suppress(TimeoutError):
                await asyncio.wait_for(services.get(SocketServer).close(), _SOCKET_SECONDS)
        await send({"type": "lifespan.shutdown.complete"})


application = Application()
