"""The composition root: it alone imports every room, builds the services and composes the application."""

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

from fastback.access import credential_store
from fastback.access.activity import ActivityEvent
from fastback.access.audit import AuditLog, AuditMiddleware
from fastback.access.grants import Grants
from fastback.access.guards import API_KEY_HEADER
from fastback.access.identity import IdentityResolver
from fastback.access.passwords import PasswordHasher
from fastback.access.permissions import Permissions
from fastback.access.revocations import RedisRevocations
from fastback.access.tokens import TokenSigner
from fastback.compatibility.operations import make_refusal_router
from fastback.completions import setup as completions
from fastback.completions.doors.websocket import PATH as CHAT_SOCKET
from fastback.completions.doors.websocket import ChatSocket
from fastback.config import Config
from fastback.features.analytics import setup as analytics
from fastback.features.apps import setup as apps
from fastback.features.audio import setup as audio
from fastback.features.audio.call_socket import PATH as CALL_SOCKET
from fastback.features.audio.call_socket import CallSocket
from fastback.features.auths import setup as auths
from fastback.features.automations import setup as automations
from fastback.features.backup import setup as backup
from fastback.features.calendars import setup as calendars
from fastback.features.channels import setup as channels
from fastback.features.chats import setup as chats
from fastback.features.chats.search import setup as chat_search
from fastback.features.code import setup as code
from fastback.features.configs import setup as configs
from fastback.features.connections import setup as connections
from fastback.features.evaluations import setup as evaluations
from fastback.features.files import setup as files
from fastback.features.folders import setup as folders
from fastback.features.functions import setup as functions
from fastback.features.gravatar import setup as gravatar
from fastback.features.groups import setup as groups
from fastback.features.images import setup as images
from fastback.features.knowledge import setup as knowledge
from fastback.features.ldap import setup as ldap
from fastback.features.memories import setup as memories
from fastback.features.models import setup as models
from fastback.features.nodes import setup as nodes
from fastback.features.notes import setup as notes
from fastback.features.notifications import setup as notifications
from fastback.features.oauth import setup as oauth
from fastback.features.oauth_clients import setup as oauth_clients
from fastback.features.oauth_sessions import setup as oauth_sessions
from fastback.features.pipelines import setup as pipelines
from fastback.features.plugin_start import setup as plugin_start
from fastback.features.plugins import setup as plugins
from fastback.features.prompts import setup as prompts
from fastback.features.retrieval import setup as retrieval_routes
from fastback.features.scim import setup as scim
from fastback.features.search import setup as search
from fastback.features.second_factors import setup as second_factors
from fastback.features.server import setup as server
from fastback.features.server.api_docs_routes import make_api_docs_router
from fastback.features.server.metrics_access import MetricsAccess, has_metrics
from fastback.features.server.metrics_routes import make_metrics_router
from fastback.features.sessions import setup as sessions
from fastback.features.skills import setup as skills
from fastback.features.terminals import setup as terminals
from fastback.features.terminals.socket import PATH as TERMINAL_SOCKET
from fastback.features.terminals.socket import TerminalSocket
from fastback.features.tools import setup as tools
from fastback.features.users import setup as users
from fastback.features.webhooks import setup as webhooks
from fastback.features.webhooks.emission import emit_events
from fastback.features.webhooks.operations import EVENT_RULES
from fastback.frontend import setup as frontend
from fastback.frontend.redirects import Redirects
from fastback.frontend.static import StaticFiles
from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.kit.db.connect import connect
from fastback.kit.db.indexes import ensure_indexes
from fastback.kit.db.pool_options import PoolOptions
from fastback.kit.http import Application, Router
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
from fastback.media.speech import setup as speech
from fastback.plugin_calls import setup as plugin_calls
from fastback.plugin_calls.internal_requests import InternalRequests
from fastback.plugins import setup as plugin_host
from fastback.providers import setup as providers
from fastback.providers.http_client import make_client
from fastback.realtime import presence_setup as presence
from fastback.realtime import setup as realtime
from fastback.realtime.server import PATH as REALTIME_PATH
from fastback.realtime.server import SocketServer
from fastback.records import setup as records
from fastback.redis_setup import join_cluster, open_redis
from fastback.retrieval import setup as retrieval
from fastback.retrieval.extraction import setup as extraction
from fastback.retrieval.search import setup as collection_search
from fastback.retrieval.web import setup as web
from fastback.schema import revision
from fastback.settings import Settings
from fastback.settings.security_headers import build_security_headers

log = logging.getLogger("fastback")

#: Seconds that the database has to finish what is under way when its connections are closed.
DATABASE_SECONDS = 1.0

