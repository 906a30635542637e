"""The composition root: alone knows everybody, makes the services and hands them to the features."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, cast

import aiohttp
from starlette.middleware.cors import CORSMiddleware

from fastback.access import identity
from fastback.access.activity import Happened
from fastback.access.audit import Audited, AuditLog
from fastback.access.grants import Grants
from fastback.access.guards import API_KEY_HEADER
from fastback.access.identity import Identities
from fastback.access.passwords import Passwords
from fastback.access.permissions import Permissions
from fastback.access.revocations import Revocations
from fastback.access.tokens import Tokens
from fastback.compatibility.operations import not_built
from fastback.completions.doors.websocket import PATH as CHAT_SOCKET
from fastback.completions.doors.websocket import ChatSocket
from fastback.completions.service import Completions
from fastback.config import Config
from fastback.features.terminals.socket import PATH as TERMINAL_SOCKET
from fastback.features.terminals.socket import TerminalSocket
from fastback.features.webhooks.emission import telling
from fastback.features.webhooks.operations import TABLE
from fastback.frontend.redirects import Redirects
from fastback.frontend.static import StaticFiles
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.db.connect import connect
from fastback.kit.http import Application, Router
from fastback.kit.http.application import Asgi
from fastback.kit.http.binding import Services
from fastback.kit.http.compression import Compression
from fastback.kit.http.dispatcher import Gateway
from fastback.kit.http.renamed_header import RenamedHeader
from fastback.kit.http.request_envelope import Exchange
from fastback.kit.redis import Redis, RedisError, sentinel_hosts
from fastback.kit.tasks import Tasks
from fastback.providers.http_client import make_client
from fastback.realtime.server import PATH as REALTIME_PATH
from fastback.realtime.server import Realtime
from fastback.schema import revision
from fastback.settings import Settings, SettingsError
from fastback.settings.headers import security_headers

log = logging.getLogger("fastback")

#: Packages whose `routes` module holds `router`, or `routers` where a feature answers under several prefixes.
FEATURES: list[str] = [
    "completions",
    "features.models",
    "features.connections",
    "features.chats",
    "features.files",
    "features.folders",
    "features.auths",
    "features.users",
    "features.groups",
    "features.configs",
    "features.tasks",
    "features.tools",
    "features.functions",
    "features.skills",
    "features.prompts",
    "features.knowledge",
    "features.retrieval",
    "features.audio",
    "features.images",
    "features.apps",
    "features.notes",
    "features.channels",
    "features.terminals",
    "features.memories",
    "features.automations",
    "features.calendars",
    "features.gravatar",
    "features.code",
    "features.backup",
    "features.pipelines",
    "features.notifications",
    "features.events",
    "features.evaluations",
    "features.analytics",
    "features.search",
    "features.server",
]

#: Modules with `OWN_TABLES`: idempotent statements for tables of our own, all named `fastback_…`.
OWN_TABLES = [identity]

#: Modules with `async def start(services: Services) -> None`: they make their services and add them, in this order.
PARTS: list[str] = [
    "providers.part",
    "features.catalog",
    "features.ownership",
    "features.plugins.loading",
    "features.plugins.valves",
    "features.tools.servers",
    "features.tools.service",
    "features.functions.service",
    "features.chats.part",
    "features.files.part",
    "features.folders.routes",
    "features.notes.service",
    "features.models.part",
    "features.functions.safe_mode",
    "features.connections.part",
    "retrieval.extraction.part",
    "retrieval.part",
    "retrieval.searching.part",
    "retrieval.web.part",
    "features.files.chunks",
    "features.files.removal",
    "features.files.processing",
    "features.files.uploads",
    "features.files.service",
    "features.knowledge.part",
    "features.retrieval.part",
    "features.audio.part",
    "features.images.part",
    "features.apps.part",
    "features.terminals.part",
    "frontend.part",
    "features.groups.part",
    "features.auths.part",
    "features.server.part",
    "features.analytics.part",
    "features.events.part",
    "features.memories.part",
    "features.notifications.part",
    "completions.part",
    "realtime.part",
    "features.chats.search.part",
]


def routers() -> list[Router]:
    """The routers of every feature, in the order of `FEATURES`."""
    found: list[Router] = []
    for name in FEATURES:
        module = importlib.import_module(f"fastback.{name}.routes")
        found.extend(getattr(module, "routers", None) or [module.router])
    return found


async def open_database(settings: Settings) -> Database:
    """The database of the settings, its schema made or checked."""
    db = await connect(
        settings.database_url,
        schema=settings.database_schema,
        wal=settings.database_enable_sqlite_wal,
        pragmas=settings.database_sqlite_pragmas,
        pool_size=(settings.database_pool_size or 10) + (settings.database_pool_max_overflow or 0),
        pool_timeout=float(30 if settings.database_pool_timeout is None else settings.database_pool_timeout),
        pool_recycle=float(3600 if settings.database_pool_recycle is None else settings.database_pool_recycle),
    )
    try:
        own = [statement for module in OWN_TABLES for statement in module.OWN_TABLES]
        if await revision.ensure(db, own=own):
            log.info("made a new database at revision %s", revision.REVISION)
    except BaseException:
        await db.close()
        raise
    return db


def open_redis(settings: Settings, options: Mapping[str, Any] | None = None) -> Redis:
    """The Redis of the settings; it is connected to when it is first asked. `options` are those of connections.

    Raises:
        SettingsError: an address that makes no sense.
    """
    try:
        return Redis(
            settings.redis_url,
            prefix=settings.redis_key_prefix,
            cluster=settings.redis_cluster,
            sentinels=sentinel_hosts(settings.redis_sentinel_hosts, settings.redis_sentinel_port),
            attempts=settings.redis_sentinel_max_retry_count,
            pause=(settings.redis_reconnect_delay or 0) / 1000,
            options=settings.redis_options if options is None else options,
        )
    except RedisError as error:
        raise SettingsError(f"REDIS_URL: {error}") from error


@asynccontextmanager
async def running(settings: Settings, env: Mapping[str, str]) -> AsyncIterator[Services]:
    """Every service, started; stopped in order at the end."""
    services = Services()
    services.add(Services, services)
    services.add(Settings, settings)
    bus = Bus()
    tasks = Tasks()
    if settings.thread_pool_size:
        threads = ThreadPoolExecutor(settings.thread_pool_size, thread_name_prefix="worker")
        asyncio.get_running_loop().set_default_executor(threads)
    redis = open_redis(settings) if settings.uses_redis else None
    db = await open_database(settings)
    try:
        config = await Config.load(db, settings, bus, env)
        permissions = Permissions(db, config, bus)
        tokens = Tokens(settings.webui_secret_key)
        identities = Identities(
            db,
            tokens,
            config,
            permissions,
            bus,
            revocations=Revocations(redis, bus) if redis is not None else None,
            seen_every=settings.database_user_active_status_update_interval,
        )
        passwords = Passwords(
            settings.password_hash_algorithm,
            pattern=settings.password_validation_regex_pattern if settings.enable_password_validation else None,
            hint=settings.password_validation_hint,
        )
        client = make_client(settings)
        audit = AuditLog.of(settings)
        if audit is not None:
            services.add(AuditLog, audit)
        for kind, service in (
            (Bus, bus),
            (Tasks, tasks),
            (Database, db),
            (Config, config),
            (Permissions, permissions),
            (Tokens, tokens),
            (Identities, identities),
            (Passwords, passwords),
            (Grants, Grants(db, permissions)),
            (aiohttp.ClientSession, client),
        ):
            services.add(kind, service)
        if redis is not None:
            services.add(Redis, redis)
            tasks.background(redis.ping())
        for name in PARTS:
            await importlib.import_module(f"fastback.{name}").start(services)
        tasks.every(10, identities.write_seen)
        for event in ("system.startup.started", "system.startup.completed"):
            await bus.publish(Happened(event, source="system"))
        try:
            yield services
        finally:
            # Before the work is drained, which waits for what is told.
            for event in ("system.shutdown.started", "system.shutdown.completed"):
                await bus.publish(Happened(event, source="system"))
            await tasks.drain(10)
            await identities.write_seen()
            await client.close()
            passwords.close()
            if audit is not None:
                audit.close()
    finally:
        await db.close()
        if redis is not None:
            await redis.close()


def build(services: Services) -> Application:
    """The HTTP application over running services; paths it does not know are the frontend's."""
    application = Application(services, fallback=Redirects(services.get(StaticFiles)))
    for router in routers():
        application.include(telling(router, TABLE, services))
    application.include(not_built(application.routes))
    return application


