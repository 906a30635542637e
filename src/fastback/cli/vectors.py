"""`fastback vectors`: list collections of vector stores, move them to another store, re-embed or export them."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import aiohttp

from fastback.cli.database_file import require_database
from fastback.cli.failure import report_failure
from fastback.cli.options import collect_options, set_umask
from fastback.cli.progress import ProgressDisplay
from fastback.config import Config
from fastback.database_setup import open_database
from fastback.kit.db.errors import DatabaseError
from fastback.providers.http_client import make_client
from fastback.retrieval.interfaces import RetrievalError
from fastback.retrieval.setup import create_embedder
from fastback.retrieval.vectors import chroma_export, chroma_files, chroma_import, factory, migration
from fastback.retrieval.vectors.migration_protocol import VectorSource
from fastback.retrieval.vectors.sqlite import SqliteStore
from fastback.settings import Settings, SettingsError, load_settings
from fastback.settings.environment import read_environment

STORES = ("sqlite", "chroma", "pgvector", "qdrant")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions and options of the command to its parser."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    list_parser = actions.add_parser("list", help="list collections with their number of chunks")
    list_parser.add_argument("store", choices=STORES, nargs="?", help="vector store (default: the configured store)")
    move_parser = actions.add_parser("move", help="copy collections with their vectors from one store to another")
    move_parser.add_argument("source", choices=STORES, metavar="FROM", help=", ".join(STORES))
    move_parser.add_argument("target", choices=STORES, metavar="TO", help=", ".join(STORES))
    move_parser.add_argument(
        "--changed", action="store_true", help="copy only what was added to the files of Chroma since the last time"
    )
    reindex_parser = actions.add_parser("reindex", help="embed all chunks again with the configured model")
    export_parser = actions.add_parser(
        "export", help="write documents that were added or changed here into the files of Chroma, for Open WebUI"
    )
    for action_parser in (list_parser, move_parser, reindex_parser, export_parser):
        action_parser.add_argument(
            "--data-dir", help="directory of the database and the built-in store (default: ./data)"
        )
    for action_parser in (move_parser, reindex_parser):
        action_parser.add_argument("--collection", action="append", help="only this collection; can be repeated")


def run_command(arguments: argparse.Namespace) -> int:
    """Run an action on vector stores and return the exit code."""
    try:
        env = read_environment(collect_options(arguments))
        settings = load_settings(env)
        set_umask(settings.fastback_umask)
        asyncio.run(_run_action(arguments, settings, env))
    except (SettingsError, DatabaseError, RetrievalError) as error:
        return report_failure(str(error))
    except KeyboardInterrupt:
        return report_failure("interrupted; run the command again to continue where it stopped")
    return 0


async def _run_action(arguments: argparse.Namespace, settings: Settings, env: Mapping[str, str]) -> None:
    """Run the action of the arguments."""
    async with make_client(settings) as client:
        if arguments.action == "list":
            kind = arguments.store or factory.get_kind(settings)
            async with _close_after(_create_source(kind, settings, client)) as source:
                for name in await source.list_collections():
                    print(f"{name}  {await source.count_chunks(name)}")
        elif arguments.action == "move":
            await _move_collections(arguments, settings, client)
        elif arguments.action == "export":
            await _export_collections(settings)
        else:
            await _reindex_collections(arguments, settings, env, client)


async def _move_collections(arguments: argparse.Namespace, settings: Settings, client: aiohttp.ClientSession) -> None:
    """Copy collections from one store to another.

    Raises:
        SettingsError: the arguments exclude each other, or a store is not configured.
    """
    if arguments.source == arguments.target:
        raise SettingsError("FROM and TO are the same store")
    if arguments.changed and (arguments.source, arguments.target) != ("chroma", "sqlite"):
        raise SettingsError("--changed: only from chroma to sqlite")
    factory.check_settings(arguments.target, settings)
    target = factory.create_store(arguments.target, settings, client)
    report = ProgressDisplay("chunks").update
    async with _close_after(_create_source(arguments.source, settings, client)) as source, _close_after(target):
        if arguments.changed and isinstance(source, chroma_files.ChromaFiles) and isinstance(target, SqliteStore):
            _print_summary("imported", await chroma_import.import_chroma_files(source, target, report))
            return
        names = arguments.collection or await source.list_collections()
        _print_summary("moved", await migration.move_collections(source, target, names, report))


async def _export_collections(settings: Settings) -> None:
    """Write what changed in the built-in store into Chroma's files of the data directory.

    Raises:
        SettingsError: another store is configured, which both programs use, or there are no files of Chroma.
    """
    directory = factory.get_directory(settings)
    if factory.get_kind(settings) != "sqlite":
        raise SettingsError("VECTOR_DB: both programs use this store, so there is nothing to export")
    if not chroma_files.has_chroma_files(directory):
        raise SettingsError(f"{directory} contains no files of Chroma; start Open WebUI once, then export again")
    store = SqliteStore(directory)
    report = ProgressDisplay("chunks").update
    async with _close_after(store):
        _print_summary("exported", await chroma_export.export_to_chroma_files(settings, store, report))


async def _reindex_collections(
    arguments: argparse.Namespace, settings: Settings, env: Mapping[str, str], client: aiohttp.ClientSession
) -> None:
    """Embed the chunks of collections again, in the configured store.

    Raises:
        SettingsError: there is no database, which has the name of the model.
    """
    require_database(settings)
    report = ProgressDisplay("chunks").update
    db = await open_database(settings)
    try:
        config = await Config.load_read_only(db, settings, env)
        embedder = create_embedder(config, settings, client)
        store = factory.create_store(factory.get_kind(settings), settings, client)
        async with _close_after(store), _close_after(embedder):
            names = arguments.collection or await store.list_collections()
            _print_summary("re-embedded", await migration.reindex_collections(store, embedder, names, report))
    finally:
        await db.close()


def _create_source(kind: str, settings: Settings, client: aiohttp.ClientSession) -> VectorSource:
    """Return a store to read from; for Chroma without a server, its files in the data directory.

    Raises:
        SettingsError: the store is not configured, or has no files.
    """
    if kind == "chroma" and not settings.chroma_http_host:
        directory = factory.get_directory(settings)
        if not chroma_files.has_chroma_files(directory):
            raise SettingsError(f"CHROMA_HTTP_HOST: not set, and {directory} contains no files of Chroma")
        return chroma_files.ChromaFiles(directory, tenant=settings.chroma_tenant, database=settings.chroma_database)
    factory.check_settings(kind, settings)
    return factory.create_store(kind, settings, client)


class _Closable(Protocol):
    async def close(self) -> None: ...


T = TypeVar("T", bound=_Closable)


@asynccontextmanager
async def _close_after(resource: T) -> AsyncIterator[T]:
    """Close a resource at the end of the block."""
    try:
        yield resource
    finally:
        await resource.close()


def _print_summary(action: str, result: migration.MigrationResult) -> None:
    """Print the number of collections and chunks that were processed, and of collections that were skipped."""
    skipped = f"; {result.skipped} already up to date" if result.skipped else ""
    print(f"{result.collections} collections with {result.chunks} chunks {action}{skipped}")
