"""Run the server: start the services, then uvicorn."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, cast

from fastback import app
from fastback.config import Config
from fastback.features.users.admin_store import COUNT_USERS
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.kit.http.application import Asgi
from fastback.kit.http.bounded_http_protocol import BoundedHttpProtocol
from fastback.kit.http.uvicorn_import import Config as UvicornConfig
from fastback.kit.http.uvicorn_import import Server as UvicornServer
from fastback.kit.http.websocket_protocol import WebSocketProtocol
from fastback.kit.listener import bind_listener, start_listening
from fastback.kit.memory_allocator import release_free_memory
from fastback.kit.service_manager import ServiceManager
from fastback.kit.services import Services
from fastback.kit.stop_signals import ProcessDeadline, StopSignals
from fastback.kit.tasks import Tasks
from fastback.providers.connections import list_ollama_connections, list_openai_connections
from fastback.realtime.server import SocketServer
from fastback.settings import Settings

log = logging.getLogger("fastback")

#: Seconds after which memory is returned to the system that a burst of work has left free.
_TRIM_INTERVAL = 10.0
#: Seconds that sockets have to send what waits for them, and requests to end after the grace period.
SOCKET_SECONDS, LEAST_REQUEST_SECONDS = 0.5, 0.3
#: Seconds in which a process that stops admits requests of connections that others, such as proxies, keep open to it.
_HANDOVER_SECONDS, _HANDOVER_PAUSE = 1.0, 0.02
#: Seconds after the grace period in which everything is stored and closed; the process ends in any case then.
CLOSING_SECONDS = 4.5


def _build_address(settings: Settings, port: int) -> str:
    """Return the address at which a browser on this machine opens the page."""
    host = "localhost" if settings.host in ("0.0.0.0", "::") else settings.host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _log_first_steps(services: Services, address: str) -> None:
    """Log what to do next where the server has no account yet."""
    if await services.get(Database).fetch_value("users.count", COUNT_USERS):
        return
    log.info("open %s in a browser and create the first account, which becomes the administrator", address)
    config = services.get(Config)
    connections = [*list_openai_connections(config), *list_ollama_connections(config)]
    urls = [connection.url for connection in connections if connection.is_enabled and not connection.is_default]
    if urls:
        log.info("its models are those of %s", ", ".join(urls))
    else:
        log.info("connect a model server there: Admin Panel, Settings, Connections")


def make_uvicorn_config(application: Asgi, settings: Settings) -> UvicornConfig:
    """Return the configuration of uvicorn."""
    return UvicornConfig(
        cast(Any, application),
        loop="none",
        http=BoundedHttpProtocol,
        ws=WebSocketProtocol,
        ws_max_size=16 * 1024 * 1024,
        ws_per_message_deflate=settings.uvicorn_ws_per_message_deflate,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=75,
        proxy_headers=True,
        forwarded_allow_ips=settings.forwarded_allow_ips,
    )


class _Server(UvicornServer):
    """uvicorn without its handling of signals, which ends the process before the services have stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def _list_http_connections(self) -> list[BoundedHttpProtocol]:
        return [item for item in self.server_state.connections if isinstance(item, BoundedHttpProtocol)]

    async def hand_over(self, listener: socket.socket, seconds: float, cut_short: asyncio.Event) -> None:
        """Accept no more connections, and answer one more request of each open one, for at most `seconds`.

        A proxy sends a request to another process where its connection is refused, but repeats none that changes
        something after it was sent: so each that arrives is answered, as ever.
        """
        for server in self.servers:
            server.close()
        listener.close()
        for connection in self._list_http_connections():
            connection.close_after_request()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._list_http_connections() and not cut_short.is_set():  # noqa: ASYNC110
                    await asyncio.sleep(_HANDOVER_PAUSE)
        for connection in self._list_http_connections():
            if not connection.has_request():
                connection.shutdown()


