"""The composition root: it builds the services of every component, and composes the application."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, cast

import aiohttp
from starlette.middleware.cors import CORSMiddleware

from fastback.access.activity import ActivityEvent
from fastback.access.audit import AuditLog, AuditMiddleware
from fastback.access.guards import API_KEY_HEADER
from fastback.access.identity import IdentityResolver
from fastback.access.passwords import PasswordHasher
from fastback.access_setup import add_access_services
from fastback.compatibility.operations import make_refusal_router
from fastback.completions.doors.websocket import PATH as CHAT_SOCKET
from fastback.completions.doors.websocket import ChatSocket
from fastback.components import COMPONENTS, OWN_INDEXES, OWN_TABLES, list_enabled_routers, list_routers
from fastback.database_setup import open_database
from fastback.features.audio.call_socket import PATH as CALL_SOCKET
from fastback.features.audio.call_socket import CallSocket
from fastback.features.server.api_docs_routes import make_api_docs_router
from fastback.features.server.metrics_access import MetricsAccess, has_metrics
from fastback.features.server.metrics_routes import make_metrics_router
from fastback.features.terminals.socket import PATH as TERMINAL_SOCKET
from fastback.features.terminals.socket import TerminalSocket
from fastback.features.webhooks.emission import emit_events
from fastback.features.webhooks.operations import EVENT_RULES
from fastback.frontend.redirects import Redirects
from fastback.frontend.static import StaticFiles
from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.kit.db.indexes import ensure_indexes
from fastback.kit.http import Application
from fastback.kit.http.application import Asgi
from fastback.kit.http.compression import CompressionMiddleware
from fastback.kit.http.connection_limits import ConnectionLimits
from fastback.kit.http.disconnect import DisconnectWatch
from fastback.kit.http.dispatcher import Dispatcher
from fastback.kit.http.http_limits import HttpLimits
from fastback.kit.http.renamed_header import RenamedHeaderMiddleware
from fastback.kit.http.request_body import BodyLimits
from fastback.kit.http.request_envelope import RequestEnvelope
from fastback.kit.http.request_observer import RequestObservers
from fastback.kit.metrics import Metrics
from fastback.kit.metrics.process_metrics import add_process_metrics
from fastback.kit.metrics.request_metrics import RequestMetrics
from fastback.kit.metrics.worker_exchange import WorkerExchange, get_shared_directory
from fastback.kit.redis import Redis
from fastback.kit.response_cache import ResponseCache
from fastback.kit.services import Services, build_services
from fastback.kit.tasks import Tasks
from fastback.kit.workers.pool import WorkerPool
from fastback.plugin_calls.internal_requests import InternalRequests
from fastback.providers.http_client import make_client
from fastback.realtime.server import PATH as REALTIME_PATH
from fastback.realtime.server import SocketServer
from fastback.redis_setup import join_cluster, open_redis
from fastback.settings import Settings
from fastback.settings.security_headers import build_security_headers

__all__ = [
    "OWN_INDEXES",
    "OWN_TABLES",
    "build_application",
    "build_asgi",
    "list_routers",
    "open_database",
    "run_services",
]

log = logging.getLogger("fastback")

#: Seconds that the database has to finish what is under way when its connections are closed.
DATABASE_SECONDS = 1.0


def _make_connection_limits(settings: Settings) -> ConnectionLimits:
    return ConnectionLimits(
        total=settings.fastback_max_sockets,
        per_address=settings.fastback_max_sockets_per_address,
        strangers=settings.fastback_max_stranger_sockets,
    )


async def _publish_activity(services: Services, *events: str) -> None:
    for event in events:
        await services.get(Bus).publish(ActivityEvent(event, source="system"))


async def _stop_services(services: Services) -> None:
    # Before the tasks are drained: listeners may start some.
    await _publish_activity(services, "system.shutdown.started", "system.shutdown.completed")
    await services.get(Tasks).drain()
    services.get(PasswordHasher).close()
    if services.has(AuditLog):
        services.get(AuditLog).close()


def _make_body_limits(settings: Settings) -> BodyLimits:
    megabyte = 1024 * 1024
    return BodyLimits(
        ordinary=settings.fastback_max_body_mb * megabyte, content=settings.fastback_max_content_body_mb * megabyte
    )


def _make_http_limits(settings: Settings) -> HttpLimits:
    return HttpLimits(
        head_bytes=settings.fastback_max_header_kb * 1024,
        head_seconds=settings.fastback_header_timeout,
        body_seconds=settings.fastback_body_timeout,
        response_seconds=settings.fastback_response_timeout,
        connections=settings.fastback_max_connections,
    )


async def _add_metrics(services: Services, settings: Settings) -> None:
    """Add `Metrics` where the settings let clients read them, so that components can count with them."""
    services.add(MetricsAccess, MetricsAccess(settings))
    if not has_metrics(settings):
        return
    metrics, tasks = Metrics(), services.get(Tasks)
    services.add(Metrics, metrics)
    services.get(RequestObservers).add(RequestMetrics(metrics))
    add_process_metrics(metrics, database=services.get(Database), cluster=services.get(Cluster), tasks=tasks)
    if settings.uvicorn_workers > 1:
        exchange = WorkerExchange(metrics, directory=get_shared_directory(os.getppid()), worker=str(os.getpid()))
        try:
            await exchange.start()
        except OSError as error:
            log.warning("metrics are those of single workers, sharing them failed: %s", error)
            return
        tasks.run_at_shutdown(exchange.close)
        services.add(WorkerExchange, exchange)


@asynccontextmanager
async def run_services(settings: Settings, env: Mapping[str, str]) -> AsyncIterator[Services]:
    """Build and start every service; stop them in order at the end."""
    services = Services()
    tasks = Tasks()
    services.add(Services, services)
    services.add(Settings, settings)
    services.add(Tasks, tasks)
    services.add(ResponseCache, ResponseCache(limit=256))
    services.add(BodyLimits, _make_body_limits(settings))
    services.add(ConnectionLimits, _make_connection_limits(settings))
    services.add(RequestObservers, RequestObservers())
    WorkerPool.max_waiting = settings.fastback_max_waiting_jobs
    if settings.thread_pool_size:
        threads = ThreadPoolExecutor(settings.thread_pool_size, thread_name_prefix="worker")
        asyncio.get_running_loop().set_default_executor(threads)
    redis_client = open_redis(settings) if settings.uses_redis else None
    if redis_client is not None:
        services.add(Redis, redis_client)
    cluster, bus = await join_cluster(settings, redis_client)
    services.add(Cluster, cluster)
    services.add(Bus, bus)
    try:
        database = await open_database(settings)
    except BaseException:
        await cluster.close()
        raise
    services.add(Database, database)
    try:
        await _add_metrics(services, settings)
        await add_access_services(services, settings, env)
        client = make_client(settings)
        services.add(aiohttp.ClientSession, client)
        tasks.run_at_shutdown(client.close)
        await build_services(COMPONENTS, services)
        tasks.run_through_outages(partial(ensure_indexes, database, OWN_INDEXES))
        tasks.run_every(10, services.get(IdentityResolver).save_last_seen)
        tasks.run_at_shutdown(services.get(IdentityResolver).save_last_seen)
        # A task begins when this function has returned and the server accepts requests: model servers are asked then.
        tasks.run_in_background(
            _publish_activity(services, "system.startup.started", "system.startup.completed"), may_finish=True
        )
        try:
            yield services
        finally:
            await _stop_services(services)
    finally:
        with suppress(TimeoutError):  # a database that does not respond
            await asyncio.wait_for(database.close(), DATABASE_SECONDS)
        await cluster.close()


def build_application(services: Services) -> Application:
    """Return the HTTP application; paths without an operation are passed to the frontend."""
    # SQLite's statements do not wait for others.
    watch = DisconnectWatch() if services.get(Database).dialect == "postgres" else None
    application = Application(services, fallback=Redirects(services.get(StaticFiles)), watch=watch)
    for router in list_enabled_routers(services):
        application.include_router(emit_events(router, EVENT_RULES, services))
    application.include_router(make_refusal_router(application.routes))
    application.include_router(make_api_docs_router(tuple(application.routes), services))
    application.include_router(make_metrics_router(services))
    services.get(InternalRequests).connect(application)
    return application


def _wrap_in_middleware(http: Asgi, services: Services) -> Asgi:
    """Wrap the application in the middleware that the settings ask for."""
    settings = services.get(Settings)
    if services.has(AuditLog):
        http = AuditMiddleware(
            app=http, audit=services.get(AuditLog), identities=services.get(IdentityResolver), settings=settings
        )
    if settings.enable_compression_middleware:
        http = CompressionMiddleware(http)
    if settings.custom_api_key_header.lower() != API_KEY_HEADER:
        http = RenamedHeaderMiddleware(http, settings.custom_api_key_header, API_KEY_HEADER)
    cors = CORSMiddleware(
        cast(Any, http),
        allow_origins=settings.cors_allow_origin.split(";"),
        allow_credentials=True,
        allow_methods=["*"],
        allow_headers=["*"],
    )
    return RequestEnvelope(
        http,
        cors=cast(Asgi, cors),
        headers=build_security_headers(settings),
        observers=services.get(RequestObservers).observers,
    )


def build_asgi(services: Services) -> Asgi:
    """Return the application for HTTP, Socket.IO and WebSockets."""
    realtime = services.get(SocketServer)
    dispatcher = Dispatcher(
        _wrap_in_middleware(build_application(services), services),
        realtime.asgi,
        prefix=REALTIME_PATH,
        limits=services.get(ConnectionLimits),
        http_limits=_make_http_limits(services.get(Settings)),
    )
    dispatcher.add_websocket(CHAT_SOCKET, services.get(ChatSocket))
    dispatcher.add_websocket(TERMINAL_SOCKET, services.get(TerminalSocket))
    dispatcher.add_websocket(CALL_SOCKET, services.get(CallSocket))
    return dispatcher