def _dressed(http: Asgi, services: Services) -> Asgi:
    """What the settings lay around every answer; a layer that has nothing to do is not there."""
    settings: Settings = services.get(Settings)
    if services.has(AuditLog):
        http = Audited(http, services.get(AuditLog), services.get(Identities), settings)
    if settings.enable_compression_middleware:
        http = Compression(http)
    if settings.custom_api_key_header.lower() != API_KEY_HEADER:
        http = RenamedHeader(http, settings.custom_api_key_header, API_KEY_HEADER)
    cors = CORSMiddleware(
        cast(Any, http),
        allow_origins=settings.cors_allow_origin.split(";"),
        allow_credentials=True,
        allow_methods=["*"],
        allow_headers=["*"],
    )
    return Exchange(http, cors=cast(Asgi, cors), headers=security_headers(settings))


def asgi(services: Services) -> Asgi:
    """Everything the server answers: HTTP, and the sockets."""
    realtime: Realtime = services.get(Realtime)
    gateway = Gateway(_dressed(build(services), services), realtime.asgi, prefix=REALTIME_PATH)
    gateway.add(CHAT_SOCKET, ChatSocket(services.get(Identities), services.get(Completions)))
    gateway.add(TERMINAL_SOCKET, services.get(TerminalSocket))
    return gateway
