"""`fastback doctor`: check what the server needs, without changing anything."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp

from fastback.cli.database_file import is_sqlite_file_missing
from fastback.cli.failure import report_failure
from fastback.cli.options import collect_options
from fastback.cli.stored_plugins import list_stored_plugins
from fastback.config import Config
from fastback.config.keys.retrieval import (
    RAG_EMBEDDING_ENGINE,
    RAG_EMBEDDING_MODEL,
    RAG_RERANKING_ENGINE,
    RAG_RERANKING_MODEL,
)
from fastback.features.users.admin_store import COUNT_USERS
from fastback.frontend.setup import find_directories
from fastback.kit.db import Database
from fastback.kit.db.connect import connect
from fastback.kit.db.errors import DatabaseError
from fastback.kit.log import redact_secrets
from fastback.kit.plugin_source import get_requirements
from fastback.plugins.package_installer import get_package_directory, read_outcomes
from fastback.plugins.requirements import parse_requirements
from fastback.providers.connections import Connection, list_ollama_connections, list_openai_connections
from fastback.providers.http_client import make_client
from fastback.redis_setup import open_redis
from fastback.retrieval.embedding.service import REMOTE_ENGINES
from fastback.retrieval.reranking.service import EXTERNAL
from fastback.retrieval.setup import build_model_finder
from fastback.retrieval.vectors import chroma_files, factory
from fastback.schema import revision
from fastback.settings import Environment, Settings, SettingsError, load_settings, read_environment
from fastback.settings.loader import list_key_files

#: Seconds that a server may take to respond.
RESPONSE_TIMEOUT = 5.0

CheckResult = tuple[str, str, str]
"""State (`ok`, `warn` or `fail`), subject and detail of a check."""


def run_command(arguments: argparse.Namespace) -> int:
    """Print a line for each check, and return 1 if a check failed, otherwise 0."""
    try:
        env = read_environment(collect_options(arguments))
        settings = load_settings(env)
    except SettingsError as error:
        return report_failure(str(error))
    return asyncio.run(_print_results(settings, env))


async def _print_results(settings: Settings, env: Environment) -> int:
    """Print the results of all checks and return the exit code."""
    exit_code = 0
    async for state, subject, detail in _run_checks(settings, env):
        print(f"{state:<5} {subject:<16} {detail}", flush=True)
        exit_code = max(exit_code, state == "fail")
    return exit_code


async def _run_checks(settings: Settings, env: Environment) -> AsyncIterator[CheckResult]:
    """Run the checks one after the other; those of the configuration need a usable database."""
    for result in _check_directories(settings):
        yield result
    yield _check_secret_key(settings)
    yield _check_frontend(settings)
    yield await _check_redis(settings)
    yield _check_vector_store(settings)
    if is_sqlite_file_missing(settings):
        yield "ok", "database", "does not exist yet: `fastback serve` creates it"
        return
    try:
        db = await connect(settings.database_url, schema=settings.database_schema, wal=False)
    except DatabaseError as error:
        yield "fail", "database", str(error)
        return
    try:
        state, subject, detail = await _check_database(db)
        yield state, subject, detail
        if state == "fail" or await revision.find_revision(db) is None:
            return
        for result in await _check_plugins(db, settings):
            yield result
        config = await Config.load_read_only(db, settings, env)
        yield _check_embedding(config, settings)
        yield _check_reranking(config, settings)
        try:
            client = make_client(settings)
        except SettingsError as error:
            yield "fail", "certificates", str(error)
            return
        async with client:
            for connection in (*list_openai_connections(config), *list_ollama_connections(config)):
                if connection.is_enabled:
                    yield await _check_model_server(client, connection)
    finally:
        await db.close()


def _check_directories(settings: Settings) -> Iterator[CheckResult]:
    """Check that each directory, or its nearest existing parent, is writable."""
    directories = {"data directory": settings.data_path, "uploads": settings.upload_path, "cache": settings.cache_path}
    for subject, path in directories.items():
        existing = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
        if not existing.is_dir():
            yield "fail", subject, f"{path}: {existing} is not a directory"
        elif os.access(existing, os.W_OK | os.X_OK):
            yield "ok", subject, str(path)
        else:
            yield "fail", subject, f"{path}: is not writable"
    if settings.static_dir and not Path(settings.static_dir).expanduser().is_dir():
        yield "warn", "static files", f"{settings.static_dir}: directory not found"


def _check_secret_key(settings: Settings) -> CheckResult:
    """Check the length of the secret key, or the file that contains it."""
    key = settings.webui_secret_key
    if not key:
        return _check_key_file(settings)
    if len(key) < 32:
        return "warn", "secret key", "shorter than 32 characters: sessions are easier to forge"
    return "ok", "secret key", "set"


def _check_key_file(settings: Settings) -> CheckResult:
    """Check the file with the secret key; a missing file is not created."""
    path = next((candidate for candidate in list_key_files(settings) if candidate.exists()), None)
    if path is None:
        return "ok", "secret key", "does not exist yet: generated at the first start"
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return "fail", "secret key", f"{path}: reading failed"
    if not key:
        return "fail", "secret key", f"{path} is empty; remove it, or write a key into it"
    if path.stat().st_mode & 0o077:
        return "warn", "secret key", f"{path} can be read by others; `chmod 600` it"
    return "ok", "secret key", f"stored in {path}"


def _check_frontend(settings: Settings) -> CheckResult:
    """Check that the frontend exists."""
    build, _ = find_directories(settings)
    if build is None:
        return "fail", "frontend", "not found: run `fastback frontend`"
    return "ok", "frontend", str(build)


async def _check_redis(settings: Settings) -> CheckResult:
    """Check that Redis responds, if it is configured."""
    if not settings.redis_url:
        return "ok", "redis", "not configured: one process does not need it"
    if not settings.uses_redis:
        return "ok", "redis", "disabled by ENABLE_REDIS"
    timeouts = {"socket_connect_timeout": RESPONSE_TIMEOUT, "socket_timeout": RESPONSE_TIMEOUT}
    try:
        redis = open_redis(settings, timeouts)
    except SettingsError as error:
        return "fail", "redis", redact_secrets(str(error))
    try:
        await redis.client.ping()
    except redis.errors as error:
        return "fail", "redis", f"does not respond: {redact_secrets(str(error))}"
    finally:
        await redis.close()
    return "ok", "redis", "responds"


def _check_vector_store(settings: Settings) -> CheckResult:
    """Check which vector store is configured; a server is not contacted, because opening a store creates its tables."""
    try:
        kind = factory.get_kind(settings)
    except SettingsError as error:
        return "fail", "vector store", str(error)
    if kind != "sqlite":
        return "ok", "vector store", kind
    directory = factory.get_directory(settings)
    note = ", imports the data of Chroma there" if chroma_files.has_chroma_files(directory) else ""
    return "ok", "vector store", f"built in, in {directory}{note}"


def _check_embedding(config: Config, settings: Settings) -> CheckResult:
    """Check the embedding engine; a local model must exist on this machine."""
    engine, model = config.get_text(RAG_EMBEDDING_ENGINE), config.get_text(RAG_EMBEDDING_MODEL)
    if engine in REMOTE_ENGINES:
        return "ok", "embedding", f"{engine}, {model}"
    if engine:
        return "warn", "embedding", f"{engine!r} is not one of {', '.join(REMOTE_ENGINES)}"
    directory = build_model_finder(settings)(model)
    if directory is None:
        return (
            "warn",
            "embedding",
            f"{model} is not on this machine: run `fastback models fetch`, or it is downloaded when needed",
        )
    return "ok", "embedding", str(directory)


def _check_reranking(config: Config, settings: Settings) -> CheckResult:
    """Check the reranking model; a local model must exist on this machine."""
    model = config.get_text(RAG_RERANKING_MODEL)
    if not model:
        return "ok", "reranking", "not configured"
    if config.get_text(RAG_RERANKING_ENGINE) == EXTERNAL:
        return "ok", "reranking", f"{EXTERNAL}, {model}"
    directory = build_model_finder(settings)(model)
    if directory is None:
        return "warn", "reranking", f"{model} is not on this machine: passages keep the order of the search"
    return "ok", "reranking", str(directory)


async def _check_database(db: Database) -> CheckResult:
    """Check the revision of the database."""
    try:
        found_revision = await revision.find_revision(db)
        # A schema of another revision may have other tables.
        users = 0 if found_revision != revision.REVISION else await db.fetch_value("doctor.users", COUNT_USERS)
    except DatabaseError as error:
        return "fail", "database", str(error)
    if found_revision is None:
        return "ok", "database", f"{db.dialect}, empty: `fastback serve` creates the tables"
    if found_revision != revision.REVISION:
        return "fail", "database", f"{db.dialect} at revision {found_revision}, this version needs {revision.REVISION}"
    return "ok", "database", f"{db.dialect} at revision {found_revision}, {users} users"


async def _check_plugins(db: Database, settings: Settings) -> list[CheckResult]:
    """Check which plugins did not load when the server last tried, and which requirements could not be installed."""
    plugins = await list_stored_plugins(db)
    results: list[CheckResult] = [
        ("warn", "plugins", f"{plugin.kind} {plugin.id} does not load: {plugin.failure}")
        for plugin in plugins
        if plugin.failure
    ]
    outcomes = read_outcomes(get_package_directory(settings))
    for plugin in plugins:
        for entry in parse_requirements(get_requirements(plugin.content)).entries:
            if entry in outcomes and outcomes[entry].state == "failed":
                text = f"{plugin.kind} {plugin.id} requires {entry}, which failed: {outcomes[entry].note}"
                results.append(("warn", "plugins", text))
    return results or [("ok", "plugins", f"{len(plugins)} stored, no failures")]


async def _check_model_server(client: aiohttp.ClientSession, connection: Connection) -> CheckResult:
    """Check that a model server lists its models."""
    path = "/models" if connection.kind == "openai" else "/api/tags"
    headers = {"authorization": f"Bearer {connection.key}"} if connection.key else {}
    try:
        timeout = aiohttp.ClientTimeout(total=RESPONSE_TIMEOUT)
        async with client.get(connection.url + path, headers=headers, timeout=timeout) as response:
            status = response.status
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        text = f"{connection.url} does not respond: {error or 'timed out'}"
        return "warn", connection.kind, redact_secrets(text)
    if status >= 400:
        return "warn", connection.kind, redact_secrets(f"{connection.url} responds with status {status}")
    return "ok", connection.kind, redact_secrets(f"{connection.url} responds")