#: Every room with services and every feature. The setup of each may get the services that those before it have added.
COMPONENTS = (
    nodes.COMPONENT,
    records.COMPONENT,
    oauth_sessions.COMPONENT,
    providers.COMPONENT,
    frontend.COMPONENT,
    speech.COMPONENT,
    extraction.COMPONENT,
    retrieval.COMPONENT,
    collection_search.COMPONENT,
    web.COMPONENT,
    plugin_host.COMPONENT,
    plugins.COMPONENT,
    oauth_clients.COMPONENT,
    tools.COMPONENT,
    functions.COMPONENT,
    skills.COMPONENT,
    prompts.COMPONENT,
    chats.COMPONENT,
    files.COMPONENT,
    folders.COMPONENT,
    notes.COMPONENT,
    models.COMPONENT,
    connections.COMPONENT,
    knowledge.COMPONENT,
    retrieval_routes.COMPONENT,
    audio.COMPONENT,
    images.COMPONENT,
    apps.COMPONENT,
    terminals.COMPONENT,
    groups.COMPONENT,
    sessions.COMPONENT,
    second_factors.COMPONENT,
    auths.COMPONENT,
    ldap.COMPONENT,
    oauth.COMPONENT,
    users.COMPONENT,
    scim.COMPONENT,
    configs.COMPONENT,
    server.COMPONENT,
    analytics.COMPONENT,
    evaluations.COMPONENT,
    webhooks.COMPONENT,
    memories.COMPONENT,
    notifications.COMPONENT,
    presence.COMPONENT,
    channels.COMPONENT,
    automations.COMPONENT,
    calendars.COMPONENT,
    gravatar.COMPONENT,
    code.COMPONENT,
    backup.COMPONENT,
    pipelines.COMPONENT,
    search.COMPONENT,
    chat_search.COMPONENT,
    completions.COMPONENT,
    plugin_start.COMPONENT,
    plugin_calls.COMPONENT,
    realtime.COMPONENT,
)

#: Idempotent statements that create tables of our own; they run before any service is built.
OWN_TABLES = (*credential_store.OWN_TABLES, *(statement for component in COMPONENTS for statement in component.tables))
#: Indexes of our own, which are created in the background.
OWN_INDEXES = tuple(index for component in COMPONENTS for index in component.indexes)


def list_routers() -> list[Router]:
    """List the routers of every component, with those that the settings disable."""
    return [router for component in COMPONENTS for router in component.routers]


def _list_enabled_routers(services: Services) -> list[Router]:
    enabled = [component for component in COMPONENTS if component.is_enabled is None or component.is_enabled(services)]
    return [router for component in enabled for router in component.routers]


def _make_pool_options(settings: Settings) -> PoolOptions:
    return PoolOptions(
        size=(settings.database_pool_size or 10) + (settings.database_pool_max_overflow or 0),
        timeout=float(30 if settings.database_pool_timeout is None else settings.database_pool_timeout),
        recycle=float(3600 if settings.database_pool_recycle is None else settings.database_pool_recycle),
        outage_wait=settings.fastback_database_outage_wait,
        start_wait=settings.fastback_database_start_wait,
        statement_limit=settings.fastback_database_statement_timeout,
        lock_limit=settings.fastback_database_lock_timeout,
    )


async def open_database(settings: Settings) -> Database:
    """Open the database that the settings name, and create or check its schema.

    Raises:
        DatabaseError: it cannot be opened. RevisionError: it has another revision.
    """
    db = await connect(
        settings.database_url,
        schema=settings.database_schema,
        wal=settings.database_enable_sqlite_wal,
        pragmas=settings.database_sqlite_pragmas,
        pool=_make_pool_options(settings),
    )
    try:
        if await revision.ensure_schema(db, own_statements=list(OWN_TABLES)):
            log.info("created a new database at revision %s", revision.REVISION)
            if db.dialect == "sqlite":  # at once: the tables are empty
                await ensure_indexes(db, OWN_INDEXES)
    except BaseException:
        await db.close()
        raise
    return db


def _make_identities(services: Services, settings: Settings) -> IdentityResolver:
    return IdentityResolver(
        db=services.get(Database),
        tokens=services.get(TokenSigner),
        config=services.get(Config),
        permissions=services.get(Permissions),
        bus=services.get(Bus),
        revocations=RedisRevocations(services.get(Redis), services.get(Bus)) if services.has(Redis) else None,
        seen_every=settings.database_user_active_status_update_interval,
    )


def _make_password_hasher(settings: Settings) -> PasswordHasher:
    return PasswordHasher(
        settings.password_hash_algorithm,
        pattern=settings.password_validation_regex_pattern if settings.enable_password_validation else None,
        hint=settings.password_validation_hint,
    )


def _make_connection_limits(settings: Settings) -> ConnectionLimits:
    return ConnectionLimits(
        total=settings.fastback_max_sockets,
        per_address=settings.fastback_max_sockets_per_address,
        strangers=settings.fastback_max_stranger_sockets,
    )


async def _add_access_services(services: Services, settings: Settings, env: Mapping[str, str]) -> None:
    """Add the services that every component may get: configuration, permissions, identities, …"""
    database, bus = services.get(Database), services.get(Bus)
    config = await Config.load(database, settings, bus, env)
    permissions = Permissions(database, config, bus)
    services.add(Config, config)
    services.add(Permissions, permissions)
    services.add(Grants, Grants(database, permissions))
    services.add(TokenSigner, TokenSigner(settings.webui_secret_key))
    services.add(IdentityResolver, _make_identities(services, settings))
    services.add(PasswordHasher, _make_password_hasher(settings))
    audit = AuditLog.from_settings(settings)
    if audit is not None:
        services.add(AuditLog, audit)


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
    add_process_metrics(metrics, database=services.get(Database), tasks=tasks)
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
        await _add_access_services(services, settings, env)
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
    for router in _list_enabled_routers(services):
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