async def serve(
    settings: Settings,
    env: Mapping[str, str],
    *,
    ready: Callable[[str], None] | None = None,
    listener: socket.socket | None = None,
) -> None:
    """Serve until a signal stops the server; `ready` is called with its address when it accepts requests.

    `listener`: the socket that this process shares with others.

    Raises:
        StartError: the address cannot be bound. DatabaseError, RevisionError: as `open_database`.
    """
    listener = listener or bind_listener(settings.host, settings.port)
    if not settings.may_span_processes:
        # Clients may wait for the only process; where there are others, proxies choose one that is ready.
        start_listening(listener)
    signals = StopSignals()
    signals.listen()
    started = asyncio.Event()

    def report_start(address: str) -> None:
        started.set()
        if ready is not None:
            ready(address)

    work = asyncio.create_task(_run_services(listener, settings, env, signals, report_start))
    await signals.wait_for(signals.requested, work)
    if not started.is_set():
        work.cancel()  # there is nothing to finish or to store yet
    try:
        await work
    except asyncio.CancelledError:
        log.info("stopped during the start")


async def _run_services(
    listener: socket.socket,
    settings: Settings,
    env: Mapping[str, str],
    signals: StopSignals,
    report_start: Callable[[str], None],
) -> None:
    """Run the services and the server until a signal comes, and stop both in order."""
    async with app.run_services(settings, env) as services:
        server = _Server(make_uvicorn_config(app.build_asgi(services), settings))
        services.get(Tasks).run_every(_TRIM_INTERVAL, lambda: asyncio.to_thread(release_free_memory))
        # What exists at the start is never freed: the garbage collector need not check it again.
        gc.collect()
        gc.freeze()
        release_free_memory()
        address = _build_address(settings, listener.getsockname()[1])
        start_listening(listener)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        log.info("ready on %s", address)
        manager = ServiceManager(os.environ)
        manager.report_ready(address)
        services.get(Tasks).run_in_background(manager.keep_watchdog_quiet())
        await _log_first_steps(services, address)
        report_start(address)
        await signals.wait_for(signals.requested, serving)
        grace = settings.fastback_shutdown_grace_seconds
        manager.report_stopping(grace + CLOSING_SECONDS)
        deadline = ProcessDeadline(grace + CLOSING_SECONDS)
        await _stop_server(server, serving, services, signals, listener, grace)
    deadline.is_stored = True


async def _stop_server(
    server: _Server,
    serving: asyncio.Task[None],
    services: Services,
    signals: StopSignals,
    listener: socket.socket,
    grace: float,
) -> None:
    """Let running answers finish while their pages are connected, then close all sockets and let requests finish.

    Both have `grace` seconds together, or until the second signal. Where there may be other processes, these get new
    connections at once.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + grace
    log.info("stopping: running answers have %g s to finish; a second signal ends them at once", grace)
    tasks = services.get(Tasks)
    if services.get(Cluster).spans_processes and not serving.done():
        tasks.announce_stop()
        await server.hand_over(listener, min(_HANDOVER_SECONDS, grace / 2), signals.repeated)
    await tasks.finish_running(max(deadline - clock(), 0.0), signals.repeated)
    with suppress(TimeoutError):
        await asyncio.wait_for(services.get(SocketServer).close(), SOCKET_SECONDS)
    seconds_left = 0.0 if signals.repeated.is_set() else deadline - clock()
    server.config.timeout_graceful_shutdown = cast(int, max(seconds_left, LEAST_REQUEST_SECONDS))
    server.should_exit = True
    await signals.wait_for(signals.repeated, serving)
    server.force_exit = signals.repeated.is_set()
    await serving
    log.info("stopped")


def run(
    settings: Settings,
    env: Mapping[str, str],
    *,
    ready: Callable[[str], None] | None = None,
    listener: socket.socket | None = None,
) -> None:
    """Serve on uvloop where it is installed; otherwise on asyncio's event loop."""
    # A computing thread yields to the event loop after half a millisecond instead of five.
    sys.setswitchinterval(0.0005)
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(settings, env, ready=ready, listener=listener))
    else:
        uvloop.run(serve(settings, env, ready=ready, listener=listener))
