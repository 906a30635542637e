"""`fastback doctor`: what the server needs, checked one by one without changing anything."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp

from fastback.app import open_redis
from fastback.cli import fail
from fastback.cli.serve import options
from fastback.config import Config
from fastback.config.keys.retrieval import (
    RAG_EMBEDDING_ENGINE,
    RAG_EMBEDDING_MODEL,
    RAG_RERANKING_ENGINE,
    RAG_RERANKING_MODEL,
)
from fastback.frontend.setup import directories
from fastback.kit.db import Database
from fastback.kit.db.connect import connect
from fastback.kit.db.errors import DatabaseError
from fastback.kit.log import redact_secrets
from fastback.providers.connections import Connection, ollama_connections, openai_connections
from fastback.providers.http_client import make_client
from fastback.retrieval.embedding.service import REMOTE
from fastback.retrieval.reranking.service import EXTERNAL
from fastback.retrieval.setup import local_models
from fastback.retrieval.vectors import chroma_files, factory
from fastback.schema import revision
from fastback.settings import Environment, Settings, SettingsError, load_settings, read_environment
from fastback.settings.loader import key_files

#: How long a server may take to answer (seconds).
PATIENCE = 5.0

Finding = tuple[str, str, str]
"""`ok`, `warn` or `fail`; what was looked at; what was found."""


def run(arguments: argparse.Namespace) -> int:
    """Print a line a check; 1 when one of them failed."""
    try:
        env = read_environment(options(arguments))
        settings = load_settings(env)
    except SettingsError as error:
        return fail(str(error))
    return asyncio.run(_examine(settings, env))


async def _examine(settings: Settings, env: Environment) -> int:
    worst = 0
    async for state, what, found in _findings(settings, env):
        print(f"{state:<5} {what:<16} {found}", flush=True)
        worst = max(worst, state == "fail")
    return worst


async def _findings(settings: Settings, env: Environment) -> AsyncIterator[Finding]:
    for finding in _directories(settings):
        yield finding
    yield _secret_key(settings)
    yield _frontend(settings)
    yield await _redis(settings)
    yield _vectors(settings)
    if _is_missing(settings):
        yield "ok", "database", "none yet: `fastback serve` makes it"
        return
    try:
        db = await connect(settings.database_url, schema=settings.database_schema, wal=False, pool_size=1)
    except DatabaseError as error:
        yield "fail", "database", str(error)
        return
    try:
        state, what, found = await _schema(db)
        yield state, what, found
        if state == "fail" or await revision.find_revision(db) is None:
            return
        config = await Config.peek(db, settings, env)
        yield _embedding(config, settings)
        yield _reranking(config, settings)
        try:
            client = make_client(settings)
        except SettingsError as error:
            yield "fail", "certificates", str(error)
            return
        async with client:
            for connection in (*openai_connections(config), *ollama_connections(config)):
                if connection.enabled:
                    yield await _model_server(client, connection)
    finally:
        await db.close()


def _directories(settings: Settings) -> Iterator[Finding]:
    found = {"data directory": settings.data_path, "uploads": settings.upload_path, "cache": settings.cache_path}
    for what, path in found.items():
        nearest = next(one for one in (path, *path.absolute().parents) if one.exists())
        if not nearest.is_dir():
            yield "fail", what, f"{path}: {nearest} is no directory"
        elif os.access(nearest, os.W_OK | os.X_OK):
            yield "ok", what, str(path)
        else:
            yield "fail", what, f"{path}: cannot be written"
    if settings.static_dir and not Path(settings.static_dir).expanduser().is_dir():
        yield "warn", "static files", f"{settings.static_dir}: there is no such directory"


def _secret_key(settings: Settings) -> Finding:
    key = settings.webui_secret_key
    if not key:
        return _kept_key(settings)
    if len(key) < 32:
        return "warn", "secret key", "shorter than 32 characters: sessions are easier to forge"
    return "ok", "secret key", "set"


def _kept_key(settings: Settings) -> Finding:
    """The key that lies in a file; looking must not make one."""
    path = next((one for one in key_files(settings) if one.exists()), None)
    if path is None:
        return "ok", "secret key", "none yet: made at the first start"
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return "fail", "secret key", f"{path}: cannot be read"
    if not key:
        return "fail", "secret key", f"{path} is empty; remove it, or write a key into it"
    if path.stat().st_mode & 0o077:
        return "warn", "secret key", f"{path} can be read by others; `chmod 600` it"
    return "ok", "secret key", f"kept in {path}"


def _frontend(settings: Settings) -> Finding:
    build, _ = directories(settings)
    if build is None:
        return "fail", "frontend", "not there: run `fastback frontend`"
    return "ok", "frontend", str(build)


async def _redis(settings: Settings) -> Finding:
    if not settings.redis_url:
        return "ok", "redis", "not set: one process needs none"
    if not settings.uses_redis:
        return "ok", "redis", "switched off by ENABLE_REDIS"
    patient = {"socket_connect_timeout": PATIENCE, "socket_timeout": PATIENCE}
    try:
        redis = open_redis(settings, patient)
    except SettingsError as error:
        return "fail", "redis", redact_secrets(str(error))
    try:
        await redis.client.ping()
    except redis.errors as error:
        return "fail", "redis", f"does not answer: {redact_secrets(str(error))}"
    finally:
        await redis.close()
    return "ok", "redis", "answers"


def _vectors(settings: Settings) -> Finding:
    """Where vectors are kept; a server is not asked, because opening a store makes its tables."""
    try:
        kind = factory.get_kind(settings)
    except SettingsError as error:
        return "fail", "vector store", str(error)
    if kind != "sqlite":
        return "ok", "vector store", kind
    there = factory.get_directory(settings)
    taken = ", what Chroma keeps there is taken over" if chroma_files.has_chroma_files(there) else ""
    return "ok", "vector store", f"built in, in {there}{taken}"


def _embedding(config: Config, settings: Settings) -> Finding:
    engine, model = config.text(RAG_EMBEDDING_ENGINE), config.text(RAG_EMBEDDING_MODEL)
    if engine in REMOTE:
        return "ok", "embedding", f"{engine}, {model}"
    if engine:
        return "warn", "embedding", f"{engine!r} is none of {', '.join(REMOTE)}"
    found = local_models(settings)(model)
    if found is None:
        return "warn", "embedding", f"{model} is not on this machine: `fastback models fetch`, or when it is needed"
    return "ok", "embedding", str(found)


def _reranking(config: Config, settings: Settings) -> Finding:
    model = config.text(RAG_RERANKING_MODEL)
    if not model:
        return "ok", "reranking", "not configured"
    if config.text(RAG_RERANKING_ENGINE) == EXTERNAL:
        return "ok", "reranking", f"{EXTERNAL}, {model}"
    found = local_models(settings)(model)
    if found is None:
        return "warn", "reranking", f"{model} is not on this machine: passages keep the order they are found in"
    return "ok", "reranking", str(found)


def _sqlite_path(settings: Settings) -> Path | None:
    scheme, _, path = settings.database_url.partition("///")
    return Path(path) if scheme.startswith("sqlite") else None


def _is_missing(settings: Settings) -> bool:
    """Whether there is no SQLite file yet: looking must not make one."""
    path = _sqlite_path(settings)
    return path is not None and not path.exists()


async def _schema(db: Database) -> Finding:
    try:
        found = await revision.find_revision(db)
        # Of a schema that is not ours nothing but its revision can be relied upon.
        users = 0 if found != revision.REVISION else await db.fetch_value("doctor.users", 'SELECT count(*) FROM "user"')
    except DatabaseError as error:
        return "fail", "database", str(error)
    if found is None:
        return "ok", "database", f"{db.dialect}, empty: `fastback serve` fills it"
    if found != revision.REVISION:
        return "fail", "database", f"{db.dialect} at revision {found}, this version speaks {revision.REVISION}"
    return "ok", "database", f"{db.dialect} at revision {found}, {users} users"


async def _model_server(client: aiohttp.ClientSession, connection: Connection) -> Finding:
    path = "/models" if connection.kind == "openai" else "/api/tags"
    headers = {"authorization": f"Bearer {connection.key}"} if connection.key else {}
    try:
        patience = aiohttp.ClientTimeout(total=PATIENCE)
        async with client.get(connection.url + path, headers=headers, timeout=patience) as response:
            status = response.status
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        text = f"{connection.url} does not answer: {error or 'timed out'}"
        return "warn", connection.kind, redact_secrets(text)
    if status >= 400:
        return "warn", connection.kind, redact_secrets(f"{connection.url} answers {status}")
    return "ok", connection.kind, redact_secrets(f"{connection.url} answers")
