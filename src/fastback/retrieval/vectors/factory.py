"""Choose and create the vector store of the settings."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from fastback.retrieval.vectors.migration_protocol import PortableStore
from fastback.settings import Settings
from fastback.settings.environment import SettingsError

BUILT_IN = ("", "chroma", "sqlite")
SUPPORTED = "chroma (built in, or a server with CHROMA_HTTP_HOST), pgvector, qdrant"


def get_directory(settings: Settings) -> Path:
    """Return the directory of the built-in store, where Open WebUI has Chroma's files, too."""
    return settings.data_path / "vector_db"


def get_kind(settings: Settings) -> str:
    """Return `sqlite`, `chroma` (a server), `pgvector` or `qdrant`.

    Raises:
        SettingsError: the store is not supported, or a setting it needs is missing.
    """
    kind = settings.vector_db.strip().lower()
    if kind in BUILT_IN:
        return "chroma" if kind == "chroma" and settings.chroma_http_host else "sqlite"
    if kind not in ("pgvector", "qdrant"):
        raise SettingsError(f"VECTOR_DB: {settings.vector_db!r} is not supported; use {SUPPORTED}")
    check_settings(kind, settings)
    return kind


def check_settings(kind: str, settings: Settings) -> None:
    """Check that the settings of a kind of store are complete.

    Raises:
        SettingsError: a setting is missing or invalid.
    """
    if kind == "pgvector":
        if not (settings.pgvector_db_url or settings.database_url).startswith("postgres"):
            raise SettingsError("VECTOR_DB: pgvector needs PGVECTOR_DB_URL, or PostgreSQL as the database")
        if settings.pgvector_pgcrypto and not settings.pgvector_pgcrypto_key:
            raise SettingsError("PGVECTOR_PGCRYPTO: it needs PGVECTOR_PGCRYPTO_KEY")
        if settings.pgvector_initialize_max_vector_length > 2000 and not settings.pgvector_use_halfvec:
            raise SettingsError(
                "PGVECTOR_INITIALIZE_MAX_VECTOR_LENGTH: more than 2000 numbers need PGVECTOR_USE_HALFVEC=true"
            )
    elif kind == "qdrant" and not settings.qdrant_uri:
        raise SettingsError("VECTOR_DB: qdrant needs QDRANT_URI")
    elif kind == "chroma" and not settings.chroma_http_host:
        raise SettingsError("CHROMA_HTTP_HOST: names no server; files of Chroma are only read")


def create_store(kind: str, settings: Settings, client: aiohttp.ClientSession) -> PortableStore:
    """Create a store of a kind. It connects at its first use."""
    if kind == "pgvector":
        from fastback.retrieval.vectors.pgvector import PgvectorStore

        return PgvectorStore(settings)
    if kind == "qdrant":
        from fastback.retrieval.vectors.qdrant import QdrantStore

        return QdrantStore(settings, client)
    if kind == "chroma":
        from fastback.retrieval.vectors.chroma import ChromaStore

        return ChromaStore(settings, client)
    from fastback.retrieval.vectors.sqlite import SqliteStore

    return SqliteStore(get_directory(settings), max_value_characters=settings.rag_metadata_max_value_chars)
