"""Empty vector stores of each kind for tests.

The built-in store is always available; pgvector needs `FASTBACK_TEST_PGVECTOR` to name a PostgreSQL server that has
it. Qdrant and Chroma are the servers of `vector_servers`, or those that `FASTBACK_TEST_QDRANT` and
`FASTBACK_TEST_CHROMA` name.
"""

from __future__ import annotations

import array
import math
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

import vector_servers
from fastback.retrieval.interfaces import Item, Vector
from fastback.retrieval.vectors.factory import create_store
from fastback.retrieval.vectors.migration_protocol import PortableStore
from fastback.settings import Environment, load_settings

PGVECTOR = os.environ.get("FASTBACK_TEST_PGVECTOR", "")
KINDS = ["sqlite", "pgvector", "pgvector-encrypted", "qdrant", "qdrant-shared", "chroma"]


@asynccontextmanager
async def open_fresh_store(kind: str, directory: Path) -> AsyncIterator[PortableStore]:
    """Open an empty store of a kind."""
    async with _provide_variables(kind) as variables, aiohttp.ClientSession() as client:
        settings = load_settings(Environment({"DATA_DIR": str(directory), "WEBUI_SECRET_KEY": "k", **variables}))
        store = create_store(kind.partition("-")[0], settings, client)
        try:
            yield store
        finally:
            await store.close()


@asynccontextmanager
async def _provide_variables(kind: str) -> AsyncIterator[dict[str, str]]:
    if kind.startswith("pgvector"):
        async with pgvector_database("pgcrypto" if kind == "pgvector-encrypted" else "vector") as url:
            more = {"PGVECTOR_PGCRYPTO": "true", "PGVECTOR_PGCRYPTO_KEY": "s"} if kind == "pgvector-encrypted" else {}
            yield {"PGVECTOR_DB_URL": url, "PGVECTOR_INITIALIZE_MAX_VECTOR_LENGTH": "64", **more}
    elif kind.startswith("qdrant"):
        async with vector_servers.run_server(vector_servers.QdrantServer(), "FASTBACK_TEST_QDRANT") as url:
            yield {
                "QDRANT_URI": url,
                "QDRANT_COLLECTION_PREFIX": f"t{uuid.uuid4().hex[:8]}",
                "ENABLE_QDRANT_MULTITENANCY_MODE": str(kind == "qdrant-shared"),
            }
    elif kind == "chroma":
        async with vector_servers.run_server(vector_servers.ChromaServer(), "FASTBACK_TEST_CHROMA") as url:
            parts = urlsplit(url)
            yield {
                "CHROMA_HTTP_HOST": str(parts.hostname),
                "CHROMA_HTTP_PORT": str(parts.port),
                "CHROMA_DATABASE": await vector_servers.create_chroma_database(url),
            }
    else:
        yield {}


@asynccontextmanager
async def pgvector_database(extension: str = "vector") -> AsyncIterator[str]:
    """Create a database on the tests' PostgreSQL server, yield its address and drop it at the end.

    Skip the test if the server does not have the extension.
    """
    if not PGVECTOR:
        pytest.skip("FASTBACK_TEST_PGVECTOR names no server")
    import asyncpg

    name = f"fastback_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(PGVECTOR)
    try:
        if not await admin.fetchval("SELECT 1 FROM pg_available_extensions WHERE name = $1", extension):
            pytest.skip(f"the server has no {extension}")
        await admin.execute(f"CREATE DATABASE {name}")
        try:
            yield PGVECTOR.rsplit("/", 1)[0] + f"/{name}"
        finally:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


def make_vector(*numbers: float, size: int = 8) -> Vector:
    """Return a vector of these numbers, padded with zeros to the size and normalised to length one."""
    length = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return array.array("f", [number / length for number in numbers] + [0.0] * (size - len(numbers))).tobytes()


def make_item(number: int, text: str, numbers: Vector, **metadata: object) -> Item:
    return Item(f"00000000-0000-4000-8000-{number:012d}", text, numbers, dict(metadata))
